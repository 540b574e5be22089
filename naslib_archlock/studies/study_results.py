"""The results of a study: a flat table, one row for each place of its grid, kept as ``results.csv``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import StudyError, shown


class Column(NamedTuple):
    """A column: its type, the decimals it is written with, and what it holds."""

    type: type
    digits: int
    about: str


# A metric has its task's own unit, in which higher is better (``benchmarks.base``).
SCHEMA: dict[str, Column] = {
    "space": Column(str, 0, "search space"),
    "source": Column(str, 0, "source task"),
    "target": Column(str, 0, "target task"),
    "budget_pct": Column(float, 6, "source budget, in % of the best source validation accuracy"),
    "method": Column(str, 0, "its label in the study"),
    "seed": Column(int, 0, "0 for a method without randomness"),
    "arch": Column(str, 0, "first pick, as the space's official string"),
    "lock_score": Column(float, 5, "of the first pick: 0 is random within the budget, 1 the best lock that exists"),
    "lock_score_top5": Column(float, 5, "mean of the lock scores of the picks, at most five"),
    "is_within_budget": Column(bool, 0, "whether the first pick is; if not, its lock score is 0"),
    "source_loss_pct": Column(float, 4, "source validation accuracy that the first pick gives up, in % of the best"),
    "source_test": Column(float, 5, "test metric of the first pick on the source"),
    "target_test": Column(float, 5, "test metric of the first pick on the target"),
    "source_percentile": Column(float, 4, "rank percentile of the first pick on the source, by validation accuracy"),
    "target_percentile": Column(float, 4, "the same on the target"),
    "source_test_percentile": Column(float, 4, "rank percentile on the source, by test metric"),
    "target_test_percentile": Column(float, 4, "the same on the target"),
    "limit_percentile": Column(float, 4, "the lowest target_percentile of any architecture within the source budget"),
    "source_queries": Column(int, 0, "architectures whose source validation accuracy the method looked up"),
    "target_queries": Column(int, 0, "architectures whose accuracy on the target it looked up"),
    "seconds": Column(float, 2, "wall time of the run, without training a ranker, which runs share"),
}
_LARGEST = 1e15  # the largest number: its square is finite, and a whole number of this size is exact
KEY = ("space", "source", "target", "budget_pct", "method", "seed")  # no two rows are equal in these


def to_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a table with the columns of ``SCHEMA``, rounded as it is written, so that it is what is read back."""
    rows = list(rows)
    columns = {name: [row[name] for row in rows] for name in SCHEMA}
    frame = pd.DataFrame({name: pd.Series(columns[name], dtype=_dtype(c)) for name, c in SCHEMA.items()})
    frame = frame.round({name: c.digits for name, c in SCHEMA.items() if c.type is float})
    for name, column in SCHEMA.items():
        if column.type is float:
            frame[name] += 0.0  # no -0.0
    return frame


def _dtype(column: Column) -> Any:
    return object if column.type is str else column.type


def to_csv(frame: pd.DataFrame) -> str:
    """The content of ``results.csv``: the same text for the same table."""
    text: str = frame[list(SCHEMA)].to_csv(index=False, lineterminator="\n")
    return text


def to_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of any table in JSON types, None for NaN."""
    records: list[dict[str, Any]] = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return records


def read_results(path: Path) -> pd.DataFrame:
    """Read and check ``results.csv``; further columns are left out.

    Raises:
        StudyError: if the file cannot be read or is empty, lacks a column, holds something that is no number where
            one belongs, or holds a row twice.
    """
    try:
        # All columns are read as text, because a method may be called "NA".
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False, encoding="utf-8")
    except (OSError, ValueError) as err:  # ParserError and EmptyDataError, too
        raise StudyError(f"results {path} cannot be read: {err}") from err
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the first fields for names of rows
        raise StudyError(f"results {path} hold rows with more fields than there are columns")
    missing = [name for name in SCHEMA if name not in frame]
    if missing:
        raise StudyError(f"results {path} lack the column {', '.join(missing)}; 'archlock compare' writes them")
    if frame.empty:
        raise StudyError(f"results {path} hold no rows")
    for name, column in SCHEMA.items():
        frame[name] = _typed(frame[name], column, path)
    doubled = frame.duplicated(list(KEY))
    if doubled.any():
        row = frame[doubled].iloc[0]
        raise StudyError(f"results {path}: {', '.join(f'{key} {row[key]}' for key in KEY)} occurs twice")
    return frame[list(SCHEMA)]


def _typed(values: pd.Series, column: Column, path: Path) -> pd.Series:
    """A column of text as what it should hold."""
    if column.type is str:
        good = values.map(lambda text: isinstance(text, str) and text != "")  # a short row has NaN here
        typed = values.astype(_dtype(column))  # pandas 3 reads text into a type of its own
    elif column.type is bool:
        good = values.isin(["True", "False"])
        typed = values == "True"
    else:
        numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
        good = np.isfinite(numbers) & ((numbers % 1 == 0) if column.type is int else True)
        good &= numbers.abs() <= _LARGEST
        typed = numbers.where(good, 0).astype(column.type)
    if not good.all():
        row = int(np.flatnonzero(~good.to_numpy())[0])
        kind = {str: "text", bool: "True or False", int: "a whole number", float: "a number"}[column.type]
        raise StudyError(f"results {path}, row {row + 1}: {values.name} must be {kind}, not {shown(values.iloc[row])}")
    return typed
