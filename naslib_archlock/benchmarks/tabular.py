"""The benchmark of a search space, wherever its figures are."""

from __future__ import annotations

from pathlib import Path

from .. import data
from ..spaces.known import DIGITS
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
    if space.is_embedded:
        from .digits_benchmark import digits_benchmark
        from .domains_benchmark import domains_benchmark

        return digits_benchmark() if space is DIGITS else domains_benchmark()
    return naslib().open_benchmark(space)


def embedded_file(space: SearchSpace) -> Path:
    """The file of the package that holds the benchmark of an embedded space."""
    from .digits_benchmark import FILE as DIGITS_FILE
    from .domains_benchmark import FILE as DOMAINS_FILE

    return data.FOLDER / (DIGITS_FILE if space is DIGITS else DOMAINS_FILE)
