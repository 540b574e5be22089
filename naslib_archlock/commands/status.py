"""``archlock status``: what is at work in a folder, how far it is, and how it goes on."""

from __future__ import annotations

import argparse
import os.path
import platform
import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import OutputError
from .options import path
from .printing import result_line

KILLED = "killed"
EXAMPLES = ("archlock status run", "archlock status run/digits/digit/archlock/tu/0 results")
_ENDED = ("finished", "interrupted", "failed", KILLED)
_SECONDS_OF_NEWS = 60.0  # a process of another machine that wrote within so many seconds is at work


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = (
        "Shows runs of 'search', audits, studies of 'compare', and scores of 'proxies'. For a folder that holds "
        "several of them, such as out_dir, it shows each."
    )
    parser.add_argument(
        "folders", nargs="+", type=path, metavar="DIR", help="folder of a run, an audit, a study or scores, or above"
    )


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Print a table of what is done in each folder, and the commands that go on with what was stopped."""
    from ..report.text import table

    found = [status_of(folder) for given in args.folders for folder in _folders_in(given)]
    result_line(
        table(
            [
                ["folder", "command", "state", "done", "time left", "look-ups: source", "target", "best so far"],
                *map(_row, found),
            ]
        )
    )
    for status in found:
        if status["next"]:
            print(f"\n{status['folder']} was {status['state']}. Go on with:\n  {status['next']}")
    return {"folders": found}


def _folders_in(given: Path) -> Iterator[Path]:
    """Yield the folder, or those below it, that hold a status.

    Raises: OutputError: if there is none.
    """
    from ..store.status_file import STATUS

    folders = [given] if (given / STATUS).is_file() else sorted(file.parent for file in given.rglob(STATUS))
    if not folders:
        what = f"holds no {STATUS}" if given.is_dir() else "is no folder"
        raise OutputError(f"{given} {what}; give a folder that search, audit, compare or proxies writes to")
    yield from folders


def status_of(folder: Path) -> dict[str, Any]:
    """What ``status.json`` says, corrected by whether a process is still at work.

    Returns:
        the content of the file, with ``folder``; ``state`` is ``killed`` if the process is gone and could not say how
        it ended; ``next`` is the command that goes on with it, empty where there is nothing to do.
    Raises:
        OutputError: if the file cannot be read.
    """
    from ..store.locks import holder_of
    from ..store.status_file import STATUS, read_status

    status = read_status(folder)
    if status is None:
        raise OutputError(f"{folder / STATUS} cannot be read; the command that works there writes it again")
    holder = _locked_folder(folder)
    if status["state"] not in _ENDED and holder_of(holder) is None and not _is_news_of_another_machine(status):
        status.update(state=KILLED, seconds_left=None)
    goes_on = status["state"] in _ENDED[1:]
    return {"folder": str(folder), **status, "next": _next(status) if goes_on else ""}


def _locked_folder(folder: Path) -> Path:
    """The folder whose lock the command holds: a run below another run holds the lock of that."""
    is_moved = folder.name.startswith("run-") and (folder.parent / "config.yaml").is_file()
    return folder.parent if is_moved else folder


def _is_news_of_another_machine(status: Mapping[str, Any]) -> bool:
    """Whether another machine wrote just now: some file systems do not show its lock here."""
    try:
        age = datetime.now().astimezone() - datetime.fromisoformat(status["updated_at"])
    except (KeyError, TypeError, ValueError):
        return False
    return bool(status.get("host") != platform.node() and age.total_seconds() < _SECONDS_OF_NEWS)


def _next(status: Mapping[str, Any]) -> str:
    """The command that goes on: the same again, where it was given; a search needs ``--resume``."""
    words = [str(word) for word in status["command"]]
    if words[1:2] == ["search"] and "--resume" not in words:
        words = [*words[:2], "--resume", *(word for word in words[2:] if word != "--overwrite")]
    cwd = str(status.get("cwd", ""))
    there = f"cd {shlex.quote(cwd)} && " if cwd and os.path.abspath(cwd) != os.getcwd() else ""
    return there + shlex.join(words)


def _row(status: Mapping[str, Any]) -> list[str]:
    from tqdm import tqdm

    command, state, seconds = status["command"], status["state"], status.get("seconds_left")
    best = status.get("best") or {}
    figures = [f"{best['source_val']:.2f} on the source"] if best.get("source_val") is not None else []
    figures += [f"{value:.2f} on {task}" for task, value in best.get("targets", {}).items()]
    at_work = f" (process {status.get('pid')} on {status.get('host')})" if state not in _ENDED else ""
    return [
        status["folder"],
        str(command[1]) if len(command) > 1 else "",
        f"{state}{at_work}",
        ", ".join(_counts(status)),
        tqdm.format_interval(seconds) if seconds is not None else "",
        *(_look_ups(status.get(f"{of}_look_ups")) for of in ("source", "target")),
        ", ".join(figures),
    ]


def _counts(status: Mapping[str, Any]) -> Iterator[str]:
    """How much is done, in words."""
    if status.get("total"):
        yield f"{status['done']} of {status['total']} {status['unit']}s"
    if status.get("trainings"):
        yield f"{status['trainings']} trainings of networks"


def _look_ups(made: Mapping[str, Any] | None) -> str:
    return f"{made['made']} of {made['of']}" if made else ""
