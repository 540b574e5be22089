"""The history of a search as a table: what it looked up, in order.

A row is a look-up of an accuracy; in a search without look-ups, it is an architecture that the ranker judged. The
columns:

* ``step``: from 1, in the order of the search;
* ``task``: the source, or the target that was looked up;
* ``arch``: the architecture, as its benchmark writes it;
* ``accuracy``: validation accuracy on the task, in the task's own unit; empty where none was looked up;
* ``fitness``: higher is fitter; empty for a look-up of a target;
* ``source_rank``: the ranker's estimate on the source, from 1; empty in a search without a ranker;
* ``within_budget``: whether the architecture lies within the source budget, by all that the search knew at its end.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from ..spaces.cells import Cell
from ..strategies.base import Search
from ..tasks.names import task_name

COLUMNS = ("step", "task", "arch", "accuracy", "fitness", "source_rank", "within_budget")


def history_csv(search: Search, source: str) -> str:
    """The history of a finished search as CSV.

    Args:
        search: the search.
        source: the source task, by its name in the configuration.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for step, row in enumerate(_rows(search, task_name(source)), start=1):
        writer.writerow([step, *("" if cell is None else cell for cell in row)])
    return text.getvalue()


def _rows(search: Search, source: str) -> Iterator[tuple[Any, ...]]:
    """The rows without their numbers. A target look-up comes after the architectures that were judged before it."""
    within: dict[Cell, bool] = {}
    for evaluated in search.history:
        within.setdefault(evaluated.arch, search.is_within_budget(evaluated))
    to_str, look_ups = search.space.to_str, list(search.target_look_ups)
    for n_judged in range(len(search.history) + 1):
        while look_ups and look_ups[0].n_judged <= n_judged:
            look_up = look_ups.pop(0)
            for task, accuracy in look_up.accuracies.items():
                yield task_name(task), to_str(look_up.arch), accuracy, None, None, within[look_up.arch]
        if n_judged < len(search.history):
            judged = search.history[n_judged]
            figures = judged.source_val, judged.fitness, judged.source_rank
            yield source, to_str(judged.arch), *figures, within[judged.arch]
