"""The zero-cost scores of cells on a task, and NASLib's files of such scores.

A file of NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022), as NASLib reads it, is
``{task: {str(op_indices): {proxy: {"score": s, "time": t}, "val_accuracy": a}}}``. Only the scores are read, because
the accuracy beside them must never reach a vote. The files that this module writes hold only scores.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CellError, TableError, shown
from ..spaces.cells import N_SLOTS
from ..spaces.space import SearchSpace
from ..store.cache import KeptOf
from ..store.files import write_bytes
from ..store.reading import UnreadableError, parse_json, plain_or_packed, read_regular
from ..tasks.names import same_task

# The 13 proxies of NASLib's ``ZeroCost``.
PROXIES = (
    "epe_nas", "fisher", "flops", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "params", "plain", "snip",
    "synflow", "zen",
)  # fmt: skip

_KEY = re.compile(r"\(\s*[0-9]\s*(,\s*[0-9]\s*){5},?\s*\)", re.ASCII)
_NUMBER = re.compile("[0-9]")

_VERSION = 1  # part of the key of a cached file: raise it when this module reads other scores from the same file

FAILED_SCORE = -1e8  # NASLib's ZeroCost answers this where a proxy failed; its bananas clips infinities to +-1e9


@dataclass(frozen=True)
class ZeroCostScores:
    """The scores of ``n`` cells on one task.

    Attributes:
        space: the search space of the cells.
        task: the name of the task.
        cells: ``n x 6`` canonical codes.
        scores: proxy -> ``n`` float64, NaN where the proxy failed.
    """

    space: SearchSpace
    task: str
    cells: np.ndarray
    scores: Mapping[str, np.ndarray]

    def ranks(self, proxy: str) -> np.ndarray:
        """The ranks of the cells by a proxy, from 1 for the lowest score, with ties averaged.

        Returns:
            ``n`` float64, NaN where the proxy failed; a proxy that this table lacks has failed on every cell.
        """
        values = self.scores.get(proxy)
        if values is None:
            return np.full(len(self.cells), np.nan)
        return ranks_of(values)

    def take(self, rows: np.ndarray) -> ZeroCostScores:
        """The same task with only the cells at ``rows``, which are positions or ``n`` booleans."""
        return ZeroCostScores(self.space, self.task, self.cells[rows], {p: s[rows] for p, s in self.scores.items()})


def ranks_of(values: np.ndarray) -> np.ndarray:
    """The ranks of ``n`` values, from 1 for the lowest, with ties averaged; NaN where a value is NaN."""
    from scipy.stats import rankdata  # it is slow to import, and configs need only the names of the proxies

    ranks: np.ndarray = rankdata(values, nan_policy="omit").astype(np.float64)
    ranks[np.isnan(values)] = np.nan
    return ranks


def parse_scores(space: SearchSpace, task: str, entries: Any, where: str = "zero-cost table") -> ZeroCostScores:
    """The scores in the entries of one task, which have NASLib's structure.

    Args:
        space: the search space of the cells.
        task: the name of the task.
        entries: ``{str(op_indices): {proxy: {"score": s}}}``, unchecked.
        where: what error messages call the source of the entries.
    Raises:
        TableError: if an entry is malformed, a cell is not of ``space``, or a cell occurs twice.
    """
    if not task or not task.isprintable():
        raise TableError(f"{where}: the name of a task must be text on one line, not {shown(task)}")
    if not isinstance(entries, Mapping) or not entries:
        raise TableError(f"{where}: task {shown(task)} holds no cells")
    cells, columns = [], {p: np.full(len(entries), np.nan) for p in PROXIES}
    for row, (key, entry) in enumerate(entries.items()):
        try:
            cells.append(space.from_naslib(_op_indices(key)))
            if not isinstance(entry, Mapping):
                raise TypeError(f"{type(entry).__name__} instead of proxies and their scores")
            for proxy in PROXIES:
                if proxy in entry:
                    columns[proxy][row] = _score(entry[proxy]["score"])
        except (ValueError, TypeError, KeyError, OverflowError) as err:
            raise TableError(f"{where}: task {shown(task)}, entry {shown(key)} cannot be read ({err})") from err
    if len(set(cells)) < len(cells):
        raise TableError(f"{where}: task {shown(task)} holds a cell twice")
    present = {p: values for p, values in columns.items() if not np.isnan(values).all()}
    return ZeroCostScores(space, task, np.array(cells, dtype=np.int64).reshape(-1, N_SLOTS), present)


def _op_indices(key: Any) -> list[int]:
    """The numbers in a key such as ``(3, 3, 4, 1, 3, 1)``. Raises: CellError."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise CellError(f"{shown(key)} is not a tuple of six integers")
    return [int(number) for number in _NUMBER.findall(key)]


def _score(raw: Any) -> float:
    score = float(raw)
    return np.nan if score == FAILED_SCORE else score


def read_zero_cost(path: Path, space: SearchSpace, hidden: Container[str] = ()) -> dict[str, ZeroCostScores]:
    """The scores of all tasks but the hidden ones in one of NASLib's ``zc_<space>.json`` files.

    Args:
        path: the file, which is compressed if its name ends in ``.gz``.
        space: the search space of its cells.
        hidden: names of tasks that are not read.
    Returns: task -> scores.
    Raises: TableError: if the file cannot be read, or an entry is malformed.
    """
    file = ZeroCostFile(path, space)
    return {task: file.scores(task) for task in file.tasks if task not in hidden}


class ZeroCostFile:
    """One of NASLib's ``zc_<space>.json`` files. Each task is cached by itself once it was read."""

    def __init__(self, path: Path, space: SearchSpace) -> None:
        """Read nothing yet. Args: as ``read_zero_cost`` takes them."""
        self.path, self.space = path, space
        self._kept = KeptOf(path, {"zero-cost scores of": space.name, "version": _VERSION})

    @cached_property
    def tasks(self) -> list[str]:
        """The names of all tasks, in the order of the file. Raises: TableError: if the file cannot be read."""
        return list(self._kept.value("tasks", lambda: list(self._entries)))

    def scores(self, task: str) -> ZeroCostScores:
        """The scores of one of ``tasks``. Raises: TableError: if the file cannot be read, or an entry is malformed."""
        return _from_rows(self.space, task, self._kept.array(f"task {task}", partial(self._rows, task)))

    def _rows(self, task: str) -> np.ndarray:
        return _to_rows(parse_scores(self.space, task, self._entries[task], f"zero-cost file {self.path}"))

    @cached_property
    def _entries(self) -> dict[str, Any]:
        """The entries of each task, which may be malformed. Raises: TableError."""
        try:
            data = parse_json(read_regular(self.path))
        except UnreadableError as err:
            raise TableError(f"zero-cost file {self.path} {err}; get it again") from err
        if not isinstance(data, dict):
            raise TableError(f"zero-cost file {self.path} must hold an object {{task: {{op_indices: scores}}}}")
        return data


def _to_rows(table: ZeroCostScores) -> np.ndarray:
    """One array of ``n`` records: the cell by its ``space.index``, and a field for the score of each proxy."""
    rows = np.empty(len(table.cells), dtype=[("cell", "<i8"), *((proxy, "<f8") for proxy in table.scores)])
    rows["cell"] = table.space.index(table.cells)
    for proxy, scores in table.scores.items():
        rows[proxy] = scores
    return rows


def _from_rows(space: SearchSpace, task: str, rows: np.ndarray) -> ZeroCostScores:
    """The table that ``_to_rows`` made these records from."""
    scores = {proxy: rows[proxy].copy() for proxy in (rows.dtype.names or ())[1:]}
    return ZeroCostScores(space, task, space.at(rows["cell"]), scores)


def zero_cost_file_name(space: SearchSpace) -> str:
    """The name that NASLib gives to the zero-cost file of a space."""
    return f"zc_{space.name}.json"


def find_zero_cost(folder: Path, space: SearchSpace) -> Path | None:
    """The zero-cost file of a space in a folder by the rule of ``plain_or_packed``, or None."""
    return plain_or_packed(folder / zero_cost_file_name(space))


def write_zero_cost(path: Path, tables: Iterable[ZeroCostScores]) -> None:
    """Write a file that ``read_zero_cost`` and NASLib read.

    Args:
        path: the file is compressed if its name ends in ``.gz``. NASLib reads only the plain file, which it expects as
            ``zc_<space>.json`` in its data folder.
        tables: one for each task, all of one space.
    Raises:
        TableError: if the tables are of several spaces, or two of them are of one task.
        OutputError: if the file cannot be written.
    """
    write_bytes(path, encode_zero_cost(tables, compressed=path.suffix == ".gz"))


def encode_zero_cost(tables: Iterable[ZeroCostScores], compressed: bool) -> bytes:
    """The content of a zero-cost file, the same bytes for the same tables.

    Scores are written with all their digits, and a failed score as ``FAILED_SCORE``, as NASLib writes it.

    Args:
        tables: one for each task, all of one space.
        compressed: whether to compress the file.
    Raises:
        TableError: if the tables are of several spaces, or two of them are of one task.
    """
    tables = list(tables)
    names = [table.task for table in tables]
    if len({table.space.name for table in tables}) > 1:
        listing = ", ".join(f"{table.space.name}/{table.task}" for table in tables)
        raise TableError(f"a zero-cost file holds one search space, not those of {listing}; write one file for each")
    for i, name in enumerate(names):
        same = same_task(name, names[:i])
        if same is not None:
            raise TableError(f"a zero-cost file holds a task once; there are tables of {same!r} and of {name!r}")
    content = {table.task: _entries(table) for table in tables}
    text = json.dumps(content, separators=(",", ":")).encode("utf-8")
    return gzip.compress(text, mtime=0) if compressed else text


def _entries(table: ZeroCostScores) -> dict[str, dict[str, dict[str, float]]]:
    """One task in NASLib's structure; its keys are text of plain integers, as in NASLib's own files."""
    columns = {p: np.where(np.isnan(s), FAILED_SCORE, s).tolist() for p, s in table.scores.items()}
    return {
        str(tuple(map(int, table.space.to_naslib(tuple(cell))))): {p: {"score": s[row]} for p, s in columns.items()}
        for row, cell in enumerate(table.cells.tolist())
    }
