"""Checks of the files of a benchmark in a folder: NASLib's files, and the plain table of a search space."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data import checked_path
from ..errors import TableError
from ..proxies.zero_cost import ZeroCostFile
from ..spaces.space import SearchSpace
from ..store.cache import content_hash
from ..tasks.names import same_task
from .benchmark_files import BenchmarkFile, files_of
from .naslib_format import read_accuracies
from .table import find_table, read_table
from .tabular import embedded_file

OK, DAMAGED, LACKS_TASKS = "ok", "damaged", "lacks tasks"


@dataclass(frozen=True)
class FileCheck:
    """What was found out about one file.

    Attributes:
        path: The file.
        space: The name of the search space that it was read for.
        state: ``ok``, ``damaged`` or ``lacks tasks``.
        detail: What it holds, or what is wrong with it.
        advice: What to do; empty if the state is ``ok``.
        sha256: The SHA-256 of its content; empty if it cannot be read.
    """

    path: Path
    space: str
    state: str
    detail: str
    advice: str = ""
    sha256: str = ""


def check_files(space: SearchSpace, folder: Path, tasks: Sequence[str] = ()) -> list[FileCheck]:
    """Read and check all files of a search space that are in a folder.

    Args:
        space: The search space.
        folder: Where the files are.
        tasks: The tasks that are needed; by default all tasks that the files of the authors hold.

    Returns:
        One check for each file that is there.
    """
    checks = []
    for file in files_of(space):
        needed = [task for task in file.tasks if not tasks or same_task(task, tasks)]
        if needed and os.path.lexists(folder / file.name):
            checks.append(_check(file, space, folder, needed))
    try:
        table = find_table(folder, space)
    except TableError:
        return checks
    return [*checks, _check_table(table, space, tasks)]


def check_embedded(space: SearchSpace) -> FileCheck:
    """Check the file of the package that holds the benchmark of an embedded space."""
    path = embedded_file(space)
    try:
        checked_path(path.name)
    except TableError as err:
        return FileCheck(path, space.name, DAMAGED, str(err), "install the package again")
    detail = f"{len(space.all()):,} architectures on {', '.join(space.tasks)}; it is as it was published"
    return FileCheck(path, space.name, OK, detail, sha256=content_hash(path))


def _check(file: BenchmarkFile, space: SearchSpace, folder: Path, needed: Sequence[str]) -> FileCheck:
    """Check a file of NASLib that is there."""
    path = folder / file.name
    again = f"delete it, and get it again: {file.how_to_get(folder)}"
    try:
        sha256 = content_hash(path)
        if file.sha256 and sha256 != file.sha256:
            raise TableError(f"its SHA-256 is {sha256}, and that of its authors {file.sha256}")
        held, detail = _zero_cost(path, space) if file.is_zero_cost else _accuracies(path, space, file.tasks)
    except (OSError, TableError) as err:
        return FileCheck(path, space.name, DAMAGED, _without_path(err, path), again)
    from_authors = f"get the file of its authors: {file.how_to_get(folder)}"
    return _of_held(path, space, held, needed, detail, sha256, from_authors)


def _accuracies(path: Path, space: SearchSpace, tasks: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The tasks in an accuracy file, and what it holds in words. Raises: TableError."""
    found = read_accuracies(path, space, tasks)
    epochs = sorted(set(found.n_epochs.values()))
    curves = "the last epoch only" if epochs == [1] else f"curves of {', '.join(map(str, epochs))} epochs"
    return found.tasks, f"{len(space.all()):,} architectures on {', '.join(found.tasks)}; {curves}"


def _zero_cost(path: Path, space: SearchSpace) -> tuple[tuple[str, ...], str]:
    """The tasks in a zero-cost file, and what it holds in words. Raises: TableError."""
    file = ZeroCostFile(path, space)
    tables = [file.scores(task) for task in file.tasks]
    cells = sorted({len(table.cells) for table in tables})
    proxies = sorted({len(table.scores) for table in tables})
    if not tables or not all(np.isfinite(s).any() for table in tables for s in table.scores.values()):
        raise TableError("it holds no finite score of some task and proxy")
    return tuple(file.tasks), (
        f"{_range(proxies)} proxies of {_range(cells)} of {len(space.all()):,} architectures on {', '.join(file.tasks)}"
    )


def _range(numbers: Sequence[int]) -> str:
    return f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,} to {numbers[-1]:,}"


def _check_table(path: Path, space: SearchSpace, tasks: Sequence[str]) -> FileCheck:
    """Check a plain table that is there. It holds the tasks that its owner chose, so only named ones can be lacking."""
    try:
        table = read_table(path, space)
        sha256 = content_hash(path)
    except (OSError, TableError) as err:
        return FileCheck(path, space.name, DAMAGED, _without_path(err, path), "correct it, or make it again")
    detail = f"{len(space.all()):,} architectures on {', '.join(table.tasks)}"
    needed = [task for task in tasks if same_task(task, space.tasks)]
    return _of_held(path, space, table.tasks, needed, detail, sha256, "add columns of these tasks")


def _of_held(
    path: Path, space: SearchSpace, held: Sequence[str], needed: Sequence[str], detail: str, sha256: str, advice: str
) -> FileCheck:
    """The check of a file that can be read, by the tasks that it holds."""
    lacking = [task for task in needed if same_task(task, held) is None]
    if lacking:
        needs_less = f"{advice}; if you need only the others, name them with --tasks"
        return FileCheck(path, space.name, LACKS_TASKS, f"{', '.join(lacking)}; it holds {detail}", needs_less, sha256)
    return FileCheck(path, space.name, OK, detail, sha256=sha256)


def _without_path(err: Exception, path: Path) -> str:
    """The text of an error, without the name of the file in front that readers put there."""
    if isinstance(err, OSError):
        return f"it cannot be read ({err.strerror or 'it is no file'})"
    text = str(err)
    for kind in ("benchmark file", "zero-cost file", "table"):
        text = text.removeprefix(f"{kind} {path}").lstrip(":, ")
    return text
