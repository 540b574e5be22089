"""Work in parts. The functions append a line to a log for each computation, so that tests can count them."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from naslib_archlock.compute.messages import messages_shown
from naslib_archlock.compute.parts import LocalProcesses, compute_parts, in_parallel
from naslib_archlock.errors import ArchLockError, OutputError

SETTINGS = {"seed": 0, "sizes": (1, 2)}


def halves(log: Path, number: int) -> dict[str, Any]:
    with log.open("a") as f:
        f.write(f"{number}\n")
    return {"half": number / 2, "pair": (number, number)}


def halves_but_of_three(log: Path, number: int) -> dict[str, Any]:
    if number == 3:
        raise ZeroDivisionError("three")
    return halves(log, number)


def slow_halves(log: Path, number: int) -> dict[str, Any]:
    time.sleep(0.2)
    return halves(log, number)


def thread_limit() -> str | None:
    return os.environ.get("OMP_NUM_THREADS")


def working_folder(number: int) -> str:
    return os.getcwd()


def killed(log: Path, number: int) -> dict[str, Any]:
    if number == 2:
        time.sleep(0.5)  # other parts finish first
        os.kill(os.getpid(), signal.SIGKILL)
    return halves(log, number)


def run(tmp_path: Path, n: int = 4, function: Any = halves, settings: Any = SETTINGS, jobs: int = 1) -> Any:
    calls = {f"part{i}": (tmp_path / "log", i) for i in range(n)}
    return compute_parts(function, calls, tmp_path / "parts", settings, LocalProcesses(jobs), "halving")


def computed(tmp_path: Path) -> list[int]:
    """The numbers computed since the last call."""
    log = tmp_path / "log"
    lines = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return [int(line) for line in lines]


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_by_name_in_the_order_of_the_calls(tmp_path, jobs):
    results = run(tmp_path, jobs=jobs)
    assert list(results.items()) == [(f"part{i}", {"half": i / 2, "pair": [i, i]}) for i in range(4)]
    assert sorted(computed(tmp_path)) == [0, 1, 2, 3]


def test_what_is_there_is_not_computed_again(tmp_path):
    first = run(tmp_path, n=2)
    assert computed(tmp_path) == [0, 1]
    more = run(tmp_path, n=4, jobs=2)
    assert sorted(computed(tmp_path)) == [2, 3]
    assert list(more) == ["part0", "part1", "part2", "part3"]
    assert {name: more[name] for name in first} == first
    assert run(tmp_path, n=4) == more
    assert computed(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b'{"half": 1.0, "pa', b"\xff\xfe", None])
@pytest.mark.parametrize("name", ["part2", "settings"])
def test_a_file_that_is_damaged_is_said_and_made_again_and_only_that(tmp_path, name, content):
    whole = run(tmp_path)
    computed(tmp_path)
    path = tmp_path / "parts" / f"{name}.json"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"1", b"2", 1) if content is None else content)
    with pytest.warns(UserWarning, match=f"{name}.json .*what is lost is made again") as caught:
        assert run(tmp_path) == whole
    assert len(caught) == 1
    assert path.read_bytes() == before
    assert computed(tmp_path) == ([2] if name == "part2" else [])
    assert run(tmp_path) == whole
    assert computed(tmp_path) == []


def test_damaged_settings_do_not_let_parts_of_others_in(tmp_path):
    whole = run(tmp_path, n=2)
    computed(tmp_path)
    (tmp_path / "parts" / "settings.json").write_bytes(b"")
    with pytest.warns(UserWarning, match="settings.json"):
        assert run(tmp_path, n=2, settings={"seed": 1}) == whole  # the function does not read the settings
    assert computed(tmp_path) == [0, 1]


@pytest.mark.parametrize("settings", [{}, {"seed": 1, "sizes": (1, 2)}, {**SETTINGS, "more": None}])
def test_parts_of_other_settings_are_refused(tmp_path, settings):
    run(tmp_path, n=2)
    before = {path: path.read_bytes() for path in (tmp_path / "parts").iterdir()}
    computed(tmp_path)
    with pytest.raises(OutputError, match="other settings") as caught:
        run(tmp_path, settings=settings)
    assert str(tmp_path / "parts") in str(caught.value)
    assert {path: path.read_bytes() for path in (tmp_path / "parts").iterdir()} == before
    assert computed(tmp_path) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_passes_through_and_finished_parts_stay(tmp_path, jobs):
    with pytest.raises(ZeroDivisionError, match="three"):
        run(tmp_path, function=halves_but_of_three)
    assert computed(tmp_path) == [0, 1, 2]
    assert run(tmp_path, jobs=jobs)["part3"] == {"half": 1.5, "pair": [3, 3]}
    assert computed(tmp_path) == [3]


def test_a_process_that_is_killed_is_reported_and_finished_parts_stay(tmp_path):
    """The system kills a process in this way when memory runs out."""
    with pytest.raises(ArchLockError, match="one of 2 processes was killed.*with fewer --jobs"):
        run(tmp_path, function=killed, jobs=2)
    kept = {path.stem for path in (tmp_path / "parts").glob("part*.json")}
    assert kept >= {"part0"}
    assert "part2" not in kept
    computed(tmp_path)
    assert run(tmp_path)["part2"] == {"half": 1.0, "pair": [2, 2]}
    assert {f"part{i}" for i in computed(tmp_path)} == {f"part{i}" for i in range(4)} - kept


def test_processes_have_one_thread_each(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    limits: dict[int, str] = {}
    in_parallel(thread_limit, {0: (), 1: ()}, limits.__setitem__, LocalProcesses(2), "looking")
    assert limits == {0: "1", 1: "1"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_result_that_cannot_be_kept_stops_the_rest(tmp_path, jobs):
    def full(name: str, result: Any) -> None:
        raise OutputError("no space left")

    with pytest.raises(OutputError, match="no space left"):
        in_parallel(slow_halves, {i: (tmp_path / "log", i) for i in range(50)}, full, LocalProcesses(jobs), "halving")
    assert len(computed(tmp_path)) < 50


def test_where_there_is_no_terminal_progress_is_a_line_now_and_then(tmp_path, capsys, monkeypatch):
    run(tmp_path, n=1)
    assert capsys.readouterr().err == ""
    for name in ("_SECONDS_BEFORE", "_SECONDS_BETWEEN_LINES"):
        monkeypatch.setattr(f"naslib_archlock.compute.counted.{name}", 0.0)
    with messages_shown():
        run(tmp_path, n=3)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" after ")[0] for line in lines] == ["halving: 2 of 3 parts", "halving: 3 of 3 parts"]
    assert lines[0].endswith(" left")


def test_not_a_number_stays_so(tmp_path):
    for _ in range(2):
        results = compute_parts(float, {"x": ("nan",), "y": ("inf",)}, tmp_path, {}, LocalProcesses(1), "reading")
        assert math.isnan(results["x"])
        assert results["y"] == math.inf


def test_nothing_to_do(tmp_path):
    assert run(tmp_path, n=0) == {}


def test_a_folder_that_cannot_be_one(tmp_path):
    (tmp_path / "parts").write_text("a file")
    with pytest.raises(OutputError, match="parts"):
        run(tmp_path)


def test_a_killed_process_is_continued(tmp_path, child_environment):
    """The process and its workers are killed, and cannot clean up."""
    n, parts = 12, tmp_path / "parts"
    code = f"import pathlib, test_parts as t; t.run(pathlib.Path({str(tmp_path)!r}), {n}, t.slow_halves, jobs=2)"
    path = os.pathsep.join([str(Path(__file__).parent), child_environment["PYTHONPATH"]])
    child = subprocess.Popen(
        [sys.executable, "-c", code], env={**child_environment, "PYTHONPATH": path}, start_new_session=True
    )
    while not (parts.is_dir() and any(parts.glob("part*.json"))):
        assert child.poll() is None
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    done = {int(path.stem[len("part") :]) for path in parts.glob("part*.json")}
    assert 0 < len(done) < n
    computed(tmp_path)
    assert [result["half"] for result in run(tmp_path, n).values()] == [i / 2 for i in range(n)]
    assert set(computed(tmp_path)) == set(range(n)) - done


def test_what_a_stopped_process_leaves_behind_is_removed_without_a_word(child_environment):
    """Ctrl-C may leave a semaphore that nobody releases."""
    script = (
        "import os\n"
        "from joblib.externals.loky.backend import resource_tracker\n"
        "from naslib_archlock.compute.parts import LocalProcesses\n"
        "assert dict(LocalProcesses(2).results(abs, {'a': (-1,), 'b': (-2,)})) == {'a': 1, 'b': 2}\n"
        "assert 'PYTHONWARNINGS' not in os.environ\n"
        "resource_tracker.register('/nobody-s', 'semlock')\n"
    )
    environment = {k: v for k, v in child_environment.items() if k != "PYTHONWARNINGS"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "message",
    [
        "3 tasks which were still being processed by the workers have been cancelled. You could benefit",
        "1 tasks have been successfully executed  but not used. You could benefit",
        "2 tasks have been successfully executed  but not used. Additionally, 1 tasks which were still being processed",
    ],
)
def test_what_joblib_says_of_stopped_work_is_not_shown(monkeypatch, message):
    """The messages of joblib 1.5, when a generator of results is closed before its end."""

    def results(*args: Any, **kwargs: Any) -> Any:
        try:
            yield "name", 1
        finally:
            warnings.warn(message, stacklevel=2)

    monkeypatch.setattr("naslib_archlock.compute.parts.joblib.Parallel", lambda **kwargs: results)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        some = LocalProcesses(2).results(math.sqrt, {"name": (1,)})
        assert next(some) == ("name", 1)
        some.close()


def test_calls_run_in_the_working_folder_of_their_caller(tmp_path, monkeypatch):
    """The processes of the first calls serve the later ones, too, and a relative path must mean the same to them."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        found = dict(LocalProcesses(2).results(working_folder, {i: (i,) for i in range(4)}))
        assert set(found.values()) == {str(tmp_path / name)}
