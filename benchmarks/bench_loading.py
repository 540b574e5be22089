"""Times to open a benchmark and read the validation accuracy of every cell on one task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import Measure
from inputs import source_task
from stand_ins import naslib_accuracies

from naslib_archlock.benchmarks.digits_benchmark import digits_benchmark
from naslib_archlock.benchmarks.tabular import tabular_benchmark
from naslib_archlock.spaces.known import DIGITS, NASBENCH201
from naslib_archlock.spaces.space import SearchSpace

FIRST = tuple(NASBENCH201.distinct()[0].tolist())

FILES = "open NASLib's nasbench201 file, read 15,625 accuracies"
OPEN = "open NASLib's nasbench201 file, read one accuracy"


def table_work(space: SearchSpace) -> str:
    return f"open a csv.gz table of {space.name}, read {len(space.all()):,} accuracies"


def open_and_read(space: SearchSpace, tables: str = "") -> np.ndarray:
    return tabular_benchmark(space, tables).accuracies(source_task(space.name), "val")


def bench_naslib_file_baseline(measure: Measure, dataset_api: Callable[[str], Any]) -> None:
    dataset_api("nasbench201")
    from naslib.search_spaces import NasBench201SearchSpace
    from naslib.utils import get_dataset_api

    values = measure(
        FILES, "baseline", "NASLib get_dataset_api and query",
        lambda graph: naslib_accuracies(lambda: get_dataset_api("nasbench201", "cifar10"), graph, "cifar10"),
        setup=lambda: (NasBench201SearchSpace(),),
    )  # fmt: skip
    np.testing.assert_allclose(np.sort(values), np.sort(open_and_read(NASBENCH201)))


def bench_naslib_file(measure: Measure, dataset_api: Callable[[str], Any]) -> None:
    dataset_api("nasbench201")
    open_and_read(NASBENCH201)  # the first call writes the cache
    measure(FILES, "ours", "archlock, a second time", lambda: open_and_read(NASBENCH201))


def bench_naslib_open_baseline(measure: Measure, dataset_api: Callable[[str], Any]) -> None:
    dataset_api("nasbench201")
    from naslib.search_spaces import NasBench201SearchSpace
    from naslib.search_spaces.core.query_metrics import Metric
    from naslib.utils import get_dataset_api

    graph = NasBench201SearchSpace()
    graph.instantiate_model = False
    graph.set_op_indices(NASBENCH201.to_naslib(FIRST))
    measure(
        OPEN, "baseline", "NASLib get_dataset_api and query",
        lambda: graph.query(Metric.VAL_ACCURACY, "cifar10", dataset_api=get_dataset_api("nasbench201", "cifar10")),
    )  # fmt: skip


def bench_naslib_open(measure: Measure, dataset_api: Callable[[str], Any]) -> None:
    dataset_api("nasbench201")

    def open_and_look_up() -> float:
        return tabular_benchmark(NASBENCH201).accuracy(FIRST, task="cifar10", split="val")

    open_and_look_up()  # the first call writes the cache
    measure(OPEN, "ours", "archlock, a second time", open_and_look_up)


@pytest.fixture(scope="module")
def table(tables: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[SearchSpace, Path]:
    """A folder with a table: of NAS-Bench-201 if there is one, else the embedded benchmark written as a table."""
    if (Path(tables) / "nasbench201.csv.gz").is_file():
        return NASBENCH201, Path(tables)
    folder, benchmark = tmp_path_factory.mktemp("tables"), digits_benchmark()
    columns = {
        f"{task}/{split}": benchmark.accuracies(task, split) for task in benchmark.tasks for split in ("val", "test")
    }
    archs = [DIGITS.to_str(tuple(cell)) for cell in DIGITS.all().tolist()]
    pd.DataFrame({"arch": archs, **columns}).to_csv(folder / "digits.csv.gz", index=False)
    return DIGITS, folder


def bench_table_baseline(measure: Measure, table: tuple[SearchSpace, Path]) -> None:
    space, folder = table
    path, column = folder / f"{space.name}.csv.gz", f"{source_task(space.name)}/val"

    def read() -> dict[str, float]:
        frame = pd.read_csv(path)
        return dict(zip(frame["arch"], frame[column]))

    values = measure(table_work(space), "baseline", "pandas.read_csv", read)
    np.testing.assert_allclose(sorted(values.values()), np.sort(open_and_read(space, str(folder))))


def bench_table(measure: Measure, table: tuple[SearchSpace, Path]) -> None:
    space, folder = table
    open_and_read(space, str(folder))  # the first call writes the cache
    measure(table_work(space), "ours", "archlock, a second time", lambda: open_and_read(space, str(folder)))
