"""A benchmark in a plain table: ``<space>.csv`` or ``.csv.gz`` with a column ``arch`` and columns ``TASK/SPLIT``."""

from __future__ import annotations

import csv
import io
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np

from ..errors import CellError, TableError, named, unknown
from ..spaces.cells import N_SLOTS, Cell
from ..spaces.space import SearchSpace
from ..store.cache import KeptOf
from ..store.reading import UnreadableError, read_regular
from ..tasks.names import SPLITS
from .benchmark import Benchmark

NOTE = "NOTE.txt"

_VERSION = 1  # of what is kept of a table: raise it when another array is made from the same file


class TableBenchmark(Benchmark):
    """Every architecture of a space, once, with finite values."""

    def __init__(
        self,
        space: SearchSpace,
        cells: np.ndarray,
        columns: dict[str, np.ndarray],
        where: str,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Args: cells: ``n x 6`` codes; columns: ``TASK/SPLIT`` -> ``n`` numbers; where: named in errors.

        Raises: TableError: if an architecture is missing or doubled, a value is not finite, or a task lacks ``val`` or
        ``test``.
        """
        self.space = space
        self._notes = notes
        self._columns = columns
        self._row = np.full(space.index_size, -1)
        index = space.index(cells)
        self._row[index] = np.arange(len(cells))
        doubled = np.flatnonzero(np.bincount(index) > 1)  # np.unique imports numpy.ma, which takes longer than the rest
        if len(doubled):
            first = _text(space, space.at(doubled)[0])
            raise TableError(f"{where}: {len(doubled)} architectures occur twice, {first} first")
        expected = space.all()
        missing = expected[self._row[space.index(expected)] < 0]
        if len(missing):
            raise TableError(
                f"{where}: {len(missing)} of the {len(expected)} architectures of {space.name} are missing, "
                f"{_text(space, missing[0])} first"
            )
        for name, values in columns.items():
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                raise TableError(f"{where}: column {name} is not a number for {_text(space, cells[bad[0]])}")
        self.tasks = tuple(dict.fromkeys(name.rsplit("/", 1)[0] for name in columns))
        for task in self.tasks:
            for split in ("val", "test"):
                if f"{task}/{split}" not in columns:
                    raise TableError(f"{where}: task {task} needs a column {task}/{split}")

    @property
    def notes(self) -> tuple[str, ...]:
        return self._notes

    def accuracy(self, arch: Cell, *, task: str, split: str) -> float:
        self.check_task(task)
        if f"{task}/{split}" not in self._columns:
            splits = [name for name in SPLITS if f"{task}/{name}" in self._columns]
            raise unknown("split", split, splits, f"the table of {self.space.name}, task {task}")
        return float(self._columns[f"{task}/{split}"][self._row[self.space.index(arch)[0]]])


def _text(space: SearchSpace, cell: np.ndarray) -> str:
    return space.to_str(tuple(cell.tolist()))


def find_table(folder: Path, space: SearchSpace) -> Path:
    """The table of a space in a folder. Raises: TableError: if there is none."""
    candidates = [folder / f"{space.name}{suffix}" for suffix in (".csv.gz", ".csv")]
    for path in candidates:
        if path.is_file():
            return path
    raise TableError(f"no table of {space.name} in {folder}: expected {' or '.join(p.name for p in candidates)}")


def read_table(path: Path, space: SearchSpace) -> TableBenchmark:
    """Read and check a table. Columns that are not ``TASK/train``, ``/val`` or ``/test`` are ignored.

    A file ``NOTE.txt`` beside it is what every reader of its figures must know. A table that was found whole is kept
    (``cache``), so that it is parsed once.
    Raises: TableError: if the file cannot be read, or is incomplete or malformed.
    """
    kept = KeptOf(path, {"table of": space.name, "version": _VERSION})
    parse = cache(lambda: _parse(path, space))
    names = kept.value("columns", lambda: list(parse()[1]))
    rows = kept.array("rows", lambda: _to_rows(space, *parse()))
    columns = {name: rows["values"][:, i] for i, name in enumerate(names)}
    return TableBenchmark(space, space.at(rows["cell"]), columns, _where(path), _notes(path.parent / NOTE))


def _notes(path: Path) -> tuple[str, ...]:
    """Raises: TableError: if the note is there and cannot be read."""
    if not path.exists():
        return ()
    try:
        return (read_regular(path).decode("utf-8", errors="replace").strip(),)
    except UnreadableError as err:
        raise TableError(f"the note {path} on a table {err}") from err


def _where(path: Path) -> str:
    return f"table {path}"


def _to_rows(space: SearchSpace, cells: np.ndarray, columns: dict[str, np.ndarray]) -> np.ndarray:
    """Cells by ``space.index``, and their values, in one array."""
    rows = np.empty(len(cells), dtype=[("cell", "<i8"), ("values", "<f8", (len(columns),))])
    rows["cell"], rows["values"] = space.index(cells), np.transpose(list(columns.values()))
    return rows


def _parse(path: Path, space: SearchSpace) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The cells and columns of a whole table, as ``TableBenchmark`` takes them. Raises: TableError."""
    try:
        text = read_regular(path).decode("utf-8-sig")  # spreadsheets write a BOM
        header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
    except UnreadableError as err:
        raise TableError(f"{_where(path)} {err}") from err
    except (UnicodeDecodeError, csv.Error) as err:
        raise TableError(f"{_where(path)} cannot be read ({err})") from err
    arch_at, wanted = _columns(header, _where(path))
    cells, figures = [], []
    for number, row in enumerate(rows):
        try:
            if len(row) != len(header):
                raise ValueError(f"{len(row)} fields, where the header has {len(header)}")
            cells.append(space.from_str(row[arch_at]))
            figures.append([float(row[i]) for i in wanted.values()])
        except (CellError, ValueError) as err:
            raise TableError(f"{_where(path)}, line {number + 2}: {err}") from err
    values = np.array(figures).reshape(-1, len(wanted))
    array, columns = np.array(cells, dtype=np.int64).reshape(-1, N_SLOTS), dict(zip(wanted, values.T))
    TableBenchmark(space, array, columns, _where(path))  # what is not whole must not be kept
    return array, columns


def _columns(header: list[str], where: str) -> tuple[int, dict[str, int]]:
    """Where the architectures stand, and ``TASK/SPLIT`` -> where its values do. Raises: TableError."""
    if "arch" not in header:
        raise TableError(f"{where} needs a header with a column 'arch'; it has {', '.join(header) or 'nothing'}")
    wanted = {name: i for i, name in enumerate(header) if "/" in name and name.rsplit("/", 1)[1] in SPLITS}
    if not wanted:
        raise TableError(f"{where} has no column like TASK/val or TASK/test")
    times = Counter(header)
    for name in ("arch", *wanted):
        if times[name] > 1:
            raise TableError(f"{where}: the header holds {times[name]} columns {named(name)}; leave one")
        task = name.rpartition("/")[0]
        if name != "arch" and (task != task.strip() or not task.isprintable() or not task):
            raise TableError(f"{where}: column {named(name)} needs the name of a task before the '/', without blanks")
    return header.index("arch"), wanted
