"""The images of the tasks that come with the package."""

from __future__ import annotations

from ..errors import unknown
from .digits_domains import DOMAINS, digits_domain
from .digits_tasks import DIGITS_TASKS, digits_task
from .labelled_images import LabelledImages

EMBEDDED_TASKS = (*DIGITS_TASKS, *DOMAINS)


def embedded_task(task: str) -> dict[str, LabelledImages]:
    """The splits ``train``, ``val`` and ``test`` of a digits task or of a domain of digits.

    Raises: UnknownNameError: if there is no such task.
    """
    if task not in EMBEDDED_TASKS:
        raise unknown("task", task, EMBEDDED_TASKS, "the digits tasks and domains")
    return digits_domain(task) if task in DOMAINS else digits_task(task)
