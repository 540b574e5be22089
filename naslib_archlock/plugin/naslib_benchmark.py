"""The benchmark files of NASLib, read by NASLib's own ``get_dataset_api`` and ``query``.

NASLib's answers are cached (``store.cache``), so that the next process need not load NASLib and a file of hundreds of
megabytes again.
"""

from __future__ import annotations

import os
import sys
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..benchmarks.benchmark import Benchmark
from ..benchmarks.benchmark_files import accuracy_files
from ..benchmarks.figure_checks import fault_in_column, fault_in_figure
from ..compute.seeding import global_generators
from ..errors import ArchLockError, NaslibError, shown, unknown
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace
from ..store.cache import KeptOf, kept_value
from ..store.digests import digest, file_digest
from ..store.pickle_limits import MOST_BYTES
from ..tasks.names import SPLITS
from .compat import HOW_TO_GET, load_naslib, naslib_data_folder, naslib_home

_OTHER_FIGURES = "download the file again, or give archlock.tables"

_VERSION = 2  # of the cached answers: raise it when NASLib is queried in another way


class NaslibBenchmark(Benchmark):
    """A benchmark of NASLib. One search space object answers all queries, and no network is built.

    NASLib answers with the accuracy after the last epoch on TransNAS-Bench-101, and with the same series for validation
    and test accuracy on nasbench201. The first look-up of a task and split queries NASLib for all architectures at
    once, because only a whole column can be cached.
    """

    def __init__(self, space: SearchSpace, apis: dict[str, Any] | None = None) -> None:
        """Find the tasks whose files are here.

        Args:
            space: A search space of NASLib.
            apis: Task -> what NASLib's ``get_dataset_api`` returned for it, if the caller has loaded it already. Its
                answers are not cached, because the file that they come from is unknown.

        Raises:
            NaslibError: If NASLib or every file of the space is missing, or the TransNAS file cannot be read or holds
                nothing of the space.
        """
        self.space = space
        self._apis: dict[str, Any] = dict(apis or {})
        self._is_one_file = space.name != "nasbench201"  # one file for both TransNAS spaces and all tasks
        self._given = set(space.tasks if self._is_one_file and self._apis else self._apis)
        self._kept: dict[str, KeptOf] = {}
        self._columns: dict[tuple[str, str], np.ndarray] = {}
        folder = naslib_data_folder()
        if not self._apis:
            _check_import()
        files = accuracy_files(space)
        present = [task for task in space.tasks if task in self._apis or _is_there(folder / files[task])]
        if not present:
            wanted = ", ".join(dict.fromkeys(files.values()))
            raise NaslibError(
                f"NASLib's benchmark files of {space.name} are not in {folder}: {wanted}; 'archlock data list "
                f"{space.name}' says how to get them, or give archlock.tables. If this is the wrong NASLib: "
                f"{HOW_TO_GET}"
            )
        if self._is_one_file:  # some copies of it hold fewer tasks, or one level of the two
            held = self._tasks_held(next(iter(self._apis), present[0]))
            present = [task for task in space.tasks if task in held]
        self.tasks = tuple(present)

    @property
    def test_is_validation(self) -> bool:
        """Whether ``split="test"`` answers with validation accuracies, because NASLib has no others."""
        return self.space.name == "nasbench201"

    @property
    def notes(self) -> tuple[str, ...]:
        if not self.test_is_validation:
            return ()
        return (
            f"NASLib answers validation and test accuracy of {self.space.name} from the same series, so the test "
            "figures here are not test accuracies; give archlock.tables for true ones",
        )

    def accuracy(self, arch: Cell, *, task: str, split: str, pretrained_on: str | None = None) -> float:
        """See ``Benchmark.accuracy``. Raises also: NaslibError: If the file cannot be read, or lacks a figure."""
        self.check_task(task, pretrained_on)
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        self.space.to_naslib(arch)  # refuses an architecture of another space
        if task in self._given:
            return self._query(arch, task, split)
        return float(self._column(task, split)[self.space.index(arch)[0]])

    def _column_of_all(self, task: str, split: str, pretrained_on: str | None) -> np.ndarray:
        self.check_task(task, pretrained_on)
        if split not in SPLITS or task in self._given:
            return super()._column_of_all(task, split, pretrained_on)
        return self._column(task, split)[self.space.index(self.space.all())]

    def _column(self, task: str, split: str) -> np.ndarray:
        """The accuracies on a split of a task by ``space.index``; NaN where the space has no such architecture."""
        if (task, split) not in self._columns:
            kept = self._kept_of(task)
            self._columns[task, split] = kept.array(f"{task}/{split}", lambda: self._query_all(task, split))
        return self._columns[task, split]

    def _tasks_held(self, task: str) -> list[str]:
        """The tasks of this space in the TransNAS file, at least one of them.

        Args:
            task: One of the space, to open the file with.

        Raises:
            NaslibError: If the file holds none.
        """

        def ask() -> list[str]:
            database = self._api(task)["api"]
            level = self.space.name.rpartition("_")[2]
            held = database.task_list if isinstance(database.task_list, (list, tuple)) else []
            known = [known for known in self.space.tasks if known in held]
            if level not in database.search_spaces or not known:
                raise NaslibError(
                    f"NASLib's benchmark file {self._path(task)} holds nothing of {self.space.name}: its levels are "
                    f"{shown(database.search_spaces)}, its tasks {shown(database.task_list)}; {_OTHER_FIGURES}"
                )
            return known

        return ask() if task in self._given else list(self._kept_of(task).value("tasks", ask))

    def _kept_of(self, task: str) -> KeptOf:
        """The cached answers from a task's file. The first call reads the file, because its hash is part of the key."""
        name = accuracy_files(self.space)[task]
        if name not in self._kept:
            made_by = {"NASLib": _code_hash(self.space), "space": self.space.name, "version": _VERSION}
            self._kept[name] = KeptOf(self._path(task), made_by, MOST_BYTES)
        return self._kept[name]

    # -- queries to NASLib, when nothing is cached ---------------------------------------------------------------------

    @cached_property
    def _graph(self) -> Any:
        """The search space object that answers all queries."""
        load_naslib()
        from naslib.search_spaces import supported_search_spaces

        with global_generators():  # a search may be running, and to build the graph draws weights
            graph = supported_search_spaces[self.space.name]()
        graph.instantiate_model = False
        return graph

    @cached_property
    def _metrics(self) -> dict[str, Any]:
        load_naslib()
        from naslib.search_spaces.core.query_metrics import Metric

        return dict(zip(SPLITS, (Metric.TRAIN_ACCURACY, Metric.VAL_ACCURACY, Metric.TEST_ACCURACY)))

    def _query(self, arch: Cell, task: str, split: str) -> float:
        """Query NASLib for one architecture. Raises: NaslibError: If it does not answer with a figure of the task."""
        api, graph, metric = self._api(task), self._graph, self._metrics[split]
        try:
            graph.set_op_indices(self.space.to_naslib(arch))
            answer = graph.query(metric, task, dataset_api=api)
            if not isinstance(answer, Real) or isinstance(answer, bool):
                raise TypeError(f"{shown(answer)} is no number")
            figure = float(answer)
        except Exception as err:  # a file of another structure can raise anything
            raise NaslibError(
                f"NASLib's benchmark file {self._path(task)} is not whole: NASLib answers no {split} accuracy of "
                f"{self.space.to_str(arch)} on {task} ({type(err).__name__}: {err}); {_OTHER_FIGURES}"
            ) from err
        self._check(task, split, fault_in_figure(self.space, task, arch, figure))
        return figure

    def _check(self, task: str, split: str, fault: str) -> None:
        """Raises: NaslibError: If there is a fault in the figures."""
        if fault:
            raise NaslibError(
                f"NASLib's benchmark file {self._path(task)}: {task}/{split} {fault}, or {_OTHER_FIGURES}"
            )

    def _query_all(self, task: str, split: str) -> np.ndarray:
        """Query NASLib for all architectures. Returns: As ``_column``."""
        self._api(task)  # what it prints must come before the progress bar
        archs = self.space.all()
        column = np.full(self.space.index_size, np.nan)
        bar = tqdm(archs.tolist(), f"NASLib's {task}/{split}", leave=False, disable=not sys.stderr.isatty(), delay=1)
        for index, arch in zip(self.space.index(archs).tolist(), bar):
            column[index] = self._query(tuple(arch), task, split)
        self._check(task, split, fault_in_column(self.space, task, archs, column[self.space.index(archs)]))
        return column

    def _api(self, task: str) -> Any:
        """The ``dataset_api`` of a task, for NASLib's ``query``. A file is loaded once; TransNAS tasks share one."""
        if task not in self._apis:
            if self._is_one_file and self._apis:
                self._apis[task] = {"api": next(iter(self._apis.values()))["api"], "task": task}
            else:
                self._apis[task] = self._load(task)
        return self._apis[task]

    def _load(self, task: str) -> Any:
        load_naslib()
        from naslib.utils import get_dataset_api

        try:
            return get_dataset_api(self.space.name, task)
        except ArchLockError:
            raise
        except Exception as err:  # a pickle that is cut short or of another kind can raise anything
            reason = str(err) or type(err).__name__
            raise NaslibError(
                f"NASLib cannot read its benchmark file {self._path(task)} ({reason}); {_OTHER_FIGURES}"
            ) from err

    def _path(self, task: str) -> Path:
        """The benchmark file of a task."""
        return naslib_data_folder() / accuracy_files(self.space)[task]


def _is_there(path: Path) -> bool:
    """Whether a benchmark file is there. Raises: NaslibError: If something else has its name."""
    if os.path.lexists(path) and not path.is_file():
        raise NaslibError(f"{path} is no file, and NASLib's benchmark file belongs there; put the file there")
    return path.is_file()


def _check_import() -> None:
    """Import NASLib, unless this Python has imported it before, so that an error comes before a search, not after it.

    Raises:
        NaslibError: If NASLib, or a library that it needs, is missing.
    """
    kept_value({"NASLib imported from": str(naslib_home()), "by": sys.prefix}, lambda: bool(load_naslib()))


def _code_hash(space: SearchSpace) -> str:
    """A hash of NASLib's code for a space, because another version may answer otherwise from the same file."""
    folder = "nasbench201" if space.name == "nasbench201" else "transbench101"
    patterns = (f"search_spaces/{folder}/*.py", "utils/get_dataset_api.py")
    files = [path for pattern in patterns for path in sorted((naslib_home() / "naslib").glob(pattern))]
    return digest(list(map(file_digest, files)))
