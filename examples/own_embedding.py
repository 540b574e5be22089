"""Use your own task embedding: write a vector per task to files, train a ranker with them, and search."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import naslib_archlock as al
from naslib_archlock.embedding.embedding_file import embedding_bytes
from naslib_archlock.tasks.digits_tasks import digits_task
from naslib_archlock.testing.embedding_contract import check_embedding

TASKS = al.get_space("digits").tasks


def embed(task: str) -> np.ndarray:
    """Return the standard deviation of each pixel over the task's images, and the log of its number of outputs."""
    data = digits_task(task)["train"]
    pixels = data.images.flatten(1).numpy()
    return np.array([*pixels.std(axis=0), np.log(data.n_outputs)], dtype=np.float64)


check_embedding(embed, TASKS)
folder = Path(tempfile.mkdtemp())
for name in TASKS:
    (folder / f"{name}.npy").write_bytes(embedding_bytes(embed(name)))
result = al.search(
    search_space="digits", dataset="digit", scheme="tk", target="jigsaw", strategy="evolution",
    embedding=f"{folder}/{{task}}.npy", leave_out="digit", source_queries=40, epochs=40,
)  # fmt: skip
print(result.arch, result.accuracies)
