"""Kills real processes of a command again and again, and compares their output with an uninterrupted run.

As a script, this module is the process to kill: the command line, with short trainings and frequent checkpoints. It can
kill itself just before its n-th file operation in the folder where it runs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_OPERATIONS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")  # names of audit events; os.replace reports a rename
_COUNT = "operations on files: "
_REPO = Path(__file__).resolve().parents[2]
_DEADLINE = 600.0


@dataclass(frozen=True)
class Command:
    """A command to kill; it writes below the folder in which it runs.

    Attributes:
        name: its name in the results.
        argv: its arguments.
        stages: how far it may have come, as (name, pattern of a file), with the latest stage first.
        resume: whether it needs ``--resume`` to continue in a folder that has a config.yaml.
        once: the file that it refuses to write again if it exists and no file matches ``unfinished``.
        unfinished: the pattern of files that show that it has more to do.
        seconds: the time between checkpoints.
    """

    name: str
    argv: tuple[str, ...]
    stages: tuple[tuple[str, str], ...]
    resume: bool = False
    once: str = ""
    unfinished: str = ""
    seconds: float = 0.05

    def arguments(self, root: Path) -> list[str]:
        """The arguments of a process that begins or continues in a folder."""
        goes_on = self.resume and any(root.rglob("config.yaml"))
        return [*self.argv, *(["--resume"] if goes_on else [])]

    def is_done(self, root: Path) -> bool:
        """Whether the command has nothing left to do, and would refuse to run."""
        return bool(self.once) and (root / self.once).exists() and not any(root.rglob(self.unfinished))

    def stage(self, root: Path) -> str:
        """The stage that the command has reached."""
        found = (name for name, pattern in self.stages if any(root.rglob(pattern)))
        return next(found, "before it wrote anything")


class Kill(NamedTuple):
    """One kill: the command, its stage, and whether the command afterwards wrote the same bytes as without the kill."""

    command: str
    stage: str
    survived: bool


class Whole(NamedTuple):
    """An uninterrupted run.

    Attributes:
        contents: what it wrote.
        seconds: how long it took.
        seconds_before: how long it ran before it wrote anything.
        operations: the number of its file operations.
    """

    contents: dict[str, Any]
    seconds: float
    seconds_before: float
    operations: int


def run_whole(command: Command, base: Path) -> Whole:
    """Run a command without interruption. Raises: RuntimeError: if it fails."""
    root = _new(base / "whole")
    start = time.monotonic()
    process = _start(root, command)
    while process.poll() is None and not any(root.iterdir()):
        time.sleep(0.005)
    seconds_before = time.monotonic() - start
    process.wait(_DEADLINE)
    seconds = time.monotonic() - start
    _check(process, root)
    return Whole(contents(root), seconds, seconds_before, int(_log(root).read_text().rpartition(_COUNT)[2]))


def kill_at_random(command: Command, whole: Whole, base: Path, n_kills: int, seed: int, at_once: int = 2) -> list[Kill]:
    """Kill processes at random moments until there are ``n_kills``; each run is killed up to five times, then may end.

    One third of the moments are drawn from the whole time of an uninterrupted run. The others are drawn from the time
    after a process has begun to write, because a short run spends most of its time on imports.

    Args:
        command: the command to kill.
        whole: an uninterrupted run of it.
        base: the folder for the runs.
        n_kills: the number of kills.
        seed: the seed of the moments.
        at_once: the number of runs side by side.
    """

    def runs(worker: int) -> list[Kill]:
        rng = np.random.default_rng([seed, worker])
        kills: list[Kill] = []
        wanted = n_kills // at_once + (worker < n_kills % at_once)
        while len(kills) < wanted:
            root = _new(base / f"killed-{worker}-{len(kills)}-{rng.integers(10**9)}")
            stages: list[str] = []
            while len(stages) < min(5, wanted - len(kills)) and not command.is_done(root):
                before = _last_change(root)
                process = _start(root, command)
                seconds = whole.seconds
                if rng.random() > 1 / 3:
                    while process.poll() is None and _last_change(root) == before:
                        time.sleep(0.005)
                    seconds -= whole.seconds_before
                try:
                    process.wait(seconds * rng.random())
                except subprocess.TimeoutExpired:
                    _kill(process)
                    stages.append(command.stage(root))
                else:
                    _check(process, root)
                    break  # the process finished before its kill
            kills += _judged(command, whole, root, stages)
        return kills

    with ThreadPoolExecutor(at_once) as threads:
        return [kill for kills in threads.map(runs, range(at_once)) for kill in kills]


def by_steps(command: Command) -> Command:
    """The command without checkpoints by time, so that every run makes the same file operations."""
    return replace(command, seconds=1e9)


def kill_at_operations(command: Command, whole: Whole, base: Path, at: Sequence[int], at_once: int = 2) -> list[Kill]:
    """Kill a process just before each of these file operations; ``command`` must come from ``by_steps``."""

    def run(n: int) -> list[Kill]:
        root = _new(base / f"operation-{n}")
        process = _start(root, command, n)
        process.wait(_DEADLINE)
        killed = process.returncode == -signal.SIGKILL
        if not killed:
            _check(process, root)
        else:
            _kill(process)  # kill the processes that it has started, too
        return _judged(command, whole, root, [command.stage(root)] if killed else [])

    with ThreadPoolExecutor(at_once) as threads:
        return [kill for kills in threads.map(run, at) for kill in kills]


def contents(root: Path) -> dict[str, Any]:
    """What a command wrote, without wall times, its status, locks, and temporary files that killed writers leave."""
    import pandas as pd

    from naslib_archlock.store import sealed

    left_out = ("timings.json", "status.json", "made.json", ".lock")
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if not path.is_file() or path.name in left_out or ".archlock.part" in name:
            continue
        if path.name == "results.csv":
            found[name] = pd.read_csv(path).drop(columns="seconds").to_csv()
        elif path.parent.name == "runs":
            found[name] = sealed.read(path)
            found[name]["result"]["seconds"] = 0
        else:
            found[name] = path.read_bytes()
    return found


def _judged(command: Command, whole: Whole, root: Path, stages: list[str]) -> list[Kill]:
    """Let the command finish, and compare its output; all kills of one run survive or fail together."""
    if not command.is_done(root):
        _finish(command, root)
    survived = contents(root) == whole.contents
    if survived:
        shutil.rmtree(root)
    return [Kill(command.name, stage, survived) for stage in stages]


def _last_change(root: Path) -> int:
    """The time of the last write below a folder."""
    last = 0
    for path in (root, *root.rglob("*")):
        with suppress(FileNotFoundError):  # another process has renamed it
            last = max(last, path.stat().st_mtime_ns)
    return last


def _new(root: Path) -> Path:
    root.mkdir(parents=True)
    return root


def _finish(command: Command, root: Path) -> None:
    process = _start(root, command)
    process.wait(_DEADLINE)
    _check(process, root)


def _start(root: Path, command: Command, kill_at: int = 0) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, (str(_REPO), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    with _log(root).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, __file__, str(kill_at), str(command.seconds), *command.arguments(root)],
            cwd=root,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all processes that it has started, so that none can clean up."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _check(process: subprocess.Popen[bytes], root: Path) -> None:
    if process.returncode != 0:
        text = _log(root).read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"{root} ended with {process.returncode}:\n{text}")


def _log(root: Path) -> Path:
    """The file with the output of the processes that ran in a folder."""
    return root.with_suffix(".log")


# -- the commands ------------------------------------------------------------------------------------------------------


_SEARCH_STAGES = (
    ("after its result", "result.json"),
    ("with a state of the search", "state.json"),
    ("with trained networks", "networks/*.json"),
    ("with a ranker", "ranker.safetensors"),
    ("with a checkpoint of training", ".ranker.safetensors.checkpoint"),
    ("before its first checkpoint", "config.yaml"),
)
_STUDY = """
name: small
about: Methods on made-up tables.
budgets: [2]
seeds: 1
source_queries: 30
reference: TU
compare_with: fewest weights
spaces: {transbench101_micro: [class_scene -> normal, class_object -> normal]}
methods:
  TU: {scheme: tu}
  ranks: {scheme: tu, strategy: evolution, epochs: 30, hidden: 8}
  fewest weights: {method: fewest_weights}
"""


def commands(tables: Path, images: Path, study: Path) -> Iterator[Command]:
    """The commands to kill, with toy ``tables`` and a folder of ``images``; writes a ``study`` file."""
    study.write_text(_STUDY, encoding="utf-8")
    toy = (
        "search_space", "transbench101_micro", "dataset", "class_scene", "archlock.target", "normal",
        "archlock.tables", str(tables), "archlock.hidden", "32,16",
    )  # fmt: skip
    out = ("out_dir", "out")
    digits = ("search", "search_space", "digits", "dataset", "digit", *out, "search.epochs", "60")
    yield Command("search, bayesian", (*digits, "search.checkpoint_freq", "3"), _SEARCH_STAGES, resume=True)
    ranked = ("search", *toy, *out, "search.epochs", "150", "search.checkpoint_freq", "10")
    for strategy in ("evolution", "exhaustive"):
        argv = (*ranked, "archlock.strategy", strategy, "archlock.source_queries", "100")
        yield Command(f"search, {strategy}, training a ranker", argv, _SEARCH_STAGES, resume=True)
    yield Command(
        "search --train-top",
        ("search", "search_space", "transbench101_micro", "dataset", str(images), *out, "archlock.image_size", "12",
         "--train-top", "4"),
        _SEARCH_STAGES,
        resume=True,
    )  # fmt: skip
    yield Command(
        "train-ranker",
        ("train-ranker", "--out", "new/ranker.safetensors", *toy),
        (("with its ranker", "ranker.safetensors"), ("with a checkpoint", ".*.checkpoint"), ("before one", "new")),
        once="new/ranker.safetensors",
        unfinished=".*.checkpoint",
    )
    yield Command(
        "compare",
        ("compare", str(study), "--tables", str(tables), "--jobs", "2", "--out", "out"),
        (("with results", "results.csv"), ("with runs", "runs/*.json"), ("with rankers", "rankers/*.safetensors"),
         ("before the first run", "runs")),
    )  # fmt: skip

    yield Command(
        "audit",
        ("audit", "--jobs", "1", *out, "archlock.target", "rotation,edges", "search.epochs", "40", "audit.seeds", "1",
         "audit.epochs", "1", "audit.fractions", "10", "audit.learning_rates", "0.03"),
        (("with its figures", "audit.json"), ("with attacks", "parts/[0-9]*.json"), ("before the first one", "audit"),
         ("with the result of its search", "result.json"), ("before that", "config.yaml")),
    )  # fmt: skip


def proxies(images: Path) -> Command:
    """The command ``archlock proxies``, which needs NASLib."""
    return Command(
        "proxies",
        ("proxies", str(images), "--out", "out", "--cells", "40", "--proxies", "nwot,params", "--batch-size", "4",
         "--image-size", "8", "--jobs", "2", "--subsets", "1"),
        (("with its table", "zc_*.json"), ("with parts", "parts/[0-9]*.json"), ("before the first part", "out")),
        once="out/zc_transbench101_micro.json",
        unfinished="parts",
    )  # fmt: skip


# -- the process -------------------------------------------------------------------------------------------------------


def _count_operations(kill_at: int) -> Callable[[], int]:
    """Count the file operations below this folder, and return a function that returns the count.

    Args:
        kill_at: the number of the operation before which this process kills itself; 0 for none.
    """
    here, count = os.path.join(os.getcwd(), ""), 0

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal count
        if event in _OPERATIONS and os.path.abspath(os.fsdecode(args[0])).startswith(here):
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return lambda: count


def _main(kill_at: int, seconds: float, arguments: Sequence[str]) -> int:
    from naslib_archlock.commands import main as cli
    from naslib_archlock.ranker.train_settings import PRESETS, TrainSettings
    from naslib_archlock.store import checkpoint

    checkpoint.SECONDS = seconds
    PRESETS["default"] = TrainSettings(epochs=10, steps_per_epoch=30, batch_size=512)
    operations = _count_operations(kill_at)
    code = cli.main(arguments)
    print(f"{_COUNT}{operations()}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
