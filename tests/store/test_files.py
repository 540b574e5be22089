from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from naslib_archlock.errors import OutputError
from naslib_archlock.store import files
from naslib_archlock.store.files import check_free, make_folder, remove_folder, write_bytes, write_new, write_text


def test_content_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "result.json"
    for content in (b"first, a longer one", b"second", b""):
        write_bytes(path, content)
        assert path.read_bytes() == content
        assert os.listdir(tmp_path) == ["result.json"]


def test_text_is_utf8(tmp_path):
    write_text(tmp_path / "t", "naïve é\n")
    assert (tmp_path / "t").read_bytes() == "naïve é\n".encode()


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failing_write_leaves_the_old_content_and_no_part(tmp_path, monkeypatch, step, fault):
    path = tmp_path / "result.json"
    path.write_text("old")

    def fail(*args, **kwargs):
        raise fault

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises((OutputError, KeyboardInterrupt)) as caught:
        write_bytes(path, b"new")
    monkeypatch.undo()
    if isinstance(fault, OSError):
        assert "No space left on device" in str(caught.value)
        assert str(path) in str(caught.value)
    else:
        assert caught.type is KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_the_file_is_whole_before_it_gets_its_name(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    path.write_text("old")
    seen = []
    replace = os.replace

    def spy(part, target):
        seen.append((Path(part).read_bytes(), path.read_text(), Path(target)))
        replace(part, target)

    monkeypatch.setattr(files.os, "replace", spy)
    write_bytes(path, b"new")
    assert seen == [(b"new", "old", path)]


def test_others_may_read_what_the_umask_lets_them(tmp_path):
    before = os.umask(0o022)
    try:
        write_bytes(tmp_path / "a", b"")
        os.umask(0o077)
        write_bytes(tmp_path / "b", b"")
        assert os.umask(0o077) == 0o077  # the umask is the same as before
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"] == [0o644, 0o600]


def test_a_folder_is_made_with_its_parents(tmp_path):
    assert make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert os.listdir(tmp_path / "a" / "b") == []


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(OutputError, match="choose another with out_dir") as caught:
        make_folder(tmp_path / "file" / "below")
    assert str(tmp_path / "file" / "below") in str(caught.value)
    with pytest.raises(OutputError, match="cannot be written"):
        make_folder(tmp_path / "file")
    for path in (tmp_path / "file" / "x.json", tmp_path / "nowhere" / "x.json"):
        with pytest.raises(OutputError, match="cannot be written") as caught:
            write_bytes(path, b"x")
        assert str(path) in str(caught.value)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_bytes(tmp_path / "folder", b"x")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "here"


# -- what killed writers leave behind ----------------------------------------------------------------------------------


def test_what_killed_writers_left_is_removed_when_it_is_old(tmp_path):
    recent, old, folder, other = (
        tmp_path / name
        for name in (".a.json.x.archlock.part", ".b.json.y.archlock.part", ".parts.z.archlock.part", ".mine.part")
    )
    folder.mkdir()
    (folder / "1.json").touch()
    for path in (recent, old, other):
        path.touch()
    for path in (old, folder, other):
        os.utime(path, (0, 0))
    make_folder(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([recent, other])


def test_a_folder_is_removed_by_another_name(tmp_path, monkeypatch):
    """So an interrupted removal leaves no half folder under the old name."""
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "1.json").touch()
    seen = []
    rmtree = shutil.rmtree

    def spy(path):
        seen.append((folder.exists(), os.listdir(path)))
        rmtree(path)

    monkeypatch.setattr(files.shutil, "rmtree", spy)
    remove_folder(folder)
    assert seen == [(False, ["1.json"])]
    assert os.listdir(tmp_path) == []
    remove_folder(folder)
    assert os.listdir(tmp_path) == []


def test_of_a_link_to_a_folder_the_link_is_removed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "parts").symlink_to(tmp_path / "elsewhere")
    remove_folder(tmp_path / "parts")
    assert os.listdir(tmp_path) == ["elsewhere"]


def test_a_file_that_is_there_is_replaced_only_by_itself(tmp_path):
    path, unfinished = tmp_path / "out.json", tmp_path / "parts"
    check_free(path, False, unfinished)
    write_new(path, b"mine", overwrite=False)
    with pytest.raises(OutputError, match="exists; choose another name, or give --overwrite"):
        check_free(path, False, unfinished)
    check_free(path, True, unfinished)
    unfinished.mkdir()
    check_free(path, False, unfinished)
    write_new(path, b"mine", overwrite=False)
    with pytest.raises(OutputError, match="exists"):
        write_new(path, b"other", overwrite=False)
    assert path.read_bytes() == b"mine"
    write_new(path, b"other", overwrite=True)
    assert path.read_bytes() == b"other"
