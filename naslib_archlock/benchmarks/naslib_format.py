"""The accuracy files of NASLib, read and written without NASLib.

* NAS-Bench-201 has a pickle for each task: ``{architecture: {data set: {series: [a number for each epoch]}}}``.
* TransNAS-Bench-101 has one file of ``torch.save`` for all tasks and both search spaces: ``data`` in it is
  ``{level: {architecture: {task: {"metrics": {series: [a number for each epoch]}}}}}``.

NASLib answers a query with the last epoch, and so does this module. The series ``eval_acc1es`` of NAS-Bench-201 answers
for validation and for test accuracy.
"""

from __future__ import annotations

import io
import pickle  # nosec B403 # written here; what is read goes through store.unpickling
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import TableError
from ..spaces.known import NASBENCH201
from ..spaces.space import SearchSpace
from ..store.unpickling import RefusedPickle, once_for_content, read_numbers, read_numbers_of_torch
from ..tasks.names import SPLITS
from .figure_checks import fault_in_column

_NB201_SERIES = {"train": "train_acc1es", "val": "eval_acc1es", "test": "eval_acc1es"}
_TNB_SPLITS = {"train": "train", "val": "valid", "test": "test"}
# Task of TransNAS-Bench-101 -> the metric that NASLib takes for its accuracy, and the other metrics that it asks for.
_TNB_METRICS: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(("class_scene", "class_object", "jigsaw"), ("top1", ("loss",))),
    "room_layout": ("neg_loss", ("loss",)),
    "segmentsemantic": ("acc", ("loss",)),
    **dict.fromkeys(("normal", "autoencoder"), ("ssim", ("loss", "l1_loss"))),
}
_UNKNOWN = float("nan")


@dataclass(frozen=True)
class NaslibAccuracies:
    """The accuracies of a search space after the last epoch.

    Attributes:
        space: The search space, of ``n`` architectures.
        columns: ``TASK/SPLIT`` -> ``n`` accuracies in the order of ``space.all()``. Every task has the columns ``val``
            and ``test``, and ``train`` if it is known for all architectures.
        n_epochs: Task -> for how many epochs the file holds the validation accuracy of the first architecture.
    """

    space: SearchSpace
    columns: Mapping[str, np.ndarray]
    n_epochs: Mapping[str, int]

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.n_epochs)


# -- reading -----------------------------------------------------------------------------------------------------------


def lacks_test_accuracies(space: SearchSpace) -> bool:
    """Whether NASLib's files of a space hold no test accuracy, and NASLib answers with the validation accuracy."""
    return space is NASBENCH201


def read_accuracies(path: Path, space: SearchSpace, tasks: Sequence[str]) -> NaslibAccuracies:
    """Read an accuracy file of NASLib, and check all figures of it.

    Args:
        path: The file.
        space: The search space to read. The file of TransNAS-Bench-101 holds two.
        tasks: The tasks that are read, if the file holds them.

    Returns:
        The accuracies on those of ``tasks`` that the file holds.

    Raises:
        TableError: If the file cannot be read, asks for more than numbers, holds none of the tasks, lacks
            architectures, or holds figures that cannot be of their task's metric.
    """
    content = _content(path)
    try:
        read = _nb201_task if space is NASBENCH201 else _tnb_task
        records = {task: record for task in tasks if (record := read(content, space, task)) is not None}
        if not records:
            raise TableError(f"it holds nothing of {space.name} on {', '.join(tasks)}")
        columns, n_epochs = {}, {}
        for task, series in records.items():
            n_epochs[task] = len(series(space.to_str(tuple(space.all()[0].tolist())), "val"))
            columns.update(_columns(space, task, series))
    except TableError as err:
        raise TableError(f"benchmark file {path}: {err}") from err
    except Exception as err:  # a file of another structure can raise anything
        raise TableError(
            f"benchmark file {path} has not the structure of NASLib's file ({type(err).__name__}: {err})"
        ) from err
    return NaslibAccuracies(space, columns, n_epochs)


_Series = Callable[[str, str], Sequence[float]]  # architecture and split -> a number for each epoch


def _content(path: Path) -> Any:
    """Raises: TableError."""
    try:
        if path.suffix == ".pth":
            return read_numbers_of_torch(path, once_for_content(path))
        with path.open("rb") as file:
            return read_numbers(file, once_for_content(path))
    except RefusedPickle as err:
        raise TableError(
            f"benchmark file {path} is not read: it asks for {err}, and would run what it likes. Numbers do not need "
            "that, so it may be a trap"
        ) from err
    except Exception as err:  # a pickle that is cut short or of another kind can raise anything
        raise TableError(f"benchmark file {path} cannot be read ({str(err) or type(err).__name__})") from err


def _nb201_task(content: Any, space: SearchSpace, task: str) -> _Series | None:
    """The series of a task in a file of NAS-Bench-201; None if the file is of another task. Raises: TableError."""
    _check_architectures(content, space)
    key = _nb201_key(task)
    if key not in content[space.to_str(tuple(space.all()[0].tolist()))]:
        return None
    return lambda arch, split: content[arch][key][_NB201_SERIES[split]]


def _nb201_key(task: str) -> str:
    return "cifar10-valid" if task == "cifar10" else task  # NASLib answers for cifar10 with this half of it


def _tnb_task(content: Any, space: SearchSpace, task: str) -> _Series | None:
    """The series of a task in the file of TransNAS-Bench-101; None if it lacks it. Raises: TableError."""
    if task not in content["task_list"] or _level(space) not in content["data"]:
        return None
    level, metric = content["data"][_level(space)], _TNB_METRICS[task][0]
    _check_architectures(level, space)
    return lambda arch, split: level[arch][task]["metrics"][f"{_TNB_SPLITS[split]}_{metric}"]


def _level(space: SearchSpace) -> str:
    return space.name.rpartition("_")[2]


def _check_architectures(records: Any, space: SearchSpace) -> None:
    """Raises: TableError: if an architecture of the space has no record."""
    names = [space.to_str(tuple(arch)) for arch in space.all().tolist()]
    missing = [name for name in names if name not in records]
    if missing:
        raise TableError(
            f"{len(missing):,} of the {len(names):,} architectures of {space.name} are missing, {missing[0]} first"
        )


def _columns(space: SearchSpace, task: str, series: _Series) -> dict[str, np.ndarray]:
    """The columns of a task. Raises: TableError: if a figure cannot be of the task's metric."""
    archs = space.all()
    names = [space.to_str(tuple(arch)) for arch in archs.tolist()]
    columns = {}
    for split in SPLITS:
        column = np.array([float(series(name, split)[-1]) for name in names])
        fault = fault_in_column(space, task, archs, column)
        if fault and split != "train":  # nothing in this package needs the training accuracy
            raise TableError(f"{task}/{split} {fault}")
        if not fault:
            columns[f"{task}/{split}"] = column
    return columns


# -- writing -----------------------------------------------------------------------------------------------------------


def encode_nasbench201(accuracies: NaslibAccuracies, task: str) -> bytes:
    """The content of NASLib's file of a task of NAS-Bench-201, the same bytes for the same accuracies.

    Each series holds one number. Losses, sizes and costs of networks are not known from accuracies: they are NaN, and
    times are 0.
    """
    space, key = accuracies.space, _nb201_key(task)
    series = {_NB201_SERIES[split]: _of_split(accuracies, task, split) for split in ("train", "val")}
    content = {
        space.to_str(tuple(arch)): {
            key: {
                **{name: [figures[row]] for name, figures in series.items()},
                "train_losses": [_UNKNOWN],
                "eval_losses": [_UNKNOWN],
                "flop": [_UNKNOWN],
                "params": [_UNKNOWN],
                "latency": [_UNKNOWN],
                "cost_info": {"flops": _UNKNOWN, "params": _UNKNOWN, "latency": _UNKNOWN, "train_time": 0.0},
            }
        }
        for row, arch in enumerate(space.all().tolist())
    }
    return pickle.dumps(content, protocol=4)


def encode_transbench101(parts: Iterable[NaslibAccuracies]) -> bytes:
    """The content of NASLib's file of TransNAS-Bench-101, the same bytes for the same accuracies.

    As in ``encode_nasbench201``, each series holds one number, losses are NaN and times are 0. The loss of room_layout
    is known, because its metric is the negative loss.

    Args:
        parts: The accuracies of the micro search space, of the macro search space or of both, on the same tasks.
    """
    import torch

    parts = list(parts)
    tasks = parts[0].tasks
    metrics = {
        task: [f"{split}_{name}" for split in _TNB_SPLITS.values() for name in (main, *others)] + ["time_elapsed"]
        for task, (main, others) in _TNB_METRICS.items()
        if task in tasks
    }
    content = {
        "metrics_dict": metrics,
        "info_names": [],
        "task_list": list(tasks),
        "data": {_level(part.space): _tnb_level(part, metrics) for part in parts},
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def _tnb_level(accuracies: NaslibAccuracies, metrics: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """One search space in the structure of TransNAS-Bench-101."""
    space = accuracies.space
    level: dict[str, Any] = {space.to_str(tuple(arch)): {} for arch in space.all().tolist()}
    for task, names in metrics.items():
        main = _TNB_METRICS[task][0]
        figures = {written: _of_split(accuracies, task, split) for split, written in _TNB_SPLITS.items()}
        for row, record in enumerate(level.values()):
            values = {name: [_UNKNOWN] for name in names}
            values["time_elapsed"] = [0.0]
            for split, column in figures.items():
                values[f"{split}_{main}"] = [column[row]]
                if main == "neg_loss":
                    values[f"{split}_loss"] = [-column[row]]
            record[task] = {"total_epochs": 1, "model_info": {}, "metrics": values}
    return level


def _of_split(accuracies: NaslibAccuracies, task: str, split: str) -> list[float]:
    """A column as Python's own numbers; NaN if there is none."""
    column = accuracies.columns.get(f"{task}/{split}")
    return [_UNKNOWN] * len(accuracies.space.all()) if column is None else [float(figure) for figure in column]
