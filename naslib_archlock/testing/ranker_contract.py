"""What every kind of ranker model must do, as a check for authors of their own ones.

A test of a kind calls ``check_ranker_model("name", np.random.default_rng(0))``, where the file ``name.py`` is in a
folder that ``add_model_folder`` was given.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..compute.seeding import global_generators
from ..ranker.model_kinds import build_model
from ..ranker.pair_model import PairModel
from ..ranker.ranker import Ranker, RankerInfo
from ..ranker.score_model import ScoreModel
from ..spaces.cells import one_hot
from ..spaces.known import NASBENCH201

_N_CELLS, _N_TASKS, _EMBEDDING_DIM = 12, 3, 7
_N_FITTED = 60  # cells that a model of scores is fitted to
_TOLERANCE = 1e-5


def check_ranker_model(kind: str, rng: np.random.Generator) -> None:
    """Check that a kind of ranker model keeps its promises (``PairModel``), with its default settings.

    Args:
        kind: The name of the kind.
        rng: The generator that draws cells and task embeddings; the weights are seeded from it.

    Raises:
        AssertionError: If it breaks a promise; the message says which.
        UnknownNameError: If there is no such kind.
    """
    cells = np.array(NASBENCH201.sample(2 * _N_CELLS, rng))
    tasks = rng.standard_normal((_N_TASKS, _EMBEDDING_DIM))
    model = random_model(kind, _EMBEDDING_DIM, rng)
    a, b = (torch.from_numpy(one_hot(part)) for part in (cells[:_N_CELLS], cells[_N_CELLS:]))
    task = torch.from_numpy(tasks[:1].astype(np.float32)).expand(_N_CELLS, -1)
    there, back = model(a, b, task), model(b, a, task)
    assert there.shape == (_N_CELLS,), f"{kind} gives logits of shape {tuple(there.shape)} for {_N_CELLS} pairs"
    assert torch.isfinite(there).all(), f"{kind} gives logits that are not finite"
    assert torch.allclose(there, -back, atol=_TOLERANCE), f"swapping two cells must negate the logit of {kind}"
    assert there.std() > 0, f"{kind} gives all pairs the same logit"
    _check_contest(kind, Ranker(model, _info(kind)), cells, tasks)
    _check_file(kind, Ranker(model, _info(kind)), cells, tasks)


def random_model(kind: str, embedding_dim: int, rng: np.random.Generator, **settings: Any) -> PairModel:
    """A model that answers at random: a network of random weights, or a model that is fitted to random scores."""
    with global_generators():
        torch.manual_seed(int(rng.integers(2**31)))
        model = build_model(kind, embedding_dim, settings).eval().requires_grad_(False)
    if isinstance(model, ScoreModel):
        cells = one_hot(NASBENCH201.sample(_N_FITTED, rng))
        tasks = np.repeat(rng.standard_normal((2, embedding_dim)), _N_FITTED // 2, axis=0)
        model.fit(cells, tasks, rng.standard_normal(len(cells)), rng)
    return model


def _info(kind: str) -> RankerInfo:
    return RankerInfo("cell", "file", _EMBEDDING_DIM, kind, {}, ("nasbench201/task",), {"nwot": 1.0})


def _check_contest(kind: str, ranker: Ranker, cells: np.ndarray, tasks: np.ndarray) -> None:
    """A cell has the same win rates whether it is compared alone or beside other cells."""
    opponents = cells[_N_CELLS:]
    together = ranker.win_rates(cells, tasks, opponents)
    assert together.shape == (_N_TASKS, len(cells)), f"win rates of {kind} have shape {together.shape}"
    assert ((together >= 0) & (together <= 1)).all(), f"win rates of {kind} must lie in [0, 1]"
    alone = np.hstack([ranker.win_rates(cell[None], tasks, opponents) for cell in cells])
    assert np.allclose(together, alone, atol=_TOLERANCE), f"win rates of {kind} depend on the cells beside a cell"


def _check_file(kind: str, ranker: Ranker, cells: np.ndarray, tasks: np.ndarray) -> None:
    """A ranker that was saved and loaded gives the same win rates, bit for bit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ranker.safetensors"
        ranker.save(path)
        loaded = Ranker.load(path)
    assert loaded.info == ranker.info, f"a file of {kind} loses settings: {loaded.info} instead of {ranker.info}"
    before, after = (r.win_rates(cells, tasks, cells[:_N_CELLS]) for r in (ranker, loaded))
    assert before.tobytes() == after.tobytes(), f"a loaded ranker of {kind} gives other win rates"
