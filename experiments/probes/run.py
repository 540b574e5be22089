"""Measures how much the probe network matters: for the distances between tasks, and for the ranks that a ranker gives.

    python -m experiments.probes.run --fashion-mnist DIR

Every task is embedded twice, by two disjoint sets of its images, with each probe. Then rankers are trained on the
digits tasks with the embeddings of each probe. They rank cells for a Fashion-MNIST task, and the cells are trained.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from experiments.common import interval, show, write_results
from naslib_archlock.benchmarks.trained import FIT
from naslib_archlock.commands.options import at_least, path
from naslib_archlock.compute.seeding import stream
from naslib_archlock.compute.threads import single_threaded
from naslib_archlock.config.load import load_config
from naslib_archlock.embedding.embedding_file import write_embeddings
from naslib_archlock.embedding.task2vec import (
    Task2VecSettings,
    cached_task2vec,
    made_by,
    ranker_input,
    symmetric_distance,
)
from naslib_archlock.locking.find_ranker import train_on_scores
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.networks.fit import fit, scores, until_learnt
from naslib_archlock.ranker.ranker import Ranker
from naslib_archlock.report.text import table
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.tasks.digits_tasks import DIGITS_TASKS, digits_task
from naslib_archlock.tasks.labelled_images import LabelledImages

PROBES = ("digits", "efficientnet_lite0")
# Fashion-MNIST has T-shirts, trousers, pullovers, dresses, coats, sandals, shirts, sneakers, bags and boots.
CLASSES = {"tops": (0, 2, 4, 6), "shoes": (5, 7, 9), "clothes": (0, 1, 2, 3, 4)}
TURNS = "turns"  # by how many quarter turns an image of Fashion-MNIST was rotated
TRAINED = "clothes"  # the task that cells are trained on
N_TRAIN, N_TEST = 800, 2000
Embeddings = Mapping[str, tuple[np.ndarray, np.ndarray]]  # task -> its embedding by each of two sets of images


# -- tasks -------------------------------------------------------------------------------------------------------------


def read_idx(file: Path) -> np.ndarray:
    """The bytes of an idx file, in its shape: the images or labels of Fashion-MNIST."""
    raw = gzip.decompress(file.read_bytes())
    n_dimensions = raw[3]
    shape = np.frombuffer(raw, ">i4", n_dimensions, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * n_dimensions).reshape(shape)


def fashion_mnist(folder: Path, part: str) -> tuple[torch.Tensor, np.ndarray]:
    """The images, ``n x 1 x 28 x 28`` in [0, 1], and the classes of ``train`` or ``t10k``."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
    return torch.from_numpy(images / np.float32(255))[:, None], read_idx(folder / f"{part}-labels-idx1-ubyte.gz")


def fashion_task(name: str, images: torch.Tensor, classes: np.ndarray, n: int) -> LabelledImages:
    """The first ``n`` images of a task's classes."""
    if name == TURNS:
        turns = np.arange(n) % 4
        turned = [torch.rot90(image, int(k), (1, 2)) for image, k in zip(images[:n], turns)]
        return LabelledImages(name, torch.stack(turned), torch.from_numpy(turns), 4)
    rows = np.flatnonzero(np.isin(classes, CLASSES[name]))[:n]
    targets = np.searchsorted(CLASSES[name], classes[rows])
    return LabelledImages(name, images[torch.from_numpy(rows)], torch.from_numpy(targets), len(CLASSES[name]))


def embeddings(tasks: Mapping[str, LabelledImages], probe: str, n_images: int) -> Embeddings:
    """Embed each task by its first ``n_images`` images, and by the next ones."""
    settings = Task2VecSettings(probe, max_images=n_images)
    found = {}
    for name, task in tasks.items():
        halves = [task.take(torch.arange(start, start + n_images)) for start in (0, n_images)]
        first, second = (cached_task2vec(half, settings).vector for half in halves)
        found[name] = first, second
        print(f"embedded {name} with probe {probe}")
    return found


# -- distances ---------------------------------------------------------------------------------------------------------


def distances(found: Embeddings) -> np.ndarray:
    """``t x t``: from each task by its first images to each task by its second images."""
    return np.array([[symmetric_distance(a, b) for _, b in found.values()] for a, _ in found.values()])


def about_distances(matrix: np.ndarray) -> dict[str, Any]:
    """How well the distances tell tasks apart."""
    itself = np.eye(len(matrix), dtype=bool)
    return {
        "to_itself": float(matrix[itself].mean()),
        "to_others": float(matrix[~itself].mean()),
        "nearest_is_itself": int((matrix.argmin(axis=1) == np.arange(len(matrix))).sum()),
    }


def of_pairs(matrix: np.ndarray) -> np.ndarray:
    """The distance of every two different tasks, the mean of both ways."""
    return ((matrix + matrix.T) / 2)[np.triu_indices(len(matrix), 1)]


# -- ranks -------------------------------------------------------------------------------------------------------------


def ranker_for(found: Embeddings, probe: str, seed: int) -> Ranker:
    """A ranker that is trained on the zero-cost scores of the digits tasks, as those in the package are."""
    with tempfile.TemporaryDirectory() as folder:
        vectors = {task: ranker_input(found[task][0]) for task in DIGITS_TASKS}
        write_embeddings(Path(folder), vectors, made_by(Task2VecSettings(probe)), overwrite=False)
        keys = ["search_space", "digits", "seed", str(seed), "archlock.embedding", f"{folder}/{{task}}.npy"]
        config = load_config(None, [*keys, "archlock.device", "cpu"])
        return train_on_scores(config, *Knowledge(config).training_tables(), progress=None)[0]


def trained_accuracies(train: LabelledImages, test: LabelledImages, cells: Sequence[Cell]) -> list[float]:
    """The test accuracy of each cell in %, as ``benchmarks/trained.py`` trains networks on a folder."""
    with single_threaded():
        settings = until_learnt(train, FIT, seed=0)
        return [scores(fit(DIGITS.network_cell(cell), train, settings, [0]), test)[0] for cell in cells]


def rank_correlation(a: Any, b: Any) -> float:
    """Spearman's."""
    return float(spearmanr(a, b)[0])


def about_ranks(rates: Mapping[str, list[np.ndarray]], accuracies: list[float]) -> dict[str, Any]:
    """How the win rates of cells by rankers, one for each seed, agree with trained accuracies and with each other.

    Args:
        rates: probe -> the win rates by the ranker of each seed.
    """
    agree = {probe: interval([rank_correlation(r, accuracies) for r in of_seeds]) for probe, of_seeds in rates.items()}
    first, second = rates.values()
    seeds = [
        rank_correlation(a, b) for of_seeds in rates.values() for i, a in enumerate(of_seeds) for b in of_seeds[:i]
    ]
    return {
        "with_accuracies": agree,
        "between_probes": statistics.fmean(rank_correlation(a, b) for a in first for b in second),
        "between_seeds": statistics.fmean(seeds),
        "gain_of_second": interval_of_gain(rates, accuracies),
    }


def interval_of_gain(rates: Mapping[str, list[np.ndarray]], accuracies: list[float], seed: int = 0) -> list[float]:
    """How much better the second probe's mean win rates agree with the accuracies: the 95% interval over cells."""
    rng, means = stream(seed, "bootstrap"), [np.mean(of_seeds, axis=0) for of_seeds in rates.values()]
    gains = []
    for _ in range(2000):
        rows = rng.integers(len(accuracies), size=len(accuracies))
        first, second = (rank_correlation(of[rows], np.array(accuracies)[rows]) for of in means)
        gains.append(second - first)
    return np.nanpercentile(gains, (2.5, 97.5)).tolist()


# -- the experiment ----------------------------------------------------------------------------------------------------


def measure(folder: Path, n_images: int, n_cells: int, n_seeds: int) -> dict[str, Any]:
    """Embed the tasks, train the rankers and the cells."""
    images, classes = fashion_mnist(folder, "train")
    tasks = {task: digits_task(task)["train"] for task in DIGITS_TASKS}
    tasks.update({name: fashion_task(name, images, classes, 2 * n_images) for name in (*CLASSES, TURNS)})
    found = {probe: embeddings(tasks, probe, n_images) for probe in PROBES}
    matrices = {probe: distances(of_probe) for probe, of_probe in found.items()}
    cells = DIGITS.sample(n_cells, stream(0, "cells"))
    rates = {
        probe: [
            ranker_for(of_probe, probe, seed).win_rates(
                np.array(cells), ranker_input(of_probe[TRAINED][0])[None], np.array(DIGITS.distinct())
            )[0]
            for seed in range(n_seeds)
        ]
        for probe, of_probe in found.items()
    }
    train, test = (
        fashion_task(TRAINED, *fashion_mnist(folder, part), n) for part, n in (("train", N_TRAIN), ("t10k", N_TEST))
    )
    accuracies = trained_accuracies(train, test, cells)
    return {
        "tasks": list(tasks),
        "distances": {probe: matrix.tolist() for probe, matrix in matrices.items()},
        "about_distances": {probe: about_distances(matrix) for probe, matrix in matrices.items()},
        "between_probes": rank_correlation(*map(of_pairs, matrices.values())),
        "accuracies": accuracies,
        "ranks": about_ranks(rates, accuracies),
    }


def page(found: dict[str, Any]) -> str:
    """The tables of the page."""
    n_tasks, ranks = len(found["tasks"]), found["ranks"]
    of_distances = [
        [probe, f"{about['to_itself']:.3f}", f"{about['to_others']:.3f}", f"{about['nearest_is_itself']} of {n_tasks}"]
        for probe, about in found["about_distances"].items()
    ]
    of_ranks = [[probe, show(agree, digits=2)] for probe, agree in ranks["with_accuracies"].items()]
    low, high = ranks["gain_of_second"]
    return "\n".join([
        table([["probe", "to itself", "to others", "nearest is itself"], *of_distances]),
        f"rank correlation of the two probes' distances: {found['between_probes']:.2f}",
        "",
        table([["probe", "ranks and accuracies"], *of_ranks]),
        f"ranks by the two probes: {ranks['between_probes']:.2f}",
        f"ranks by two seeds of one probe: {ranks['between_seeds']:.2f}",
        f"{PROBES[1]} less {PROBES[0]}: [{low:.2f}, {high:.2f}]",
        f"accuracies: {min(found['accuracies']):.1f} to {max(found['accuracies']):.1f}%",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--fashion-mnist", required=True, type=path, metavar="DIR",
        help="folder of the four idx files, such as Debian's package dataset-fashion-mnist has",
    )  # fmt: skip
    parser.add_argument("--images", type=at_least(10), default=60, help="images of an embedding (default 60)")
    parser.add_argument("--cells", type=at_least(3), default=24, help="cells to train (default 24)")
    parser.add_argument("--seeds", type=at_least(2), default=2, help="rankers of each probe (default 2)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results.json")
    args = parser.parse_args()
    found = measure(args.fashion_mnist, args.images, args.cells, args.seeds)
    write_results(args.out, {"images": args.images, "cells": args.cells, **found})
    print(f"\n{page(found)}")


if __name__ == "__main__":
    main()
