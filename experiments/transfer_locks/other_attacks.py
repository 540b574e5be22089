"""Does the lock hold against other attacks than the one that the transfer benchmark makes?

An attacker with 10 or 30 images of the target makes each attack on the cell of scheme S and on the cell of "TK + 20 on
transfer", at one learning rate. The distillation teaches the released features to another architecture, so it gets
around a lock of the architecture.

python -m experiments.transfer_locks.other_attacks
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import options, show, workers, write_results
from experiments.transfer_locks.choices import TK_TRANSFER, S, chosen, over_pairs, over_sources
from naslib_archlock.audit.attacks import Release, attack
from naslib_archlock.benchmarks.domains_benchmark import SEEDS
from naslib_archlock.networks.fit import FitSettings, fit
from naslib_archlock.report.text import table
from naslib_archlock.spaces.known import DIGITS_DOMAINS
from naslib_archlock.tasks.digits_domains import digits_domain

HERE = Path(__file__).parent
SETTINGS = FitSettings()
RATE, STEPS_PCT = 0.005, 100 / 3  # 40 steps
FRACTIONS = {1.0: 10, 3.0: 30}  # % of the training images -> images
ATTACKS = (
    "direct fine-tuning", "fine-tuning", "long fine-tuning", "probe then all", "linear probe", "BitFit", "LoRA",
    "distillation",
)  # fmt: skip
SEARCH_SEED = 0


def pair_results(source: str, target: str) -> list[dict[str, Any]]:
    """A row for each attack and number of images."""
    accuracy: dict[tuple[str, int, str], float] = {}
    for method in (S, TK_TRANSFER):
        cell = DIGITS_DOMAINS.network_cell(chosen(method, source, target, SEARCH_SEED))
        network = fit(cell, digits_domain(source)["train"], SETTINGS, SEEDS)
        release = Release(cell, network.state_dict(), digits_domain(source))
        settings = replace(SETTINGS, learning_rate=RATE)
        for name, (fraction, n_images) in itertools.product(ATTACKS, FRACTIONS.items()):
            figures = attack(name, release, digits_domain(target), fraction, settings, SEEDS, STEPS_PCT)
            accuracy[name, n_images, method] = float(np.mean(figures["test"]))
    return [
        {
            "source": source,
            "target": target,
            "attack": name,
            "images": n_images,
            "S": accuracy[name, n_images, S],
            "lock": accuracy[name, n_images, TK_TRANSFER],
            "difference": accuracy[name, n_images, TK_TRANSFER] - accuracy[name, n_images, S],
        }
        for name in ATTACKS
        for n_images in FRACTIONS.values()
    ]


def main() -> None:
    args = options(__doc__ or "", str(HERE), tables=False).parse_args()
    rows = over_pairs(pair_results, workers(args))
    print("Test accuracy in %, means over pairs, and the difference with its 95% interval over sources")
    body, found = [], {}
    for (name, n_images), here in rows.groupby(["attack", "images"], sort=False):
        difference = over_sources(here, "difference")
        found[f"{name}, {n_images} images"] = difference
        body.append(
            [name, str(n_images), f"{here['S'].mean():.1f}", f"{here['lock'].mean():.1f}", show(difference, digits=1)]
        )
    print(table([["attack", "images", "S", "lock", "difference"], *body]))
    write_results(
        args.out.with_name("other_attacks.json"), {"differences": found, "pairs": rows.round(2).to_dict("records")}
    )


if __name__ == "__main__":
    main()
