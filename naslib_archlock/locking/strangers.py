"""Tasks of a file that the benchmark lacks: one of them may be a hidden target under another name.

A benchmark, a zero-cost file and a ranker each have names of their own for tasks. ``tasks.names`` knows other spellings
of one name, but nothing says that ``mine`` in a table is ``photos`` in a zero-cost file. So if a target is not found in
a file, and the file has tasks that the benchmark does not know, nobody can tell whether the target would be trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import ConfigError
from ..spaces.known import SPACES
from ..tasks.names import is_published, same_task, task_key, task_name, whole_task


def strangers_among(tasks: Iterable[tuple[str, str]], search_space: str, known: Iterable[str]) -> list[str]:
    """The names of the tasks that are none of the known ones, nor sampled from one of these.

    Args:
        tasks: the name of its search space, and its own name, for each task.
        search_space: the space that is searched. A task that another space's own benchmark has is no stranger.
        known: names of tasks.
    """
    keys = {whole_task(task_key(task_name(name))) for name in known}
    return [
        name
        for space, name in tasks
        if whole_task(task_key(name)) not in keys
        and not (space != search_space and space in SPACES and same_task(whole_task(name), SPACES[space].tasks))
    ]


def strange_to(target: str, strangers: Iterable[str]) -> list[str]:
    """The strangers that may be the target: all, unless both names are those of published tasks."""
    return [name for name in strangers if not (is_published(target) and is_published(name))]


def refusal(targets: Sequence[str], strangers: Sequence[str], where: str, search_space: str) -> ConfigError:
    """The error for targets that may be among the strangers.

    Args:
        targets: tasks that a scheme hides and that ``where`` does not name.
        strangers: tasks that ``where`` names.
        where: what holds the strangers, in words.
        search_space: the space whose benchmark lacks the strangers.
    """
    return ConfigError(
        f"the target {', '.join(targets)} must stay unseen and is not named in {where}, but there is "
        f"{', '.join(strangers)}, which the benchmark of {search_space} lacks: if that is the target under another "
        "name, rename one of the two; if not, name the tasks that may be trained on with archlock.train_tasks"
    )
