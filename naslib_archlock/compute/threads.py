"""How many threads torch and NumPy compute with. This module imports torch only when its threads are set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def single_threaded() -> Iterator[None]:
    """Compute on one thread of torch inside the block.

    Threads gain little for work in small pieces, and processes that share the cores wait for each other's threads: two
    searches at once took 20 times as long. On one thread, the result also does not depend on the number of cores.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def single_threaded_on(device: str) -> AbstractContextManager[None]:
    """``single_threaded`` on a CPU, where the networks of this package are small; nothing changes for a GPU."""
    return single_threaded() if device == "cpu" else nullcontext()


def single_threaded_blas() -> AbstractContextManager[None]:
    """The same for the linear algebra of NumPy and SciPy."""
    limit: AbstractContextManager[None] = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _controller() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401  # it has a library of its own, which must be there to be found

    return ThreadpoolController()  # the search for the libraries takes milliseconds
