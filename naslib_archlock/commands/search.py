"""What ``archlock search`` does."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..benchmarks.benchmark import Benchmark
from ..benchmarks.source_oracle import budget_floor
from ..config.sections import Config, load_config
from ..errors import ArchLockError, OutputError, RankerError, shown
from ..locking import prepare as pipeline
from ..report.text import summary
from ..search.base import Search
from ..spaces.known import get_space
from ..store import checkpoint, sealed
from ..store.files import make_folder, remove_folder, write_bytes, write_text
from ..store.reading import UnreadableError, parse_json, parse_yaml, read_regular, read_yaml
from .progress import training_bar

if TYPE_CHECKING:
    from ..ranker.ranker import Ranker


def run_search(args: argparse.Namespace) -> int:
    """Search, print the summary, and write ``result.json``, ``config.yaml`` and pictures to the run's folder."""
    options = {"archlock.train_top": args.train_top, "archlock.skip_unreadable": args.skip_unreadable or None}
    given = [str(part) for option in options.items() if option[1] is not None for part in option]
    config = load_config(args.config_file, [*given, *args.overrides])
    benchmark = pipeline.open_benchmark(config)
    run = RunFolder(config, args.resume, args.overwrite)
    result = made(config, benchmark, run)
    print(summary(result, benchmark.space, benchmark.meaning))
    print(f"written to {run.folder}: {', '.join(run.files())}")
    if args.json:
        print(json.dumps(result))
    return 0


def made(config: Config, benchmark: Benchmark, run: RunFolder) -> dict[str, Any]:
    """The result of a run, with its timings; what is missing of it is made."""
    result = run.result()
    if result:
        print(f"this run is finished, in {run.folder}")
    else:
        benchmark.cache_in(run.networks)
        result = _search(config, benchmark, run)
    run.tidy()
    return result


def _search(config: Config, benchmark: Benchmark, run: RunFolder) -> dict[str, Any]:
    """Make the run, or what is missing of it; returns its result, with its timings."""
    start = time.perf_counter()
    with training_bar(config) as progress:
        prepared = pipeline.prepare(config, benchmark, run.ranker(), progress, run.begin_training)
    run.begin()  # only now that all that was given has been read
    run.keep_ranker(prepared.ranker)
    ready = time.perf_counter()
    search = prepared.search
    run.restore(search)
    state = search.state()
    clock = checkpoint.Clock()
    try:
        for step in range(len(search.history), config.search.epochs):
            search.step()
            state = search.state()  # between steps, where the history and the random numbers agree
            if (step + 1) % config.search.checkpoint_freq == 0 or clock.is_due():
                run.keep_state(state)
    except KeyboardInterrupt:
        run.keep_state(state)
        print(f"\nstate saved in {run.folder}; go on with --resume", file=sys.stderr)
        raise
    timings = pipeline.timings(ready - start, time.perf_counter() - ready)
    result = pipeline.finish(config, benchmark, search)
    run.keep_result(result, timings, search, benchmark)
    return {**result, **timings}


def is_same_run(config: Config) -> bool:
    """Whether the folder of a config's run says that it is this run."""
    try:
        return bool(read_yaml(config.save / "config.yaml") == parse_yaml(config.to_yaml()))
    except UnreadableError:
        return False


class RunFolder:
    """The output folder of one run. Nothing in it is replaced by a run with another configuration.

    A run that was killed at any moment goes on with what is there: its ranker or the checkpoint of its training, the
    state of the search, figures of networks that it trained. It is finished as soon as ``result.json`` is there.
    """

    _FILES = ("result.json", "config.yaml", "timings.json", "search.png", "lock.png", "ranker.safetensors")

    def __init__(self, config: Config, resume: bool, overwrite: bool) -> None:
        """Raises: OutputError: if the folder cannot be written, or holds another run and that was not allowed for, or
        holds no run to resume.
        """
        self.folder = config.save
        self.networks = self.folder / "networks"
        self._config, self._resume = config, resume
        self._state, self._ranker = self.folder / "state.json", self.folder / "ranker.safetensors"
        self._training = checkpoint.beside(self._ranker)
        self._made_with: str | None = None  # a digest of the ranker
        self._is_same = is_same_run(config)
        parts = (self.folder / "result.json", self._state, self._ranker, self._training, self.networks)
        if any(path.exists() for path in parts) and not self._is_same and (resume or not overwrite):
            raise OutputError(
                f"{self.folder} holds a run with another configuration (see its config.yaml); "
                "choose another out_dir, or give --overwrite to replace it"
            )
        if resume and not self._is_same:
            raise OutputError(f"{self.folder} holds no run to resume; run without --resume")
        make_folder(self.folder)

    def begin(self) -> None:
        """From now on, the folder is this run's. Raises: OutputError."""
        if not self._is_same:
            # Nothing of another run may be taken for this one's. Its result goes first: without it, and with its
            # config.yaml, the rest is that run, interrupted.
            for name in self._FILES:
                if name != "config.yaml":
                    (self.folder / name).unlink(missing_ok=True)
            self.tidy()
            self._is_same = True
        write_text(self.folder / "config.yaml", self._config.to_yaml())

    def begin_training(self) -> Path:
        """``begin``; returns the file for the state of a training. Raises: OutputError."""
        self.begin()
        return self._training

    def result(self) -> dict[str, Any] | None:
        """The result and the timings of the run to resume, if it is finished."""
        path = self.folder / "result.json"
        if not self._resume or not path.exists():
            return None
        try:
            result, timings = (parse_json(read_regular(self.folder / name)) for name in (path.name, "timings.json"))
            space = get_space(self._config.search_space)
            for found in (result, result["s"]):
                if tuple(found["cell"]) != space.from_str(found["arch"]):
                    raise ValueError(f"{shown(found['cell'])} is not {shown(found['arch'])}")
            return {**result, **timings}
        except (UnreadableError, ArchLockError, LookupError, TypeError, ValueError) as err:
            warnings.warn(f"{path} or timings.json cannot be used ({err}); the run is made again", stacklevel=2)
            return None

    def ranker(self) -> Ranker | None:
        """The ranker of the run to resume."""
        if not self._resume or not self._ranker.is_file():
            return None
        from ..ranker.ranker import Ranker

        try:
            return Ranker.load(self._ranker)
        except RankerError as err:
            warnings.warn(f"{err}; it is made again", stacklevel=2)
            return None

    def keep_ranker(self, ranker: Ranker | None) -> None:
        """Raises: OutputError."""
        if ranker:
            content = ranker.to_bytes()
            self._made_with = hashlib.sha256(content).hexdigest()
            write_bytes(self._ranker, content)
        self._training.unlink(missing_ok=True)

    def keep_state(self, state: dict[str, Any]) -> None:
        """Raises: OutputError."""
        sealed.write(self._state, {"ranker": self._made_with, "search": state})

    def restore(self, search: Search) -> None:
        """Put the search of the run to resume where its state was kept; one that cannot be used is a warning."""
        if not self._resume or not self._state.exists():
            return
        start = search.state()
        try:
            state = sealed.read(self._state)
            if state["ranker"] != self._made_with:
                raise ValueError("it was made with another ranker")
            search.restore(state["search"])
        except (OSError, ValueError, LookupError, TypeError) as err:  # DamagedError, too
            warnings.warn(f"{self._state} cannot be used ({err}); the search starts again", stacklevel=2)
            search.restore(start)

    def keep_result(
        self, result: dict[str, Any], timings: dict[str, float], search: Search, benchmark: Benchmark
    ) -> None:
        """Write the result, its pictures and its timings. Raises: OutputError."""
        from ..report.search_pictures import lock_picture, search_picture

        pictures = {"search.png": search_picture(search, result["source"])}
        if benchmark.is_tabular and search.uses_source_accuracy and result["targets"]:
            # not search.source_floor(): scheme S gives nothing up, and is drawn with the budget of the others
            floor = budget_floor(max(search.oracle.known.values()), self._config.archlock.source_budget_pct)
            pictures["lock.png"] = lock_picture(benchmark, self._config.dataset, result, floor)
        for name, picture in pictures.items():
            write_bytes(self.folder / name, picture)
        for name, content in (("timings.json", timings), ("result.json", result)):  # the result last
            write_text(self.folder / name, json.dumps(content, indent=2) + "\n")

    def tidy(self) -> None:
        """Remove what only an interrupted run needs. Raises: OutputError."""
        self._state.unlink(missing_ok=True)
        self._training.unlink(missing_ok=True)
        if self.networks.exists():
            remove_folder(self.networks)

    def files(self) -> list[str]:
        """The names of the run's files."""
        return [name for name in self._FILES if (self.folder / name).is_file()]
