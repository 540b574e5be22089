"""The file of results: written results are read back, and other files are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naslib_archlock.errors import StudyError
from naslib_archlock.studies.study_results import KEY, SCHEMA, read_results, to_csv, to_frame

ROW = {
    "space": "digits", "source": "digit", "target": "jigsaw", "budget_pct": 2.0, "method": "S", "seed": 0,
    "arch": "64-41414-3_31_212", "lock_score": -0.5, "lock_score_top5": 0.25, "is_within_budget": True,
    "source_loss_pct": 1.25, "source_test": 97.5, "target_test": -1.5,
    "source_percentile": 99.5, "target_percentile": 50.0, "source_test_percentile": 99.0,
    "target_test_percentile": 51.0, "limit_percentile": 20.0, "source_queries": 50, "target_queries": 0,
    "seconds": 0.12,
}  # fmt: skip
FINITE = st.floats(-1e6, 1e6)
VALUES = {
    str: st.text(st.characters(blacklist_categories=("C",)), min_size=1, max_size=8),
    float: FINITE,
    int: st.integers(0, 10**6),
    bool: st.booleans(),
}


def frames():
    """Tables whose rows differ in their keys."""
    row = st.fixed_dictionaries({name: VALUES[column.type] for name, column in SCHEMA.items()})
    return st.lists(row, min_size=1, max_size=4, unique_by=lambda row: row["seed"]).map(to_frame)


@given(frames())
@settings(max_examples=10)
def test_what_is_written_is_read_back(tmp_path_factory, frame):
    path = tmp_path_factory.mktemp("results") / "results.csv"
    path.write_bytes(to_csv(frame).encode())
    pd.testing.assert_frame_equal(read_results(path), frame)
    assert to_csv(read_results(path)) == to_csv(frame)


@pytest.mark.parametrize("label", ["NA", "nan", "1", "a, b", 'a "b"', "λ = 1", "None"])
def test_any_label_stays_what_it_is(tmp_path, label):
    path = tmp_path / "results.csv"
    path.write_text(to_csv(to_frame([{**ROW, "method": label}])), encoding="utf-8")
    assert read_results(path)["method"].tolist() == [label]


def test_figures_are_rounded():
    frame = to_frame(
        [{**ROW, "lock_score": 1 / 3, "source_test": 100 / 3, "seconds": 1.23456, "source_loss_pct": -1e-9}]
    )
    header, row = to_csv(frame).splitlines()
    assert header == ",".join(SCHEMA)
    first = "digits,digit,jigsaw,2.0,S,0,64-41414-3_31_212,0.33333,0.25,True,0.0,33.33333,-1.5"
    assert row == f"{first},99.5,50.0,99.0,51.0,20.0,50,0,1.23"
    assert not np.signbit(frame["source_loss_pct"][0])


def test_every_column_says_what_it_holds():
    assert all(column.about for column in SCHEMA.values())
    assert set(KEY) < set(SCHEMA)


@pytest.fixture
def broken(tmp_path):
    """A function that writes results with a replaced text, and returns the message on reading them."""

    def read(old: str, new: str) -> str:
        text = to_csv(to_frame([ROW, {**ROW, "seed": 1}]))
        assert old in text
        (tmp_path / "results.csv").write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(StudyError) as caught:
            read_results(tmp_path / "results.csv")
        assert str(tmp_path / "results.csv") in str(caught.value)
        return str(caught.value)

    return read


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lock_score,", "score,", "lack the column lock_score"),
        ("0.25", "x", "row 1: lock_score_top5 must be a number, not 'x'"),
        ("0.25", "", "lock_score_top5 must be a number, not ''"),
        ("0.25", "inf", "lock_score_top5 must be a number, not 'inf'"),
        ("0.25", "nan", "lock_score_top5 must be a number, not 'nan'"),
        ("True", "yes", "is_within_budget must be True or False, not 'yes'"),
        ("S,1", "S,1.5", "row 2: seed must be a whole number, not '1.5'"),
        ("S,1", ",1", "row 2: method must be text, not ''"),
        ("S,1", "S,0", "space digits, source digit, target jigsaw, budget_pct 2.0, method S, seed 0 occurs twice"),
    ],
)
def test_what_is_not_a_table_of_results(broken, old, new, message):
    assert message in broken(old, new)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", ",".join(SCHEMA).encode(), b'"', b"a,b\n1,2,3\n1,2\n"])
def test_files_that_are_none(tmp_path, content):
    (tmp_path / "results.csv").write_bytes(content)
    with pytest.raises(StudyError, match="results.csv"):
        read_results(tmp_path / "results.csv")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(StudyError, match="cannot be read"):
        read_results(tmp_path / "results.csv")


def test_a_file_cut_short(tmp_path):
    text = to_csv(to_frame([ROW, {**ROW, "seed": 1}]))
    (tmp_path / "results.csv").write_text(text[: text.rindex(",")])
    with pytest.raises(StudyError, match="row 2: seconds must be a number"):
        read_results(tmp_path / "results.csv")
