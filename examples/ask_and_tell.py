"""Drive a search with your own training code: ask for several cells, train them, and tell their accuracies."""

from __future__ import annotations

import naslib_archlock as al
from naslib_archlock.networks.fit import FitSettings, fit_and_score
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.tasks.digits_tasks import digits_task

SPLITS = digits_task("digit")


def train(cell: Cell) -> float:
    """Return the validation accuracy in %; replace this with your own training."""
    scores, _ = fit_and_score(cell, SPLITS, FitSettings(epochs=2), seeds=[0])
    return scores["val"][0]


search = al.open_search(search_space="digits", dataset="my digits", source_queries=12, epochs=12)
while not search.is_finished:
    cells = [search.ask() for _ in range(4)]  # train these in parallel if you can
    for cell in cells:
        search.tell(cell, train(cell))
best = search.best()
print(best.arch, f"{best.source_val:.1f}%")
