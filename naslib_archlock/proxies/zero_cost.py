"""Zero-cost scores of the cells of one task, and NASLib's files of them.

A file of NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022), as NASLib reads it, is
``{task: {str(op_indices): {proxy: {"score": s, "time": t}, "val_accuracy": a}}}``. Only proxy scores are read: the
accuracy that stands beside them must never reach a vote. Files written here hold nothing but scores.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CellError, TableError, shown
from ..spaces.cells import N_SLOTS, cell_index, cells_at
from ..spaces.space import SearchSpace
from ..store.cache import KeptOf
from ..store.files import write_bytes
from ..store.reading import UnreadableError, parse_json, read_regular
from ..tasks.names import whole_task

# The 13 proxies of NASLib's ``ZeroCost``.
PROXIES = (
    "epe_nas", "fisher", "flops", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "params", "plain", "snip",
    "synflow", "zen",
)  # fmt: skip

_KEY = re.compile(r"\(\s*[0-9]\s*(,\s*[0-9]\s*){5},?\s*\)", re.ASCII)
_NUMBER = re.compile("[0-9]")

_VERSION = 1  # of what is kept of a file of scores: raise it when other scores are read from the same file

FAILED_SCORE = -1e8  # what NASLib's ZeroCost answers where a proxy failed; bananas clips infinities to +-1e9


@dataclass(frozen=True)
class ZeroCostScores:
    """Scores of ``n`` cells on one task.

    Attributes: cells: ``n x 6`` canonical codes; scores: proxy -> ``n`` float64, NaN where the proxy failed.
    """

    space: SearchSpace
    task: str
    cells: np.ndarray
    scores: Mapping[str, np.ndarray]

    def ranks(self, proxy: str) -> np.ndarray:
        """Ranks of ``proxy``, from 1 (lowest score) with ties averaged, NaN where it failed.

        A proxy that this table lacks has failed on every cell.
        """
        values = self.scores.get(proxy)
        if values is None:
            return np.full(len(self.cells), np.nan)
        from scipy.stats import rankdata  # slow to import, and configs read the names of the proxies

        ranks: np.ndarray = rankdata(values, nan_policy="omit").astype(np.float64)
        ranks[np.isnan(values)] = np.nan
        return ranks

    def take(self, rows: np.ndarray) -> ZeroCostScores:
        """The same task with only the cells at ``rows``."""
        return ZeroCostScores(self.space, self.task, self.cells[rows], {p: s[rows] for p, s in self.scores.items()})


def parse_scores(space: SearchSpace, task: str, entries: Any, where: str = "zero-cost table") -> ZeroCostScores:
    """Read the entries of one task in NASLib's structure.

    Raises: TableError: if an entry is malformed, a cell is not of ``space``, or one occurs twice.
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
    """The numbers of a key like ``(3, 3, 4, 1, 3, 1)``. Raises: CellError."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise CellError(f"{shown(key)} is not a tuple of six integers")
    return [int(number) for number in _NUMBER.findall(key)]


def _score(raw: Any) -> float:
    score = float(raw)
    return np.nan if score == FAILED_SCORE else score


def read_zero_cost(path: Path, space: SearchSpace, hidden: Collection[str] = ()) -> dict[str, ZeroCostScores]:
    """Scores of the tasks in a NASLib ``zc_<space>.json`` file, without the ``hidden`` ones and parts of them.

    A name that ends in ``.gz`` is that of a compressed file. Each task that was read is kept by itself (``cache``).
    Raises: TableError: if the file cannot be read, or an entry is malformed.
    """
    kept = KeptOf(path, {"zero-cost scores of": space.name, "version": _VERSION})
    parse = cache(lambda: _parse_file(path))

    def rows(task: str) -> np.ndarray:
        return _to_rows(parse_scores(space, task, parse()[task], f"zero-cost file {path}"))

    return {
        task: _from_rows(space, task, kept.array(f"task {task}", partial(rows, task)))
        for task in kept.value("tasks", lambda: list(parse()))
        if task not in hidden and whole_task(task) not in hidden
    }


def _parse_file(path: Path) -> dict[str, Any]:
    """Task -> entries, which may be malformed. Raises: TableError."""
    try:
        data = parse_json(read_regular(path))
    except UnreadableError as err:
        raise TableError(f"zero-cost file {path} {err}; get it again") from err
    if not isinstance(data, dict):
        raise TableError(f"zero-cost file {path} must hold an object {{task: {{op_indices: scores}}}}")
    return data


def _to_rows(table: ZeroCostScores) -> np.ndarray:
    """Cells by ``cell_index``, and a field for the scores of each proxy, in one array."""
    rows = np.empty(len(table.cells), dtype=[("cell", "<i8"), *((proxy, "<f8") for proxy in table.scores)])
    rows["cell"] = cell_index(table.cells)
    for proxy, scores in table.scores.items():
        rows[proxy] = scores
    return rows


def _from_rows(space: SearchSpace, task: str, rows: np.ndarray) -> ZeroCostScores:
    scores = {proxy: rows[proxy].copy() for proxy in (rows.dtype.names or ())[1:]}
    return ZeroCostScores(space, task, cells_at(rows["cell"]), scores)


def zero_cost_file_name(space: SearchSpace) -> str:
    """The name NASLib gives the zero-cost file of a space."""
    return f"zc_{space.name}.json"


def find_zero_cost(folder: Path, space: SearchSpace) -> Path | None:
    """The zero-cost file of a space in a folder, plain or compressed; the plain one if both are there."""
    name = zero_cost_file_name(space)
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def write_zero_cost(path: Path, tables: Iterable[ZeroCostScores]) -> None:
    """Write a file that NASLib and ``read_zero_cost`` read, compressed if its name ends in ``.gz``.

    NASLib itself reads only the plain one, as ``zc_<space>.json`` in its data folder.
    Raises: TableError: if the tables are of several spaces, or two of them are of one task; OutputError.
    """
    write_bytes(path, encode_zero_cost(tables, compressed=path.suffix == ".gz"))


def encode_zero_cost(tables: Iterable[ZeroCostScores], compressed: bool) -> bytes:
    """The content of a zero-cost file, the same bytes for the same tables.

    Scores are written with all their digits; a failed one is written as NASLib does, as ``FAILED_SCORE``.
    Raises: TableError: see ``write_zero_cost``.
    """
    tables = list(tables)
    names = [table.task for table in tables]
    if len({table.space.name for table in tables}) > 1:
        listing = ", ".join(f"{table.space.name}/{table.task}" for table in tables)
        raise TableError(f"a zero-cost file holds one search space, not those of {listing}; write one file for each")
    for name in names:
        if names.count(name) > 1:
            raise TableError(f"a zero-cost file holds a task once; there are {names.count(name)} tables of {name!r}")
    content = {table.task: _entries(table) for table in tables}
    text = json.dumps(content, separators=(",", ":")).encode("utf-8")
    return gzip.compress(text, mtime=0) if compressed else text


def _entries(table: ZeroCostScores) -> dict[str, dict[str, dict[str, float]]]:
    """One task in NASLib's structure; its keys are text of plain integers, as those of NASLib's own files."""
    columns = {p: np.where(np.isnan(s), FAILED_SCORE, s).tolist() for p, s in table.scores.items()}
    return {
        str(tuple(map(int, table.space.to_naslib(tuple(cell))))): {p: {"score": s[row]} for p, s in columns.items()}
        for row, cell in enumerate(table.cells.tolist())
    }
