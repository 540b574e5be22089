from __future__ import annotations

import os
import subprocess
import sys
import time

import filelock
import pytest

from naslib_archlock.errors import OutputError
from naslib_archlock.store.locks import HOLDER, LOCK, alone_at, alone_in, holder_of


def test_a_second_writer_is_told_who_is_at_work(tmp_path):
    said = f"process {os.getpid()} on .*, since .* is at work on .*out; wait for its end, or go away"
    out = tmp_path / "out"
    with alone_in(out), alone_in(tmp_path / "other"), pytest.raises(OutputError, match=said), alone_in(out, "go away"):
        pytest.fail("two writers")
    with alone_in(tmp_path / "out"):
        pass
    assert os.listdir(tmp_path / "out") == []


def test_two_files_of_a_folder_are_written_at_the_same_time(tmp_path):
    one, said = tmp_path / "one", "one; wait for its end, or choose another file"
    with alone_at(one), alone_at(tmp_path / "two"), pytest.raises(OutputError, match=said), alone_at(one):
        pytest.fail("two writers")


def test_the_lock_of_a_killed_process_is_free(tmp_path, child_environment):
    code = f"""
from pathlib import Path; import time
from naslib_archlock.store.locks import alone_in
with alone_in(Path({str(tmp_path)!r})):
    print("locked", flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], env=child_environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    with pytest.raises(OutputError, match=f"process {process.pid} on"), alone_in(tmp_path):
        pytest.fail("two writers")
    process.kill()
    process.wait()
    time.sleep(0.1)
    with alone_in(tmp_path):
        assert f"process {os.getpid()} on" in (tmp_path / HOLDER).read_text()


def test_a_link_in_place_of_a_lock_is_refused(tmp_path):
    (tmp_path / "precious").write_text("content")
    (tmp_path / LOCK).symlink_to(tmp_path / "precious")
    with pytest.raises(OutputError, match="is a link"), alone_in(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "content"


def test_many_writers_of_one_folder_come_one_after_the_other(tmp_path, child_environment):
    """Each holder removes the lock's file, while others are about to open it."""
    code = f"""
import os
from pathlib import Path
from naslib_archlock.errors import OutputError
from naslib_archlock.store.locks import alone_in
done = 0
while done < 100:
    try:
        with alone_in(Path({str(tmp_path / "out")!r})):
            os.close(os.open({str(tmp_path / "inside")!r}, os.O_CREAT | os.O_EXCL))
            os.unlink({str(tmp_path / "inside")!r})
            done += 1
    except OutputError as err:
        assert "is at work on" in str(err), err
"""
    writers = [subprocess.Popen([sys.executable, "-c", code], env=child_environment) for _ in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]


def test_who_looks_on_learns_who_holds_a_lock_and_takes_nothing(tmp_path):
    assert holder_of(tmp_path) is None
    with alone_in(tmp_path):
        assert f"process {os.getpid()} on" in str(holder_of(tmp_path))
    (tmp_path / LOCK).touch()  # of a process that was killed
    assert holder_of(tmp_path) is None
    with alone_in(tmp_path):
        pass


def test_a_lock_that_is_removed_while_it_is_opened_is_taken_again(tmp_path, monkeypatch):
    """As on filelock's way from its look at the file to its opening, in which another process may end."""
    original, calls = filelock.FileLock.acquire, []

    def acquire(lock, *args, **options):
        calls.append(lock)
        if len(calls) == 1:
            raise FileNotFoundError(2, "No such file or directory")
        return original(lock, *args, **options)

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with alone_in(tmp_path / "out"):
        assert (tmp_path / "out" / LOCK).exists()
    assert len(calls) > 1
