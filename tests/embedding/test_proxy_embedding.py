from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.embedding.proxy_embedding import ProxyEmbedding, choose_reference, first_rows, shared_proxies
from naslib_archlock.errors import EmbeddingError
from naslib_archlock.proxies.zero_cost import ZeroCostScores, read_zero_cost
from naslib_archlock.spaces.cells import computed_function
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MICRO

CELLS = ((0, 0, 0, 1, 0, 0), (0, 0, 0, 2, 0, 0), (0, 0, 0, 3, 0, 0), (0, 1, 0, 1, 0, 1))
NAN = float("nan")


def table(task="t", cells=CELLS, space=NASBENCH201, **scores):
    return ZeroCostScores(space, task, np.array(cells), {p: np.array(s, float) for p, s in scores.items()})


def test_an_embedding_by_hand():
    embedding = ProxyEmbedding(("jacov", "nwot"), CELLS[:3])
    # The ranks among the reference cells are 3 1 2 and 1 2 3, then centred. The fourth cell is no reference cell.
    vector = embedding.embed(table(jacov=[9, -5, 0, 99], nwot=[1, 2, 3, 2.5]))
    np.testing.assert_allclose(vector, np.array([1, -1, 0, -1, 0, 1]) / 2)
    assert embedding.dim == len(vector) == 6


def test_a_failed_score_stands_in_the_middle():
    vector = ProxyEmbedding(("nwot",), CELLS).embed(table(nwot=[1, NAN, 3, 2]))
    np.testing.assert_allclose(vector, np.array([-1, 0, 1, 0]) / np.sqrt(2))


def test_a_failed_proxy_stands_in_the_middle():
    embedding = ProxyEmbedding(("nwot", "zen"), CELLS)
    for scores in (
        {"nwot": [1, 2, 3, 4]},
        {"nwot": [1, 2, 3, 4], "zen": [NAN] * 4},
        {"nwot": [1, 2, 3, 4], "zen": [5] * 4},
    ):
        vector = embedding.embed(table(**scores))
        np.testing.assert_array_equal(vector[4:], 0)
        assert np.linalg.norm(vector) == pytest.approx(1)


@given(st.lists(st.lists(st.floats(allow_nan=True), min_size=4, max_size=4), min_size=2, max_size=2))
def test_embeddings_have_unit_length(scores):
    try:
        vector = ProxyEmbedding(("jacov", "nwot"), CELLS).embed(table(jacov=scores[0], nwot=scores[1]))
    except EmbeddingError:
        for proxy in scores:
            assert len({s for s in proxy if not np.isnan(s)}) <= 1  # all scores are equal or failed
        return
    assert np.linalg.norm(vector) == pytest.approx(1)


def test_only_the_order_of_scores_counts():
    embedding = ProxyEmbedding(("nwot",), CELLS)
    np.testing.assert_array_equal(
        embedding.embed(table(nwot=[1, 2, 3, 4])), embedding.embed(table(nwot=[-float("inf"), 0, 1e-9, 1e99]))
    )


def test_a_table_without_any_order_is_refused():
    for scores in ({"nwot": [1, 1, 1, 1]}, {"nwot": [NAN] * 4}, {"snip": [1, 2, 3, 4]}):
        with pytest.raises(EmbeddingError, match="task 'cifar10': every proxy is constant or failed"):
            ProxyEmbedding(("nwot",), CELLS).embed(table("cifar10", **scores))


def test_a_missing_reference_cell_is_named():
    with pytest.raises(EmbeddingError, match=r"lacks 2 of the 4 reference cells.*\(0, 0, 0, 3, 0, 0\)") as caught:
        ProxyEmbedding(("nwot",), CELLS).embed(table("cifar10", CELLS[:2], nwot=[1, 2]))
    assert "'cifar10'" in str(caught.value)


def test_a_cell_that_computes_the_same_stands_in_for_a_reference_cell():
    same = ((0, 0, 0, 1, 0, 0), (0, 0, 0, 2, 0, 0), (3, 0, 1, 0, 0, 1), (0, 1, 0, 1, 0, 1))
    embedding = ProxyEmbedding(("nwot",), CELLS)
    np.testing.assert_array_equal(
        embedding.embed(table(nwot=[4, 2, 1, 3])), embedding.embed(table(cells=same, nwot=[4, 2, 1, 3]))
    )


def test_the_order_of_rows_does_not_matter():
    embedding = ProxyEmbedding(("nwot",), CELLS)
    turned = table(cells=CELLS[::-1], nwot=[1, 2, 3, 4][::-1])
    np.testing.assert_array_equal(embedding.embed(table(nwot=[1, 2, 3, 4])), embedding.embed(turned))


def test_of_cells_that_compute_the_same_the_first_counts():
    cells = ((0, 0, 0, 3, 0, 0), (0, 0, 0, 2, 0, 0), (3, 0, 1, 0, 0, 1))
    assert sorted(first_rows(table(cells=cells, nwot=[1, 2, 3])).values()) == [0, 1]


# -- the reference cells -----------------------------------------------------------------------------------------------


def test_reference_cells_are_shared_functions():
    one = table("a", CELLS[:3], nwot=[1, 2, 3])
    other = table("b", ((3, 0, 1, 0, 0, 1), *CELLS[3:], CELLS[0]), TRANSBENCH101_MICRO, nwot=[1, 2, 3])
    reference = choose_reference([one, other], 64, np.random.default_rng(0))
    assert reference == (CELLS[0], CELLS[2])


@given(st.integers(2, 300), st.integers(0, 1000))
def test_as_many_reference_cells_as_asked_are_drawn_by_the_seed(size, seed):
    cells = NASBENCH201.sample(200, np.random.default_rng(1))
    scores = table(cells=cells, nwot=range(200))
    reference = choose_reference([scores], size, np.random.default_rng(seed))
    assert reference == choose_reference([scores], size, np.random.default_rng(seed))
    assert len({computed_function(cell) for cell in reference}) == len(reference) == min(size, 200)
    ProxyEmbedding(("nwot",), reference).embed(scores)


def test_tables_that_share_too_little_are_named():
    one, other = table("a", CELLS[:2], nwot=[1, 2]), table("b", CELLS[1:], nwot=[1, 2, 3])
    with pytest.raises(EmbeddingError, match="nasbench201/a, nasbench201/b share 1 cells"):
        choose_reference([one, other], 64, np.random.default_rng(0))


def test_shared_proxies():
    one, other = table(nwot=[1] * 4, snip=[1] * 4, jacov=[1] * 4), table(jacov=[1] * 4, zen=[1] * 4, nwot=[1] * 4)
    assert shared_proxies([one, other]) == ("jacov", "nwot")
    with pytest.raises(EmbeddingError, match="nasbench201/t, nasbench201/t have no proxy in common"):
        shared_proxies([table(nwot=[1] * 4), table(snip=[1] * 4)])


def test_real_tasks_of_both_spaces_share_an_embedding(shared_data: Path):
    """Classification of scenes is also more similar to classification of objects than to reconstruction."""
    tables = [
        scores
        for space in (NASBENCH201, TRANSBENCH101_MICRO)
        for scores in read_zero_cost(shared_data / f"zc_{space.name}.json", space).values()
    ]
    reference = choose_reference(tables, 64, np.random.default_rng(0))
    embedding = ProxyEmbedding(shared_proxies(tables), reference)
    vectors = {scores.task: embedding.embed(scores) for scores in tables}
    assert vectors["class_scene"] @ vectors["class_object"] > vectors["class_scene"] @ vectors["autoencoder"]
    assert vectors["cifar10"] @ vectors["cifar100"] > vectors["cifar10"] @ vectors["autoencoder"]
