"""Networks for the transfer benchmark: trained on domains of digits, attacked on other ones, or trained from scratch.

All copies of a network train side by side: one for each domain and, within a domain, one for each seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from naslib_archlock.benchmarks.domains_benchmark import SEEDS
from naslib_archlock.compute.threads import single_threaded
from naslib_archlock.networks.cell_network import CellNetwork
from naslib_archlock.networks.fit import FitSettings, initial_network, per_copy, train
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.tasks.digits_domains import DOMAINS, digits_domain
from naslib_archlock.tasks.labelled_images import LabelledImages

SOURCE = FitSettings()
ATTACKER = replace(SOURCE, batch_size=32)
FINE_TUNING_STEPS = 40
RATES = {10: 0.002, 30: 0.004, 100: 0.01}  # number of images -> the attacker's learning rate
SCRATCH_RATE = 0.02
SCRATCH_STEPS = {10: 40, 30: 60, 100: 100}
_IMAGES, _TUNING, _SCRATCH = 1, 2, 3  # streams of random numbers

ALL = "all"  # images
Figures = dict[str, list[float]]  # val, test -> of each seed, in %


@cache
def pooled() -> LabelledImages:
    """The training images of all domains in a row, so that copies of one network can train on different ones."""
    parts = [digits_domain(domain)["train"] for domain in DOMAINS]
    images, targets = torch.cat([part.images for part in parts]), torch.cat([part.targets for part in parts])
    return replace(parts[0], name="pooled", images=images, targets=targets)


def rows_of(domain: str, seed: int, n: int) -> np.ndarray:
    """The rows of ``pooled`` of an attacker with ``n`` images of a domain; fewer images are among the more."""
    data_of = digits_domain(domain)["train"]
    order = data_of.balanced_order(np.random.default_rng([seed, _IMAGES]))
    return np.asarray(DOMAINS.index(domain) * len(data_of) + order[:n])


def figures_of(network: CellNetwork, domains: Sequence[str]) -> dict[str, Figures]:
    """The accuracies of copies that stand in the order of domains and, for each domain, of seeds."""
    found: dict[str, Figures] = {domain: {} for domain in domains}
    for split in ("val", "test"):
        images = [digits_domain(domain)[split].images for domain in domains for _ in SEEDS]
        with torch.no_grad():
            outputs = per_copy(
                network(torch.cat(images, dim=1).contiguous(memory_format=torch.channels_last)), len(images)
            )
        for i, domain in enumerate(domains):
            of_domain = outputs[i * len(SEEDS) : (i + 1) * len(SEEDS)]
            found[domain][split] = [digits_domain(domain)[split].score(o) for o in of_domain]
    return found


def trained(
    cell: Cell,
    domains: Sequence[str],
    n_images: int,
    settings: FitSettings,
    n_steps: int,
    stream: int,
    weights: Mapping[str, Tensor] | None = None,
) -> CellNetwork:
    """One network with a copy for each domain and seed, trained on that many images of the domain.

    Args:
        weights: what all copies of a seed start from, for each seed; random weights by default.
    """
    seeds = [(domain, seed) for domain in domains for seed in SEEDS]
    generators = [np.random.default_rng([seed, stream, DOMAINS.index(domain)]) for domain, seed in seeds]
    network = initial_network(cell, pooled(), settings, generators)
    if weights is not None:
        repeated = {name: torch.cat([w] * len(domains)) if w.ndim else w for name, w in weights.items()}
        network.load_state_dict(repeated)
    rows = np.stack([rows_of(domain, seed, n_images) for domain, seed in seeds])
    train(network, network, pooled(), rows, settings, n_steps, generators)
    return network


def of_copies(network: CellNetwork, at: int) -> dict[str, Tensor]:
    """The weights of the copies of the domain number ``at``."""
    n_domains = network.copies // len(SEEDS)
    return {name: w.chunk(n_domains)[at].clone() if w.ndim else w for name, w in network.state_dict().items()}


def train_sources(cells: Sequence[Cell]) -> list[dict[str, Figures]]:
    """For each cell, the accuracies on each domain of networks trained on all its images."""
    return [figures_of(source_networks(cell), DOMAINS) for cell in cells]


def source_networks(cell: Cell) -> CellNetwork:
    """Networks trained on each domain with all its images."""
    n = len(digits_domain(DOMAINS[0])["train"])
    return trained(cell, DOMAINS, n, SOURCE, SOURCE.n_steps(n), 0)


def train_and_attack(cells: Sequence[Cell], floors: Mapping[str, float]) -> list[dict[str, dict[str, Figures]]]:
    """For each cell: ``0`` or a number of images -> ``DOMAIN`` from scratch or ``SOURCE>DOMAIN`` -> accuracies.

    The networks that were trained on all images stand under the key ``ALL``.
    """
    with single_threaded():
        return [_train_and_attack(cell, floors) for cell in cells]


def _train_and_attack(cell: Cell, floors: Mapping[str, float]) -> dict[str, dict[str, Figures]]:
    of_source = source_networks(cell)
    whole = figures_of(of_source, DOMAINS)
    found: dict[str, dict[str, Figures]] = {ALL: whole, **{str(n): {} for n in (0, *RATES)}}
    sources = [domain for domain in DOMAINS if np.mean(whole[domain]["val"]) >= floors[domain]]
    for source in sources:
        targets = [domain for domain in DOMAINS if domain != source]
        weights = of_copies(of_source, DOMAINS.index(source))
        untouched = initial_network(cell, pooled(), SOURCE, [np.random.default_rng(0) for _ in targets for _ in SEEDS])
        untouched.load_state_dict({name: torch.cat([w] * len(targets)) if w.ndim else w for name, w in weights.items()})
        untouched.eval()
        by_n = {0: figures_of(untouched, targets)}
        for n, rate in RATES.items():
            settings = replace(ATTACKER, learning_rate=rate)
            network = trained(cell, targets, n, settings, FINE_TUNING_STEPS, _TUNING, weights)
            by_n[n] = figures_of(network, targets)
        for n, by_target in by_n.items():
            found[str(n)].update({f"{source}>{target}": of_target for target, of_target in by_target.items()})
    if sources:
        for n in RATES:
            settings = replace(ATTACKER, learning_rate=SCRATCH_RATE)
            found[str(n)].update(figures_of(trained(cell, DOMAINS, n, settings, SCRATCH_STEPS[n], _SCRATCH), DOMAINS))
    return found
