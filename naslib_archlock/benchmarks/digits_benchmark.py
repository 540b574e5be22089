"""The embedded benchmark: tiny networks that this project trained on tasks over scikit-learn's digits.

It has all 4,096 cells without pooling on six tasks (``tasks.digits_tasks``), with three seeds each. Cells that compute
the same function were trained once. ``experiments/digits_benchmark`` holds the script that built it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from ..spaces.cells import N_SLOTS, NONE, Cell
from ..spaces.known import DIGITS
from ..tasks.names import SPLITS
from .packed_csv import pack, rows_of_all, unpack
from .table import TableBenchmark

FILE = "digits.csv.gz"
SEEDS = (0, 1, 2)
NOTE = (
    "The embedded benchmark: networks of 8 and 16 channels, trained for 6 epochs on 1,000 images of 8 x 8 pixels; "
    "figures are in % (accuracy, or explained variance where numbers are predicted), means of three seeds"
)


def functions() -> list[Cell]:
    """The cells that were trained, one for each distinct function; the disconnected cell comes first."""
    return [(NONE,) * N_SLOTS, *(tuple(cell) for cell in DIGITS.distinct().tolist())]


def to_csv(rows: Mapping[Cell, Mapping[str, Mapping[str, Any]]]) -> bytes:
    """Encode the table as it is stored, a packed CSV file.

    Args:
        rows: Cell -> task -> ``train``, ``val`` and ``test`` (the accuracy of each seed), and ``seconds`` (the time to
            train one network).
    """
    columns = [f"{task}/{split}/{seed}" for task in DIGITS.tasks for split in SPLITS for seed in SEEDS]
    columns += [f"{task}/seconds" for task in DIGITS.tasks]

    def fields(by_task: Mapping[str, Mapping[str, Any]]) -> list[str]:
        metrics = [f"{value:.3f}" for task in DIGITS.tasks for split in SPLITS for value in by_task[task][split]]
        return [*metrics, *(f"{by_task[task]['seconds']:.3f}" for task in DIGITS.tasks)]

    return pack(DIGITS, columns, ((cell, fields(by_task)) for cell, by_task in rows.items()))


@cache
def read_columns() -> tuple[list[Cell], dict[str, np.ndarray]]:
    """Read the stored table.

    Returns:
        The trained cells, ``n`` of them, and the columns ``TASK/SPLIT/SEED`` (in %) and ``TASK/seconds``, ``n`` numbers
        each.

    Raises:
        TableError: If the file is missing or damaged.
    """
    return unpack(DIGITS, FILE)


def digits_benchmark() -> TableBenchmark:
    """Return the benchmark: for every cell, the mean accuracy over the seeds.

    Raises:
        TableError: If the file is missing or damaged.
    """
    trained, columns = read_columns()
    rows = rows_of_all(DIGITS, trained)
    means = {
        f"{task}/{split}": np.mean([columns[f"{task}/{split}/{seed}"] for seed in SEEDS], axis=0)[rows]
        for task in DIGITS.tasks
        for split in SPLITS
    }
    return TableBenchmark(DIGITS, DIGITS.all(), means, "the embedded benchmark", (NOTE,))
