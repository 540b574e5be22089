from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from naslib_archlock import data
from naslib_archlock.errors import TableError


def test_every_file_of_the_package_has_its_checksum():
    files = {p.relative_to(data.FOLDER).as_posix() for p in data.FOLDER.rglob("*") if p.is_file()}
    files = {name for name in files if not name.endswith((".py", ".pyc", "SHA256SUMS"))}
    assert files == set(data.published())
    for name in files:
        data.checked_path(name)


def test_the_package_stays_small():
    assert sum(p.stat().st_size for p in data.FOLDER.rglob("*") if p.is_file()) < 4e6
    assert sum(p.stat().st_size for p in (data.FOLDER / "rankers").iterdir()) < 2e6
    assert (data.FOLDER / "digits.csv.gz").stat().st_size < 2e6


def test_publish_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    data.publish("a/one.bin", b"one", tmp_path)
    data.publish("two.bin", b"two", tmp_path)
    assert data.checked_path("a/one.bin").read_bytes() == b"one"
    text = (tmp_path / "SHA256SUMS").read_text()
    assert text.splitlines()[1] == f"{hashlib.sha256(b'two').hexdigest()}  two.bin"  # sha256sum -c reads this format


@pytest.mark.parametrize("damage", [b"", b"on", b"onf"])
def test_a_damaged_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes):
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    data.publish("one.bin", b"one", tmp_path)
    (tmp_path / "one.bin").write_bytes(damage)
    with pytest.raises(TableError, match="differs from its checksum; install the package again"):
        data.checked_path("one.bin")
    with pytest.raises(TableError, match="cannot be read"):
        data.checked_path("none.bin")
