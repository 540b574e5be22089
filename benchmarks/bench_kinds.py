"""Ranking a whole space with each kind of ranker, and the NASLib predictor beside NASLib's XGBoost."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Measure
from inputs import EMBEDDING_DIM, distinct, random_cells, random_embeddings

from naslib_archlock.ranker.model_kinds import build_model, model_kinds
from naslib_archlock.ranker.pair_model import encoded
from naslib_archlock.ranker.ranker import Ranker, RankerInfo
from naslib_archlock.ranker.score_model import ScoreModel
from naslib_archlock.spaces.known import NASBENCH201

N_TASKS, N_OPPONENTS = 11, 128
N_FITTED = 1000  # cells that a model of scores has learnt from
N_TRAIN = 1563  # the largest training set of TNASP's protocol

RANKING = "win rates of 4,930 cells, 11 tasks, 128 opponents, by kind of ranker"
FIT = "the NASLib predictor learns from 1,563 nasbench201 cells"
QUERY = "the NASLib predictor predicts all 15,625 nasbench201 cells"


def ranker_of(kind: str) -> Ranker:
    """A network of random weights, or a model that is fitted to random scores of as many tasks as it then ranks on."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(kind, EMBEDDING_DIM, {})
    if isinstance(model, ScoreModel):
        rng = np.random.default_rng(0)
        tasks = np.repeat(random_embeddings(N_TASKS), -(-N_FITTED // N_TASKS), axis=0)[:N_FITTED]
        archs = encoded(random_cells(NASBENCH201, N_FITTED)).numpy()
        model.fit(archs, tasks, rng.standard_normal(N_FITTED), rng)
    return Ranker(model, RankerInfo("cell", "file", EMBEDDING_DIM, kind, {}, (), {}))


@pytest.mark.parametrize("kind", ["mlp", *(kind for kind in model_kinds() if kind != "mlp")])
def bench_ranking(measure: Measure, kind: str) -> None:
    ranker, cells, opponents = ranker_of(kind), distinct(NASBENCH201), random_cells(NASBENCH201, N_OPPONENTS)
    tasks, side = random_embeddings(N_TASKS), "baseline" if kind == "mlp" else "ours"
    measure(RANKING, side, kind, lambda: ranker.win_rates(cells, tasks, opponents))


@cache
def _architectures() -> tuple[list[Any], np.ndarray]:
    """NASLib's search space objects of all cells, without networks, and random accuracies of theirs."""
    from naslib_archlock.plugin.baselines import op_index_space

    first = op_index_space(NASBENCH201, "", None)  # type: ignore[arg-type]  # nothing is looked up through them
    made = [first._with(list(NASBENCH201.to_naslib(tuple(cell)))) for cell in NASBENCH201.all().tolist()]
    order = np.random.default_rng(0).permutation(len(made))
    return [made[i] for i in order], np.random.default_rng(1).normal(70, 10, len(made))


def _predictors() -> dict[str, Callable[[], Any]]:
    from naslib.predictors import XGBoost
    from naslib.utils.encodings import EncodingType

    from naslib_archlock.plugin.predictor import BinaryRankPredictor

    return {
        "NASLib XGBoost": lambda: XGBoost(encoding_type=EncodingType.ADJACENCY_ONE_HOT, ss_type=NASBENCH201.name),
        "archlock": lambda: BinaryRankPredictor(ss_type=NASBENCH201.name),
    }


@pytest.mark.parametrize("name", ["NASLib XGBoost", "archlock"])
def bench_fit(measure: Measure, dataset_api: Callable[[str], Any], name: str) -> None:
    dataset_api("nasbench201")  # skips without NASLib
    (archs, accuracies), make = _architectures(), _predictors()[name]
    side = "ours" if name == "archlock" else "baseline"
    measure(FIT, side, name, lambda: make().fit(archs[:N_TRAIN], accuracies[:N_TRAIN]))


@pytest.mark.parametrize("name", ["NASLib XGBoost", "archlock"])
def bench_query(measure: Measure, dataset_api: Callable[[str], Any], name: str) -> None:
    dataset_api("nasbench201")
    archs, accuracies = _architectures()
    predictor = _predictors()[name]()
    predictor.fit(archs[:N_TRAIN], accuracies[:N_TRAIN])
    measure(QUERY, "ours" if name == "archlock" else "baseline", name, lambda: predictor.query(archs))
