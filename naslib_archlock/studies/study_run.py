"""Running a study: missing runs are made in parallel, and the picks of each run are kept as soon as they are made.

The file of a run holds what the method picked, and no accuracy. Test accuracies are read only when all picks are there
and are scored.
"""

from __future__ import annotations

import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ..benchmarks.benchmark import Benchmark
from ..benchmarks.benchmark_files import accuracy_files
from ..benchmarks.lock_score import LockScale
from ..benchmarks.naslib_provider import naslib
from ..benchmarks.table import find_table
from ..benchmarks.tabular import embedded_file, tabular_benchmark
from ..compute.core_time import core_time
from ..compute.made import made_now
from ..compute.messages import LOGGER
from ..compute.parts import LocalProcesses, Workers, in_parallel
from ..compute.threads import single_threaded, single_threaded_blas
from ..errors import ArchLockError, RankerError, StudyError, TableError
from ..locking.inputs import digests
from ..ranker.ranker import Ranker
from ..spaces.known import get_space
from ..spaces.space import SearchSpace
from ..store import sealed
from ..store.digests import digest
from ..store.files import make_folder, write_bytes, write_text
from ..store.kept_results import KeptResults
from ..store.locks import alone_in
from ..store.status_file import status_kept
from .jobs import N_PICKS, Job, Picks
from .study import Run, Study
from .study_plan import Plan, first_of_each, group_of, typical_seconds
from .study_results import to_csv, to_frame

RESULT_VERSION = 2  # raise it when a method picks something else than before

RESULTS, STUDY, MADE = "results.csv", "study.yaml", "made.json"
_RUNS_TO_JUDGE_BY = 3  # of each method: the first one in a process also imports what the method needs
_QUICK, _LONG = 5.0, 10.0  # seconds


class Done(NamedTuple):
    """A study that was run: its results, the number of its runs, and how many were made by this call."""

    results: pd.DataFrame
    n_runs: int
    n_made: int


# -- benchmarks --------------------------------------------------------------------------------------------------------


def tables_of(space: SearchSpace, tables: str) -> str:
    """The folder of plain tables to read a space from, or an empty string.

    The embedded benchmark needs no table, so its table is read only if there is one.
    """
    if tables and space.is_embedded:
        try:
            find_table(Path(tables), space)
        except TableError:
            return ""
    return tables


def benchmark_of(space_name: str, tables: str) -> Benchmark:
    """The benchmark of a space, read once a process: plain tables, the embedded one, or NASLib's own files.

    Raises: TableError, NaslibError.
    """
    files = _benchmark_files(get_space(space_name), tables)
    return _benchmark_of(space_name, tables, tuple(map(_stamp, files)))


@cache
def _benchmark_of(space_name: str, tables: str, stamps: tuple[Any, ...]) -> Benchmark:
    """Open a benchmark. The stamps are part of the cache key, because the files may change while a worker lives."""
    space = get_space(space_name)
    return tabular_benchmark(space, tables_of(space, tables))


def _stamp(path: Path) -> tuple[str, int, int] | None:
    """The name of a file, its size and when it was last written to; None if there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return str(path), stat.st_size, stat.st_mtime_ns


def benchmark_digests(space: SearchSpace, tables: str) -> list[list[str]]:
    """The names of the files that a benchmark is read from, and hashes of their contents."""
    return digests(_benchmark_files(space, tables))


def _benchmark_files(space: SearchSpace, tables: str) -> list[Path]:
    if tables_of(space, tables):
        return [find_table(Path(tables), space)]
    if space.is_embedded:
        return [embedded_file(space)]
    folder = naslib().data_folder()
    return [folder / name for name in dict.fromkeys(accuracy_files(space).values())]


def resolve(study: Study, tables: str = "") -> Study:
    """The study with ``all`` spelt out by what the benchmarks hold, and with their notes.

    Raises:
        StudyError.
        TableError, NaslibError: if a benchmark is not there; what a method needs and is not there.
    """
    _check_here(study)
    benchmarks = {space: benchmark_of(space, tables) for space in study.spaces}
    notes = dict.fromkeys(" ".join(note.split()) for b in benchmarks.values() for note in b.notes)
    meanings = {space: b.meaning for space, b in benchmarks.items()}
    meaning = next(iter(meanings.values()))
    if len(set(meanings.values())) > 1:
        meaning = " ".join(f"On {space}: {text}" for space, text in meanings.items())
    resolved = study.resolved({space: b.tasks for space, b in benchmarks.items()})
    return replace(resolved, meaning=meaning, notes=tuple(notes))


def _check_here(study: Study) -> None:
    """Check that everything is installed that a method needs. Raises: StudyError: it names all that is missing."""
    missing: dict[str, list[str]] = {}
    for label, method in study.methods.items():
        try:
            method.kind.check_here()
        except ArchLockError as err:
            missing.setdefault(str(err), []).append(label)
    if missing:
        said = "; ".join(f"{text} (methods: {', '.join(labels)})" for text, labels in missing.items())
        raise StudyError(f"{said}; or leave these methods out of the study")


# -- running -----------------------------------------------------------------------------------------------------------


def run_study(
    study: Study, out: Path, tables: str = "", workers: Workers | None = None, command: Sequence[str] = ()
) -> Done:
    """Make the runs that are missing, and write ``results.csv``, ``study.yaml`` and, if it made runs, ``made.json``.

    A run is missing if its file in ``out/runs`` is not there, is damaged, or was made with other settings. Files of
    runs that are not in the study are left alone. What is to be made, and about how long it takes, is said before.

    Args:
        study: resolved.
        tables: folder of plain tables, empty for NASLib's own files.
        workers: by default one process a core. Those of a cluster read tables and the files that methods name by
            their paths, and need the same content there; ``out`` they need not see.
    Raises:
        OutputError: if the folder cannot be written, or another process runs a study in it.
        StudyError: if a run fails, which it names; runs that are finished are kept.
        ClusterError.
    """
    with alone_in(out), status_kept(out, command) as status:
        if command:
            status.say("preparing")
        make_folder(out / "runs")
        workers = workers or LocalProcesses()
        folder = _Runs(study, out, tables, workers)
        runs = study.runs()
        found = folder.read(runs)
        missing = [run for run in runs if run not in found]
        to_train = folder.without_ranker(missing)
        if missing:
            seconds = _seconds_of(missing, found)
            how = "as finished runs took" + (", without the rankers" if to_train else "")
            LOGGER.info("%s, %s", Plan(study, len(runs), len(missing), len(to_train), seconds, how), workers)
        folder.train_rankers(to_train)
        if command:
            status.say("making the runs")
        made = folder.make(missing, found)
        if made:
            sealed.write(out / MADE, made_now())
        frame = to_frame(_rows(study, {**found, **made}, tables))
        write_text(out / RESULTS, to_csv(frame))
        write_text(out / STUDY, study.to_yaml())
    return Done(frame, len(runs), len(missing))


def read_made(out: Path) -> dict[str, str]:
    """When, where and with what the last runs of a study were made (``compute.made``); {} of an earlier version.

    Raises: StudyError: if the file was changed.
    """
    try:
        made: dict[str, str] = sealed.read(out / MADE)
    except FileNotFoundError:
        return {}
    except (OSError, sealed.DamagedError) as err:
        raise StudyError(f"{out / MADE} cannot be read ({err}); remove it, and the report leaves it out") from err
    return made


def plan_study(study: Study, out: Path, tables: str = "") -> Plan:
    """What ``run_study`` would make, and about how long that takes. Nothing is written.

    One run of each method that has no finished run, and the training of one ranker of each method that needs one, are
    made to time them.

    Raises: StudyError: if such a run fails.
    """
    folder, runs = _Runs(study, out, tables, LocalProcesses(1)), study.runs()
    found = folder.read(runs)
    missing = [run for run in runs if run not in found]
    to_train = folder.without_ranker(missing)
    known = typical_seconds({run: made.seconds for run, made in found.items()})
    to_time = first_of_each(run for run in missing if group_of(run) not in known)
    how = ["as finished runs in the folder took"] if any(group_of(run) in known for run in missing) else []
    if to_time or to_train:
        labels = ", ".join(dict.fromkeys(run.method for run in (*to_train, *to_time)))
        LOGGER.info("timing one run of: %s", labels)
        how.append(f"one run was timed on this machine of: {labels}")
    of_training = {group_of(run): folder.seconds_of_training(run) for run in first_of_each(to_train)}
    known.update({group_of(run): folder.seconds_of(run) for run in to_time})
    seconds = sum(known[group_of(run)] for run in missing) + sum(of_training[group_of(run)] for run in to_train)
    return Plan(study, len(runs), len(missing), len(to_train), seconds, "; ".join(how))


def _seconds_of(runs: Sequence[Run], found: Mapping[Run, Made]) -> float | None:
    """The time of one core for some runs, judged by finished ones; None if a method has none on a search space."""
    known = typical_seconds({run: made.seconds for run, made in found.items()})
    groups = [group_of(run) for run in runs]
    return sum(known[group] for group in groups) if set(groups) <= set(known) else None


class Made(NamedTuple):
    """What a run came to; ``seconds``: wall time."""

    picks: Picks
    seconds: float


class _Runs:
    """The files of a study's runs, and how they are made."""

    def __init__(self, study: Study, out: Path, tables: str, workers: Workers) -> None:
        self._study, self._out, self._tables, self._workers = study, out, tables, workers
        self._kept = KeptResults(out / "runs")
        self._settings: dict[tuple[str, str], Any] = {}
        self._rankers: dict[Path, bytes] = {}  # path -> the content of the ranker's file

    def file(self, run: Run) -> Path:
        """The file that keeps what the run picked."""
        return self._kept.file(_file_name(run))

    def settings(self, run: Run) -> Any:
        """Everything that a run's result depends on besides its place in the grid, in JSON types."""
        key = (run.method, run.space)
        if key not in self._settings:
            with _named(f"method {run.method!r}"):
                self._settings[key] = _settings(self._study, self._job(run), run, self._tables)
        return self._settings[key]

    def read(self, runs: Sequence[Run]) -> dict[Run, Made]:
        """The kept results of runs; a run that has to be made has none."""
        names = {run: _file_name(run) for run in runs}
        kept = self._kept.read({name: self._made_with(run) for run, name in names.items()})
        found = {run: _made_from(kept[name], run) for run, name in names.items() if name in kept}
        return {run: made for run, made in found.items() if made is not None}

    def keep(self, run: Run, made: Made) -> None:
        """Raises: OutputError."""
        to_str = get_space(run.space).to_str
        result = {
            "run": run,
            "archs": [to_str(arch) for arch in made.picks.archs],
            "source_queries": made.picks.source_queries,
            "target_queries": made.picks.target_queries,
            "seconds": made.seconds,
        }
        self._kept.keep(_file_name(run), self._made_with(run), result)

    def _made_with(self, run: Run) -> str:
        return digest([run, self.settings(run)])

    def without_ranker(self, runs: Sequence[Run]) -> list[Run]:
        """The first run that needs each ranker which has to be trained. The others are read: runs share them."""
        first: dict[Path, Run] = {}
        for run in runs:
            path = self._ranker_file(run)
            if path is not None:
                first.setdefault(path, run)
        self._rankers = {path: content for path in first if (content := _ranker_in(path)) is not None}
        return [run for path, run in first.items() if path not in self._rankers]

    def train_rankers(self, runs: Sequence[Run]) -> None:
        """Train the rankers of runs, before the runs. Calls carry them: workers may not see the folder."""

        def keep(run: Run, content: bytes) -> None:
            path = self._ranker_file(run)
            assert path is not None  # these runs need a ranker
            make_folder(path.parent)
            write_bytes(path, content)
            self._rankers[path] = content

        self._in_parallel(_train, dict.fromkeys(runs, ()), keep, "rankers")

    def make(self, runs: Sequence[Run], found: Mapping[Run, Made]) -> dict[Run, Made]:
        """Make runs, each kept as soon as it is made, and say how long the rest takes once that is known.

        Args:
            found: the results of finished runs.
        """
        judged = {group_of(run) for run in found}
        first = first_of_each((run for run in runs if group_of(run) not in judged), _RUNS_TO_JUDGE_BY)
        made = self._make(first, len(found), "first runs")
        rest = [run for run in runs if run not in made]
        seconds = _seconds_of(rest, {**found, **made})
        if first and seconds is not None and seconds >= _LONG:
            LOGGER.info("about %s for the other %s runs (as the first ones took)", core_time(seconds), f"{len(rest):,}")
        return {**made, **self._make(rest, len(found) + len(made))}

    def _make(self, runs: Sequence[Run], n_done: int, what: str = "runs") -> dict[Run, Made]:
        results: dict[Run, Made] = {}

        def keep(run: Run, made: Made) -> None:
            self.keep(run, made)
            results[run] = made

        self._in_parallel(_make, {run: (self._ranker(run),) for run in runs}, keep, what, n_done)
        return results

    def seconds_of_training(self, run: Run) -> float:
        """Train the ranker of a run in this process, to time it."""
        start = time.perf_counter()
        content, path = _train(self._study, run, self._tables, None), self._ranker_file(run)
        assert path is not None  # this run needs a ranker
        self._rankers[path] = content
        return time.perf_counter() - start

    def seconds_of(self, run: Run) -> float:
        """Make a run in this process, to time it without the training of its ranker."""
        if self._ranker_file(run) is not None and self._ranker(run) is None:
            self.seconds_of_training(run)

        def seconds() -> float:
            return _make(self._study, run, self._tables, None, self._ranker(run)).seconds

        first = seconds()
        return first if first > _QUICK else min(first, seconds())  # the first run also imports what the method needs

    def _ranker(self, run: Run) -> bytes | None:
        """The content of the file of the ranker that a run needs, if it needs one."""
        path = self._ranker_file(run)
        return None if path is None else self._rankers.get(path)

    def _in_parallel(
        self,
        function: Callable[..., Any],
        more: Mapping[Run, tuple[Any, ...]],
        keep: Callable[..., None],
        what: str,
        n_done: int = 0,
    ) -> None:
        """``function`` for each run, on what all calls are given, and ``more``."""
        same = self._workers.share_files
        calls = {
            run: (self._study, run, self._tables, None if same else self.settings(run), *rest)
            for run, rest in more.items()
        }
        in_parallel(function, calls, keep, self._workers, what, n_done)

    def _ranker_file(self, run: Run) -> Path | None:
        return self._study.methods[run.method].kind.ranker_file(self._job(run))

    def _job(self, run: Run) -> Job:
        return _job(self._study, run, self._out / "rankers", self._tables)


def _file_name(run: Run) -> str:
    """Words that people can read, and a digest, because similar labels may have the same words."""
    parts = (run.method, run.space, run.source, run.target, run.budget_pct, run.seed)
    words = [re.sub(r"[^A-Za-z0-9.]+", "-", str(part))[:40] for part in parts if part is not None]
    return f"{'_'.join(words)}_{digest(run)[:16]}"


def _made_from(result: Any, run: Run) -> Made | None:
    """What ``_Runs.keep`` wrote; None if a method cannot have made it."""
    try:
        archs = [get_space(run.space).from_str(text) for text in result["archs"]]
        picks = Picks(archs, int(result["source_queries"]), int(result["target_queries"]))
        return Made(_checked(picks), float(result["seconds"]))
    except (ArchLockError, LookupError, TypeError, ValueError):
        return None


def _ranker_in(path: Path) -> bytes | None:
    """The content of the file of a ranker; None, with a warning, if it is damaged, and None if it is missing."""
    if not path.exists():
        return None
    try:
        Ranker.load(path)
        return path.read_bytes()
    except RankerError as err:
        warnings.warn(f"{err}; it is trained again", stacklevel=2)
        return None


def _job(study: Study, run: Run, rankers: Path, tables: str) -> Job:
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
        rankers=rankers,
    )


def _settings(study: Study, job: Job, run: Run, tables: str) -> Any:
    of_method = study.methods[run.method].kind.settings(job)
    return {"version": RESULT_VERSION, "benchmark": benchmark_digests(job.benchmark.space, tables), **of_method}


# -- in whatever process, on whatever machine --------------------------------------------------------------------------


@contextmanager
def _at_work(study: Study, run: Run, tables: str, settings: Any) -> Iterator[Job]:
    """The job of a run, on one thread, with a folder for rankers that is there while the block lasts.

    Args:
        settings: what ``_settings`` gave where the study was started; None if that was on this machine.
    Raises: StudyError: if they differ here.
    """
    with _named(f"run {run}"), tempfile.TemporaryDirectory() as rankers, single_threaded(), single_threaded_blas():
        job = _job(study, run, Path(rankers), tables)
        if settings is not None:
            study.methods[run.method].kind.check_here()
            _check_same(settings, _settings(study, job, run, tables))
        yield job


def _make(study: Study, run: Run, tables: str, settings: Any, ranker: bytes | None) -> Made:
    """Make one run; ``ranker`` is the content of the ranker file that it needs, if any."""
    with _at_work(study, run, tables, settings) as job:
        kind = study.methods[run.method].kind
        path = kind.ranker_file(job)
        if path is not None and ranker is not None:
            path.write_bytes(ranker)
        start = time.perf_counter()
        picks = _checked(kind.pick(job))
        return Made(picks, round(time.perf_counter() - start, 3))  # rounded as in its file


def _train(study: Study, run: Run, tables: str, settings: Any) -> bytes:
    """Train the ranker of a run, and return the content of its file."""
    with _at_work(study, run, tables, settings) as job:
        kind = study.methods[run.method].kind
        kind.train_ranker(job)
        path = kind.ranker_file(job)
        assert path is not None  # only a run that needs a ranker gets here
        return path.read_bytes()


def _check_same(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Raises: StudyError: that names the files whose content is not the same here."""
    files = {name: content for key in ("benchmark", "files") for name, content in found.get(key, [])}
    for key in ("benchmark", "files"):
        for name, content in wanted.get(key, []):
            if files.get(name, "") != content:
                state = "has another content" if files.get(name) else "is not there"
                raise StudyError(
                    f"{name} {state} on this machine: all machines must see the same tables and files, at the same "
                    "paths (a path that is not absolute is looked up where the worker was started)"
                )
    if wanted != found:
        raise StudyError(f"the settings of the method are {found} on this machine, and {wanted} where it was asked for")


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


def _rows(study: Study, made: Mapping[Run, Made], tables: str) -> Iterator[dict[str, Any]]:
    """The rows of the results. This is where test accuracies are read."""
    for place in study.grid():
        run, benchmark = made[study.run_at(place)], benchmark_of(place.space, tables)
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
            "source_test": scored[0].source_test,
            "target_test": scored[0].target_test,
            "source_percentile": scored[0].source_percentile,
            "target_percentile": scored[0].target_percentile,
            "source_test_percentile": scored[0].source_test_percentile,
            "target_test_percentile": scored[0].target_test_percentile,
            "limit_percentile": scale.limit_percentile,
            "source_queries": run.picks.source_queries,
            "target_queries": run.picks.target_queries,
            "seconds": run.seconds,
        }
