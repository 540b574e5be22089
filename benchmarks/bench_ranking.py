"""Ranking cells: the time of the network's comparisons, and its rate of multiply-adds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import Measure
from inputs import WIDTHS, distinct, random_cells, random_embeddings, random_ranker
from stand_ins import PlainProduct, one_batch, one_pair_at_a_time, unfactored_win_rates

from naslib_archlock.ranker.ranker import Ranker
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MICRO

N_TASKS, N_OPPONENTS = 11, 128  # one source and 10 targets; the default number of opponents

PAIRS = "scores of 31 cells on 16 tasks (7,440 pairs)"
RATE = "win rates of 4,930 cells, 11 tasks, 128 opponents"
WHOLE = "win rates of all 15,625 nasbench201 cells, 11 tasks, 128 opponents"
ALL_PAIRS = "all pairs of the 871 distinct TransNAS cells, 11 tasks"

# Multiply-adds of one comparison after the first layer. An antisymmetric network computes both orders of a pair.
A_COMPARISON = 2 * sum(a * b for a, b in zip(WIDTHS, (*WIDTHS[1:], 1)))


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    return random_ranker()


@pytest.fixture(scope="module")
def embeddings() -> np.ndarray:
    return random_embeddings(N_TASKS)


@pytest.fixture(scope="module")
def few() -> tuple[np.ndarray, np.ndarray]:
    """31 cells and 16 embeddings."""
    return random_cells(NASBENCH201, 31), random_embeddings(16)


@pytest.mark.parametrize(
    ("name", "score"), [("one pair at a time", one_pair_at_a_time), ("one batch", one_batch)], ids=["single", "batch"]
)
def bench_pairs_baseline(measure: Measure, ranker: Ranker, few: Any, name: str, score: Any) -> None:
    cells, tasks = few
    rates = measure(PAIRS, "baseline", name, lambda: score(ranker.model, cells, tasks))
    np.testing.assert_allclose(rates, ranker.win_rates(cells, tasks, cells), atol=1e-4)


def bench_pairs(measure: Measure, ranker: Ranker, few: Any) -> None:
    measure(PAIRS, "ours", "Ranker.win_rates_of_all", lambda: ranker.win_rates_of_all(*few))


def bench_rate_baseline(measure: Measure) -> None:
    """Measures a part of the rows, because the rate does not depend on the number of rows."""
    n_rows = len(distinct(NASBENCH201)) * N_TASKS * N_OPPONENTS
    product = PlainProduct((*WIDTHS, 1), n_rows // N_TASKS)
    measure(
        RATE, "baseline", "a plain product of the same sizes", product,
        share=product.rows / (2 * n_rows), multiply_adds=product.rows * A_COMPARISON // 2,
    )  # fmt: skip


def bench_rate(measure: Measure, ranker: Ranker, embeddings: np.ndarray) -> None:
    cells, opponents = distinct(NASBENCH201), random_cells(NASBENCH201, N_OPPONENTS)
    measure(
        RATE, "ours", "Ranker.win_rates", lambda: ranker.win_rates(cells, embeddings, opponents),
        multiply_adds=len(cells) * N_TASKS * N_OPPONENTS * A_COMPARISON,
    )  # fmt: skip


def bench_whole_baseline(measure: Measure, ranker: Ranker, embeddings: np.ndarray) -> None:
    cells, opponents = NASBENCH201.representatives(NASBENCH201.all()), random_cells(NASBENCH201, N_OPPONENTS)
    part = cells[:: len(cells) // 30]
    rates = measure(
        WHOLE, "baseline", "whole forward passes on blocks of pairs",
        lambda: unfactored_win_rates(ranker.model, part, embeddings, opponents), share=len(part) / len(cells),
    )  # fmt: skip
    np.testing.assert_allclose(rates, ranker.win_rates(part, embeddings, opponents), atol=1e-4)


def bench_whole(measure: Measure, ranker: Ranker, embeddings: np.ndarray) -> None:
    """Ranks the representatives of all cells, as a search does; most of them occur several times."""
    cells, opponents = NASBENCH201.representatives(NASBENCH201.all()), random_cells(NASBENCH201, N_OPPONENTS)
    measure(WHOLE, "ours", "Ranker.win_rates", lambda: ranker.win_rates(cells, embeddings, opponents))


def bench_all_pairs_baseline(measure: Measure, ranker: Ranker, embeddings: np.ndarray) -> None:
    cells = distinct(TRANSBENCH101_MICRO)
    part = cells[::100]
    rates = measure(
        ALL_PAIRS, "baseline", "whole forward passes on blocks of pairs",
        lambda: unfactored_win_rates(ranker.model, part, embeddings, cells), share=len(part) / len(cells),
    )  # fmt: skip
    np.testing.assert_allclose(rates, ranker.win_rates_of_all(cells, embeddings)[:, ::100], atol=1e-4)


def bench_all_pairs(measure: Measure, ranker: Ranker, embeddings: np.ndarray) -> None:
    cells = distinct(TRANSBENCH101_MICRO)
    measure(ALL_PAIRS, "ours", "Ranker.win_rates_of_all", lambda: ranker.win_rates_of_all(cells, embeddings))
