"""A benchmark in a plain table: ``<space>.csv`` or ``.csv.gz``, one row for each architecture.

Columns:

* ``arch``: the architecture as the space's official string;
* ``TASK/SPLIT``, where SPLIT is ``train``, ``val`` or ``test``: the accuracy of a network trained from scratch on TASK;
* ``SOURCE>TASK/SPLIT``: the accuracy of a network trained on SOURCE and fine-tuned on TASK. Both must be tasks of the
  table, with columns of their own.

Figures are of the task's metric, which has a range and is higher for better networks (``spaces.metrics``).
Every task, and every pair of a source and a task, needs ``val`` and ``test``. No name of a task holds ``>``, so that a
column can be read in one way only. All other columns are ignored.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from ..errors import CellError, TableError, UnknownNameError, named, shown, unknown
from ..spaces.cells import N_SLOTS, Cell
from ..spaces.space import SearchSpace
from ..store.cache import KeptOf
from ..store.reading import UnreadableError, plain_or_packed, read_regular
from ..tasks.names import SPLITS, same_task
from .benchmark import Benchmark
from .figure_checks import fault_in_column

NOTE = "NOTE.txt"  # the file beside a table whose text is printed with its figures
FINE_TUNED = ">"  # between source and task in the name of a column

# Of the cached arrays: raise it when another array is made from the same file, or when another table is refused.
_VERSION = 2

_ALSO_FINE_TUNED = (
    "Benchmark figures of a task come from networks trained from scratch on it: they measure how well the architecture "
    "fits the task. Figures of SOURCE>TASK come from networks trained on the source and fine-tuned on the task: they "
    "measure how well trained weights transfer to it."
)


class TableBenchmark(Benchmark):
    """A benchmark held in arrays. Every architecture of the space occurs once, with figures of each task's metric."""

    def __init__(
        self,
        space: SearchSpace,
        cells: np.ndarray,
        columns: dict[str, np.ndarray],
        where: str,
        notes: tuple[str, ...] = (),
        has_gaps: bool = False,
    ) -> None:
        """Check a table.

        Args:
            space: The search space, of ``n`` architectures.
            cells: The architectures, ``n x 6`` codes, in any order.
            columns: ``TASK/SPLIT`` or ``SOURCE>TASK/SPLIT`` -> ``n`` accuracies.
            where: What error messages call the table.
            notes: Caveats that are printed with its figures.
            has_gaps: Whether figures of fine-tuned networks may be missing (NaN). To look one up is an error.

        Raises:
            TableError: If an architecture is missing or occurs twice, a figure is not finite, ``val`` or ``test`` is
                missing for a task or a pair, a pair names a task that the table lacks, or two names are of one task.
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
        names = tuple(dict.fromkeys(name.rsplit("/", 1)[0] for name in columns))
        self.tasks = tuple(name for name in names if FINE_TUNED not in name)
        for i, name in enumerate(self.tasks):
            same = same_task(name, self.tasks[:i])
            if same is not None:
                raise TableError(
                    f"{where}: {named(same)} and {named(name)} are two names of one task; leave the columns of one "
                    "out, or rename them if it is another task"
                )
        self.fine_tuned_from = self._pairs([name for name in names if FINE_TUNED in name], where)
        for name in names:
            for split in ("val", "test"):
                if f"{name}/{split}" not in columns:
                    raise TableError(
                        f"{where}: task {name} needs a column {name}/{split}; add it, or leave out the others of {name}"
                    )
        for name, values in columns.items():
            may_lack = has_gaps and FINE_TUNED in name
            bad = np.flatnonzero(~(np.isfinite(values) | (np.isnan(values) & may_lack)))
            if len(bad):
                raise TableError(f"{where}: column {name} is not a number for {_text(space, cells[bad[0]])}")

    def _pairs(self, names: Sequence[str], where: str) -> dict[str, tuple[str, ...]]:
        """Task -> the sources of its fine-tuned networks.

        Args:
            names: ``SOURCE>TASK``.
            where: What error messages call the table.

        Raises:
            TableError: If a name does not hold two tasks of the table.
        """
        sources: dict[str, tuple[str, ...]] = {}
        for name in names:
            source, _, task = name.partition(FINE_TUNED)
            for part in (source, task):
                if part not in self.tasks:
                    raise TableError(
                        f"{where}: columns {named(name)}/... would be of networks trained on {shown(source)} and "
                        f"fine-tuned on {shown(task)} (SOURCE>TASK/SPLIT), but the table has no columns of a task "
                        f"{shown(part)}; add {shown(part)}, or rename the columns if '>' is part of a task's name"
                    )
            sources[task] = (*sources.get(task, ()), source)
        return sources

    @property
    def meaning(self) -> str:
        return _ALSO_FINE_TUNED if self.fine_tuned_from else super().meaning

    @property
    def notes(self) -> tuple[str, ...]:
        return self._notes

    def accuracy(self, arch: Cell, *, task: str, split: str, pretrained_on: str | None = None) -> float:
        """See ``Benchmark.accuracy``. Raises also: CellError: If the architecture is not one of the space."""
        column, row = self._column(task, split, pretrained_on), self._row[self.space.index(arch)[0]]
        if row < 0:
            raise CellError(f"{shown(arch)} is no architecture of {self.space.name}")
        figure = float(column[row])
        if np.isnan(figure):
            raise UnknownNameError(
                f"the {self.space.name} benchmark has no figure of {self.space.to_str(arch)}, trained on "
                f"{pretrained_on} and then on {task}; its notes say which it has ({'; '.join(self.notes)}). Use a "
                "smaller source budget, or more source look-ups"
            )
        return figure

    def _column_of_all(self, task: str, split: str, pretrained_on: str | None) -> np.ndarray:
        if type(self).accuracy is not TableBenchmark.accuracy:  # a subclass answers in its own way
            return super()._column_of_all(task, split, pretrained_on)
        return self._column(task, split, pretrained_on)[self._row[self.space.index(self.space.all())]]

    def splits(self, name: str) -> list[str]:
        """The splits that have a column of a task, or of ``SOURCE>TASK``."""
        return [known for known in SPLITS if f"{name}/{known}" in self._columns]

    def _column(self, task: str, split: str, pretrained_on: str | None) -> np.ndarray:
        """The accuracies in the order of the table. Raises: UnknownNameError."""
        self.check_task(task, pretrained_on)
        name = task if pretrained_on is None else f"{pretrained_on}{FINE_TUNED}{task}"
        if f"{name}/{split}" not in self._columns:
            raise unknown("split", split, self.splits(name), f"the table of {self.space.name}, task {name}")
        return self._columns[f"{name}/{split}"]


def _text(space: SearchSpace, cell: np.ndarray) -> str:
    return space.to_str(tuple(cell.tolist()))


def find_table(folder: Path, space: SearchSpace) -> Path:
    """Return the path of a space's table in a folder, by ``plain_or_packed``. Raises: TableError: If there is none."""
    path = plain_or_packed(folder / f"{space.name}.csv")
    if path is None:
        raise TableError(f"no table of {space.name} in {folder}: expected {space.name}.csv or {space.name}.csv.gz")
    return path


def read_table(path: Path, space: SearchSpace) -> TableBenchmark:
    """Read and check a table in the format that the head of this module describes.

    The text of a file ``NOTE.txt`` beside the table is printed with its figures. A complete table is cached
    (``store.cache``), so that the next process need not parse it.

    Args:
        path: The table, packed with gzip or not.
        space: The search space of its architectures.

    Raises:
        TableError: If the file cannot be read, or the table is incomplete or malformed.
    """
    kept = KeptOf(path, {"table of": space.name, "version": _VERSION})
    parse = cache(lambda: _parse(path, space))
    names = kept.value("columns", lambda: list(parse()[1]))
    rows = kept.array("rows", lambda: _to_rows(space, *parse()))
    columns = {name: rows["values"][:, i] for i, name in enumerate(names)}
    return TableBenchmark(space, space.at(rows["cell"]), columns, _where(path), notes_beside(path.parent))


def notes_beside(folder: Path) -> tuple[str, ...]:
    """The text of the note on the tables in a folder, if there is one. Raises: TableError: If it cannot be read."""
    path = folder / NOTE
    if not path.exists():
        return ()
    try:
        return (read_regular(path).decode("utf-8", errors="replace").strip(),)
    except UnreadableError as err:
        raise TableError(f"the note {path} on a table {err}") from err


def _where(path: Path) -> str:
    return f"table {path}"


def _to_rows(space: SearchSpace, cells: np.ndarray, columns: dict[str, np.ndarray]) -> np.ndarray:
    """A table as one array with a field ``cell`` (``space.index`` of the architecture) and a field ``values``."""
    rows = np.empty(len(cells), dtype=[("cell", "<i8"), ("values", "<f8", (len(columns),))])
    rows["cell"], rows["values"] = space.index(cells), np.transpose(list(columns.values()))
    return rows


def _parse(path: Path, space: SearchSpace) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Read a complete table.

    Returns:
        The architectures, ``n x 6`` codes, and the accuracies by column name, ``n`` each, as ``TableBenchmark`` takes
        them.

    Raises:
        TableError: As ``read_table`` does.
    """
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
    # An incomplete or malformed table must not be cached.
    TableBenchmark(space, array, columns, _where(path))
    for name, of_column in columns.items():
        task = name.rpartition("/")[0].rpartition(FINE_TUNED)[2]
        if fault := fault_in_column(space, task, array, of_column):
            raise TableError(f"{_where(path)}: column {name} {fault}")
    return array, columns


def _columns(header: list[str], where: str) -> tuple[int, dict[str, int]]:
    """The positions of the columns in a header.

    Returns:
        The position of the architectures, and ``TASK/SPLIT`` or ``SOURCE>TASK/SPLIT`` -> the position of its figures.

    Raises:
        TableError: If a column is missing, occurs twice, or lacks the name of a task.
    """
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
