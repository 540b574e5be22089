"""On which tasks are the weights of a released network worth something? Measures pairs of tasks on Fashion-MNIST.

A network is trained on many images of a source task. An attacker has 10 or 50 images of a target task, and gets the
best of three attacks on the weights. The *gain* is that figure minus training the same network from scratch on these
images.

python -m experiments.transfer_pilot.run --images DIR    # DIR holds train-images-idx3-ubyte.gz, and so on
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.common import add_worker_options, interval, parallel, show, workers, write_results
from naslib_archlock.audit.attacks import SCRATCH, Release, attack
from naslib_archlock.compute.threads import single_threaded
from naslib_archlock.networks.fit import FitSettings, fit, scores
from naslib_archlock.report.text import table
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.tasks.labelled_images import LabelledImages

HERE = Path(__file__).parent
N_SOURCE, N_TARGET, N_VAL, N_TEST = 20_000, 2_500, 1_000, 2_000
N_IMAGES = (10, 50)
NAMES = ("linear probe", "probe then all", "fine-tuning", SCRATCH)
RATES = (0.03, 0.1)
SEEDS = (0, 1, 2)
CELLS: dict[str, Cell] = {"residual": (3, 3, 3, 1, 3, 1)}
WIDTHS = {"8-16": (8, 16)}
SOURCE = FitSettings(epochs=10)
ATTACK = FitSettings(epochs=3)  # 150 steps, whatever the number of images

# A shift makes another task of ``n x 14 x 14`` images in [0, 1]; the classes stay the same.
Shift = Callable[[np.ndarray, np.random.Generator], np.ndarray]
SHIFTS: dict[str, Shift] = {
    "plain": lambda images, rng: images,
    "inverted": lambda images, rng: 1 - images,
    "turned": lambda images, rng: np.rot90(images, axes=(1, 2)),
    "noisy": lambda images, rng: images + 0.4 * rng.standard_normal(images.shape),
    "textured": lambda images, rng: np.abs(images - rng.uniform(0, 1, (len(images), 1, 14)).repeat(14, axis=1)),
    "edges": lambda images, rng: np.hypot(*np.gradient(images, axis=(1, 2))),
}
# source -> targets; a task is a shift and its classes
ALL, FIRST, LAST = tuple(range(10)), (0, 1, 2, 3, 4), (5, 6, 7, 8, 9)
Task = tuple[str, tuple[int, ...]]
PAIRS: dict[Task, tuple[Task, ...]] = {
    ("plain", ALL): tuple((shift, ALL) for shift in SHIFTS if shift != "plain"),
    ("plain", FIRST): (("plain", LAST), ("inverted", FIRST), ("turned", LAST)),
}


@cache
def fashion(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """All 70,000 images, shrunk to 14 x 14 in [0, 1], and their classes, in one random order."""
    images, labels = [], []
    for part in ("train", "t10k"):
        with gzip.open(folder / f"{part}-images-idx3-ubyte.gz") as file:
            images.append(np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28))
        with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz") as file:
            labels.append(np.frombuffer(file.read(), np.uint8, offset=8))
    order = np.random.default_rng(0).permutation(70_000)
    small = np.concatenate(images).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)) / 255
    return small[order], np.concatenate(labels)[order].astype(np.int64)


@cache
def splits_of(folder: Path, task: Task, is_source: bool) -> Mapping[str, LabelledImages]:
    """``train``, ``val`` and ``test`` of a task. A source and a target have no image in common."""
    shift, classes = task
    images, labels = fashion(folder)
    rows = np.flatnonzero(np.isin(labels, classes))
    rows = rows[: len(rows) // 2] if is_source else rows[len(rows) // 2 :]
    n_train, rng, splits = N_SOURCE if is_source else N_TARGET, np.random.default_rng(1), {}
    n_train = min(n_train, len(rows) - N_VAL - N_TEST)
    for split, part in zip(("train", "val", "test"), np.split(rows, np.cumsum([n_train, N_VAL, N_TEST]))):
        shifted = SHIFTS[shift](images[part], rng)
        splits[split] = LabelledImages(
            shift,
            torch.tensor(np.ascontiguousarray(shifted)[:, None], dtype=torch.float32),
            torch.tensor(np.searchsorted(classes, labels[part])),
            len(classes),
        )
    return splits


def measure(folder: Path, source: Task, cell: str, widths: str) -> dict[str, Any]:
    """The source accuracy, and the best figures of attacks and from scratch: target -> images -> a list over seeds."""
    with single_threaded():
        splits = splits_of(folder, source, True)
        network = fit(CELLS[cell], splits["train"], replace(SOURCE, widths=WIDTHS[widths]), SEEDS)
        release, on_source = Release(CELLS[cell], network.state_dict(), splits), scores(network, splits["test"])
        found: dict[str, Any] = {"source": on_source, "targets": {}}
        for target in PAIRS[source]:
            of_target = splits_of(folder, target, False)
            found["targets"][name_of(target)] = {str(n): attacked(release, of_target, n, widths) for n in N_IMAGES}
    return found


def attacked(
    release: Release, target: Mapping[str, LabelledImages], n_images: int, widths: str
) -> dict[str, list[float]]:
    """Attack -> test figures of the learning rate with the best validation figure, a list over seeds."""
    best = {}
    for name in NAMES:
        settings = [replace(ATTACK, widths=WIDTHS[widths], learning_rate=rate) for rate in RATES]
        figures = [attack(name, release, target, 100 * n_images / len(target["train"]), s, SEEDS) for s in settings]
        chosen = np.argmax([f["val"] for f in figures], axis=0)
        best[name] = [figures[rate]["test"][seed] for seed, rate in enumerate(chosen)]
        best[f"{name}, val"] = [figures[rate]["val"][seed] for seed, rate in enumerate(chosen)]
    return best


def transfer_and_scratch(figures: Mapping[str, list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """The test figures of the best attack by validation, and those from scratch, over seeds."""
    names = NAMES[:-1]
    chosen = np.argmax([figures[f"{name}, val"] for name in names], axis=0)
    return np.array([figures[names[i]][seed] for seed, i in enumerate(chosen)]), np.array(figures[SCRATCH])


def name_of(task: Task) -> str:
    shift, classes = task
    return f"{shift} {classes[0]}-{classes[-1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder of Fashion-MNIST's four files")
    parser.add_argument("--out", type=Path, default=HERE / "results.json", help="file to write")
    add_worker_options(parser)
    args = parser.parse_args()
    calls = [(args.images, source, cell, widths) for source in PAIRS for widths in WIDTHS for cell in CELLS]
    rows, results = [["source", "target", "cell", "widths", *(f"{n} images" for n in N_IMAGES)]], []
    for (_, source, cell, widths), found in zip(calls, parallel(measure, calls, workers(args))):
        for target, of_target in found["targets"].items():
            shown = []
            for n, figures in of_target.items():
                transfer, scratch = transfer_and_scratch(figures)
                gain = interval((transfer - scratch).tolist())
                shown.append(f"{transfer.mean():.1f} - {scratch.mean():.1f} = {show(gain, digits=1)}")
                results.append(
                    {
                        "source": name_of(source), "target": target, "cell": cell, "widths": widths, "images": int(n),
                        "transfer": transfer.tolist(), "scratch": scratch.tolist(), "on_source": found["source"],
                    }
                )  # fmt: skip
            rows.append([f"{name_of(source)} ({np.mean(found['source']):.1f})", target, cell, widths, *shown])
    print("Test accuracy in %: best attack on the weights, minus from scratch, with 95% intervals over seeds")
    print(table(rows))
    write_results(args.out, {"figures": results})


if __name__ == "__main__":
    main()
