"""Trains the transfer benchmark: 160 cells without pooling, on five domains of digits, with three seeds.

For each cell within 5% of the best on a source domain, the trained networks are then attacked on each other domain, by
an attacker who has 0, 10, 30 or 100 labelled images of it. For comparison, networks are trained from scratch on the
attacker's images. The attack is the one that was the strongest in ``pilot``: the released network is trained further.

python -m experiments.domains_benchmark.build        # an interrupted build continues
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from experiments.common import builder_options, workers
from experiments.domains_benchmark.training import ATTACKER, RATES, SOURCE, train_and_attack, train_sources
from naslib_archlock import data
from naslib_archlock.benchmarks.domains_benchmark import FILE, SEEDS, to_csv
from naslib_archlock.compute.parts import compute_parts
from naslib_archlock.spaces.cell_features import conv_weights
from naslib_archlock.spaces.known import DIGITS_DOMAINS
from naslib_archlock.tasks.digits_domains import DOMAINS

CELLS_A_PART = 5
N_HEAVIEST = 16  # the best on each domain is sought among the cells with the most weights
BUDGET_PCT = 5.0


def main() -> None:
    args = builder_options(__doc__ or "", "build/domains").parse_args()

    settings = {"source": asdict(SOURCE), "attacker": asdict(ATTACKER), "seeds": SEEDS, "rates": str(RATES)}
    cells = [tuple(cell) for cell in DIGITS_DOMAINS.distinct().tolist()]
    heaviest = [cells[i] for i in np.argsort(-conv_weights(cells), kind="stable")[:N_HEAVIEST]]
    by_cell = compute_parts(
        train_sources, {f"heaviest-{i:02d}": ([cell],) for i, cell in enumerate(heaviest)},
        args.parts / "heaviest", settings, workers(args), "heaviest cells",
    )  # fmt: skip
    found = [of_cell[0] for of_cell in by_cell.values()]
    best = {domain: max(np.mean(of_cell[domain]["val"]) for of_cell in found) for domain in DOMAINS}
    floors = {domain: (1 - BUDGET_PCT / 100) * float(value) for domain, value in best.items()}
    order = np.random.default_rng(0).permutation(len(cells))  # so that parts take equally long
    starts = range(0, len(cells), CELLS_A_PART)
    calls: dict[str, tuple[Any, ...]] = {
        f"{start:04d}": ([cells[i] for i in order[start : start + CELLS_A_PART]], floors) for start in starts
    }
    parts = compute_parts(
        train_and_attack, calls, args.parts, {**settings, "floors": floors}, workers(args), "training"
    )
    rows = [row for start in starts for row in parts[f"{start:04d}"]]
    path = data.publish(FILE, to_csv({cells[i]: rows[at] for at, i in enumerate(order)}), args.out)
    print(f"written to {path}, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
