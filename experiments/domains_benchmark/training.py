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

from naslib_archlock.benchmarks.domains_benchmark import SEEDS, column
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
        network.load_state_dict(repeated(weights, len(domains)))
    rows = np.stack([rows_of(domain, seed, n_images) for domain, seed in seeds])
    train(network, network, pooled(), rows, settings, n_steps, generators)
    return network


def repeated(weights: Mapping[str, Tensor], times: int) -> dict[str, Tensor]:
    """The weights of copies, so many times side by side."""
    return {name: torch.cat([w] * times) if w.ndim else w for name, w in weights.items()}


def of_copies(network: CellNetwork, at: int) -> dict[str, Tensor]:
    """The weights of the copies of the domain number ``at``."""
    n_domains = network.copies // len(SEEDS)
    return {name: w.chunk(n_domains)[at].clone() if w.ndim else w for name, w in network.state_dict().items()}


def train_sources(cells: Sequence[Cell]) -> list[dict[str, Figures]]:
    """For each cell, the accuracies on each domain of networks trained on all its images."""
    return [figures_of(source_networks(cell), DOMAINS) for cell in cells]


def source_networks(cell: Cell, domains: Sequence[str] = DOMAINS) -> CellNetwork:
    """Networks trained on each domain with all its images."""
    n = len(digits_domain(domains[0])["train"])
    return trained(cell, domains, n, SOURCE, SOURCE.n_steps(n), 0)


def attacked_networks(cell: Cell, weights: Mapping[str, Tensor], targets: Sequence[str], n_images: int) -> CellNetwork:
    """Networks with the released weights of each seed, after the attack on each target. Args: n_images: above 0."""
    settings = replace(ATTACKER, learning_rate=RATES[n_images])
    return trained(cell, targets, n_images, settings, FINE_TUNING_STEPS, _TUNING, weights)


def train_and_attack(cells: Sequence[Cell], floors: Mapping[str, float]) -> list[dict[str, Figures]]:
    """For each cell: the name of a column of the benchmark -> accuracies.

    Args:
        floors: domain -> the least validation accuracy of a source whose networks are attacked.
    """
    with single_threaded():
        return [_train_and_attack(cell, floors) for cell in cells]


def _train_and_attack(cell: Cell, floors: Mapping[str, float]) -> dict[str, Figures]:
    of_source = source_networks(cell)
    found = figures_of(of_source, DOMAINS)
    by_n: dict[int, dict[str, Figures]] = {n: {} for n in (0, *RATES)}
    sources = [domain for domain in DOMAINS if np.mean(found[domain]["val"]) >= floors[domain]]
    for source in sources:
        targets = [domain for domain in DOMAINS if domain != source]
        weights = of_copies(of_source, DOMAINS.index(source))
        untouched = initial_network(cell, pooled(), SOURCE, [np.random.default_rng(0) for _ in targets for _ in SEEDS])
        untouched.load_state_dict(repeated(weights, len(targets)))
        for n in by_n:
            network = attacked_networks(cell, weights, targets, n) if n else untouched.eval()
            of_targets = figures_of(network, targets)
            by_n[n].update({column(source, target, n): figures for target, figures in of_targets.items()})
    if sources:
        settings = replace(ATTACKER, learning_rate=SCRATCH_RATE)
        for n in RATES:
            of_domains = figures_of(trained(cell, DOMAINS, n, settings, SCRATCH_STEPS[n], _SCRATCH), DOMAINS)
            by_n[n].update({column(None, domain, n): figures for domain, figures in of_domains.items()})
    for of_n in by_n.values():
        found.update(of_n)
    return found
