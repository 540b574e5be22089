"""On which targets are trained weights worth something, and which attack is the strongest?

Networks of one cell are trained on plain digits. An attacker with 10, 30 or 100 images of another domain uses them in
four ways, at three learning rates each. The same cell is trained from scratch on these images.

python -m experiments.domains_benchmark.pilot
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import options, parallel, workers, write_results
from naslib_archlock.audit.attacks import SCRATCH, Release, attack
from naslib_archlock.benchmarks.domains_benchmark import SEEDS
from naslib_archlock.networks.fit import FitSettings, fit
from naslib_archlock.report.text import table
from naslib_archlock.spaces.cells import CONV_1X1, CONV_3X3, NONE, Cell
from naslib_archlock.tasks.digits_domains import DOMAINS, Maker, digits_domain, draw_domain
from naslib_archlock.tasks.labelled_images import LabelledImages

HERE = Path(__file__).parent
SETTINGS = FitSettings()
CELL: Cell = (CONV_3X3, NONE, CONV_1X1, NONE, NONE, CONV_3X3)
FRACTIONS = {1.0: 10, 3.0: 30, 10.0: 100}  # % of the training images -> images
ATTACKS = ("linear probe", "probe then all", "fine-tuning", "direct fine-tuning")
RATES = (0.002, 0.005, 0.02)
STEPS_PCT = 100 / 3  # 40 steps
SOURCE = "plain"


def _blend(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The difference to a coarse random background, as in MNIST-M."""
    background = np.kron(rng.uniform(0, 0.8, (len(images), 3, 3)), np.ones((1, 3, 3)))[:, :8, :8]
    return np.abs(background - images)


def _shift(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Moves each image by up to two pixels; what leaves on one side comes back on the other."""
    moves = rng.integers(-2, 3, (len(images), 2))
    return np.stack([np.roll(image, tuple(move), axis=(0, 1)) for image, move in zip(images, moves.tolist())])


# Domains that were tried and not taken.
OTHERS: dict[str, Maker] = {
    "mirrored": lambda images, rng: images[:, :, ::-1],
    "inverted": lambda images, rng: 1 - images,
    "turned": lambda images, rng: np.rot90(images, axes=(1, 2)),
    "blended": _blend,
    "shifted": _shift,
}
TARGETS = (*(domain for domain in DOMAINS if domain != SOURCE), *OTHERS)


def splits(name: str) -> dict[str, LabelledImages]:
    """The splits of a domain, also of one that was not taken."""
    if name in DOMAINS:
        return digits_domain(name)
    return draw_domain(name, OTHERS[name], np.random.default_rng(list(OTHERS).index(name)))


def attacked(target: str) -> list[dict[str, Any]]:
    """The best figures of each attack over learning rates, chosen by validation accuracy."""
    network = fit(CELL, splits(SOURCE)["train"], SETTINGS, SEEDS)
    release = Release(CELL, network.state_dict(), splits(SOURCE))
    rows = []
    for fraction, n_images in FRACTIONS.items():
        for name in (*ATTACKS, SCRATCH):
            steps = 100.0 if name == SCRATCH else STEPS_PCT
            tried = {
                rate: attack(
                    name, release, splits(target), fraction, replace(SETTINGS, learning_rate=rate), SEEDS, steps
                )
                for rate in RATES
            }
            best = max(tried, key=lambda rate: float(np.mean(tried[rate]["val"])))
            test = float(np.mean(tried[best]["test"]))
            rows.append({"target": target, "images": n_images, "attack": name, "rate": best, "test": test})
    return rows


def main() -> None:
    args = options(__doc__ or "", str(HERE), tables=False).parse_args()
    rows = [row for rows in parallel(attacked, [(target,) for target in TARGETS], workers(args)) for row in rows]
    print("Test accuracy in %, with the best learning rate by validation accuracy")
    body = []
    for target in TARGETS:
        for n_images in FRACTIONS.values():
            here = {row["attack"]: row for row in rows if (row["target"], row["images"]) == (target, n_images)}
            worth = max(here[name]["test"] for name in ATTACKS) - here[SCRATCH]["test"]
            figures = [f"{here[name]['test']:.1f} ({here[name]['rate']:g})" for name in (*ATTACKS, SCRATCH)]
            body.append([target, str(n_images), *figures, f"{worth:+.1f}"])
    print(table([["target", "images", *ATTACKS, SCRATCH, "worth"], *body]))
    write_results(args.out.with_name("pilot.json"), {"rows": rows})


if __name__ == "__main__":
    main()
