"""The embedded transfer benchmark: how accurate an attacker becomes with the weights of a network of another domain.

It has 160 functions of cells without pooling on five domains of digits (``tasks.digits_domains``), with three seeds.
Networks of a cell within 5% of the best on a source domain were attacked on the four others, by an attacker who has 0,
10, 30 or 100 labelled images. The attacker trains the released network further, its classifier included: the domains
have the same classes. ``experiments/domains_benchmark`` holds the scripts that chose this attack and built the table.

The columns of the table are ``NAME/SPLIT/SEED``, in %, where NAME is

* ``TASK``: networks trained on all 1,000 images of a domain;
* ``TASK~N``: networks trained from scratch on the attacker's N images;
* ``SOURCE>TASK~N``: networks trained on SOURCE, and then on the attacker's N images of TASK. With N = 0, they are used
  as they are.

Fields of cells outside 5% of the best on SOURCE are empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from ..errors import ConfigError
from ..spaces.cells import Cell
from ..spaces.known import DIGITS_DOMAINS
from ..tasks.names import SPLITS, SUBSET_MARK
from .packed_csv import pack, rows_of_all, unpack
from .table import FINE_TUNED, TableBenchmark

FILE = "domains.csv.gz"
SEEDS = (0, 1, 2)
N_IMAGES = (0, 10, 30, 100)
_MEASURED = SPLITS[1:]
_NOTE = (
    "The embedded transfer benchmark: networks of 8 and 16 channels, trained for 6 epochs on 1,000 images of 8 x 8 "
    "pixels, and fine-tuned on {} images of the target if they are within 5% of the best on the source; figures are "
    "means of three seeds"
)


def column(source: str | None, task: str, n_images: int | None) -> str:
    """The NAME of a column. Args: source: None from scratch. n_images: None for all images."""
    whose = f"{source}{FINE_TUNED}" if source else ""
    return whose + task + ("" if n_images is None else f"{SUBSET_MARK}{n_images}")


def to_csv(rows: Mapping[Cell, Mapping[str, Mapping[str, Sequence[float]]]]) -> bytes:
    """Encode the table as it is stored, a packed CSV file.

    Args:
        rows: cell -> NAME -> ``val`` and ``test`` -> the accuracy of each seed. Names that a cell lacks are left empty.
    """
    names = list(dict.fromkeys(name for of_cell in rows.values() for name in of_cell))
    columns = [f"{name}/{split}/{seed}" for name in names for split in _MEASURED for seed in SEEDS]

    def fields(of_cell: Mapping[str, Mapping[str, Sequence[float]]]) -> list[str]:
        empty = dict.fromkeys(_MEASURED, [""] * len(SEEDS))
        measured = {name: {s: [f"{x:.2f}" for x in of_name[s]] for s in _MEASURED} for name, of_name in of_cell.items()}
        return [field for name in names for split in _MEASURED for field in measured.get(name, empty)[split]]

    return pack(DIGITS_DOMAINS, columns, ((cell, fields(of_cell)) for cell, of_cell in rows.items()))


@cache
def read_figures() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Read the stored table.

    Returns:
        The cells, ``n x 6`` codes, and ``NAME/SPLIT`` -> the accuracies, ``n x seeds``, in %; NaN where not measured.
    Raises:
        TableError: if the file is missing or damaged.
    """
    cells, columns = unpack(DIGITS_DOMAINS, FILE)
    by_name: dict[str, list[np.ndarray]] = {}
    for name, of_column in columns.items():
        by_name.setdefault(name.rpartition("/")[0], []).append(of_column)
    return np.array(cells), {name: np.stack(of_seeds, axis=1) for name, of_seeds in by_name.items()}


def domains_benchmark(n_images: int = 10) -> DomainsBenchmark:
    """Return the benchmark with an attacker who has that many images of the target.

    Raises:
        ConfigError: if no attacker had so many.
        TableError: if the file is missing or damaged.
    """
    if n_images not in N_IMAGES:
        raise ConfigError(f"n_images={n_images!r} must be one of {', '.join(map(str, N_IMAGES))}, which were measured")
    return DomainsBenchmark(n_images)


class DomainsBenchmark(TableBenchmark):
    """Means over the seeds. ``pretrained_on`` asks for the figures of the attacker.

    Attributes:
        n_attacked: the number of images that the attacker has.
    """

    def __init__(self, n_images: int) -> None:
        cells, figures = read_figures()
        rows, tasks = rows_of_all(DIGITS_DOMAINS, [tuple(cell) for cell in cells.tolist()]), DIGITS_DOMAINS.tasks
        from_scratch = {f"{task}/{split}": f"{task}/{split}" for task in tasks for split in _MEASURED}
        fine_tuned = {
            f"{source}{FINE_TUNED}{task}/{split}": f"{column(source, task, n_images)}/{split}"
            for task in tasks
            for source in tasks
            if source != task
            for split in _MEASURED
        }
        columns = {name: figures[stored].mean(axis=1)[rows] for name, stored in {**from_scratch, **fine_tuned}.items()}
        where, notes = "the embedded transfer benchmark", (_NOTE.format(n_images),)
        super().__init__(DIGITS_DOMAINS, DIGITS_DOMAINS.all(), columns, where, notes, has_gaps=True)
        self.n_attacked = n_images
