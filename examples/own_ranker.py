"""Search with your own kind of ranker, which takes one file: ``ranker_models/bilinear.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import naslib_archlock as al
from naslib_archlock.ranker.model_kinds import add_model_folder
from naslib_archlock.testing.ranker_contract import check_ranker_model

add_model_folder(Path(__file__).parent / "ranker_models")
check_ranker_model("bilinear", np.random.default_rng(0))
result = al.search(
    search_space="digits", dataset="digit", scheme="tk", target="jigsaw", strategy="evolution",
    ranker_model="bilinear", leave_out="digit", source_queries=40, epochs=40,
)  # fmt: skip
print(result.arch, result.accuracies)
