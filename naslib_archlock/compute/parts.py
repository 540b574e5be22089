"""Long work in parts: in parallel, with progress and the time left, and continued where it was interrupted."""

from __future__ import annotations

import json
import os
import signal
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import joblib

from ..errors import ArchLockError, OutputError
from ..store import sealed
from ..store.digests import digest
from ..store.files import make_folder
from ..store.kept_results import KeptResults
from .counted import counted

_SETTINGS = "settings.json"


class Workers(ABC):
    """A place where calls run: ``LocalProcesses``, or the workers of a cluster (``cluster.DaskCluster``).

    Attributes:
        share_files: whether calls see the files of this process.
    """

    share_files: ClassVar[bool]

    @abstractmethod
    def check(self) -> None:
        """Raises: ArchLockError: if nothing can run there."""

    @abstractmethod
    def results(
        self, function: Callable[..., Any], calls: Mapping[Any, tuple[Any, ...]]
    ) -> Generator[tuple[Any, Any], None, None]:
        """``name, function(*call)`` for each named call, as soon as it is there, in any order, each on one thread.

        To close the iterator, which an error does, too, stops the calls.

        Raises:
            ArchLockError: if a process was killed, and what was finished before is kept; what the calls raise.
        """


@dataclass(frozen=True)
class LocalProcesses(Workers):
    """Processes of this machine.

    Attributes:
        n: so many at once, 0 for one a core; with one, calls run in this one, with the threads it has.
    """

    n: int = 0

    share_files = True

    def __str__(self) -> str:
        return f"{self._n} process{'es' if self._n > 1 else ''}"

    @property
    def _n(self) -> int:
        return self.n or int(joblib.cpu_count())

    def check(self) -> None:
        """Nothing to check: this machine is always there."""

    def results(
        self, function: Callable[..., Any], calls: Mapping[Any, tuple[Any, ...]]
    ) -> Generator[tuple[Any, Any], None, None]:
        here = os.getpid(), _working_folder()
        tasks = (joblib.delayed(_named)(*here, name, function, call) for name, call in calls.items())
        n = max(1, min(self._n, len(calls)))
        with warnings.catch_warnings():
            # joblib warns about calls that were stopped halfway, about results that nobody waited for, and about a
            # process that it starts again because the process has come to hold many images
            warnings.filterwarnings("ignore", r"\d+ tasks (which were still|have been successfully)", UserWarning)
            warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
            with joblib.parallel_config("loky", inner_max_num_threads=1), _interrupts_ignored(), _quiet_tracker():
                results = joblib.Parallel(n_jobs=n, return_as="generator_unordered")(tasks)
            try:
                yield from results
            except BrokenProcessPool as err:
                raise ArchLockError(
                    f"one of {self} was killed, most likely for want of memory; what is finished is kept: give the "
                    "same command again, with fewer --jobs"
                ) from err
            finally:
                results.close()


def compute_parts(
    function: Callable[..., Any],
    calls: Mapping[str, tuple[Any, ...]],
    folder: Path,
    settings: Mapping[str, Any],
    workers: Workers,
    what: str,
) -> dict[str, Any]:
    """``function(*call)`` for each named call; what is already in ``folder`` is not computed again.

    A result is kept in ``NAME.json`` as soon as it is there. A file that is damaged is computed again, with a warning.

    Args:
        function: returns what JSON can hold.
        settings: what the results depend on beside the calls, and not on where they ran.
        workers: may be others when work goes on.
        what: shown beside the bar.
    Returns: name -> result, in the order of ``calls``.

    Raises:
        OutputError: if the folder cannot be written, or holds parts that other settings made.
    """
    make_folder(folder)
    _check_settings(folder / _SETTINGS, settings)
    kept, made_with = KeptResults(folder), digest(settings)
    results = kept.read(dict.fromkeys(calls, made_with))
    missing = {name: call for name, call in calls.items() if name not in results}

    def keep(name: str, result: Any) -> None:
        results[name] = kept.keep(name, made_with, result)

    in_parallel(function, missing, keep, workers, what, n_done=len(results))
    return {name: results[name] for name in calls}


def in_parallel(
    function: Callable[..., Any],
    calls: Mapping[Any, tuple[Any, ...]],
    keep: Callable[[Any, Any], None],
    workers: Workers,
    what: str,
    n_done: int = 0,
) -> None:
    """``keep(name, function(*call))`` for each named call, as soon as its result is there, in any order.

    Whatever stops this function, Ctrl-C or an error of a call or of ``keep``, also stops the calls.

    Args:
        keep: is called in this process.
        n_done: calls that the progress counts as done before.
    Raises: what ``Workers.results`` and ``keep`` raise.
    """
    results = workers.results(function, calls)
    with counted(n_done + len(calls), n_done, what, "part") as advance, closing(results):
        for name, result in results:
            keep(name, result)
            advance()


def _working_folder() -> str:
    """The working folder; empty if it was removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _named(parent: int, folder: str, name: Any, function: Callable[..., Any], call: tuple[Any, ...]) -> tuple[Any, Any]:
    if parent not in (os.getpid(), os.getppid()):
        os._exit(1)  # the parent was killed, so nobody waits for this result, and no further call is begun
    if folder and parent != os.getpid():
        os.chdir(folder)  # the parent may have changed it since it started this process
    return name, function(*call)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes that are started in the block ignore Ctrl-C: this process stops them, so that they print no tracebacks.

    A process inherits that a signal is ignored. It would also inherit that a signal is blocked, but joblib unblocks it.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may change signal handlers, and only Python's own
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _quiet_tracker() -> Iterator[None]:
    """Silence joblib's resource tracker, which removes the leftovers of stopped processes, if it starts in the block.

    It would warn when Ctrl-C stops a process after it made a semaphore and before it registered it.
    """
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join([*([before] if before else []), "ignore:resource_tracker:UserWarning"])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def _check_settings(path: Path, settings: Mapping[str, Any]) -> None:
    found = sealed.read_all([path])
    if path not in found:
        sealed.write(path, settings)
    elif found[path] != json.loads(json.dumps(settings)):
        raise OutputError(
            f"{path.parent} holds parts of work with other settings ({path.name}); choose another folder, or remove it"
        )
