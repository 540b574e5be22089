"""Calls on the workers of an existing Dask cluster.

This module uses distributed's own client and not joblib's Dask backend. When a call keeps killing its workers, that
backend never hears of it and waits for ever (joblib 1.6). It also sends calls in batches, so that an error could not
name the call.

A scheduler or worker that cannot import a function cannot unpickle it, and then reports nothing, or a misleading error.
So both are sent bytes, with Python's own ``pickle.loads`` as the function to call on them; unpickling the bytes makes
the call (``_Sent``).

Dask sends calls and results as pickles. Whoever names a scheduler trusts it, its workers, and everybody who can reach
them. TLS with certificates keeps others from reaching them; it is set up in Dask's own configuration
(docs/guides/clusters.md).
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import math
import pickle  # nosec B403 # what travels between a user's own command and workers
import platform
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import ArchLockError, ClusterError
from .parts import Workers

if TYPE_CHECKING:
    from distributed import Client, Future

_PATIENCE = 10.0  # seconds that a scheduler has to answer
_FIRST_WORKER = (
    60.0  # seconds to wait for the first worker, because one job script may start the workers and the command
)
_WITHOUT_WORKERS = 300.0  # seconds to wait for lost workers, because batch systems start them again
_BETWEEN_LOOKS = 1.0  # seconds between two counts of the workers
_KEPT = "what is finished is kept: give the same command again"
_EXTRA = "naslib_archlock[dask]"

# Results may depend on these libraries. For Python the minor version counts, because pickles of code are tied to it.
_LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn")


@dataclass(frozen=True)
class DaskCluster(Workers):
    """The workers of a Dask cluster, each of one thread, on machines that need not share files with this one.

    A call whose worker dies is made again elsewhere, as often as the scheduler allows (``allowed-failures``, by default
    three times). Workers may come and go while calls run. An error made for users says on which worker it arose.

    Attributes:
        scheduler: its address, such as ``tcp://HOST:PORT``, or ``tls://HOST:PORT`` with Dask configured for it.
    """

    scheduler: str

    share_files = False

    def __str__(self) -> str:
        return f"the Dask cluster at {self.scheduler}"

    def check(self) -> None:
        """Check that the cluster can be used.

        Raises:
        ClusterError: if the cluster cannot be reached, one of its workers is unfit, or it has none.
        """
        with self._client():
            pass

    def results(
        self, function: Callable[..., Any], calls: Mapping[Any, tuple[Any, ...]]
    ) -> Generator[tuple[Any, Any], None, None]:
        """Raises also: ClusterError: as ``check``; if a call lost all the workers it was given; if the scheduler, or
        all workers for five minutes, are lost."""
        if not calls:
            return
        with self._client() as client:
            waiting, n_workers = iter(calls.items()), _WorkerCount(client)
            running: dict[Future, Any] = {}
            done: SimpleQueue[Future] = SimpleQueue()
            try:
                while True:
                    # Each worker gets one call at a time. Waiting calls would fill the scheduler's memory, and a call
                    # that only waited on a worker would be blamed for its death.
                    free = max(1, n_workers()) - len(running)
                    for name, call in islice(waiting, max(0, free)):
                        future = client.submit(pickle.loads, _packed(function, call), pure=False)
                        running[future] = name
                        future.add_done_callback(done.put)
                    if not running:
                        return
                    try:
                        future = done.get(timeout=_BETWEEN_LOOKS)
                    except Empty:
                        continue
                    result = self._result(future, running[future])
                    yield running.pop(future), result
            finally:
                with suppress(Exception):  # there is nothing to cancel if the scheduler is gone
                    client.cancel(list(running), force=True)

    def _result(self, future: Future, name: Any) -> Any:
        import distributed

        try:
            return future.result(timeout=_WITHOUT_WORKERS)
        except distributed.KilledWorker as err:
            raise ClusterError(
                f"{name}: {err.allowed_failures + 1} workers died while they computed it, most likely for want of "
                f"memory (the last was {err.last_worker.address}; the logs of the workers say more); {_KEPT}"
            ) from err
        except (distributed.CancelledError, distributed.TimeoutError) as err:
            if future.status == "error":  # the call itself raised this error
                raise
            raise ClusterError(f"{self} was lost; {_KEPT}") from err
        except ImportError as err:
            if not _is_ours(err):
                raise
            raise _lacking("a worker that came late", err) from err

    @contextmanager
    def _client(self) -> Iterator[Client]:
        """Connect to a cluster, after checking its scheduler and its present workers."""
        try:
            import dask
            import distributed
        except ImportError as err:
            raise ClusterError(f"{self} needs the package distributed ({err}): pip install '{_EXTRA}'") from err
        with _quiet(), dask.config.set({"distributed.comm.timeouts.connect": _PATIENCE}):
            self._check_scheduler()
            try:
                client = distributed.Client(self.scheduler, timeout=_PATIENCE, set_as_default=False)
            except (OSError, distributed.TimeoutError) as err:
                raise ClusterError(f"{self} was lost ({err})") from err
            with client:
                self._check_workers(client)
                yield client

    def _check_scheduler(self) -> None:
        """Check that a scheduler answers, because a ``Client`` would wait for ever on a silent port."""
        with ThreadPoolExecutor(1) as pool:  # in a notebook, this thread already runs an event loop
            try:
                kind = pool.submit(asyncio.run, _kind_of_server(self.scheduler)).result()
            except Exception as err:  # a wrong address, or the answer of another server, can raise any error
                raise ClusterError(
                    f"no Dask scheduler answers at {self.scheduler} ({str(err) or type(err).__name__}); give the "
                    "address that it prints when it starts, such as tcp://HOST:8786"
                ) from err
        if kind != "Scheduler":
            raise ClusterError(f"at {self.scheduler} there is a Dask {kind}; give the address of its scheduler")

    def _check_workers(self, client: Client) -> None:
        import distributed

        try:
            client.wait_for_workers(1, timeout=_FIRST_WORKER)
        except distributed.TimeoutError as err:
            raise ClusterError(
                f"{self} has no workers, and none came within {_FIRST_WORKER:.0f} s; start some, with "
                f"dask worker {self.scheduler} --nthreads 1"
            ) from err
        n_threads = client.nthreads()
        # Unlike a submitted call, this does not wait for a worker that is busy.
        answers = client.run(pickle.loads, pickle.dumps(_Sent(_versions)), on_error="return")
        for worker, answer in answers.items():
            if isinstance(answer, OSError):  # the worker is gone or is shutting down
                continue
            if isinstance(answer, ImportError) and _is_ours(answer):
                raise _lacking(f"worker {worker}", answer) from answer
            if isinstance(answer, Exception):
                raise ClusterError(f"worker {worker} cannot make calls: {answer!r}") from answer
            _check_fit(worker, n_threads.get(worker, 1), answer, _versions())


class _WorkerCount:
    """The number of workers of a cluster, counted again now and then."""

    def __init__(self, client: Client) -> None:
        self._client, self._n = client, 0
        self._looked, self._seen = -math.inf, time.monotonic()

    def __call__(self) -> int:
        """Raises: ClusterError: if the scheduler is lost, or there has been no worker for long."""
        now = time.monotonic()
        if now - self._looked >= _BETWEEN_LOOKS:
            try:
                self._n = len(self._client.nthreads())
            except OSError as err:
                raise ClusterError(f"the scheduler was lost ({err}); {_KEPT}") from err
            self._looked = now
            if self._n:
                self._seen = now
            elif now - self._seen > _WITHOUT_WORKERS:
                raise ClusterError(f"all workers were lost, and none came for {_WITHOUT_WORKERS:.0f} s; {_KEPT}")
        return self._n


async def _kind_of_server(address: str) -> str:
    from distributed import Security, rpc

    # The certificates of TLS are in Dask's configuration. A ``Client`` finds them there; this call must be told.
    async with rpc(address, connection_args=Security().get_connection_args("client")) as server:
        kind: str = (await asyncio.wait_for(server.identity(), _PATIENCE))["type"]
        return kind


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence distributed's logs and warnings, for example about dead workers. Errors that matter are raised."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "asyncio")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        # Dask warns of other versions, which are checked here if they matter, and of large messages.
        warnings.filterwarnings("ignore", r"(?s)(\+-.*version|Sending large graph)", UserWarning)
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels):
                logger.setLevel(level)


# -- in the process of a worker ----------------------------------------------------------------------------------------


class _Sent:
    """An object that calls a function of this module when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self._called = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self._called


def _packed(function: Callable[..., Any], call: tuple[Any, ...]) -> bytes:
    import cloudpickle  # cloudpickle also packs the functions of a script, which workers cannot import

    return pickle.dumps(_Sent(_make, _versions(), cloudpickle.dumps((function, call))))


def _make(versions: Mapping[str, str], packed: bytes) -> Any:
    """Make a call. Raises: ClusterError: if this worker is unfit, or for an error made for users."""
    from distributed import get_worker

    address, n_threads = get_worker().address, get_worker().state.nthreads
    _check_fit(address, n_threads, _versions(), versions)
    from .threads import single_threaded, single_threaded_blas

    function, call = pickle.loads(packed)  # nosec B301 # from the user's own command
    try:
        with single_threaded(), single_threaded_blas():
            return function(*call)
    except ArchLockError as err:
        raise ClusterError(f"on worker {address}: {err}") from err


def _check_fit(worker: str, n_threads: int, versions: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Raises: ClusterError."""
    if n_threads != 1:
        raise ClusterError(
            f"worker {worker} has {n_threads} threads, but calls in one process spoil each other's random numbers; "
            "start workers with --nthreads 1 (and --nworkers N for N processes a machine)"
        )
    for name, version in versions.items():
        if version != wanted[name]:
            raise ClusterError(
                f"worker {worker} has {name} {version}, and this machine has {wanted[name]}; results are the same only "
                "with the same versions"
            )


@cache
def _versions() -> dict[str, str]:
    """The versions that results may depend on."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"naslib_archlock": __version__, "Python": python, **{name: _version(name) for name in _LIBRARIES}}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _is_ours(err: ImportError) -> bool:
    return (err.name or "").split(".")[0] == __name__.split(".")[0]


def _lacking(worker: str, err: ImportError) -> ClusterError:
    return ClusterError(f"{worker} cannot import naslib_archlock {__version__} ({err}); install it there, too")
