"""How the tables that come with the package are stored: CSV files packed with gzip, one row for each trained cell."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Sequence

import numpy as np

from ..data import checked_path
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace


def pack(space: SearchSpace, columns: Sequence[str], rows: Iterable[tuple[Cell, Sequence[str]]]) -> bytes:
    """Encode a table. The same table gives the same bytes.

    Args:
        space: writes the cells.
        columns: the names of the columns after ``arch``.
        rows: a cell and its fields.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["arch", *columns])
    writer.writerows([space.to_str(cell), *fields] for cell, fields in rows)
    return gzip.compress(text.getvalue().encode(), mtime=0)


def unpack(space: SearchSpace, name: str) -> tuple[list[Cell], dict[str, np.ndarray]]:
    """Read a file of the package.

    Returns:
        The cells, ``n`` of them, and column -> ``n`` numbers, NaN for an empty field.
    Raises:
        TableError: if the file is missing or damaged.
    """
    text = gzip.decompress(checked_path(name).read_bytes()).decode()
    header, *rows = csv.reader(io.StringIO(text))
    values = np.array([[float(field or "nan") for field in row[1:]] for row in rows])
    return [space.from_str(row[0]) for row in rows], dict(zip(header[1:], values.T))


def rows_of_all(space: SearchSpace, trained: Sequence[Cell]) -> list[int]:
    """For each architecture of ``space.all()``, the position of the trained cell that computes the same function."""
    row_of = dict(zip(space.index(trained).tolist(), range(len(trained))))
    return [row_of[i] for i in space.index(space.representatives(space.all())).tolist()]
