from __future__ import annotations

import pytest

from naslib_archlock.errors import UnknownNameError
from naslib_archlock.spaces.known import SPACES
from naslib_archlock.tasks.digits_domains import digits_domain
from naslib_archlock.tasks.digits_tasks import digits_task
from naslib_archlock.tasks.embedded import EMBEDDED_TASKS, embedded_task


def test_every_task_of_an_embedded_benchmark_has_images():
    tasks = {task for space in SPACES.values() if space.is_embedded for task in space.tasks}
    assert tasks == set(EMBEDDED_TASKS)
    assert len(EMBEDDED_TASKS) == len(set(EMBEDDED_TASKS))
    assert embedded_task("jigsaw") is digits_task("jigsaw")
    assert embedded_task("faint") is digits_domain("faint")


def test_an_unknown_task_is_named_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'edges'"):
        embedded_task("edge")
