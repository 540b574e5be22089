"""The cache finds values again by content, notices damage, and never stops a command."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from naslib_archlock.errors import OutputError
from naslib_archlock.store import cache
from naslib_archlock.store.cache import KeptOf, content_hash, kept_array, kept_value, user_folder

pytestmark = pytest.mark.usefixtures("own_cache")

FACTS = {"name": "numbers"}
AN_HOUR = 3600


def numbers() -> np.ndarray:
    return np.arange(300, dtype=np.float64) ** 0.5


def files() -> list[Path]:
    return sorted(user_folder("kept").iterdir())


def never() -> np.ndarray:
    return pytest.fail("made again")


@pytest.fixture
def write(tmp_path, settle) -> Callable[..., Path]:
    """A function that writes a file that looks old, so that the cache trusts its time stamp."""

    def write_settled(content: bytes, name: str = "source") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        settle(path)
        return path

    return write_settled


@pytest.fixture
def hashed(monkeypatch) -> list[Path]:
    """The files that are read for a hash."""
    read, sha256 = [], cache.file_digest

    def watched(path: Path) -> str:
        read.append(path)
        return sha256(path)

    monkeypatch.setattr(cache, "file_digest", watched)
    return read


# -- arrays ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "array",
    [
        numbers(),
        np.array([np.nan, -np.inf, 1e300]),
        np.empty((0, 4)),
        np.array([(1, [2.0, np.nan])], dtype=[("cell", "<i8"), ("values", "<f8", (2,))]),
    ],
)
def test_what_was_made_is_found_again_mapped_and_not_to_be_changed(array):
    made, found = kept_array(FACTS, array.copy), kept_array(FACTS, never)
    for kept in (made, found):
        assert kept.dtype == array.dtype and kept.shape == array.shape and kept.tobytes() == array.tobytes()
        assert not kept.flags.writeable
    assert type(found) is np.ndarray and isinstance(found.base, np.memmap)


def test_values_are_found_again_as_they_were():
    value = {"tasks": ["normal", "na\u00efve", "odd\0", "\ud800"], "n": 3}
    assert kept_value(FACTS, lambda: value) == kept_value(FACTS, never) == value


def test_other_facts_are_another_array():
    for number in range(3):
        assert kept_value({"number": number}, lambda number=number: number) == number
    assert [kept_value({"number": number}, never) for number in range(3)] == [0, 1, 2]


def test_arrays_of_another_format_are_not_read(monkeypatch):
    kept_value(FACTS, lambda: "old")
    monkeypatch.setattr(cache, "_FORMAT", cache._FORMAT + 1)
    assert kept_value(FACTS, lambda: "new") == "new"


# -- damage ------------------------------------------------------------------------------------------------------------


def check_that_it_is_made_again(whole: dict[Path, bytes], damaged: Path, content: bytes | None) -> None:
    """Check that a damaged file is computed and stored again, with the same content."""
    if content is None:
        damaged.unlink()
    else:
        damaged.write_bytes(content)
    made = []

    def make() -> np.ndarray:
        made.append(1)
        return numbers()

    assert kept_array(FACTS, make).tobytes() == numbers().tobytes()
    assert len(made) == 1
    assert {path: path.read_bytes() for path in files()} == whole


@pytest.fixture
def whole() -> dict[Path, bytes]:
    kept_array(FACTS, numbers)
    found = {path: path.read_bytes() for path in files()}
    assert [path.suffix for path in found] == [".json", ".npy"]
    return found


def test_a_missing_file_is_made_again(whole):
    for path in whole:
        check_that_it_is_made_again(whole, path, None)


def test_files_cut_short_are_made_again(whole):
    for path, content in whole.items():
        for length in {0, 1, *range(0, len(content), 97), len(content) - 1}:
            check_that_it_is_made_again(whole, path, content[:length])


def test_any_flipped_byte_of_an_array_is_noticed(whole):
    (path,) = (path for path in whole if path.suffix == ".npy")
    for at in {*range(140), *range(140, len(whole[path]), 61), len(whole[path]) - 1}:  # the header has 128 bytes
        content = bytearray(whole[path])
        content[at] ^= 0x10
        check_that_it_is_made_again(whole, path, bytes(content))


def test_a_flipped_byte_of_the_facts_never_gives_another_array(whole):
    (path,) = (path for path in whole if path.suffix == ".json")
    for at in range(len(whole[path])):
        content = bytearray(whole[path])
        content[at] ^= 0x01
        path.write_bytes(content)
        assert kept_array(FACTS, numbers).tobytes() == numbers().tobytes()


def test_an_array_in_the_place_of_another_is_noticed(whole):
    kept_value({"name": "other"}, lambda: "other")
    (other,) = (path for path in files() if path not in whole and path.suffix == ".npy")
    (path,) = (path for path in whole if path.suffix == ".npy")
    path.write_bytes(other.read_bytes())
    assert kept_array(FACTS, numbers).tobytes() == numbers().tobytes()


def test_objects_are_not_unpickled(whole):
    """Objects are refused even with a correct checksum."""
    json_path, npy_path = whole
    with npy_path.open("wb") as f:
        np.save(f, np.array([{}], dtype=object), allow_pickle=True)
    beside = json.loads(json_path.read_text())
    json_path.write_text(json.dumps({**beside, "crc32": zlib.crc32(npy_path.read_bytes())}))
    assert kept_array(FACTS, numbers).tobytes() == numbers().tobytes()


# -- folders -----------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_one_warning(own_cache, recwarn):
    own_cache.write_text("in the way")
    for number in range(3):
        assert kept_value({"number": number}, lambda number=number: number) == number
    messages = {str(warning.message) for warning in recwarn}
    assert len(messages) == 1  # the message is the same each time, so Python shows it once
    for part in ("not kept for the next run", "XDG_CACHE_HOME"):
        assert part in messages.copy().pop()
    assert own_cache.read_text() == "in the way"


def test_a_full_disk_is_a_warning(monkeypatch):
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.warns(UserWarning, match="No space left"):
        patch.setattr(os, "fsync", full)
        assert kept_value(FACTS, lambda: 1) == 1
    assert files() == []


def test_without_a_home_folder_there_is_a_warning(monkeypatch, tmp_path):
    def no_home(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    with pytest.raises(OutputError, match="XDG_CACHE_HOME"):
        user_folder()
    with pytest.warns(UserWarning, match="home directory"):
        assert kept_value(FACTS, lambda: 1) == 1


def test_the_folder_is_that_of_the_user(monkeypatch, own_cache, tmp_path):
    assert user_folder() == own_cache / "naslib_archlock"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_folder("a", "b") == tmp_path / ".cache" / "naslib_archlock" / "a" / "b"


# -- the hash of a file ------------------------------------------------------------------------------------------------


def test_an_unchanged_file_is_read_once(write, hashed):
    path = write(b"content")
    for _ in range(3):
        assert content_hash(path) == hashlib.sha256(b"content").hexdigest()
    assert len(hashed) == 1
    link = path.with_name("link")
    link.symlink_to(path)
    assert content_hash(link) == content_hash(path)
    assert len(hashed) == 1


def rewritten(path: Path) -> None:
    """Rewrite a file in place, and keep its old time of modification."""
    before = path.stat()
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(path: Path) -> None:
    """Replace a file by another with the same size and time of modification."""
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(b"CONTENT")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize(
    "change",
    [rewritten, replaced, lambda path: path.write_bytes(b"CONTENT"), lambda path: path.write_bytes(b"longer!!")],
)
def test_a_changed_file_is_read_again(write, change):
    path = write(b"content")
    assert content_hash(path) == hashlib.sha256(b"content").hexdigest()
    change(path)
    assert content_hash(path) == hashlib.sha256(path.read_bytes()).hexdigest() != hashlib.sha256(b"content").hexdigest()


@pytest.mark.parametrize("seconds_from_now", [0, AN_HOUR])
def test_a_file_that_may_be_written_to_in_this_tick_is_not_remembered(write, hashed, seconds_from_now):
    """A file from the future is not remembered either, because its time stamps tell nothing."""
    path = write(b"content")
    then = path.stat().st_mtime_ns + (AN_HOUR + seconds_from_now) * 10**9
    os.utime(path, ns=(then, then))
    assert content_hash(path) == content_hash(path)
    assert len(hashed) == 2


def test_a_damaged_memory_of_a_hash_is_no_hash(write):
    path = write(b"content")
    expected = content_hash(path)
    for file in files():
        for at in range(len(file.read_bytes())):
            content = bytearray(file.read_bytes())
            content[at] ^= 0x01
            file.write_bytes(content)
            assert content_hash(path) == expected


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_is_no_file_has_no_hash(tmp_path, name):
    with pytest.raises(OSError):
        content_hash(tmp_path / name)


# -- arrays of a file --------------------------------------------------------------------------------------------------


def test_arrays_go_by_content_wherever_the_file_is(write):
    first, same, other = write(b"1"), write(b"1", "same"), write(b"2", "other")
    KeptOf(first, "maker").array("x", numbers)
    assert len(KeptOf(same, "maker").array("x", never)) == 300
    for changed in (KeptOf(other, "maker"), KeptOf(first, "another maker")):
        assert len(changed.array("x", lambda: np.zeros(1))) == 1
    assert KeptOf(first, "maker").value("y", lambda: 1) == 1


def test_what_was_made_of_a_file_that_has_changed_meanwhile_is_not_kept(write):
    """Otherwise, the value would be stored under the hash of the earlier content."""
    path = write(b"1")
    kept = KeptOf(path, "maker")
    path.write_bytes(b"2")
    assert kept.value("x", lambda: "of 2") == "of 2"
    path.unlink()
    assert kept.value("x", lambda: "of nothing") == "of nothing"
    assert KeptOf(write(b"1"), "maker").value("x", lambda: "of 1") == "of 1"


def test_of_a_missing_file_nothing_is_kept_and_its_reader_says_so(tmp_path):
    kept = KeptOf(tmp_path / "missing", "maker")
    for number in range(2):
        assert kept.value("x", lambda number=number: number) == number
        assert kept.array("x", lambda number=number: np.zeros(number)).shape == (number,)
    with pytest.raises(FileNotFoundError):
        kept.array("x", lambda: np.load(tmp_path / "missing"))


# -- several processes -------------------------------------------------------------------------------------------------

# It makes or finds many arrays in a random order, and starts at a given time.
_BUILDER = """
import sys, time
import numpy as np
from naslib_archlock.store.cache import kept_array
seed, start = int(sys.argv[1]), float(sys.argv[2])
time.sleep(max(0, start - time.time()))
made = 0
def make(n):
    global made
    made += 1
    return np.full(5000, n, dtype=np.float64)
for _ in range(2):
    for n in np.random.default_rng(seed).permutation(60).tolist():
        array = kept_array({"n": n}, lambda: make(n))
        assert array.shape == (5000,) and (array == n).all()
print(made)
"""


def test_processes_that_build_at_once_find_whole_arrays(own_cache, child_environment):
    environment = {**child_environment, "XDG_CACHE_HOME": str(own_cache)}
    start = str(time.time() + 2)
    command = [sys.executable, "-c", _BUILDER]
    running = [
        subprocess.Popen([*command, seed, start], env=environment, stdout=subprocess.PIPE, text=True)
        for seed in ("0", "1", "2")
    ]
    made = [int(process.communicate()[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sum(made) >= 60
    for n in range(60):
        assert (kept_array({"n": n}, never) == n).all()
    assert len(files()) == 120  # no part of a file is left
