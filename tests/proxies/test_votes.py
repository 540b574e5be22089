from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.errors import ArchLockError, ConfigError, UnknownNameError
from naslib_archlock.proxies.votes import Votes, parse_proxies
from naslib_archlock.proxies.zero_cost import FAILED_SCORE, PROXIES, parse_scores
from naslib_archlock.spaces.known import NASBENCH201
from naslib_archlock.spaces.notation import to_naslib_nasbench201

NAN, INF = float("nan"), float("inf")
CELLS = [tuple(cell) for cell in NASBENCH201.all()[::97].tolist()]

numbers = st.sampled_from([-INF, INF, NAN, FAILED_SCORE, -2.0, -1.0, 0.0, 1e-9, 1.0, 3.0, 1e300])
weights = st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0])


@st.composite
def scored_cells(draw) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Scores of some cells by some proxies, and the proxies' weights."""
    n = draw(st.integers(2, 6))
    proxies = draw(st.lists(st.sampled_from(PROXIES), min_size=1, max_size=4, unique=True))
    scores = {proxy: draw(st.lists(numbers, min_size=n, max_size=n)) for proxy in proxies}
    return scores, {proxy: draw(weights) for proxy in proxies}


def votes_of(scores: dict[str, list[float]], weights: dict[str, float], accuracy: Any = None) -> Votes:
    """Votes on scores in the structure of NASLib's files."""
    n = len(next(iter(scores.values())))
    table: dict[str, Any] = {str(to_naslib_nasbench201(cell)): {"val_accuracy": accuracy} for cell in CELLS[:n]}
    for proxy, values in scores.items():
        for entry, value in zip(table.values(), values):
            entry[proxy] = {"score": value, "time": 0.0}
    return Votes.of(parse_scores(NASBENCH201, "t", table), weights)


def all_margins(votes: Votes) -> np.ndarray:
    """The margin of every ordered pair, ``n x n``."""
    n = votes.ranks.shape[1]
    a, b = np.divmod(np.arange(n * n), n)
    return votes.margin(a, b).reshape(n, n)


def counted_by_hand(scores: dict[str, list[float]], weights: dict[str, float], a: int, b: int) -> float:
    """The margin of a pair by its definition, vote by vote."""
    for_a = for_b = 0.0
    for proxy, weight in weights.items():
        x, y = scores[proxy][a], scores[proxy][b]
        if FAILED_SCORE in (x, y) or np.isnan([x, y]).any() or x == y:
            continue
        if (x > y) == (weight > 0):
            for_a += abs(weight)
        else:
            for_b += abs(weight)
    return (for_a - for_b) / (for_a + for_b) if for_a + for_b else 0.0


@given(scored_cells())
def test_margins_are_those_counted_by_hand(case):
    scores, weights = case
    n = len(next(iter(scores.values())))
    expected = [[counted_by_hand(scores, weights, a, b) for b in range(n)] for a in range(n)]
    np.testing.assert_allclose(all_margins(votes_of(scores, weights)), expected, atol=1e-12)


@given(scored_cells())
def test_swapping_a_pair_negates_the_margin(case):
    margins = all_margins(votes_of(*case))
    np.testing.assert_array_equal(margins, -margins.T)
    assert (np.abs(margins) <= 1).all()


@given(scored_cells(), st.randoms(use_true_random=False))
def test_only_the_order_of_scores_matters(case, random):
    scores, weights = case
    stretched = {}
    for proxy, values in scores.items():
        finite = sorted({v for v in values if v != FAILED_SCORE and not np.isnan(v)})
        steps = np.cumsum([random.uniform(0.1, 1e6) for _ in finite]) - 1e6
        new = dict(zip(finite, steps.tolist()))
        stretched[proxy] = [new.get(v, v) for v in values]
    np.testing.assert_array_equal(all_margins(votes_of(stretched, weights)), all_margins(votes_of(scores, weights)))


@given(scored_cells())
def test_the_accuracy_beside_the_scores_changes_nothing(case):
    low, high = (all_margins(votes_of(*case, accuracy=accuracy)) for accuracy in (1.0, 99.0))
    np.testing.assert_array_equal(low, high)


@given(scored_cells())
def test_weights_count_relative_to_each_other(case):
    scores, weights = case
    margins = all_margins(votes_of(scores, weights))
    tripled = all_margins(votes_of(scores, {p: 4 * w for p, w in weights.items()}))
    np.testing.assert_allclose(tripled, margins, atol=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "margin"),
    [
        (2, 1, 1), (1, 2, -1), (1, 1, 0),
        (FAILED_SCORE, 1, 0), (1, FAILED_SCORE, 0), (NAN, 1, 0), (NAN, NAN, 0),
        (INF, 1, 1), (1, INF, -1), (-INF, 1, -1), (INF, -INF, 1), (INF, INF, 0), (-INF, -INF, 0),
        (FAILED_SCORE, -INF, 0), (-1e9, 1, -1),
    ],
)  # fmt: skip
def test_one_vote(a, b, margin):
    assert all_margins(votes_of({"nwot": [a, b]}, {"nwot": 1.0}))[0, 1] == margin
    assert all_margins(votes_of({"nwot": [a, b]}, {"nwot": -1.0}))[0, 1] == -margin


def test_a_constant_proxy_and_a_failed_one_leave_the_vote_to_the_others():
    scores = {"epe_nas": [4.0, 4.0], "zen": [FAILED_SCORE] * 2, "nwot": [1.0, 2.0]}
    assert all_margins(votes_of(scores, {"epe_nas": 5.0, "zen": 5.0, "nwot": 1.0}))[0, 1] == -1


def test_a_proxy_that_the_table_lacks_abstains():
    scores = {"nwot": [1.0, 2.0]}
    assert all_margins(votes_of(scores, {"nwot": 1.0, "synflow": 3.0}))[1, 0] == 1


def test_a_weighted_majority_by_hand():
    scores = {"nwot": [2.0, 1.0], "jacov": [2.0, 1.0], "params": [1.0, 2.0]}
    assert all_margins(votes_of(scores, {"nwot": 1, "jacov": 1, "params": 1}))[0, 1] == pytest.approx(1 / 3)
    assert all_margins(votes_of(scores, {"nwot": 1, "jacov": 1, "params": 4}))[0, 1] == pytest.approx(-1 / 3)
    assert all_margins(votes_of(scores, {"nwot": 1, "jacov": 1, "params": 2}))[0, 1] == 0


# -- the list of voters ------------------------------------------------------------------------------------------------


def test_voters_are_parsed():
    assert parse_proxies("nwot, jacov:2 ,grasp:-0.5,") == {"nwot": 1.0, "jacov": 2.0, "grasp": -0.5}
    assert list(parse_proxies("zen,nwot")) == ["zen", "nwot"]
    assert set(parse_proxies(",".join(PROXIES))) == set(PROXIES)


@pytest.mark.parametrize(
    ("text", "near"), [("nwod", "nwot"), ("synflo:2", "synflow"), ("jacob", "jacov"), ("param", "params")]
)
def test_an_unknown_voter_is_told_the_nearest(text, near):
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}'") as caught:
        parse_proxies(f"nwot,{text}")
    assert all(proxy in str(caught.value) for proxy in PROXIES)


@pytest.mark.parametrize("text", ["", " , ", "nwot:0", "nwot:inf", "nwot:nan", "nwot:much", "nwot,nwot", "nwot:1:2"])
def test_bad_weights_are_refused(text):
    with pytest.raises(ConfigError):
        parse_proxies(text)


@given(st.text(alphabet="nwotjacv:,.0123-+einf ", max_size=20))
def test_any_text_is_a_list_of_voters_or_refused(text):
    try:
        voters = parse_proxies(text)
    except ArchLockError:
        return
    assert voters
    assert all(weight != 0 and np.isfinite(weight) for weight in voters.values())


def test_votes_of_accuracies():
    votes = Votes.of_accuracies(np.array([70.0, NAN, 90.0, 70.0]))
    margins = votes.margin(np.array([0, 2, 0, 1]), np.array([2, 3, 3, 2]))
    assert margins.tolist() == [-1, 1, 0, 0]


def test_wins_are_the_mean_place_by_all_voters():
    ranks = np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, NAN, 3.0]])
    votes = Votes(ranks, np.array([1.0, -0.5]))
    rows = np.array([0, 1, 2, 3])
    first, second = np.array([-1, -1 / 3, 1 / 3, 1]), np.array([0, -1, 0, 1])
    np.testing.assert_allclose(votes.wins(rows), first - 0.5 * second)
    np.testing.assert_allclose(votes.wins(rows[[3, 0]]), [0.5, -0.5])
    assert Votes.of_accuracies(np.array([5.0, NAN])).wins(np.array([0, 1])).tolist() == [0, 0]
