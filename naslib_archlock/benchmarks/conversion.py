"""Conversion between NASLib's files and plain tables, both ways.

Nothing is written here: a conversion returns the content of files, and says what the new files lack.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import TableError, unknown
from ..proxies.zero_cost import ZeroCostFile, find_zero_cost, zero_cost_file_name
from ..spaces.known import NASBENCH201, NASLIB_SPACES
from ..spaces.space import SearchSpace
from ..store.reading import parse_json, read_regular
from ..tasks.names import SPLITS, same_task
from .benchmark_files import accuracy_files
from .naslib_format import (
    NaslibAccuracies,
    encode_nasbench201,
    encode_transbench101,
    lacks_test_accuracies,
    read_accuracies,
)
from .packed_csv import pack
from .table import NOTE, TableBenchmark, find_table, read_table


@dataclass
class Converted:
    """New files.

    Attributes:
        files: Name -> content.
        remarks: What the new files lack or were filled with, as sentences.
        notes: What must be said with the figures of the new tables (``table.NOTE``), one for each search space that has
            something to say.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def remark(self, text: str) -> None:
        """Add a remark once."""
        if text not in self.remarks:
            self.remarks.append(text)


def check_convertible(space: SearchSpace) -> None:
    """Raises: UnknownNameError: if NASLib has no files of a search space."""
    if space not in NASLIB_SPACES:
        raise unknown("search space of NASLib", space.name, [known.name for known in NASLIB_SPACES])


# -- NASLib's files to plain tables ------------------------------------------------------------------------------------


def to_tables(spaces: Iterable[SearchSpace], folder: Path, tasks: Sequence[str] = ()) -> Converted:
    """Convert NASLib's files to plain tables, ``<space>.csv.gz``, and zero-cost files beside them.

    Args:
        spaces: Search spaces of NASLib.
        folder: Where NASLib's files are.
        tasks: The tasks to convert; by default all that the files hold.

    Raises:
        TableError: If a file is damaged, or no file of a space is there.
        UnknownNameError: If a task is not there.
    """
    made = Converted()
    for space in spaces:
        check_convertible(space)
        found = _from_naslib(space, folder, tasks)
        names = [f"{task}/{split}" for task in found.tasks for split in SPLITS if f"{task}/{split}" in found.columns]
        fields = np.array([found.columns[name] for name in names]).T.tolist()
        rows = zip(map(tuple, space.all().tolist()), (list(map(repr, row)) for row in fields))
        made.files[f"{space.name}.csv.gz"] = pack(space, names, rows)
        _say_what_is_lost(made, found)
        _convert_zero_cost(made, space, folder, tasks)
    return made


def _from_naslib(space: SearchSpace, folder: Path, tasks: Sequence[str]) -> NaslibAccuracies:
    """The accuracies in all files of a space that are there. Raises: TableError, UnknownNameError."""
    names: dict[str, list[str]] = {}
    for task, name in accuracy_files(space).items():
        if (folder / name).is_file():
            names.setdefault(name, []).append(task)
    if not names:
        raise TableError(
            f"none of NASLib's accuracy files of {space.name} is in {folder}; name another folder with --from, or "
            f"see 'archlock data list {space.name}'"
        )
    wanted = {name: [task for task in held if not tasks or same_task(task, tasks)] for name, held in names.items()}
    parts = [read_accuracies(folder / name, space, held) for name, held in wanted.items() if held]
    columns = {name: column for part in parts for name, column in part.columns.items()}
    n_epochs = {task: n for part in parts for task, n in part.n_epochs.items()}
    _check_held(tasks, n_epochs, f"NASLib's files of {space.name} in {folder}")
    return NaslibAccuracies(space, columns, n_epochs)


def _check_held(tasks: Sequence[str], held: Iterable[str], where: str) -> None:
    """Raises: UnknownNameError: if one of the tasks that were asked for is not there."""
    held = list(held)
    for task in tasks:
        if same_task(task, held) is None:
            raise unknown("task", task, held, where)


def _say_what_is_lost(made: Converted, found: NaslibAccuracies) -> None:
    space = found.space.name
    epochs = ", ".join(map(str, sorted(set(found.n_epochs.values()))))
    made.remark(
        f"{space}.csv.gz holds the accuracies after the last epoch. NASLib's files also hold those of other epochs "
        f"(here series of {epochs}), losses, times and costs, which a table has no place for."
    )
    without_train = [task for task in found.tasks if f"{task}/train" not in found.columns]
    if without_train:
        made.remark(f"{space}.csv.gz has no training accuracies of {', '.join(without_train)}: some are no numbers.")
    if lacks_test_accuracies(found.space):
        note = (
            f"{space}.csv.gz was converted from NASLib's files, which answer validation and test accuracy from the "
            "same series, so its test figures are not test accuracies"
        )
        made.notes.append(note)
        made.remark(f"{note}. {NOTE} says so whenever the figures are printed.")


# -- plain tables to NASLib's files ------------------------------------------------------------------------------------


def to_naslib(spaces: Iterable[SearchSpace], folder: Path, tasks: Sequence[str] = ()) -> Converted:
    """Convert plain tables to NASLib's files, and copy the zero-cost files beside them.

    TransNAS-Bench-101 has one file for two search spaces, so it is made of the spaces that are given here.

    Args:
        spaces: Search spaces of NASLib.
        folder: Where the tables are.
        tasks: The tasks to convert; by default all that NASLib knows. Those of TransNAS-Bench-101 must be in the tables
            of all its spaces that are given.

    Raises:
        TableError: If a table is not there or malformed, or holds no task that NASLib knows.
        UnknownNameError: If a task is not there.
    """
    made, spaces = Converted(), list(spaces)
    parts = []
    for space in spaces:
        check_convertible(space)
        found = _from_table(made, read_table(find_table(folder, space), space), tasks, folder)
        if space is NASBENCH201:
            for task in found.tasks:
                made.files[accuracy_files(space)[task]] = encode_nasbench201(found, task)
            made.remark(
                "NASLib answers validation and test accuracy of nasbench201 from one series. It holds the validation "
                "accuracies, and the test accuracies of the table are left out."
            )
        else:
            parts.append(found)
        _convert_zero_cost(made, space, folder, tasks)
    if parts:
        parts = _on_common_tasks(made, parts)
        made.files[accuracy_files(parts[0].space)[parts[0].tasks[0]]] = encode_transbench101(parts)
    made.remark(
        "Each series holds one epoch, so there are no learning curves. Losses, parameters, FLOPs and latencies are "
        "NaN, and times are 0."
    )
    return made


def _from_table(made: Converted, table: TableBenchmark, tasks: Sequence[str], folder: Path) -> NaslibAccuracies:
    """The accuracies in a table under NASLib's names of the tasks. Raises: TableError, UnknownNameError."""
    space = table.space
    _check_held(tasks, table.tasks, f"the table of {space.name} in {folder}")
    chosen = [task for task in table.tasks if not tasks or same_task(task, tasks)]
    name_of = {task: known for task in chosen if (known := same_task(task, space.tasks)) is not None}
    left_out = [task for task in chosen if task not in name_of]
    if left_out:
        made.remark(f"NASLib knows no task {', '.join(left_out)} of {space.name}, so it is left out.")
    if not name_of:
        raise TableError(
            f"the table of {space.name} in {folder} holds no task that NASLib knows; it knows {', '.join(space.tasks)}"
        )
    columns = {
        f"{known}/{split}": table.accuracies(task, split)
        for task, known in name_of.items()
        for split in table.splits(task)
    }
    for note in table.notes:
        made.remark(f"NASLib's files have no place for the note on the tables: {note}")
    if table.fine_tuned_from:
        made.remark(f"NASLib has no place for the accuracies of fine-tuned networks of {space.name}.")
    return NaslibAccuracies(space, columns, dict.fromkeys(name_of.values(), 1))


def _on_common_tasks(made: Converted, parts: list[NaslibAccuracies]) -> list[NaslibAccuracies]:
    """The parts of one file, on the tasks that all of them have, in the order of their space. Raises: TableError."""
    common = [task for task in parts[0].space.tasks if all(task in part.tasks for part in parts)]
    if not common:
        raise TableError("the tables of TransNAS-Bench-101 share no task; convert one search space at a time")
    left_out = {task for part in parts for task in part.tasks} - set(common)
    if left_out:
        made.remark(f"Only some of the tables hold {', '.join(sorted(left_out))}, so the file leaves it out.")
    return [NaslibAccuracies(part.space, part.columns, dict.fromkeys(common, 1)) for part in parts]


# -- zero-cost scores --------------------------------------------------------------------------------------------------


def _convert_zero_cost(made: Converted, space: SearchSpace, folder: Path, tasks: Sequence[str]) -> None:
    """Add the zero-cost file of a space, if it is there. Both sides have one format of it. Raises: TableError."""
    path = find_zero_cost(folder, space)
    if path is None:
        made.remark(f"There is no {zero_cost_file_name(space)} in {folder}, so there are no zero-cost scores.")
        return
    file = ZeroCostFile(path, space)
    for task in file.tasks:
        file.scores(task)  # refuses a malformed one
    kept = [task for task in file.tasks if not tasks or same_task(task, tasks)]
    if not kept:
        made.remark(f"{path} has no zero-cost scores of {', '.join(tasks)}.")
        return
    # NASLib also reads times and accuracies from this file, so its entries are copied whole.
    data = read_regular(path)
    if len(kept) < len(file.tasks):
        entries = parse_json(data)
        data = json.dumps({task: entries[task] for task in kept}).encode("utf-8")
    made.files[zero_cost_file_name(space)] = data
