"""A lock of the weights beside the lock of the architecture: what does each cost an attacker, and do they add up?

The weight lock is non-transferable learning in its simplest form (Wang et al., ICLR 2022, without the distance of
features): while the network learns the source, the loss on the target's images is made large. Its owner needs the
target's images, as in scheme TK. It is tried on the cell of scheme S and on the cell of "TK + 20 on transfer".

python -m experiments.transfer_locks.weight_lock
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from experiments.common import options, show, workers, write_results
from experiments.domains_benchmark.training import (
    RATES,
    SOURCE,
    attacked_networks,
    figures_of,
    pooled,
    rows_of,
    source_networks,
)
from experiments.transfer_locks.choices import TK_TRANSFER, S, chosen, over_pairs, over_sources
from naslib_archlock.benchmarks.domains_benchmark import N_IMAGES, SEEDS
from naslib_archlock.networks.cell_network import CellNetwork
from naslib_archlock.networks.fit import initial_network, train
from naslib_archlock.report.text import table
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.tasks.digits_domains import DOMAINS, digits_domain

HERE = Path(__file__).parent
SCALE, MOST = 0.1, 1.0  # the loss on the target counts so much, up to so much
SEARCH_SEED = 0
_LOCKING = 4  # the stream of random numbers
ROLES = {
    "S": (S, False),
    "S, weight lock": (S, True),
    "lock": (TK_TRANSFER, False),
    "lock, weight lock": (TK_TRANSFER, True),
}


def locked_network(cell: Cell, source: str, target: str) -> CellNetwork:
    """Networks of all seeds that learn the source and unlearn the target."""
    n = len(digits_domain(source)["train"])
    generators = [np.random.default_rng([seed, _LOCKING, *map(DOMAINS.index, (source, target))]) for seed in SEEDS]
    network = initial_network(cell, pooled(), SOURCE, generators)
    rows = np.stack([np.concatenate([rows_of(domain, seed, n) for domain in (source, target)]) for seed in SEEDS])

    def loss(copy: int, outputs: Tensor, of_copy: Tensor) -> Tensor:
        each = cross_entropy(outputs, pooled().targets[of_copy], reduction="none")
        is_target = of_copy // n == DOMAINS.index(target)
        on_target = each[is_target].mean() if is_target.any() else each.new_zeros(())
        return each[~is_target].mean() - torch.clamp(SCALE * on_target, max=MOST)

    train(network, network, pooled(), rows, SOURCE, 2 * SOURCE.n_steps(n), generators, loss=loss)
    return network


def pair_results(source: str, target: str) -> list[dict[str, Any]]:
    """A row for each role."""
    rows = []
    for role, (method, has_weight_lock) in ROLES.items():
        cell = chosen(method, source, target, SEARCH_SEED)
        network = locked_network(cell, source, target) if has_weight_lock else source_networks(cell, [source])
        row: dict[str, Any] = {"source": source, "target": target, "role": role}
        row["on_source"] = np.mean(figures_of(network, [source])[source]["test"])
        row["attacked_0"] = np.mean(figures_of(network, [target])[target]["test"])
        for n_images in RATES:
            attacked = attacked_networks(cell, network.state_dict(), [target], n_images)
            row[f"attacked_{n_images}"] = np.mean(figures_of(attacked, [target])[target]["test"])
        rows.append(row)
    return rows


def main() -> None:
    args = options(__doc__ or "", str(HERE), tables=False).parse_args()
    rows = over_pairs(pair_results, workers(args))
    values = ["on_source", *(f"attacked_{n}" for n in N_IMAGES)]
    found = {
        role: {value: over_sources(of_role, value) for value in values}
        for role, of_role in rows.groupby("role", sort=False)
    }
    print("Test accuracy in %, means over pairs with 95% intervals over sources")
    header = ["network", "source", *(f"target, {n} images" for n in N_IMAGES)]
    print(table([header, *([role, *(show(of[value], digits=1) for value in values)] for role, of in found.items())]))
    write_results(args.out.with_name("weight_lock.json"), {"roles": found, "pairs": rows.round(2).to_dict("records")})


if __name__ == "__main__":
    main()
