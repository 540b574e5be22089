"""How many threads torch and NumPy compute with. Only who computes with torch needs it imported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def single_threaded() -> Iterator[None]:
    """Compute on one thread of torch inside the block.

    For work in small pieces, threads gain little, and processes side by side that share the cores then wait for each
    other's threads: two searches at once took 20 times as long. The result also no longer depends on the machine's
    number of cores.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def single_threaded_blas() -> AbstractContextManager[None]:
    """The same for the linear algebra of NumPy and SciPy."""
    limit: AbstractContextManager[None] = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _controller() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401  # it has a library of its own, which must be there to be found

    return ThreadpoolController()  # looking for the libraries takes milliseconds
