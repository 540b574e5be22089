from __future__ import annotations

from collections.abc import Iterator

import pytest

from naslib_archlock.compute.threads import single_threaded


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread, as an audit does: on small networks, several threads wait for each other and take longer."""
    with single_threaded():
        yield
