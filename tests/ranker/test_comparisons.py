from __future__ import annotations

import random
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import make_model, sample, vectors
from scipy.stats import spearmanr

from naslib_archlock.errors import RankerError
from naslib_archlock.ranker import comparisons
from naslib_archlock.ranker.comparisons import AdditiveContest, win_rates_of_all
from naslib_archlock.ranker.models.mlp import PairMLP
from naslib_archlock.spaces.cells import one_hot
from naslib_archlock.spaces.known import TRANSBENCH101_MICRO


def one_by_one(model: PairMLP, cells: np.ndarray, tasks: np.ndarray, opponents: np.ndarray) -> np.ndarray:
    """The mean of the network's own answers to each pair, ``t x n``."""
    a, b = (torch.from_numpy(one_hot(codes)) for codes in (cells, opponents))
    logits = [[[model(x[None], y[None], t[None]) for y in b] for x in a] for t in torch.from_numpy(tasks).float()]
    return torch.tensor(logits, dtype=torch.float64).sigmoid().mean(dim=2).numpy()


@pytest.mark.parametrize("antisymmetric", [True, False])
@pytest.mark.parametrize("hidden", [(16, 8), (12,), (20, 6, 5, 3)])
@pytest.mark.parametrize(("block", "cells_a_block"), [(1, 1), (7, 3), (40, 5), (100, 64), (1 << 16, 64)])
def test_in_blocks_as_one_comparison_at_a_time(monkeypatch, block, cells_a_block, hidden, antisymmetric):
    monkeypatch.setattr(comparisons, "_BLOCK", block)
    monkeypatch.setattr(comparisons, "_CELLS", cells_a_block)
    model, cells, opponents, tasks = make_model(antisymmetric, hidden), sample(23, 1), sample(11, 2), vectors(3)
    expected = one_by_one(model, cells, tasks, opponents)
    np.testing.assert_allclose(AdditiveContest(model, tasks, opponents).win_rates(cells), expected, atol=1e-6)
    of_all = one_by_one(model, cells, tasks, cells)
    np.testing.assert_allclose(win_rates_of_all(model, tasks, cells), of_all, atol=1e-6)


@pytest.mark.parametrize("kept", [1, 30, 70])
def test_many_tasks_go_in_groups(monkeypatch, kept):
    """Memory never holds all layers of all opponents on all tasks at once."""
    model, cells, opponents, tasks = make_model(), sample(9, 1), sample(11, 2), vectors(8)
    together = AdditiveContest(model, tasks, opponents).win_rates(cells)
    monkeypatch.setattr(comparisons, "_KEPT", kept)
    contest = AdditiveContest(model, tasks, opponents)
    for _ in range(2):  # the second time, the last group is still in memory
        np.testing.assert_allclose(contest.win_rates(cells), together, atol=1e-6)


def test_a_contest_projects_its_opponents_once(monkeypatch):
    model, contest_of = make_model(), []
    original = comparisons._Opponents
    monkeypatch.setattr(comparisons, "_Opponents", lambda *args: contest_of.append(1) or original(*args))
    contest = AdditiveContest(model, vectors(3), sample(11))
    for seed in range(5):
        contest.win_rates(sample(4, seed))
    assert len(contest_of) == 1


def test_equal_cells_are_compared_once(monkeypatch):
    model, cells, counted = make_model(), sample(6), []
    original = comparisons._Opponents.lose_to
    monkeypatch.setattr(
        comparisons._Opponents, "lose_to", lambda self, a, b, first=0: counted.append(len(a)) or original(self, a, b)
    )
    contest = AdditiveContest(model, vectors(2), sample(11))
    rows = np.array([3, 0, 3, 5, 0, 1, 2, 4, 4])
    rates = contest.win_rates(cells[rows])
    assert sum(counted) == 6
    np.testing.assert_array_equal(rates, contest.win_rates(cells)[:, rows])


@pytest.mark.parametrize("n", [1, 63, 64, 65, 300])
def test_all_against_all_counts_both_sides_of_each_pair(n):
    """One cell wins each comparison, so half of all are won; a cell ties with itself."""
    rates = win_rates_of_all(make_model(), vectors(2), sample(n))
    np.testing.assert_allclose(rates.mean(axis=1), 0.5, atol=1e-6)
    np.testing.assert_allclose(
        rates, AdditiveContest(make_model(), vectors(2), sample(n)).win_rates(sample(n)), atol=1e-6
    )


@settings(max_examples=20)
@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 4), st.booleans())
def test_the_same_bytes_on_one_thread_and_on_several(n, m, t, antisymmetric):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparisons, "_WORTH_A_THREAD", 1)
        check_threads(n, m, t, antisymmetric)


def check_threads(n: int, m: int, t: int, antisymmetric: bool) -> None:
    model, cells, opponents, tasks = make_model(antisymmetric), sample(n, 1), sample(m, 2), vectors(t)
    before, results = torch.get_num_threads(), []
    try:
        for n_threads in (1, 2, 5):
            torch.set_num_threads(n_threads)
            rates = AdditiveContest(model, tasks, opponents).win_rates(cells), win_rates_of_all(model, tasks, cells)
            results.append([r.tobytes() for r in rates])
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_threads_compute_on_one_core_each(monkeypatch):
    seen = set()
    original = comparisons._Opponents.lose_to

    def watched(self, a, b, first=0):
        seen.add(torch.get_num_threads())
        return original(self, a, b, first)

    monkeypatch.setattr(comparisons._Opponents, "lose_to", watched)
    monkeypatch.setattr(comparisons, "_WORTH_A_THREAD", 1)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        AdditiveContest(make_model(), vectors(2), sample(11)).win_rates(sample(200))
    finally:
        torch.set_num_threads(before)
    assert seen == {1}


def test_an_error_in_a_thread_is_raised_and_threads_are_put_back(monkeypatch):
    def fail(self, a, b, first=0):
        raise MemoryError("not enough")

    monkeypatch.setattr(comparisons._Opponents, "lose_to", fail)
    monkeypatch.setattr(comparisons, "_WORTH_A_THREAD", 1)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(MemoryError, match="not enough"):
            AdditiveContest(make_model(), vectors(2), sample(11)).win_rates(sample(200))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_generators_are_left_alone():
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    AdditiveContest(make_model(), vectors(2), sample(20)).win_rates(sample(20))
    win_rates_of_all(make_model(), vectors(2), sample(20))
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_memory_does_not_grow_with_the_number_of_comparisons(monkeypatch):
    """Tensors are allocated in blocks: the largest holds a block's widest layer, or a block's logits."""
    model, cells, tasks = make_model(hidden=(32, 16)), TRANSBENCH101_MICRO.distinct(), vectors(4)
    sizes = []
    original = torch.Tensor.new_empty
    monkeypatch.setattr(
        torch.Tensor,
        "new_empty",
        lambda self, *shape: sizes.append(int(np.prod(shape))) or original(self, *shape),
    )
    tracemalloc.start()
    AdditiveContest(model, tasks, cells).win_rates(cells)
    win_rates_of_all(model, tasks, cells)
    _, peak = tracemalloc.get_traced_memory()  # NumPy's memory only; new_empty allocates torch's
    tracemalloc.stop()
    of_a_block = max((comparisons._BLOCK + comparisons._CELLS) * 32, comparisons._CELLS * comparisons._KEPT)
    assert max(sizes) <= min(of_a_block, len(tasks) * len(cells) ** 2 / 5)
    assert peak < 10e6


def test_a_sample_of_opponents_ranks_as_all_do():
    """A search uses 128 of 871 opponents. Their ranking must agree with the ranking by all pairs."""
    model, cells, tasks = make_model(hidden=(64, 32, 16), seed=3), TRANSBENCH101_MICRO.distinct(), vectors(3)
    opponents = cells[np.random.default_rng(0).choice(len(cells), 128, replace=False)]
    sampled, all_pairs = (
        AdditiveContest(model, tasks, opponents).win_rates(cells),
        win_rates_of_all(model, tasks, cells),
    )
    for one, other in zip(sampled, all_pairs):
        assert spearmanr(one, other)[0] > 0.99


# -- heads that the fast way does not know -----------------------------------------------------------------------------

L, R = (lambda: torch.nn.Linear(16, 16)), torch.nn.ReLU
LAST = lambda: torch.nn.Linear(16, 1)  # noqa: E731


@pytest.mark.parametrize(
    "layers",
    [
        [R(), L(), torch.nn.LayerNorm(16), R(), LAST()],  # would be skipped
        [R(), L(), torch.nn.Tanh(), LAST()],  # would be taken for a ReLU
        [torch.nn.GELU(), LAST()],
        [R(), L(), LAST()],
        [L(), R(), LAST()],
        [R(), LAST(), torch.nn.Sigmoid()],
        [R(), LAST(), R()],
        [R(), L()],  # has 16 outputs
        [R()],
        [],
    ],
    ids=lambda layers: "-".join(type(layer).__name__ for layer in layers) or "none",
)
def test_a_head_of_other_layers_is_refused(layers):
    model = make_model()
    model.head = torch.nn.Sequential(*layers).requires_grad_(False)
    names = ", ".join(type(layer).__name__ for layer in layers) or "no layers"
    message = f"ReLU and Linear in turn that ends in one logit, but this head has {names}; use PlainContest"
    with pytest.raises(RankerError, match=message):
        AdditiveContest(model, vectors(2), sample(5)).win_rates(sample(3))
    with pytest.raises(RankerError, match=message):
        win_rates_of_all(model, vectors(2), sample(5))
