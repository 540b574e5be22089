from __future__ import annotations

from collections.abc import Iterator

import pytest

from naslib_archlock.compute.threads import single_threaded


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in an audit: on small networks, threads that wait for each other take longer than one alone."""
    with single_threaded():
        yield
