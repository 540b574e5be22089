"""Writes small MADE-UP benchmarks for tests, and folders of small images from scikit-learn's digits.

No network was trained: accuracies and zero-cost scores are formulas of the cell plus noise. The tasks reward different
properties of a cell (convolutions, short paths, shallow or deep cells), so that locks exist. Results on these
benchmarks tell nothing about real networks.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from pathlib import Path

import numpy as np

from naslib_archlock.benchmarks.table import FINE_TUNED, NOTE
from naslib_archlock.proxies.zero_cost import zero_cost_file_name
from naslib_archlock.spaces.cells import CONV_1X1, CONV_3X3, NONE, SKIP, cell_index, representatives
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MICRO
from naslib_archlock.spaces.space import SearchSpace
from naslib_archlock.store.files import make_folder, write_bytes, write_text
from naslib_archlock.tasks.names import SPLITS

SPACE = TRANSBENCH101_MICRO
Wants = tuple[tuple[float, ...], tuple[float, float]]
_SEED = 2024

# What each task rewards in a cell: weights of (3x3 convolutions, 1x1 convolutions, skips, depth), and the range of
# accuracies in %, or of the SSIM in hundredths.
TASKS: dict[str, Wants] = {
    "class_scene": ((1.0, 0.8, 0.4, 0.3), (30.0, 60.0)),
    "class_object": ((1.0, 0.7, 0.6, 0.2), (25.0, 55.0)),
    "normal": ((0.9, 0.3, -0.2, 0.6), (20.0, 70.0)),
    "autoencoder": ((0.2, 0.5, 0.3, -0.8), (15.0, 80.0)),
}
NASBENCH201_TASKS: dict[str, Wants] = {
    "cifar10": ((1.0, 0.8, 0.4, 0.3), (70.0, 95.0)),
    "cifar100": ((1.0, 0.2, 0.6, -0.4), (30.0, 75.0)),
    "ImageNet16-120": ((0.3, 0.7, -0.3, 0.6), (10.0, 48.0)),
}


def cell_features(cells: np.ndarray) -> np.ndarray:
    """Numbers of 3x3 and 1x1 convolutions, skips, and convolutions in a row, of each representative; ``n x 4``."""
    cells = representatives(cells)
    counts = [(cells == op).sum(axis=1) for op in (CONV_3X3, CONV_1X1, SKIP)]
    is_conv = (cells == CONV_3X3) | (cells == CONV_1X1)
    paths = ((3,), (0, 4), (1, 5), (0, 2, 5))  # edges of the four paths from input to output
    depth = np.max([(is_conv[:, p].sum(axis=1)) * (cells[:, p] != NONE).all(axis=1) for p in map(list, paths)], axis=0)
    return np.stack([*counts, depth], axis=1).astype(np.float64)


def _accuracies(space: SearchSpace, wants: Wants, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """``split -> n`` made-up accuracies in %; cells that compute the same function have the same accuracy."""
    weights, (low, high) = wants
    cells = space.all()
    quality = cell_features(cells) @ np.array(weights)
    index = cell_index(representatives(cells))
    quality = quality + 0.3 * rng.standard_normal(index.max() + 1)[index]
    quality[index == 0] = quality.min() - 2  # the disconnected cell learns nothing
    level = (quality - quality.min()) / (quality.max() - quality.min())
    base = low + (high - low) * np.sqrt(level)
    return {split: base + 0.3 * rng.standard_normal(index.max() + 1)[index] for split in SPLITS}


def _scores(space: SearchSpace, wants: Wants, rng: np.random.Generator) -> dict[str, dict[str, dict[str, float]]]:
    """Zero-cost scores of 400 sampled cells by six made-up proxies, in the structure of NASLib's files."""
    cells = np.array(space.sample(400, np.random.default_rng(_SEED)))
    n3, n1, skips, depth = cell_features(cells).T
    task_view = cell_features(cells) @ np.array(wants[0])

    def noise(scale: float) -> np.ndarray:
        return scale * rng.standard_normal(len(cells))

    proxies = {
        "params": 9 * n3 + n1,
        "flops": 9 * n3 + n1 + 0.1 * skips,
        "nwot": n3 + n1 + 0.2 * depth + noise(0.1),
        "jacov": task_view + noise(0.3),
        "l2_norm": 3 * n3 + n1 + noise(0.2),
        "snip": task_view * n3 + noise(0.5),
    }
    return {
        str(space.to_naslib(cell)): {p: {"score": float(s[i]), "time": 0.0} for p, s in proxies.items()}
        for i, cell in enumerate(map(tuple, cells.tolist()))
    }


def _fine_tuned(columns: dict[str, np.ndarray], tasks: dict[str, Wants]) -> dict[str, np.ndarray]:
    """``SOURCE>TASK/SPLIT -> n`` made-up accuracies in %; a cell that is good on the source stays good when fine-tuned.

    Args:
        columns: ``TASK/SPLIT`` -> ``n`` accuracies in %.
        tasks: What each task rewards.
    """
    made = {}
    for source, task in itertools.permutations(tasks, 2):
        (low, high), (task_low, task_high) = tasks[source][1], tasks[task][1]
        for split in SPLITS:
            level = (columns[f"{source}/{split}"] - low) / (high - low)
            carried_over = task_low + level * (task_high - task_low)
            made[f"{source}{FINE_TUNED}{task}/{split}"] = (carried_over + columns[f"{task}/{split}"]) / 2
    return made


def write_tables(folder: Path, space: SearchSpace = SPACE, fine_tuned: bool = False) -> None:
    """Write the accuracy table and the zero-cost file of a space, in the formats of real ones.

    Args:
        folder: Where to write them.
        space: transbench101_micro or nasbench201.
        fine_tuned: Whether the table also has accuracies of networks that were fine-tuned, of all pairs of its tasks.

    Raises:
        OutputError: If the folder cannot be written.
    """
    make_folder(folder)
    tasks = NASBENCH201_TASKS if space is NASBENCH201 else TASKS
    rngs = {task: np.random.default_rng([_SEED, i]) for i, task in enumerate(tasks)}
    columns = {
        f"{task}/{split}": values
        for task, wants in tasks.items()
        for split, values in _accuracies(space, wants, rngs[task]).items()
    }
    if fine_tuned:
        columns.update(_fine_tuned(columns, tasks))
    decimals = dict.fromkeys(columns, 4)
    for name, values in columns.items():
        if space.metrics[name.rpartition("/")[0].rpartition(FINE_TUNED)[2]].high == 1:  # SSIM
            columns[name], decimals[name] = values / 100, 6
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["arch", *columns])
    for i, cell in enumerate(space.all().tolist()):
        writer.writerow(
            [space.to_str(tuple(cell)), *(f"{values[i]:.{decimals[name]}f}" for name, values in columns.items())]
        )
    write_bytes(folder / f"{space.name}.csv.gz", gzip.compress(text.getvalue().encode(), mtime=0))
    write_text(folder / NOTE, "This benchmark is MADE UP: no network was trained, its figures are formulas\n")
    scores = {task: _scores(space, wants, rngs[task]) for task, wants in tasks.items()}
    write_text(folder / zero_cost_file_name(space), json.dumps(scores))


def write_digit_folders(root: Path) -> dict[str, Path]:
    """Write folders of PNG files, with a sub-folder per class: digits 0 to 4, digits 5 to 9, and rectangles."""
    from PIL import Image
    from sklearn.datasets import load_digits

    rng = np.random.default_rng(0)
    digits = load_digits()
    pixels = (digits.images * 255 / 16).astype(np.uint8)
    classes = {("low" if d < 5 else "high", str(d)): pixels[digits.target == d][:30] for d in range(10)}
    for shape, (height, width) in enumerate(((6, 2), (2, 6), (4, 4))):
        images = np.zeros((30, 8, 8), dtype=np.uint8)
        for image in images:
            top, left = rng.integers(0, 3, size=2)
            image[top : top + height, left : left + width] = rng.integers(100, 255)
        classes["shapes", str(shape)] = images
    for (task, label), images in classes.items():
        (root / task / label).mkdir(parents=True)
        for i, image in enumerate(images):
            Image.fromarray(image).save(root / task / label / f"{i:02}.png")
    return {task: root / task for task in ("low", "high", "shapes")}
