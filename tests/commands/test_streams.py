"""Closed pipes, full disks, terminals of few characters: no traceback, and the work goes on to its end."""

from __future__ import annotations

import os
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commanding import COMMAND

from naslib_archlock.commands import doctor
from naslib_archlock.commands.main import main

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@pytest.fixture
def closed_pipe() -> Iterator[int]:
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def test_a_closed_pipe_under_help_says_nothing(child_environment, closed_pipe):
    done = subprocess.run([*COMMAND, "--help"], env=child_environment, stdout=closed_pipe, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_search_whose_reader_is_gone_writes_its_result(child_environment, closed_pipe, tmp_path, unbuffered):
    done = subprocess.run(
        [*COMMAND, "search", "search_space", "digits", "dataset", "digit", "out_dir", str(tmp_path)],
        env={**child_environment, "PYTHONUNBUFFERED": unbuffered},
        stdout=closed_pipe,
        stderr=subprocess.PIPE,
    )
    assert (done.returncode, done.stderr) == (141, b"")
    assert (tmp_path / "digits" / "digit" / "archlock" / "tu" / "0" / "result.json").is_file()


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_full_disk_under_stdout_is_said_once_the_work_is_done(child, tmp_path, unbuffered):
    done = child("print('x' * 100_000)\nprint('more', flush=True)", f"> {FULL}", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 2
    assert done.stderr == (
        "archlock doctor: stdout cannot be written (No space left on device); the files of the command are complete\n"
    )
    assert (tmp_path / "done").read_text() == "work"


@needs_full
@pytest.mark.parametrize("redirection", [f"2> {FULL}", "2>&-"])
def test_an_error_keeps_its_exit_code_where_stderr_cannot_be_written(child, redirection):
    done = child("raise OSError('broken')", redirection)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@needs_full
def test_an_error_of_the_command_goes_before_one_of_stdout(child):
    done = child("print('x', flush=True)\nraise OSError('broken')", f"> {FULL}")
    assert (done.returncode, done.stderr) == (2, "archlock doctor: broken\n")


@pytest.mark.parametrize("redirections", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_command_without_streams_works_and_prints_into_none_of_its_files(child, tmp_path, redirections):
    body = """\
with open("made", "w") as f:
    print("to stdout", flush=True)
    print("to stderr", file=sys.stderr, flush=True)
    os.write(1, b"of a library")
    f.write("content")"""
    done = child(body, redirections)
    assert done.returncode == 0
    assert "to stderr" not in done.stdout
    assert (tmp_path / "made").read_text() == "content"
    assert (tmp_path / "done").read_text() == "work"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("cp1252", "Blüten \\u82b1 \\udcff\n"),
        ("ascii", "Bl\\xfcten \\u82b1 \\udcff\n"),
        ("utf-8", "Blüten 花 \\udcff\n"),
    ],
)
def test_what_a_terminal_cannot_show_is_escaped(child, encoding, shown):
    done = child("print('Bl\\u00fcten \\u82b1 \\udcff')", encoding=encoding, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")


def test_characters_that_steer_a_terminal_are_escaped(child):
    done = child("print('a\\tb\\nc\\x1b[2J\\r\\x07\\x9b\\u202e\\u2028')")
    assert done.stdout == "a\tb\nc\\x1b[2J\\r\\x07\\x9b\\u202e\\u2028\n"


def test_a_runner_script_of_naslib_may_colour_what_it_prints(run, tmp_path, monkeypatch):
    monkeypatch.setattr("naslib_archlock.plugin.launcher.run_runner", lambda *args: print("\x1b[31mred"))
    assert run("naslib", tmp_path / "runner.py") == (0, "\x1b[31mred\n", "")


def test_a_warning_is_one_line_that_can_be_printed(run, monkeypatch):
    def warn(args: object) -> int:
        print(warnings.formatwarning(UserWarning("a\n\x1b[2Jb"), UserWarning, doctor.__file__, 1), end="")
        return 0

    monkeypatch.setattr(doctor, "run", warn)
    assert run("doctor").out == "archlock doctor: a \\x1b[2Jb\n"


@pytest.mark.parametrize(
    ("error", "message"),
    [(OSError(28, "No space left on device", "a\nb"), "a b: No space left on device"),
     (OSError(36, "File name too long", "x" * 5000), f"{'x' * 1000} [...] {'x' * 380}: File name too long"),
     (OSError(5, "Input/output error"), "[Errno 5] Input/output error"),
     (OSError(), "OSError"),
     (BrokenPipeError(32, "Broken pipe"), "[Errno 32] Broken pipe"),
     (RecursionError("maximum recursion depth"), "nested more deeply"),
     (MemoryError(), "there is not enough memory; give less at once, or fewer --jobs"),
     (MemoryError("Unable to allocate 7 PiB"), "(Unable to allocate 7 PiB)"),
     (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "there is not enough memory"),
     (RuntimeError("CUDA out of memory. Tried"), "there is not enough memory")],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_the_machine_refuses_is_one_line(fails, monkeypatch, error, message):
    monkeypatch.setattr(doctor, "run", raising(error))
    err = fails("doctor")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ValueError("a bug"), SystemExit("why a runner script ends")])
def test_a_bug_keeps_its_traceback(monkeypatch, error):
    monkeypatch.setattr(doctor, "run", raising(error))
    with pytest.raises(type(error)) as raised:
        main(["doctor"])
    assert raised.value is error


def raising(error: BaseException) -> Callable[..., int]:
    def run(*args: object) -> int:
        raise error

    return run
