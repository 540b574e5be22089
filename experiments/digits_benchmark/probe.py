"""Trains the shipped probe network of Task2Vec on pretext tasks over the digits images, in a minute or two on one core.

    python -m experiments.digits_benchmark.probe

The network has one trunk, and a linear head for each pretext task; the heads are thrown away. The pretext tasks need no
labels. None of them is a task of the benchmark, so that the probe does not know one benchmark task better than another.
The probe trains on the benchmark's training images, and transforms them anew in every step.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from naslib_archlock import data
from naslib_archlock.compute.threads import single_threaded
from naslib_archlock.embedding.probes import FILE, digits_network, digits_network_bytes, digits_probe
from naslib_archlock.tasks.digits_tasks import digits_task
from naslib_archlock.tasks.labelled_images import LabelledImages

# Takes images, ``n x 8 x 8`` in [0, 1], and a generator. Returns new images, labels, and the number of classes or 0.
Maker = Callable[[np.ndarray, np.random.Generator], "tuple[np.ndarray, np.ndarray, int]"]


@dataclass(frozen=True)
class Settings:
    """AdamW with a one-cycle schedule; each step takes ``batch_size`` images of every task."""

    steps: int = 1500
    batch_size: int = 50
    learning_rate: float = 5e-3
    weight_decay: float = 1e-2
    seed: int = 0


def shift(images: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Predict which of nine ways the image was moved: by -1, 0 or 1 pixel down and to the right."""
    label = rng.integers(9, size=len(images))
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    moved = [image[2 - k // 3 : 10 - k // 3, 2 - k % 3 : 10 - k % 3] for image, k in zip(padded, label)]
    return np.stack(moved), label, 9


def mirror(images: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Predict whether left and right were exchanged."""
    label = rng.integers(2, size=len(images))
    return np.where(label[:, None, None] == 1, images[:, :, ::-1], images), label, 2


def blend(images: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Predict how many images, one to three, were blended by taking the brightest value of each pixel."""
    label = rng.integers(3, size=len(images))
    for extra in (1, 2):
        others = images[rng.permutation(len(images))]
        images = np.where(label[:, None, None] >= extra, np.maximum(images, others), images)
    return images, label, 3


def gamma(images: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Predict the exponent of the brightness, as its logarithm to base 2, from -1 to 1."""
    exponent = rng.uniform(-1, 1, len(images))
    return images ** (2.0 ** exponent[:, None, None]), exponent[:, None], 0


def blur(images: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Predict how much each pixel was replaced by the mean around it, from -1 (none) to 1 (all)."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    smooth = np.mean([padded[:, i : i + 8, j : j + 8] for i in range(3) for j in range(3)], axis=0)
    share = rng.uniform(0, 1, len(images))[:, None, None]
    return (1 - share) * images + share * smooth, 2 * share[:, :, 0] - 1, 0


def inpaint(images: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Predict the 16 pixels in the middle, which are hidden."""
    hidden = images.copy()
    hidden[:, 2:6, 2:6] = 0
    return hidden, images[:, 2:6, 2:6].reshape(len(images), -1), 0


PRETEXT_TASKS: dict[str, Maker] = {f.__name__: f for f in (shift, mirror, blend, gamma, blur, inpaint)}


def make(task: str, images: np.ndarray, rng: np.random.Generator) -> LabelledImages:
    """The data of a pretext task."""
    made, targets, n_classes = PRETEXT_TASKS[task](images, rng)
    dtype = torch.int64 if n_classes else torch.float32
    return LabelledImages(
        task,
        torch.tensor(made[:, None].copy(), dtype=torch.float32),
        torch.tensor(targets.copy(), dtype=dtype),
        n_classes,
    )


def train(images: np.ndarray, settings: Settings) -> tuple[nn.Sequential, nn.ModuleDict]:
    """Train the trunk and the head of each pretext task."""
    rng = np.random.default_rng(settings.seed)
    torch.manual_seed(settings.seed)
    trunk = digits_network()
    prepare = digits_probe(trunk).prepare
    n_features = trunk(torch.zeros(1, 1, 8, 8)).shape[1]
    heads = nn.ModuleDict({t: nn.Linear(n_features, make(t, images[:9], rng).n_outputs) for t in PRETEXT_TASKS})
    trunk.requires_grad_(True).train()
    optimizer = torch.optim.AdamW(
        [*trunk.parameters(), *heads.parameters()], lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=settings.steps)
    for _ in range(settings.steps):
        batches = [
            make(task, images[rng.choice(len(images), settings.batch_size, replace=False)], rng)
            for task in PRETEXT_TASKS
        ]
        # One pass serves all tasks, so that batch normalisation sees their mixture.
        features = trunk(prepare(torch.cat([batch.images for batch in batches])))
        losses = [
            batch.loss(heads[batch.name](part), batch.targets)
            for batch, part in zip(batches, features.split(settings.batch_size))
        ]
        optimizer.zero_grad()
        sum(losses, torch.zeros(())).backward()
        optimizer.step()
        schedule.step()
    return trunk.eval().requires_grad_(False), heads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=data.FOLDER, help="folder to write to (default: the package's)")
    args = parser.parse_args()

    settings = Settings()
    splits = {split: part.images[:, 0].double().numpy() for split, part in digits_task("digit").items()}
    start = time.perf_counter()
    with single_threaded():
        trunk, heads = train(splits["train"], settings)
        print(f"trained in {time.perf_counter() - start:.0f} s; validation scores in %:")
        probe, rng = digits_probe(trunk), np.random.default_rng(settings.seed + 1)
        for task, head in heads.items():
            val = make(task, splits["val"], rng)
            with torch.no_grad():
                print(f"  {task:8} {val.score(head(probe(probe.prepare(val.images)))):5.1f}")
    training = {"tasks": list(PRETEXT_TASKS), **asdict(settings)}
    path = data.publish(FILE, digits_network_bytes(trunk, training), args.out)
    print(f"written to {path}: {path.stat().st_size / 1e3:.0f} kB, {probe.n_filters} filters")


if __name__ == "__main__":
    main()
