"""The benchmark of a search space, wherever its figures are."""

from __future__ import annotations

from pathlib import Path

from ..spaces.known import DIGITS, DIGITS_DOMAINS
from ..spaces.space import SearchSpace
from .benchmark import Benchmark
from .naslib_provider import naslib


def tabular_benchmark(space: SearchSpace, tables: str = "") -> Benchmark:
    """Open the benchmark of a space.

    Args:
        space: a search space.
        tables: a folder of plain tables; empty for an embedded benchmark or NASLib's own files.
    Raises:
        TableError, NaslibError.
    """
    if tables:
        from .table import find_table, read_table

        return read_table(find_table(Path(tables), space), space)
    if space is DIGITS:
        from .digits_benchmark import digits_benchmark

        return digits_benchmark()
    if space is DIGITS_DOMAINS:
        from .domains_benchmark import domains_benchmark

        return domains_benchmark()
    return naslib().open_benchmark(space)
