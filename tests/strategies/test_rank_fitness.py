from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from naslib_archlock.errors import RankerError
from naslib_archlock.ranker.ranker import Ranker
from naslib_archlock.spaces.known import TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.strategies.rank_fitness import Combine, RankFitness, bad_on_targets, good_on_source

SPACE = TRANSBENCH101_MICRO
SOURCE = np.array([1.0, 5.0, 10.0])
TARGETS = np.array([[2.0, 4.0, 9.0], [4.0, 8.0, 1.0]])


def test_scheme_s_wants_the_best_source_rank():
    np.testing.assert_array_equal(good_on_source(SOURCE, TARGETS), [-1, -5, -10])
    np.testing.assert_array_equal(good_on_source(SOURCE, TARGETS[:0]), [-1, -5, -10])


def test_schemes_with_targets_by_hand():
    # The means of the target ranks are 3, 6, 5.
    np.testing.assert_array_equal(bad_on_targets(SOURCE, TARGETS, trade_off=0.5), [2.5, 3.5, 0])
    np.testing.assert_array_equal(bad_on_targets(SOURCE, TARGETS, trade_off=2.0), [1, -4, -15])
    np.testing.assert_array_equal(bad_on_targets(SOURCE, TARGETS[:1], trade_off=0.0), [2, 4, 9])


def test_a_larger_trade_off_protects_the_source():
    source, target = np.array([1.0, 50.0]), np.array([[30.0, 100.0]])
    assert bad_on_targets(source, target, trade_off=0.5).argmax() == 1
    assert bad_on_targets(source, target, trade_off=2.0).argmax() == 0


# -- with a ranker -----------------------------------------------------------------------------------------------------


WITH_TARGETS: Combine = partial(bad_on_targets, trade_off=0.5)


def make_fitness(ranker: Ranker, combine: Combine, n_targets: int = 2) -> RankFitness:
    rng = np.random.default_rng(0)
    source, *targets = rng.standard_normal((1 + n_targets, ranker.info.embedding_dim))
    opponents = np.array(SPACE.sample(32, rng))
    return RankFitness(ranker, SPACE, source, np.array(targets), combine, opponents)


@pytest.mark.parametrize("with_targets", [True, False])
def test_fitness_combines_the_estimated_ranks(toy_ranker, with_targets):
    """A rank is the share of the opponents that win, scaled to the size of the space."""
    rng = np.random.default_rng(0)
    source, *targets = vectors = rng.standard_normal((3, toy_ranker.info.embedding_dim))
    opponents = np.array(SPACE.sample(32, rng))
    combine = partial(bad_on_targets, trade_off=0.7) if with_targets else good_on_source
    fitness = RankFitness(toy_ranker, SPACE, source, np.array(targets if with_targets else ()), combine, opponents)
    archs = np.array(SPACE.sample(40, np.random.default_rng(1)))
    ranks = 1 + (1 - toy_ranker.win_rates(archs, vectors, opponents)) * (870 - 1)
    value, source_rank = fitness.evaluate(archs)
    np.testing.assert_allclose(source_rank, ranks[0])
    np.testing.assert_allclose(source_rank, fitness.source_ranks(archs))
    expected = ranks[1:].mean(axis=0) - 0.7 * ranks[0] if with_targets else -ranks[0]
    np.testing.assert_allclose(value, expected, atol=1e-3)
    np.testing.assert_array_equal(fitness.of(archs), value)
    np.testing.assert_allclose(fitness.on_source_alone().of(archs), -ranks[0])


def test_the_fitness_of_a_cell_does_not_depend_on_those_beside_it(toy_ranker):
    fitness = make_fitness(toy_ranker, WITH_TARGETS)
    archs = np.array(SPACE.sample(30, np.random.default_rng(1)))
    together, _ = fitness.evaluate(archs)
    alone = np.concatenate([fitness.evaluate(arch[None])[0] for arch in archs])
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_ranks_follow_the_votes_that_the_ranker_learned(toy_ranker):
    """If all proxies prefer cells with more weights, such cells get better ranks."""
    fitness = make_fitness(toy_ranker, good_on_source)
    ranks = fitness.source_ranks(np.array([[3, 3, 3, 3, 3, 3], [0, 0, 0, 1, 0, 0]]))
    assert ranks[0] < ranks[1]


def test_a_ranker_of_another_family_is_refused(toy_ranker):
    with pytest.raises(RankerError, match="cannot rank transbench101_macro"):
        opponents = TRANSBENCH101_MACRO.all()[:9]
        RankFitness(toy_ranker, TRANSBENCH101_MACRO, np.ones(3), np.empty((0, 3)), good_on_source, opponents)


def test_positions_on_the_source_by_brute_force(toy_ranker):
    """Estimated ranks begin above 1, because no win is certain; positions are counted among all cells."""
    rng = np.random.default_rng(0)
    source = rng.standard_normal(toy_ranker.info.embedding_dim)
    opponents = np.array(SPACE.sample(64, rng))
    fitness = RankFitness(toy_ranker, SPACE, source, np.stack([source, -source]), WITH_TARGETS, opponents)
    _, ranks = fitness.evaluate(SPACE.distinct())
    assert ranks.min() > 1
    positions = [fitness.source_position(rank) for rank in ranks]
    assert positions == [1 + int((ranks < rank - 1e-3).sum()) for rank in ranks]
    for pct in (0.0, 1.0, 10.0, 100.0):
        within = (ranks <= fitness.source_rank_at(pct)).sum()
        n = max(1, int(len(ranks) * pct / 100))
        assert n <= within <= n + (np.diff(np.sort(ranks)) < 2e-3).sum()


class InOrder:
    """In the place of a ranker: of all functions of a space, the one that stands first wins most often."""

    def check_space(self, space: object) -> None:
        pass

    def contest(self, embeddings: np.ndarray, opponents: np.ndarray) -> InOrder:
        return self

    def win_rates(self, archs: np.ndarray) -> np.ndarray:
        place = np.searchsorted(SPACE.index(SPACE.distinct()), SPACE.index(archs))
        return 1 - place[None] / (len(SPACE.distinct()) - 1)


@pytest.mark.parametrize("pct", [0.0, 0.01, 1.0, 10.0, 33.3, 99.99, 100.0])
def test_as_many_architectures_as_the_share_says_are_good_enough_by_rank(pct):
    fitness = RankFitness(InOrder(), SPACE, np.ones(3), np.empty((0, 3)), good_on_source, SPACE.all()[:4])
    ranks = fitness.source_ranks(SPACE.distinct())
    n = len(ranks)
    np.testing.assert_allclose(ranks, np.arange(1, n + 1))
    assert (ranks <= fitness.source_rank_at(pct)).sum() == max(1, int(n * pct / 100))
    assert [fitness.source_position(rank) for rank in ranks[[0, 1, n - 1]]] == [1, 2, n]


# -- ranks among a few -------------------------------------------------------------------------------------------------


class Duels:
    """A ranker by true figures: one row of figures for each task, by the first code of an architecture."""

    def __init__(self, figures: list[list[float]]) -> None:
        self._figures = np.array(figures)

    def check_space(self, space) -> None: ...

    def contest(self, tasks, opponents) -> None: ...

    def win_rates(self, cells, tasks, opponents):
        figures = self._figures[np.asarray(tasks)[:, 0].astype(int)]
        mine, theirs = figures[:, np.asarray(cells)[:, 0]], figures[:, np.asarray(opponents)[:, 0]]
        return (mine[:, :, None] > theirs[:, None, :]).mean(axis=2)


def duels(figures: list[list[float]], combine: Combine) -> RankFitness:
    """A fitness whose source is the first row of figures; the others are its targets."""
    rows = np.arange(len(figures), dtype=float)[:, None]
    return RankFitness(
        Duels(figures), SPACE, rows[0], rows[1:], combine, np.array(SPACE.sample(2, np.random.default_rng(0)))
    )  # type: ignore[arg-type]


CODES = np.array([[first, 0, 0, 0, 0, 0] for first in range(4)])


def test_ranks_among_a_few_are_counted_in_defeats():
    """On the source, the ranks are 4, 3, 2, 1; on the targets, the defeats are 0+1, 1+2, 2+3, 3+0, so 1, 2, 4, 3."""
    fitness = duels([[1, 2, 3, 4], [9, 8, 7, 6], [3, 2, 1, 4]], partial(bad_on_targets, trade_off=2.0))
    np.testing.assert_array_equal(fitness.among(CODES), [1 - 8, 2 - 6, 4 - 4, 3 - 2])
    np.testing.assert_array_equal(fitness.on_source_alone().among(CODES), [-4, -3, -2, -1])


def test_ranks_among_a_few_depend_on_who_they_are():
    fitness = duels([[1, 2, 3, 4], [4, 3, 2, 1]], partial(bad_on_targets, trade_off=0.0))
    np.testing.assert_array_equal(fitness.among(CODES), [1, 2, 3, 4])
    np.testing.assert_array_equal(fitness.among(CODES[2:]), [1, 2])


def test_equal_ones_rank_in_their_order():
    fitness = duels([[5, 5, 5, 5]], good_on_source)
    np.testing.assert_array_equal(fitness.among(CODES[[0, 0, 0]]), [-1, -2, -3])
