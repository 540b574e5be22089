"""``archlock status`` beside real processes: at work, killed, finished, resumed."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from commanding import COMMAND

from naslib_archlock.store.status_file import STATUS, read_status, status_kept

SLOW = """
import sys, time
from naslib_archlock.benchmarks.source_oracle import SourceOracle
from naslib_archlock.commands.main import main
original = SourceOracle.validation_accuracy
def slow(self, arch):
    time.sleep(0.2)
    return original(self, arch)
SourceOracle.validation_accuracy = slow
sys.exit(main(sys.argv[1:]))
"""


def wait_for(what: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def status(run: Any, folder: Path) -> dict[str, Any]:
    (found,) = json.loads(run("status", folder, "--json").out)["folders"]
    return dict(found)


def test_a_search_at_work_killed_and_resumed(run, child_environment, tmp_path):
    argv = ["search", "search_space", "digits", "dataset", "digit", "out_dir", str(tmp_path)]
    folder = tmp_path / "digits" / "digit" / "archlock" / "tu" / "0"
    child = subprocess.Popen(
        [COMMAND[0], "-c", SLOW, *argv], env=child_environment, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        wait_for(lambda: (read_status(folder) or {}).get("done"))  # it is written after two seconds of searching
        found = status(run, folder)
        assert (found["state"], found["pid"], found["unit"], found["next"]) == ("searching", child.pid, "look-up", "")
        assert 0 < found["done"] < found["total"] == 400
        assert found["source_look_ups"] == {"made": found["done"], "of": 200}
        assert 0 < found["seconds_left"] < 400
        assert found["best"]["source_val"] <= found["best"]["best_source_val"] <= 100
        shown = run("status", tmp_path).out
        assert f"searching (process {child.pid} on " in shown
        assert f"{found['done']} of 400 look-ups" in shown
    finally:
        child.send_signal(signal.SIGKILL)
        _, err = child.communicate()
    assert "searching: " in err  # the first line of the log
    found = status(run, folder)
    assert (found["state"], found["seconds_left"]) == ("killed", None)
    assert found["next"] == f"cd {tmp_path} && " + shlex.join(["archlock", "search", "--resume", *argv[1:]])
    assert f"{folder} was killed. Go on with:\n  {found['next']}" in run("status", folder).out

    assert run("search", "--resume", *argv[1:]).code == 0
    found = status(run, folder)
    assert (found["state"], found["done"], found["total"], found["next"]) == ("finished", 400, 400, "")


def test_trainings_are_counted(run, tmp_path):
    """The first networks of a search are trained before the first look-up is answered."""
    with status_kept(tmp_path, ["archlock", "search"]) as kept:
        kept.say("searching")
        kept.tell(trainings=3)
        assert "3 trainings of networks" in run("status", tmp_path).out
        kept.tell(done=2, total=50, unit="look-up")
        assert "2 of 50 look-ups, 3 trainings of networks" in run("status", tmp_path).out


def test_a_folder_without_a_status(fails, tmp_path):
    assert f"{tmp_path} holds no {STATUS}; give a folder that search" in fails("status", tmp_path)
    assert f"{tmp_path / 'none'} is no folder" in fails("status", tmp_path / "none")


def test_a_status_that_is_damaged(fails, tmp_path):
    (tmp_path / STATUS).write_text("{")
    assert "cannot be read" in fails("status", tmp_path)


@pytest.mark.parametrize(("seconds", "state"), [(0, "making the runs"), (3600, "killed")])
def test_news_of_another_machine_count_for_a_minute(run, tmp_path, seconds, state):
    """Some network file systems do not show a lock to other machines."""
    then = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - seconds))
    content = {
        "state": "making the runs",
        "command": ["archlock", "compare", "s.yaml"],
        "host": "far",
        "updated_at": then,
    }
    (tmp_path / STATUS).write_text(json.dumps(content))
    found = status(run, tmp_path)
    assert found["state"] == state
    assert found["next"] == ("" if seconds == 0 else "archlock compare s.yaml")
