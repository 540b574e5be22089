"""Compares live zero-cost scores with direct calls of NASLib's ``ZeroCost``."""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from naslib_archlock.errors import CellError, ConfigError, UnknownNameError
from naslib_archlock.plugin.live_scores import arch_seed, build_network, live_scores
from naslib_archlock.proxies.votes import Votes
from naslib_archlock.proxies.zero_cost import PROXIES
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO

N_CLASSES = 4
CELLS = [(3, 1, 3, 2, 0, 3), (2, 0, 1, 1, 0, 2)]
DISCONNECTED = (0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module", autouse=True)
def quick_garbage_collection() -> Iterator[None]:
    """NASLib collects garbage after every score, which is slow with the objects that other tests have loaded."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def dataset() -> TensorDataset:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(12, 3, 8, 8, generator=generator)
    return TensorDataset(images, torch.arange(12) % N_CLASSES)


@pytest.fixture(scope="module")
def loader(dataset) -> list[tuple[Tensor, Tensor]]:
    return list(DataLoader(dataset, batch_size=6))


def scores_of(space: Any, cells: Any, loader: Any, *proxies: str, task: str = "mine", seed: int = 0) -> Any:
    return live_scores(space, task, cells, loader, proxies, N_CLASSES, seed)


@pytest.mark.parametrize("space", [NASBENCH201, TRANSBENCH101_MICRO], ids=lambda space: space.name)
def test_equal_to_zerocost_called_directly(space, loader):
    from naslib.predictors import ZeroCost

    proxies = ("params", "flops", "nwot", "jacov", "synflow", "zen")
    scores = scores_of(space, CELLS, loader, *proxies, seed=5)
    assert scores.space is space
    assert scores.task == "mine"
    assert scores.cells.tolist() == [list(cell) for cell in CELLS]
    for proxy in proxies:
        assert scores.scores[proxy].shape == (len(CELLS),)
        for row, cell in enumerate(CELLS):
            torch.manual_seed(arch_seed(5, cell))
            network = build_network(space, "mine", cell, N_CLASSES)
            torch.manual_seed(arch_seed(5, cell))
            expected = ZeroCost(method_type=proxy).query(network, dataloader=loader)
            assert np.isfinite(expected)
            tolerance = 0 if proxy in ("params", "flops") else 1e-6
            assert scores.scores[proxy][row] == pytest.approx(expected, rel=tolerance)


def test_the_network_is_that_of_the_cell():
    """NASLib has two numberings of the TransNAS cell. The ops of its networks show which one they use."""
    from naslib.search_spaces.nasbench201.conversions import convert_naslib_to_str
    from naslib.search_spaces.transbench101.conversions import convert_naslib_to_transbench101_micro

    for cell in CELLS:
        assert convert_naslib_to_str(build_network(NASBENCH201, "x", cell, 4)) == NASBENCH201.to_str(cell)
        network = build_network(TRANSBENCH101_MICRO, "x", cell, 4)
        assert convert_naslib_to_transbench101_micro(network) == TRANSBENCH101_MICRO.to_str(cell)


def test_parameters_by_hand():
    """NAS-Bench-201's network has a stem and reductions, 5 cells at 16, 32 and 64 channels, and a linear layer."""
    empty, one = (build_network(NASBENCH201, "x", cell, 10) for cell in ((0,) * 6, (0, 0, 0, 3, 0, 0)))
    count = [sum(p.numel() for p in network.parameters()) for network in (empty, one)]
    assert count[1] - count[0] == sum(5 * (9 * c * c + 2 * c) for c in (16, 32, 64))


def test_every_proxy_of_naslib_scores(loader):
    scores = scores_of(NASBENCH201, CELLS[:1], loader, *PROXIES)
    assert tuple(scores.scores) == PROXIES
    assert np.isfinite([scores.scores[proxy][0] for proxy in PROXIES]).all()


def test_a_score_depends_on_batch_seed_and_cell_alone(loader):
    alone = scores_of(NASBENCH201, CELLS[1:], loader, "zen")
    among_others = scores_of(NASBENCH201, CELLS, loader, "synflow", "zen")
    assert alone.scores["zen"][0] == among_others.scores["zen"][1]
    assert scores_of(NASBENCH201, CELLS[1:], loader, "zen", seed=1).scores["zen"][0] != alone.scores["zen"][0]
    for proxy in ("synflow", "zen"):
        assert among_others.scores[proxy][0] != among_others.scores[proxy][1]
    other_batch = scores_of(NASBENCH201, CELLS[1:], loader[1:], "nwot").scores["nwot"][0]
    assert other_batch != scores_of(NASBENCH201, CELLS[1:], loader, "nwot").scores["nwot"][0]


def test_a_loader_that_shuffles_gives_the_same_batch_for_the_same_seed(dataset):
    def score(seed: int) -> float:
        torch.manual_seed(random.randrange(1000))
        shuffling = DataLoader(dataset, batch_size=6, shuffle=True)
        return scores_of(NASBENCH201, CELLS[:1], shuffling, "nwot", seed=seed).scores["nwot"][0]

    assert score(0) == score(0)
    assert score(0) != score(1)


def test_a_loader_may_be_a_generator(loader):
    from_list = scores_of(NASBENCH201, CELLS, loader, "nwot").scores["nwot"]
    assert scores_of(NASBENCH201, CELLS, iter(loader), "nwot").scores["nwot"].tolist() == from_list.tolist()


def test_global_random_numbers_are_left_alone(loader):
    """NASLib's graphs draw their names from ``random``."""
    torch.manual_seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    scores_of(NASBENCH201, CELLS[:1], loader, "zen")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before[1:]


def test_failed_scores_are_nan_and_abstain(loader):
    scores = scores_of(NASBENCH201, [CELLS[0], DISCONNECTED], loader, "jacov", "nwot", "params")
    assert np.isnan([scores.scores[proxy][1] for proxy in ("jacov", "nwot")]).all()
    assert np.isfinite(scores.scores["params"]).all()
    votes = Votes.of(scores, {"jacov": 1.0, "nwot": 1.0})
    assert votes.margin(np.array([0]), np.array([1])).tolist() == [0.0]


@pytest.mark.parametrize("raw", [-1e8, -math.log(1e8)])
def test_a_failed_synflow_may_come_as_a_logarithm(raw, loader, monkeypatch):
    """``ZeroCost`` takes the logarithm after it has marked the failure."""
    from naslib.predictors import ZeroCost

    monkeypatch.setattr(ZeroCost, "query", lambda *args, **kwargs: raw)
    assert np.isnan(scores_of(NASBENCH201, CELLS[:1], loader, "synflow").scores["synflow"][0])


def test_zerocost_marks_a_failed_synflow_so(loader, monkeypatch):
    from naslib.predictors import ZeroCost, zerocost

    monkeypatch.setattr(zerocost.predictive, "find_measures", lambda **kwargs: float("nan"))
    network = build_network(NASBENCH201, "x", CELLS[0], N_CLASSES)
    assert ZeroCost(method_type="synflow").query(network, dataloader=loader) == -math.log(1e8)


def test_a_transnas_task_has_its_own_network():
    """class_scene has 63 classes, given as probabilities; the number of outputs asked for does not matter."""
    labels = torch.eye(63)[:2]
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    cells = [(3, 1, 1, 2, 0, 1)]
    scores = live_scores(TRANSBENCH101_MICRO, "class_scene", cells, [(images, labels)], ("params", "nwot"), 5, 0)
    network = build_network(TRANSBENCH101_MICRO, "class_scene", cells[0], n_classes=5)
    assert network(images).shape == (2, 63)
    n_parameters = sum(p.numel() for p in network.parameters())
    assert scores.scores["params"][0] == pytest.approx(n_parameters / 1e6)
    assert np.isfinite(scores.scores["nwot"][0])


def test_a_macro_network():
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    arch = (1, 2, 3, 4, 0, 0)
    scores = live_scores(TRANSBENCH101_MACRO, "class_scene", [arch], [(images, torch.eye(63)[:2])], ("nwot",), 63, 0)
    assert np.isfinite(scores.scores["nwot"][0])
    with pytest.raises(UnknownNameError, match="unknown task 'mine' in transbench101_macro"):
        build_network(TRANSBENCH101_MACRO, "mine", arch, 4)


def test_grey_images():
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for space in (NASBENCH201, TRANSBENCH101_MICRO):
        scores = scores_of(space, CELLS[:1], [(images, torch.arange(4))], "nwot")
        assert np.isfinite(scores.scores["nwot"][0])


def test_mistakes(loader):
    with pytest.raises(UnknownNameError, match="unknown proxy 'synflov'.*did you mean 'synflow'"):
        scores_of(NASBENCH201, CELLS, loader, "synflov")
    with pytest.raises(UnknownNameError, match="unknown search space 'digits'.*nasbench201"):
        scores_of(DIGITS, CELLS, loader, "params")
    with pytest.raises(CellError):
        scores_of(TRANSBENCH101_MICRO, [*CELLS, (4, 4, 4, 4, 4, 4)], loader, "params")
    with pytest.raises(CellError):
        scores_of(NASBENCH201, [(3, 3, 3)], loader, "params")
    with pytest.raises(ConfigError, match="no batch"):
        scores_of(NASBENCH201, CELLS, [], "params")


def test_nothing_to_score(loader):
    scores = scores_of(NASBENCH201, [], loader, "params")
    assert scores.cells.shape == (0, 6)
    assert scores.scores["params"].shape == (0,)
