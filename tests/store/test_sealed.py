from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.errors import OutputError
from naslib_archlock.store import sealed
from naslib_archlock.store.sealed import DamagedError, seal, unseal

CONTENT = {"history": [[1, 0.1, None, -1e300]], "rng": {"state": 2**127 + 1}, "naïve": "é", "nan": float("inf")}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_is_sealed_comes_back(content):
    assert unseal(seal(content)) == content


def test_files(tmp_path):
    sealed.write(tmp_path / "state.json", CONTENT)
    assert sealed.read(tmp_path / "state.json") == CONTENT
    assert json.loads((tmp_path / "state.json").read_text())["content"] == CONTENT
    assert os.listdir(tmp_path) == ["state.json"]
    with pytest.raises(FileNotFoundError):
        sealed.read(tmp_path / "nowhere")
    with pytest.raises(OutputError):
        sealed.write(tmp_path / "nowhere" / "state.json", CONTENT)


def test_every_changed_byte_is_noticed():
    whole = seal(CONTENT)
    for at, byte in enumerate(whole):
        for other in {byte ^ 1, byte ^ 0x10, byte ^ 0x80, ord(" "), ord("0"), ord("\n")} - {byte}:
            with pytest.raises(DamagedError):
                unseal(whole[:at] + bytes([other]) + whole[at + 1 :])


def test_every_missing_or_added_byte_is_noticed():
    whole = seal(CONTENT)
    for at in range(len(whole)):
        for other in (whole[:at], whole[:at] + whole[at + 1 :], whole[:at] + b" " + whole[at:]):
            with pytest.raises(DamagedError):
                unseal(other)


@pytest.mark.parametrize("data", [b"", b"{}", b"null", b"[]", b'"content"', b'{"content": 1}', b"\xff", b"[" * 100_000])
def test_what_was_never_sealed(data):
    with pytest.raises(DamagedError, match="damaged"):
        unseal(data)
