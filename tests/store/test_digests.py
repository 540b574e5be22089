"""Digests of facts, arrays and files."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from naslib_archlock.store import digests
from naslib_archlock.store.digests import digest, file_digest


def test_a_digest_is_of_facts_types_shapes_and_values():
    values = np.arange(6.0)
    found = {
        digest("f"), digest("f", [values]), digest("g", [values]), digest("f", [values.reshape(2, 3)]),
        digest("f", [values[:3], values[3:]]), digest("f", [values.astype(np.float32)]), digest("f", [values + 1]),
    }  # fmt: skip
    assert len(found) == 7
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def test_a_digest_is_the_same_in_every_process_and_version():
    """The cache must find files that another version has stored."""
    assert digest({"a": [1, "x"]}) == hashlib.sha256(b'{"a": [1, "x"]}').hexdigest()
    expected = hashlib.sha256(b'"f"' + b"\n<f8 (2,)\n" + np.array([0.0, 1.0], dtype="<f8").tobytes()).hexdigest()
    assert digest("f", [np.array([0.0, 1.0], dtype="<f8")]) == expected


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2500])
def test_the_digest_of_a_file_is_that_of_its_content(tmp_path, monkeypatch, size):
    monkeypatch.setattr(digests, "_BLOCK", 1000)
    content = bytes(i % 251 for i in range(size))
    (tmp_path / "file").write_bytes(content)
    assert file_digest(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        file_digest(tmp_path / "nowhere")
