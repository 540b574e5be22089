"""Running a study: what is missing, in parallel; each run's picks are kept as soon as they are made.

A run's file holds what the method picked, and no accuracy. Picks are scored when all are there: only then are test
accuracies read.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import joblib
import pandas as pd

from .. import data
from ..benchmarks.base import Benchmark
from ..benchmarks.digits import FILE as DIGITS_FILE
from ..benchmarks.table import find_table
from ..errors import ArchLockError, OutputError, StudyError, TableError
from ..files import make_folder, write_text
from ..parts import in_parallel, read_json
from ..pipeline import tabular_benchmark
from ..scoring import LockScale
from ..spaces import DIGITS, SearchSpace, get_space
from ..threads import single_threaded, single_threaded_blas
from .methods import N_PICKS, Job, Picks, digests, hash_of
from .results import to_csv, to_frame
from .study import Run, Study

RESULT_VERSION = 1  # of the files of runs: raise it when a method picks something else than before

RESULTS, STUDY = "results.csv", "study.yaml"


class Done(NamedTuple):
    """A study that was run: its results, and how many runs it has and how many were made now."""

    results: pd.DataFrame
    n_runs: int
    n_made: int


# -- benchmarks --------------------------------------------------------------------------------------------------------


def tables_of(space: SearchSpace, tables: str) -> str:
    """The folder of plain tables to read a space from, or an empty string.

    The embedded benchmark needs no table, so one is read only where it is there.
    """
    if tables and space.name == DIGITS.name:
        try:
            find_table(Path(tables), space)
        except TableError:
            return ""
    return tables


@cache
def benchmark_of(space_name: str, tables: str) -> Benchmark:
    """The benchmark of a space, read once a process: plain tables, the embedded one, or NASLib's own files.

    Raises: TableError, NaslibError.
    """
    space = get_space(space_name)
    return tabular_benchmark(space, tables_of(space, tables))


def benchmark_digests(space: SearchSpace, tables: str) -> list[list[str]]:
    """The names of the files that a benchmark is read from, and hashes of their contents."""
    if tables_of(space, tables):
        return digests([find_table(Path(tables), space)])
    if space.name == DIGITS.name:
        return digests([data.FOLDER / DIGITS_FILE])
    from ..benchmarks.naslib import benchmark_files
    from ..plugin.compat import naslib_data_folder

    folder = naslib_data_folder()
    return digests([folder / name for name in dict.fromkeys(benchmark_files(space).values())])


def resolve(study: Study, tables: str = "") -> Study:
    """The study with ``all`` spelt out by what the benchmarks hold, and with their notes.

    Raises: StudyError; TableError, NaslibError: if a benchmark is not there; what a method needs and is not there.
    """
    for method in study.methods.values():
        method.kind.check_here()
    benchmarks = {space: benchmark_of(space, tables) for space in study.spaces}
    notes = dict.fromkeys(" ".join(note.split()) for b in benchmarks.values() for note in b.notes)
    return replace(study.resolved({space: b.tasks for space, b in benchmarks.items()}), notes=tuple(notes))


# -- running -----------------------------------------------------------------------------------------------------------


def run_study(study: Study, out: Path, tables: str = "", jobs: int = 0) -> Done:
    """Make the runs that are missing, and write ``results.csv`` and ``study.yaml``.

    A run is missing if its file in ``out/runs`` is not there, is damaged, or was made with other settings. Files of
    runs that are not in the study are left alone.

    Args: study: resolved; tables: folder of plain tables, empty for NASLib's own files; jobs: processes at once, 0 for
        one a core.
    Raises: OutputError: if the folder cannot be written, or another process runs a study in it; StudyError: if a run
        fails, which it names; runs that are finished are kept.
    """
    make_folder(out / "runs")
    with _alone_in(out):
        folder = _Runs(study, out, tables, jobs or joblib.cpu_count())
        runs = study.runs()
        found = {run: folder.read(run) for run in runs}
        missing = [run for run, made in found.items() if made is None]
        folder.train_rankers(missing)
        made = folder.make(missing, n_done=len(runs) - len(missing))
        frame = to_frame(_rows(study, {**found, **made}, tables))
        write_text(out / RESULTS, to_csv(frame))
        write_text(out / STUDY, study.to_yaml())
    return Done(frame, len(runs), len(missing))


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Refuse a second process in the folder. The lock is the system's, so it goes with a process that is killed."""
    lock = filelock.FileLock(out / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as err:
        raise OutputError(
            f"another 'archlock compare' is at work in {out}; wait for its end, or choose another folder with --out"
        ) from err
    except OSError as err:
        raise OutputError(f"{out / '.lock'} cannot be locked: {err.strerror or err}") from err
    try:
        yield
    finally:
        lock.release()


class Made(NamedTuple):
    """What a run came to; ``seconds``: wall time."""

    picks: Picks
    seconds: float


class _Runs:
    """The files of a study's runs, and how they are made."""

    def __init__(self, study: Study, out: Path, tables: str, jobs: int) -> None:
        self._study, self._out, self._tables, self._jobs = study, out, tables, jobs
        self._benchmarks = {space: benchmark_digests(get_space(space), tables) for space in study.spaces}
        self._settings: dict[tuple[str, str], Any] = {}

    def file(self, run: Run) -> Path:
        """A name that people can read, and a hash by which similar labels differ."""
        parts = (run.method, run.space, run.source, run.target, run.budget_pct, run.seed)
        words = [re.sub(r"[^A-Za-z0-9.]+", "-", str(part))[:40] for part in parts if part is not None]
        return self._out / "runs" / f"{'_'.join(words)}_{hash_of(run)[:8]}.json"

    def settings(self, run: Run) -> Any:
        """All that the result of a run depends on beside its place in the grid, in JSON types."""
        key = (run.method, run.space)
        if key not in self._settings:
            with _named(f"method {run.method!r}"):
                of_method = self._study.methods[run.method].kind.settings(self._job(run))
            settings = {"version": RESULT_VERSION, "benchmark": self._benchmarks[run.space], **of_method}
            self._settings[key] = json.loads(json.dumps(settings))  # as it is read back
        return self._settings[key]

    def read(self, run: Run) -> Made | None:
        """What is kept of a run; None if it has to be made."""
        settings, content = self.settings(run), read_json(self.file(run))
        try:
            if content["settings"] != settings or content["run"] != list(run):
                return None
            archs = [get_space(run.space).from_str(text) for text in content["archs"]]
            picks = Picks(archs, int(content["source_queries"]), int(content["target_queries"]))
            return Made(_checked(picks), float(content["seconds"]))
        except (ArchLockError, LookupError, TypeError, ValueError):
            return None

    def keep(self, run: Run, made: Made) -> None:
        """Raises: OutputError."""
        to_str = get_space(run.space).to_str
        content = {
            "run": run,
            "archs": [to_str(arch) for arch in made.picks.archs],
            "source_queries": made.picks.source_queries,
            "target_queries": made.picks.target_queries,
            "seconds": made.seconds,
            "settings": self.settings(run),
        }
        write_text(self.file(run), json.dumps(content, indent=1) + "\n")

    def train_rankers(self, runs: list[Run]) -> None:
        """Train what several runs need once, before them."""
        wanted: dict[Path, Run] = {}
        for run in runs:
            path = self._study.methods[run.method].kind.ranker_file(self._job(run))
            if path is not None and not path.is_file():
                wanted.setdefault(path, run)
        self._in_parallel(_train, list(wanted.values()), lambda run, nothing: None, "rankers")

    def make(self, runs: list[Run], n_done: int) -> dict[Run, Made]:
        """Make runs, each kept as soon as it is made."""
        results: dict[Run, Made] = {}

        def keep(run: Run, made: Made) -> None:
            self.keep(run, made)
            results[run] = made

        self._in_parallel(_make, runs, keep, "runs", n_done)
        return results

    def _in_parallel(
        self, function: Callable[..., Any], runs: list[Run], keep: Callable[..., None], what: str, n_done: int = 0
    ) -> None:
        calls = {run: (self._study, run, self._out, self._tables) for run in runs}
        in_parallel(function, calls, keep, max(1, min(self._jobs, len(calls))), what, n_done)

    def _job(self, run: Run) -> Job:
        return _job(self._study, run, self._out, self._tables)


def _job(study: Study, run: Run, out: Path, tables: str) -> Job:
    benchmark = benchmark_of(run.space, tables)
    return Job(
        benchmark=benchmark,
        source=run.source,
        target=run.target,
        budget_pct=run.budget_pct,
        seed=run.seed,
        source_queries=study.source_queries,
        tables=tables_of(benchmark.space, tables),
        options=study.methods[run.method].options,
        rankers=out / "rankers",
    )


def _make(study: Study, run: Run, out: Path, tables: str) -> Made:
    """Make one run, in whatever process."""
    job = _job(study, run, out, tables)
    start = time.perf_counter()
    with _named(f"run {run}"), single_threaded(), single_threaded_blas():
        picks = _checked(study.methods[run.method].kind.pick(job))
    return Made(picks, round(time.perf_counter() - start, 3))  # as its file holds it


def _train(study: Study, run: Run, out: Path, tables: str) -> None:
    """Train the ranker of a run, in whatever process."""
    with _named(f"run {run}"), single_threaded(), single_threaded_blas():
        study.methods[run.method].kind.train_ranker(_job(study, run, out, tables))


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Errors in the block say what failed. Raises: StudyError for errors made for users, else RuntimeError."""
    try:
        yield
    except ArchLockError as err:
        raise StudyError(f"{what}: {err}") from err
    except Exception as err:
        raise RuntimeError(f"{what} failed: {type(err).__name__}: {err}") from err


def _checked(picks: Picks) -> Picks:
    """Raises: ValueError: if a method, or a file, does not hold to what ``Picks`` says."""
    if not 1 <= len(picks.archs) <= N_PICKS or len(set(picks.archs)) < len(picks.archs):
        raise ValueError(f"a method picks 1 to {N_PICKS} different architectures, not {picks.archs}")
    return picks


def _rows(study: Study, made: Mapping[Run, Made | None], tables: str) -> Iterator[dict[str, Any]]:
    """The rows of the results. This is where test accuracies are read."""
    for place in study.grid():
        run, benchmark = made[study.run_at(place)], benchmark_of(place.space, tables)
        assert run is not None  # what was missing has been made
        scale = LockScale(benchmark, *place.pair, place.budget_pct)
        scored = [scale.score(arch) for arch in run.picks.archs]
        first = run.picks.archs[0]
        yield {
            "space": place.space,
            "source": place.pair.source,
            "target": place.pair.target,
            "budget_pct": place.budget_pct,
            "method": place.method,
            "seed": place.seed,
            "arch": benchmark.space.to_str(first),
            "lock_score": scored[0].lock_score,
            "lock_score_top5": sum(pick.lock_score for pick in scored) / len(scored),
            "is_within_budget": scored[0].is_within_budget,
            "source_loss_pct": scored[0].source_loss_pct,
            "source_test": benchmark.accuracy(first, task=place.pair.source, split="test"),
            "target_test": scored[0].target_test,
            "source_queries": run.picks.source_queries,
            "target_queries": run.picks.target_queries,
            "seconds": run.seconds,
        }
