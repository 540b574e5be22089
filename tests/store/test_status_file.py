from __future__ import annotations

import json
import os

import pytest

from naslib_archlock.store import status_file as module
from naslib_archlock.store.status_file import STATUS, StatusFile, kept_status, read_status, status_kept

COMMAND = ["archlock", "search", "seed", "1"]


def test_a_status_says_who_does_what_since_when(tmp_path):
    with status_kept(tmp_path, COMMAND) as status:
        assert kept_status() is status
        assert not (tmp_path / STATUS).exists()  # nothing was said yet
        status.say("searching")
        found = read_status(tmp_path)
        assert found is not None
        assert (found["state"], found["command"], found["pid"]) == ("searching", COMMAND, os.getpid())
        assert found["started_at"] <= found["updated_at"]
        status.note(done=3)
        assert read_status(tmp_path) == found
    assert kept_status() is None
    ended = read_status(tmp_path)
    assert ended is not None
    assert (ended["state"], ended["done"]) == ("finished", 3)


@pytest.mark.parametrize(("error", "state"), [(KeyboardInterrupt, "interrupted"), (ValueError, "failed")])
def test_work_that_was_stopped_says_how(tmp_path, error, state):
    with pytest.raises(error), status_kept(tmp_path, COMMAND) as status:
        status.say("searching")
        raise error
    found = read_status(tmp_path)
    assert found is not None
    assert found["state"] == state


def test_work_that_never_began_leaves_no_status(tmp_path):
    with pytest.raises(ValueError, match="bad config"), status_kept(tmp_path, COMMAND):
        raise ValueError("bad config")
    assert os.listdir(tmp_path) == []


def test_a_status_is_due_every_two_seconds(tmp_path, monkeypatch):
    now = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    status = StatusFile(tmp_path, COMMAND)
    now = 5.0
    assert not status.is_due  # not before the work has begun
    status.say("searching")
    assert not status.is_due
    now = 7.0
    assert status.is_due


def test_a_full_disk_stops_no_work(tmp_path, monkeypatch):
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    StatusFile(tmp_path, COMMAND).say("searching")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", json.dumps({"state": 1, "command": []})])
def test_a_status_that_cannot_be_read_is_none(tmp_path, content):
    assert read_status(tmp_path) is None
    (tmp_path / STATUS).write_text(content)
    assert read_status(tmp_path) is None
