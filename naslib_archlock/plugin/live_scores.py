"""Zero-cost scores that are computed now, by NASLib's ``ZeroCost`` predictor, for tasks that no table has.

A proxy judges a network by its initial weights and one batch (Abdelfattah et al., "Zero-Cost Proxies for Lightweight
NAS", ICLR 2021; NASLib's set is that of NAS-Bench-Suite-Zero, Krishnakumar et al., NeurIPS 2022). ``ZeroCost`` wants
parsed networks: on others it raises, fails, or (jacov) answers with a plausible number.
"""

from __future__ import annotations

import gc
import importlib
import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..compute.seeding import global_generators
from ..errors import ConfigError, unknown
from ..proxies.zero_cost import PROXIES, ZeroCostScores
from ..spaces.cells import N_SLOTS, Cell, as_cell, cell_index
from ..spaces.known import NASLIB_SPACES
from ..spaces.notation import to_naslib_nasbench201
from ..spaces.space import SearchSpace
from .compat import load_naslib
from .shared_passes import proxy_scores


def live_scores(
    space: SearchSpace,
    task: str,
    cells: Iterable[Sequence[int]],
    loader: Iterable[tuple[Tensor, Tensor]],
    proxies: Sequence[str],
    n_classes: int,
    seed: int,
) -> ZeroCostScores:
    """Score architectures, as NASLib's networks, on the first batch of a loader, the same batch for all.

    On one core and 8 images of 16 x 16, all proxies of an architecture take about 0.6 s.

    Args:
        task: see ``build_network``.
        cells: ``n`` architectures of ``space``.
        loader: batches of images, ``batch x channels x height x width``, and labels, ``batch`` class numbers (of
            class_object and class_scene: ``batch x classes`` probabilities, as NASLib's own loaders give).
        n_classes: the network's outputs, but for the TransNAS tasks, which have their own.
    Returns: see ``network_scores``.

    Raises:
        UnknownNameError: for an unknown proxy, or a search space or task without a network.
        CellError: if an architecture is not of ``space``.
        ConfigError: if the loader is empty.
        NaslibError. What NASLib raises itself, such as on images that do not fit the task's network, passes
            through.
    """
    with global_generators():
        torch.manual_seed(seed)  # a loader that shuffles draws from it
        batch = next(iter(loader), None)
    if batch is None:
        raise ConfigError("the loader holds no batch of images to score on")
    in_channels = batch[0].shape[1]
    return network_scores(
        space, task, cells, lambda arch: build_network(space, task, arch, n_classes, in_channels), batch, proxies, seed
    )


def network_scores(
    space: SearchSpace,
    task: str,
    cells: Iterable[Sequence[int]],
    build: Callable[[Cell], Any],
    batch: tuple[Tensor, Tensor],
    proxies: Sequence[str],
    seed: int,
) -> ZeroCostScores:
    """Score architectures by zero-cost proxies of the networks that ``build`` makes of them.

    A score depends on batch, seed and architecture, not on what else is asked for; global random generators stay as
    they were. Output and warnings of NASLib about a failing proxy are not shown.

    The proxies of one network share their passes through it (``shared_passes``).

    Args:
        build: makes a network, in training mode, with weights from torch's global generator; to its
            ``get_loss_fn``, ``num_classes`` and ``forward_before_global_avg_pool`` NASLib turns.
        batch: images and targets.
    Returns:
        ``n`` scores of each proxy: params and flops in millions, the logarithm of synflow, the others as their
        papers define them; NaN where a proxy failed.
    Raises:
        UnknownNameError: for an unknown proxy.
        CellError: if an architecture is not of ``space``.
        NaslibError; and what ``build`` and NASLib raise.
    """
    for proxy in proxies:
        if proxy not in PROXIES:
            raise unknown("proxy", proxy, PROXIES)
    load_naslib()
    archs = [as_cell(cell) for cell in cells]
    for arch in archs:
        space.to_naslib(arch)  # an error must come now, not after hours
    scores = {proxy: np.full(len(archs), np.nan) for proxy in proxies}
    with global_generators(), _quick_garbage_collection(), quiet():
        for row, arch in enumerate(archs):
            weights_seed = arch_seed(seed, arch)
            torch.manual_seed(weights_seed)
            for proxy, score in proxy_scores(build(arch), batch, proxies, weights_seed).items():
                scores[proxy][row] = score
    return ZeroCostScores(space, task, np.array(archs, dtype=np.int64).reshape(-1, N_SLOTS), scores)


@contextmanager
def _quick_garbage_collection() -> Iterator[None]:
    """Keep present objects out of garbage collections: NASLib collects after every score, in 0.4 s without this."""
    if gc.get_freeze_count():  # somebody else has frozen objects, and has to unfreeze them
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def quiet() -> Iterator[None]:
    """Hide NASLib's output and warnings."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def arch_seed(seed: int, arch: Cell) -> int:
    """The seed of an architecture's random weights: it has the same ones wherever it stands in a list."""
    return int(np.random.SeedSequence((seed, int(cell_index(arch)[0]))).generate_state(1)[0])


def build_network(space: SearchSpace, task: str, arch: Cell, n_classes: int, in_channels: int = 3) -> Any:
    """NASLib's parsed network, with weights from torch's global generator.

    Args:
        task: a TransNAS task gives its own network, of 256 x 256 images in that benchmark; in transbench101_micro,
            any other name gives a smaller one that classifies images of any size, and in nasbench201 it does not
            matter.
    Raises:
        UnknownNameError: if NASLib has no network for the search space, or for the task in it.
    """
    if space.name not in (known := [s.name for s in NASLIB_SPACES]):
        raise unknown("search space", space.name, known, "NASLib")
    spaces: Any = importlib.import_module("naslib.search_spaces")
    op_indices = space.to_naslib(arch)
    if space.name == "nasbench201":
        graph = spaces.NasBench201SearchSpace(n_classes=n_classes, in_channels=in_channels)
    elif task in space.tasks:
        graph = spaces.supported_search_spaces[space.name](dataset=task)
    elif space.name == "transbench101_micro":
        # "svhn" stands for any images: under another name, this network has no zen score. Unlike the one that answers
        # queries, it numbers edges and ops as nasbench201 does.
        graph = spaces.TransBench101SearchSpaceMicro(
            "svhn", create_graph=True, n_classes=n_classes, in_channels=in_channels
        )
        op_indices = to_naslib_nasbench201(arch)
    else:
        raise unknown("task", task, space.tasks, space.name)
    graph.set_op_indices(list(op_indices))
    graph.parse()
    return graph
