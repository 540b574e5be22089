"""Searches prepared and run from a config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naslib_archlock.config.sections import Config
from naslib_archlock.locking.prepare import Prepared, open_benchmark, prepare

if TYPE_CHECKING:
    from naslib_archlock.ranker.ranker import Ranker


def prepared_by(config: Config, ranker: Ranker | None = None) -> Prepared:
    return prepare(config, open_benchmark(config), ranker)


def run(config: Config, ranker: Ranker | None = None) -> Prepared:
    prepared = prepared_by(config, ranker)
    for _ in range(config.search.epochs):
        prepared.search.step()
    return prepared
