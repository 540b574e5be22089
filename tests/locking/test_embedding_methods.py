"""Embeddings that a ranker cannot use, or that tell it nothing, are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from naslib_archlock.config.load import load_config
from naslib_archlock.embedding.embedding_file import write_embeddings
from naslib_archlock.errors import ConfigError, EmbeddingError
from naslib_archlock.locking.find_ranker import rankers_in_the_box, train_on_scores
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.ranker.ranker import Ranker

TASKS = ("digit", "rotation", "jigsaw", "noise")
METHOD, OTHER = {"method": "montecarlo", "probe": "p"}, {"method": "variational", "probe": "p"}
KEYS = ("search_space", "digits", "dataset", "digit", "archlock.train_tasks", "jigsaw,noise")


@pytest.fixture
def vectors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {task: rng.standard_normal(8) for task in TASKS}


def trained(folder: Path, *more: str) -> Ranker:
    config = load_config(None, [*KEYS, "archlock.embedding", f"{folder}/{{task}}.npy", *more])
    return train_on_scores(config, *Knowledge(config).training_tables(), None)[0]


def searched(folder: Path, ranker: Ranker, path: str = "{task}.npy", scheme: str = "tk") -> None:
    keys = ["archlock.scheme", scheme, "archlock.target", "rotation", "archlock.strategy", "evolution"]
    config = load_config(None, [*KEYS[:4], *keys, "archlock.embedding", f"{folder}/{path}"])
    prepare(config, open_benchmark(config), ranker)


def test_a_ranker_takes_embeddings_of_its_own_method_alone(tmp_path, vectors, fast_training):
    for name, made_by in (("mc", METHOD), ("va", OTHER), ("own", None)):
        (tmp_path / name).mkdir()
        if made_by:
            write_embeddings(tmp_path / name, vectors, made_by, overwrite=False)
        else:
            for task, vector in vectors.items():
                np.save(tmp_path / name / f"{task}.npy", vector)
    ranker = trained(tmp_path / "mc")
    ranker.save(tmp_path / "r.safetensors")
    ranker = Ranker.load(tmp_path / "r.safetensors")
    assert ranker.info.embedding_made_by == METHOD
    searched(tmp_path / "mc", ranker)
    searched(tmp_path / "own", ranker)  # how they were made is not known
    for scheme in ("s", "tk", "tu"):
        with pytest.raises(EmbeddingError, match="by method variational, .* trained on those of method montecarlo"):
            searched(tmp_path / "va", ranker, scheme=scheme)
    assert trained(tmp_path / "own").info.embedding_made_by == {}


def test_a_ranker_of_the_box_knows_the_method_that_there_was(tmp_path):
    ranker = next(iter(rankers_in_the_box()))
    vectors = {task: np.random.default_rng(0).random(ranker.info.embedding_dim) for task in TASKS}
    write_embeddings(tmp_path, vectors, OTHER, overwrite=False)
    with pytest.raises(EmbeddingError, match="those of method montecarlo"):
        searched(tmp_path, ranker)


def test_embeddings_of_two_methods_train_no_ranker(tmp_path, vectors):
    write_embeddings(tmp_path, {"jigsaw": vectors["jigsaw"]}, METHOD, overwrite=False)
    write_embeddings(tmp_path, {"noise": vectors["noise"]}, OTHER, overwrite=False)
    with pytest.raises(EmbeddingError, match="made in different ways: that of jigsaw by method montecarlo"):
        trained(tmp_path)


def test_one_file_for_several_tasks_is_refused(tmp_path, vectors, fast_training):
    write_embeddings(tmp_path, vectors, METHOD, overwrite=False)
    ranker = trained(tmp_path)
    with pytest.raises(EmbeddingError, match="the source digit and the target rotation are the same"):
        searched(tmp_path, ranker, "digit.npy")
    searched(tmp_path, ranker, "digit.npy", scheme="tu")  # only the source is embedded
    np.save(tmp_path / "rotation.npy", vectors["digit"])  # a copy of the source's
    (tmp_path / "rotation.npy.json").unlink()
    with pytest.raises(EmbeddingError, match="are the same"):
        searched(tmp_path, ranker)
    with pytest.raises(ConfigError, match=r"digit.npy names one file for 2 tasks.*put \{task\} into it"):
        trained(tmp_path, "archlock.embedding", f"{tmp_path}/digit.npy")
