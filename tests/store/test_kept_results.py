"""Results in a folder are read back only if they are whole and have the same settings."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import pytest

from naslib_archlock.errors import OutputError
from naslib_archlock.store import sealed
from naslib_archlock.store.kept_results import KeptResults

SETTINGS, OTHERS = "0" * 64, "1" * 64


@pytest.fixture
def kept(tmp_path: Path) -> KeptResults:
    return KeptResults(tmp_path)


def test_what_is_kept_is_read_back_in_the_order_asked_for(kept, tmp_path):
    for name in ("b", "a", "c"):
        kept.keep(name, SETTINGS, {"name": name})
    again = KeptResults(tmp_path)
    assert list(again.read({"c": SETTINGS, "missing": SETTINGS, "a": SETTINGS}).items()) == [
        ("c", {"name": "c"}),
        ("a", {"name": "a"}),
    ]
    assert kept.file("a") == tmp_path / "a.json"
    assert sealed.read(tmp_path / "a.json") == {"settings": SETTINGS, "result": {"name": "a"}}


@pytest.mark.parametrize("result", [None, 0, "", [], {"pair": (1, 2.5)}, {1: [True]}, {"no number": float("inf")}])
def test_a_result_is_at_once_what_is_read_back(kept, result):
    assert kept.keep("a", SETTINGS, result) == kept.read({"a": SETTINGS})["a"] == json.loads(json.dumps(result))


def test_not_a_number_stays_so(kept):
    assert math.isnan(kept.keep("a", SETTINGS, float("nan")))
    assert math.isnan(kept.read({"a": SETTINGS})["a"])


def test_a_result_of_other_settings_is_not_read_and_is_replaced(kept):
    kept.keep("a", OTHERS, "old")
    kept.keep("b", SETTINGS, "b")
    assert kept.read({"a": SETTINGS, "b": SETTINGS}) == {"b": "b"}
    assert kept.read({"a": OTHERS}) == {"a": "old"}
    kept.keep("a", SETTINGS, "new")
    assert kept.read({"a": SETTINGS}) == {"a": "new"}


@pytest.mark.parametrize(
    "content", [None, [], "text", {}, {"settings": SETTINGS}, {"result": 1}, {"settings": [SETTINGS]}]
)
def test_a_whole_file_of_another_kind_is_not_read(kept, content):
    sealed.write(kept.file("a"), content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kept.read({"a": SETTINGS}) == {}


def test_every_changed_byte_is_noticed(kept):
    kept.keep("a", SETTINGS, {"half": 1.5})
    path = kept.file("a")
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.warns(UserWarning, match="a.json .*what is lost is made again"):
            assert kept.read({"a": SETTINGS}) == {}


def test_one_warning_for_all_damaged_files(kept):
    for name in "abc":
        kept.keep(name, SETTINGS, name)
    for name in "ab":
        kept.file(name).write_bytes(b"")
    with pytest.warns(UserWarning, match="a.json .* and 1 more") as caught:
        assert kept.read(dict.fromkeys("abcd", SETTINGS)) == {"c": "c"}
    assert len(caught) == 1


def test_a_folder_that_is_missing(tmp_path):
    kept = KeptResults(tmp_path / "nowhere")
    assert kept.read({"a": SETTINGS}) == {}
    with pytest.raises(OutputError, match="a.json"):
        kept.keep("a", SETTINGS, 1)


def test_what_cannot_be_kept_leaves_the_file_as_it_was(kept):
    kept.keep("a", SETTINGS, 1)
    result: Any = object()
    with pytest.raises(TypeError):
        kept.keep("a", SETTINGS, result)
    assert kept.read({"a": SETTINGS}) == {"a": 1}
