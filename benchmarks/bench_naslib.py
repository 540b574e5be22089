"""NASLib's optimizers and zero-cost proxies, compared with ours under NASLib's own Trainer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import Measure
from inputs import image_batch
from stand_ins import naslib_zero_cost

from naslib_archlock.proxies.zero_cost import PROXIES
from naslib_archlock.spaces.known import NASBENCH201

STEPS = ("search.epochs", 100)
CELL = (3, 3, 4, 1, 3, 1)  # the paper's example
ZERO_COST = "all 13 proxies of one nasbench201 cell, 32 images"

OPTIMIZERS = [
    *(("nasbench201", name) for name in ("rs", "re", "ls")),
    *(("transbench101_micro", name) for name in ("rs", "re")),
    *(pytest.param("nasbench201", name, marks=pytest.mark.slow) for name in ("bananas", "npenas")),
]


def steps_work(space: str) -> str:
    return f"100 steps under NASLib's Trainer, {space}"


@pytest.mark.parametrize(("space", "name"), OPTIMIZERS)
def bench_naslib_optimizer(
    measure: Measure,
    dataset_api: Callable[[str], Any],
    run_under_trainer: Callable[..., Any],
    request: pytest.FixtureRequest,
    space: str,
    name: str,
) -> None:
    api, slow = dataset_api(space), request.node.get_closest_marker("slow") is not None
    label = f"NASLib {name}, predictor xgb" if slow else f"NASLib {name}"
    measure(steps_work(space), "baseline", label, lambda: run_under_trainer(space, name, api, *STEPS), once=slow)


@pytest.mark.parametrize("space", ["nasbench201", "transbench101_micro"])
def bench_archlock_optimizer(
    measure: Measure, dataset_api: Callable[[str], Any], run_under_trainer: Callable[..., Any], tables: str, space: str
) -> None:
    api = dataset_api(space)
    keys = [*STEPS, "archlock.source_queries", 100, *(["archlock.tables", tables] if tables else [])]
    measure(steps_work(space), "ours", "archlock (bayesian)", lambda: run_under_trainer(space, "archlock", api, *keys))


@pytest.fixture
def loader(naslib: Any) -> Any:
    return image_batch()


def bench_zero_cost_baseline(measure: Measure, loader: Any) -> None:
    op_indices = NASBENCH201.to_naslib(CELL)
    scores = measure(
        ZERO_COST, "baseline", "NASLib ZeroCost, one by one", lambda: naslib_zero_cost(op_indices, loader, PROXIES)
    )
    assert np.isfinite(list(scores.values())).all()


def bench_zero_cost(measure: Measure, loader: Any) -> None:
    from naslib_archlock.plugin.live_scores import live_scores

    table = measure(
        ZERO_COST, "ours", "live_scores", lambda: live_scores(NASBENCH201, "cifar10", [CELL], loader, PROXIES, 10, 0)
    )
    assert np.isfinite([table.scores[proxy][0] for proxy in PROXIES]).all()
