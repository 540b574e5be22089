"""Very short trainings, on made-up tasks whose votes are linear in the cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from naslib_archlock.proxies.votes import Votes
from naslib_archlock.proxies.zero_cost import ZeroCostScores
from naslib_archlock.ranker.ranker import Ranker, RankerInfo
from naslib_archlock.ranker.train_settings import TrainSettings
from naslib_archlock.ranker.training import TrainingTask, train_ranker
from naslib_archlock.spaces.cells import one_hot
from naslib_archlock.spaces.known import NASBENCH201

DIM = 4
TINY = TrainSettings(epochs=1, steps_per_epoch=20, batch_size=128)


def linear_score(seed: int, cells: np.ndarray) -> np.ndarray:
    """A made-up quality of cells: the sum of a random number for each op on each edge."""
    return one_hot(cells) @ np.random.default_rng(seed).standard_normal(30)


def linear_task(seed: int, cells: np.ndarray, name: str = "", space=NASBENCH201) -> TrainingTask:
    """A task whose votes order cells by ``linear_score``."""
    scores = ZeroCostScores(space, name, cells, {"nwot": linear_score(seed, cells)})
    embedding = np.random.default_rng(seed).standard_normal(DIM)
    return TrainingTask(name or f"nasbench201/t{seed}", space, cells, embedding, Votes.of(scores, {"nwot": 1.0}))


def info_for(*hidden: int) -> RankerInfo:
    return RankerInfo("cell", "file", DIM, "mlp", {"hidden": list(hidden)}, ("nasbench201/t",), {"nwot": 1.0})


def sample(n: int, seed: int = 0, space=NASBENCH201) -> np.ndarray:
    return np.array(space.sample(n, np.random.default_rng(seed)))


def train(*tasks: TrainingTask, settings: TrainSettings = TINY, seed: int = 0, hidden=(16, 8), **options: Any):
    return train_ranker(tasks, info_for(*hidden), settings, seed, **options)


def file_of(ranker: Ranker, folder) -> bytes:
    ranker.save(folder / "ranker.safetensors")
    return (folder / "ranker.safetensors").read_bytes()
