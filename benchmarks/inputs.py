"""The inputs of the benchmarks: configurations, and made-up values where the time does not depend on the values."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.proxies.votes import Votes, parse_proxies
from naslib_archlock.proxies.zero_cost import ZeroCostScores
from naslib_archlock.ranker.models.mlp import PairMLP
from naslib_archlock.ranker.ranker import Ranker, RankerInfo
from naslib_archlock.ranker.training import TrainingTask
from naslib_archlock.spaces.known import NASBENCH201
from naslib_archlock.spaces.space import SearchSpace

EMBEDDING_DIM = 2048  # the length of the paper's task embeddings
WIDTHS = (128, 64, 32, 16)  # the layer widths of the default ranker
N_TASKS, CELLS_A_TASK = 10, 1000

_SOURCES = {"nasbench201": "cifar10", "transbench101_micro": "class_scene", "digits": "digit"}


def source_task(space: str) -> str:
    """The source task of the benchmarks on a space."""
    return _SOURCES[space]


def config_of(space: str, tables: str, *overrides: object) -> Config:
    """The configuration of a search on a space; the embedded benchmark needs no tables."""
    where = ["archlock.tables", tables] if tables and space != "digits" else []
    return load_config(None, ["search_space", space, "dataset", source_task(space), *where, *map(str, overrides)])


def distinct(space: SearchSpace) -> np.ndarray:
    """One cell for each function of a space, including the disconnected cell, ``n x 6``."""
    return np.unique(space.representatives(space.all()), axis=0)


def random_ranker(embedding_dim: int = EMBEDDING_DIM) -> Ranker:
    """The default network with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = PairMLP(embedding_dim, WIDTHS, antisymmetric=True)
    return Ranker(model, RankerInfo("cell", "file", embedding_dim, "mlp", {}, (), {}))


def random_embeddings(n: int, embedding_dim: int = EMBEDDING_DIM) -> np.ndarray:
    """``n x embedding_dim`` normal numbers."""
    return np.random.default_rng(0).standard_normal((n, embedding_dim))


def random_cells(space: SearchSpace, n: int) -> np.ndarray:
    """``n`` cells of distinct functions, ``n x 6``."""
    return np.array(space.sample(n, np.random.default_rng(0)))


def training_tasks() -> list[TrainingTask]:
    """Ten tasks of 1,000 cells, with random scores of the proxies that vote by default."""
    voters, rng = parse_proxies(Config().archlock.proxies), np.random.default_rng(0)
    cells = random_cells(NASBENCH201, CELLS_A_TASK)
    tasks = []
    for number in range(N_TASKS):
        name, scores = f"task{number}", {proxy: rng.standard_normal(len(cells)) for proxy in voters}
        votes = Votes.of(ZeroCostScores(NASBENCH201, name, cells, scores), voters)
        tasks.append(TrainingTask(f"nasbench201/{name}", NASBENCH201, cells, rng.standard_normal(EMBEDDING_DIM), votes))
    return tasks


def training_info() -> RankerInfo:
    """The ``RankerInfo`` of a ranker that is trained on these tasks."""
    return RankerInfo("cell", "file", EMBEDDING_DIM, "mlp", {}, (), {})


def image_batch(n: int = 32, n_classes: int = 10) -> list[tuple[Tensor, Tensor]]:
    """A loader of one batch: ``n x 3 x 32 x 32`` random images and ``n`` labels."""
    images = torch.randn(n, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return [(images, torch.arange(n) % n_classes)]
