from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from naslib_archlock import data
from naslib_archlock.proxies.similarity import GRADIENT_PROXIES, similarity, similarity_weights
from naslib_archlock.proxies.zero_cost import ZeroCostScores, find_zero_cost, read_zero_cost
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MICRO

SPACE = TRANSBENCH101_MICRO
CELLS = SPACE.distinct()[:40]


def table(task: str, cells: np.ndarray = CELLS, **scores: np.ndarray) -> ZeroCostScores:
    return ZeroCostScores(SPACE, task, cells, scores)


def made_up(task: str, seed: int, noise: float = 0.0, proxies=GRADIENT_PROXIES) -> ZeroCostScores:
    """Scores that all tasks have in common, plus noise that depends on the seed."""
    common, own = np.random.default_rng(0), np.random.default_rng(seed)
    return table(
        task, **{p: common.standard_normal(len(CELLS)) + noise * own.standard_normal(len(CELLS)) for p in proxies}
    )


# -- two tasks ---------------------------------------------------------------------------------------------------------


def test_a_task_is_like_itself_and_unlike_its_opposite():
    a = made_up("a", 1)
    opposite = table("b", **{p: -s for p, s in a.scores.items()})
    assert similarity(a, a) == pytest.approx(1)
    assert similarity(a, opposite) == pytest.approx(-1)


def test_it_is_the_mean_rank_correlation():
    a, b = made_up("a", 1, 0.5), made_up("b", 2, 0.5)
    expected = np.mean([spearmanr(a.scores[p], b.scores[p])[0] for p in GRADIENT_PROXIES])
    assert similarity(a, b) == pytest.approx(expected)
    assert similarity(a, b) == pytest.approx(similarity(b, a))
    # Ranks count, not values.
    monotone = table("b", **{p: np.exp(3 * s) for p, s in b.scores.items()})
    assert similarity(a, monotone) == pytest.approx(expected)


def test_proxies_that_do_not_look_at_labels_are_not_asked():
    a = made_up("a", 1)
    rng = np.random.default_rng(3)
    more = table("a", **a.scores, params=rng.standard_normal(40), nwot=rng.standard_normal(40))
    less = table("b", **made_up("b", 2, 0.5).scores, params=rng.standard_normal(40), nwot=rng.standard_normal(40))
    assert similarity(more, less) == similarity(a, made_up("b", 2, 0.5))


def test_cells_are_matched_by_what_they_are():
    """The order of cells does not matter, and cells that only one table holds are left out."""
    a, b = made_up("a", 1, 0.5), made_up("b", 2, 0.5)
    shuffled = b.take(np.random.default_rng(0).permutation(len(CELLS)))
    assert similarity(a, shuffled) == pytest.approx(similarity(a, b))
    rows = np.arange(10, 30)
    assert similarity(a, b.take(rows)) == pytest.approx(similarity(a.take(rows), b.take(rows)))


def test_proxies_that_both_tables_have_are_compared():
    a, b = made_up("a", 1, 0.5), made_up("b", 2, 0.5, GRADIENT_PROXIES[:1])
    assert similarity(a, b) == pytest.approx(spearmanr(a.scores[GRADIENT_PROXIES[0]], b.scores[GRADIENT_PROXIES[0]])[0])


@pytest.mark.parametrize("spoil", [lambda s: np.full_like(s, 2.0), lambda s: np.full_like(s, np.nan)])
def test_a_proxy_that_is_constant_or_failed_abstains(spoil):
    a, b = made_up("a", 1, 0.5), made_up("b", 2, 0.5)
    spoilt = table("b", **{**b.scores, GRADIENT_PROXIES[0]: spoil(b.scores[GRADIENT_PROXIES[0]])})
    without = table("b", **{p: s for p, s in b.scores.items() if p != GRADIENT_PROXIES[0]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy's warnings must not reach a user
        assert similarity(a, spoilt) == pytest.approx(similarity(a, without))
        assert np.isnan(similarity(a, table("b", **{p: spoil(s) for p, s in b.scores.items()})))


def test_cells_on_which_a_proxy_failed_are_left_out():
    a, b = made_up("a", 1, 0.5), made_up("b", 2, 0.5)
    failed = np.arange(len(CELLS)) % 3 == 0
    spoilt = table("b", **{p: np.where(failed, np.nan, s) for p, s in b.scores.items()})
    assert similarity(a, spoilt) == pytest.approx(similarity(a.take(~failed), b.take(~failed)))


def test_of_tasks_that_share_nothing_it_is_unknown():
    a = made_up("a", 1)
    assert np.isnan(similarity(a, table("b", params=np.arange(40.0))))
    elsewhere = ZeroCostScores(SPACE, "b", SPACE.distinct()[100:140], a.scores)
    assert np.isnan(similarity(a, elsewhere))


# -- several tasks to one ----------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 5), min_size=1, max_size=5), st.integers(0, 99))
def test_weights_sum_to_one_and_the_most_similar_weighs_most(noise, seed):
    others = [f"task{i}" for i in range(len(noise))]
    tables = {name: made_up(name, seed + i, level) for i, (name, level) in enumerate(zip(others, noise))}
    tables["target"] = made_up("target", 0)
    weights = similarity_weights("target", others, tables)
    assert list(weights) == others
    assert sum(weights.values()) == pytest.approx(1)
    assert all(0 < weight <= 1 for weight in weights.values())
    by_likeness = sorted(others, key=lambda name: similarity(tables["target"], tables[name]))
    assert sorted(others, key=weights.__getitem__) == by_likeness


def test_tasks_that_are_equally_like_the_target_weigh_alike():
    tables = {name: made_up(name, 1) for name in ("target", "a", "b", "c")}
    assert similarity_weights("target", ["a", "b", "c"], tables) == pytest.approx(dict.fromkeys("abc", 1 / 3))


@pytest.mark.parametrize("missing", ["target", "a", "b"])
def test_where_a_likeness_is_unknown_all_weigh_alike(missing):
    tables = {"target": made_up("target", 1), "a": made_up("a", 2, 0.1), "b": made_up("b", 3, 2.0)}
    known = similarity_weights("target", ["a", "b"], tables)
    assert known["a"] > 2 * known["b"]
    without = {name: t for name, t in tables.items() if name != missing}
    assert similarity_weights("target", ["a", "b"], without) == {"a": 0.5, "b": 0.5}
    useless = {**tables, missing: table(missing, params=np.arange(40.0))}
    assert similarity_weights("target", ["a", "b"], useless) == {"a": 0.5, "b": 0.5}
    assert similarity_weights("target", ["a", "b"], {}) == {"a": 0.5, "b": 0.5}


def test_one_task_has_all_the_weight():
    tables = {"target": made_up("target", 1), "a": made_up("a", 2, 3.0)}
    for known in (tables, {}):
        assert similarity_weights("target", ["a"], known) == {"a": 1.0}


def test_the_embedded_tasks_on_digit_images():
    """Tasks that must distinguish the same things are similar: three of them classify what the image shows."""
    tables = read_zero_cost(data.checked_path("zc_digits.json.gz"), DIGITS)
    alike = {"digit", "rotation", "jigsaw"}
    for target in alike:
        weights = similarity_weights(target, [task for task in DIGITS.tasks if task != target], tables)
        assert sum(weights[task] for task in alike - {target}) > 0.8


@pytest.mark.parametrize("space", [NASBENCH201, TRANSBENCH101_MICRO])
def test_real_tables(shared_data: Path, space):
    """The two classification tasks of Taskonomy are the most similar, and so are the two on CIFAR's images."""
    tables = read_zero_cost(find_zero_cost(shared_data, space), space)
    alike = {NASBENCH201: ("cifar10", "cifar100"), TRANSBENCH101_MICRO: ("class_scene", "class_object")}[space]
    for target, most_alike in (alike, alike[::-1]):
        weights = similarity_weights(target, [task for task in tables if task != target], tables)
        assert max(weights, key=weights.__getitem__) == most_alike
