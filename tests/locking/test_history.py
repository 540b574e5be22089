from __future__ import annotations

import csv
import io

import pytest

from naslib_archlock.config.load import load_config
from naslib_archlock.locking.history import COLUMNS, history_csv
from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.strategies.base import Search

QUICK = ("search_space", "digits", "dataset", "digit", "search.epochs", "30", "archlock.source_queries", "30")
TARGETS = ("archlock.scheme", "tk", "archlock.target", "jigsaw,edges", "archlock.target_queries", "10")


def new_search(*more: str) -> Search:
    config = load_config(None, [*QUICK, *more])
    return prepare(config, open_benchmark(config)).search


def run_to(search: Search, n_steps: int) -> Search:
    while search.n_steps < n_steps:
        search.step()
    return search


def rows_of(text: str) -> list[dict[str, str]]:
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    assert [row["step"] for row in rows] == [str(i + 1) for i in range(len(rows))]
    return rows


def test_each_look_up_of_the_source_is_a_row_in_order():
    search = run_to(new_search(), 30)
    rows = rows_of(history_csv(search, "digit"))
    assert [row["arch"] for row in rows] == [search.space.to_str(e.arch) for e in search.history]
    assert [float(row["accuracy"]) for row in rows] == [e.source_val for e in search.history]
    assert [float(row["fitness"]) for row in rows] == [e.fitness for e in search.history]
    assert [row["within_budget"] for row in rows] == [str(search.is_within_budget(e)) for e in search.history]
    assert {row["within_budget"] for row in rows} == {"True", "False"}
    assert {(row["task"], row["source_rank"]) for row in rows} == {("digit", "")}


def test_target_look_ups_stand_where_the_search_made_them():
    search = run_to(new_search(*TARGETS), 30)
    rows = rows_of(history_csv(search, "digit"))
    of_targets = [row for row in rows if row["task"] != "digit"]
    assert len(rows) == 40
    assert [row["task"] for row in of_targets] == ["jigsaw", "edges"] * 5
    known = {row["arch"]: i for i, row in reversed(list(enumerate(rows))) if row["task"] == "digit"}
    for i, row in enumerate(rows):
        if row["task"] != "digit":
            assert known[row["arch"]] < i  # an architecture is looked up on the source first
            assert row["fitness"] == ""
    assert rows[-1]["task"] == "edges"  # the last look-ups are made when the source's are used up
    assert rows[0]["task"] == "digit"


def test_a_resumed_search_has_the_same_history():
    whole = history_csv(run_to(new_search(*TARGETS), 30), "digit")
    resumed = new_search(*TARGETS)
    resumed.restore(run_to(new_search(*TARGETS), 25).state())
    assert history_csv(run_to(resumed, 30), "digit") == whole


def test_without_look_ups_the_ranker_has_judged():
    search = new_search("archlock.source_queries", "0", "archlock.strategy", "evolution")
    rows = rows_of(history_csv(run_to(search, 10), "digit"))
    assert {row["accuracy"] for row in rows} == {""}
    assert all(float(row["source_rank"]) >= 1 for row in rows)


@pytest.mark.parametrize("kind", ["bayesian", "evolution"])
def test_the_source_has_its_short_name(kind):
    search = run_to(new_search("archlock.strategy", kind), 3)
    assert {row["task"] for row in rows_of(history_csv(search, "./photos/mine"))} == {"mine"}
