"""Compares scores from shared passes with NASLib's ``ZeroCost``, which copies and runs the network for each score."""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from naslib_archlock.networks.cell_network import CellNetwork, network_for
from naslib_archlock.plugin.live_scores import build_network, quiet
from naslib_archlock.plugin.score_tasks import draw_batch
from naslib_archlock.plugin.shared_passes import SHARED, proxy_scores
from naslib_archlock.proxies.zero_cost import FAILED_SCORE, PROXIES
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.tasks.digits_tasks import digits_task

SEED = 3
CELL = (3, 1, 3, 2, 0, 3)
POOLING = (4, 0, 3, 1, 0, 2)
DISCONNECTED = (0,) * 6
CONVOLVED_IN_VAIN = (0, 0, 0, 3, 0, 3)  # node 1 is empty
FAILED = (FAILED_SCORE, -math.log(-FAILED_SCORE))

Batch = tuple[Tensor, Tensor]
Case = tuple[Callable[[], Any], Batch]


@pytest.fixture(scope="module", autouse=True)
def quick_garbage_collection() -> Iterator[None]:
    """NASLib collects garbage after every score, which is slow with the objects that other tests have loaded."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The proxies that NASLib's ``ZeroCost`` was asked for."""
    from naslib.predictors import ZeroCost

    asked, query = [], ZeroCost.query

    def noted(self: Any, *args: Any, **kwargs: Any) -> float:
        asked.append(self.method_type)
        return query(self, *args, **kwargs)

    monkeypatch.setattr(ZeroCost, "query", noted)
    return asked


def images_of(n: int, size: int) -> Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(0))


def naslib_case(space: Any, arch: Any, task: str = "mine", n: int = 6, size: int = 8) -> Case:
    """A network of NASLib, and images with targets that fit its loss."""
    targets = {
        "class_scene": torch.eye(63)[:n],
        "normal": images_of(n, size).flip(0),
    }.get(task, torch.arange(n) % 4)
    return lambda: build_network(space, task, arch, 4), (images_of(n, size), targets)


def own_case(task: str, cell: Any) -> Case:
    batch = draw_batch(digits_task(task)["train"], 16, 0)

    def build() -> Any:
        network: Any = network_for(batch, cell)
        network.get_loss_fn = lambda: batch.loss
        network.num_classes = batch.n_outputs
        return network

    return build, (batch.images, batch.targets)


def built(case: Case) -> tuple[Any, Batch]:
    torch.manual_seed(SEED)
    return case[0](), case[1]


def naslib_score(network: Any, batch: Batch, proxy: str) -> float:
    """NASLib's own score; NaN if NASLib marks a failure."""
    from naslib.predictors import ZeroCost

    torch.manual_seed(SEED)
    score = float(ZeroCost(method_type=proxy).query(network, dataloader=[batch]))
    return math.nan if score in FAILED else score


def bits(scores: dict[str, float]) -> dict[str, str]:
    """Texts of the scores that are equal only if all bits are equal; NaN equals NaN."""
    return {proxy: score.hex() for proxy, score in scores.items()}


CASES = {
    "nasbench201": (naslib_case, NASBENCH201, CELL),
    "nasbench201 with pooling": (naslib_case, NASBENCH201, POOLING),
    "nasbench201 disconnected": (naslib_case, NASBENCH201, DISCONNECTED),
    "micro": (naslib_case, TRANSBENCH101_MICRO, CELL),
    "micro disconnected": (naslib_case, TRANSBENCH101_MICRO, DISCONNECTED),
    "micro class_scene": (naslib_case, TRANSBENCH101_MICRO, CELL, "class_scene", 2, 32),
    "micro normal": (naslib_case, TRANSBENCH101_MICRO, CELL, "normal", 2, 32),
    "macro": (naslib_case, TRANSBENCH101_MACRO, (1, 2, 3, 4, 0, 0), "class_scene", 2, 32),
    "own classes": (own_case, "digit", CELL),
    "own disconnected": (own_case, "digit", DISCONNECTED),
    "own with a dead edge": (own_case, "digit", CONVOLVED_IN_VAIN),
    "own numbers": (own_case, "noise", CELL),
    "own image": (own_case, "autoencoder", CELL),
    "own image, disconnected": (own_case, "autoencoder", DISCONNECTED),
}


# NASLib takes seconds to copy each of these networks.
SOME = {
    "micro class_scene": ("fisher", "grasp", "epe_nas", "zen"),
    "micro normal": ("fisher", "grasp", "epe_nas", "zen"),
}


@pytest.mark.parametrize("name", CASES)
def test_naslibs_scores_bit_for_bit(name, queries):
    make, *arguments = CASES[name]
    case, proxies = make(*arguments), SOME.get(name, PROXIES)
    with quiet():
        scores = proxy_scores(*built(case), proxies, SEED)
        assert queries == [proxy for proxy in proxies if proxy in ("synflow", "zen")]
        network, batch = built(case)
        expected = {proxy: naslib_score(network, batch, proxy) for proxy in proxies}
    assert bits(scores) == bits(expected)
    of_images = {
        "jacov",
        "nwot",
        "zen",
        "epe_nas",
    }  # these fail: no path leads from the images, or epe_nas has no classes
    assert {proxy for proxy in proxies if math.isnan(scores[proxy])} <= of_images
    assert math.isnan(scores.get("jacov", 0.0)) == ("disconnected" in name)


def test_a_score_does_not_depend_on_what_else_is_asked_for():
    case = own_case("digit", CELL)
    with quiet():
        among_others = proxy_scores(*built(case), PROXIES, SEED)
        alone = {proxy: proxy_scores(*built(case), [proxy], SEED)[proxy] for proxy in PROXIES}
        reversed_order = proxy_scores(*built(case), PROXIES[::-1], SEED)
    assert bits(alone) == bits(among_others) == bits(reversed_order)
    assert tuple(reversed_order) == PROXIES[::-1]


def test_proxies_share_their_passes_and_copy_no_network(monkeypatch):
    """Besides the shared pass, there are one pass of one image for the counts, one of synflow and two of zen."""

    def copied(*args: Any) -> None:
        raise AssertionError("a network was copied")

    counts: Counter[str] = Counter()

    def passes(proxies: Any) -> tuple[int, int]:
        network, batch = built(own_case("digit", CELL))
        loss_fn = network.get_loss_fn()

        def loss(outputs: Tensor, targets: Tensor) -> Tensor:
            counts["loss"] += 1
            return loss_fn(outputs, targets)

        network.get_loss_fn = lambda: loss
        network.body[0].register_forward_hook(lambda *args: counts.update(["forward"]))
        counts.clear()
        with quiet():
            proxy_scores(network, batch, proxies, SEED)
        return counts["forward"], counts["loss"]

    monkeypatch.setattr(CellNetwork, "__deepcopy__", copied, raising=False)
    assert passes(SHARED) == (1, 1)
    assert passes(["jacov", "epe_nas", "nwot"]) == (1, 0)
    assert passes(["params", "flops"]) == (1, 0)
    assert passes(["l2_norm"]) == (0, 0)
    assert passes(PROXIES) == (1 + 1 + 1 + 2, 1)


@pytest.mark.parametrize("name", ["nasbench201", "own classes"])
def test_the_network_and_the_batch_are_left_as_they_were(name):
    make, *arguments = CASES[name]
    network, batch = built(make(*arguments))
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    images = batch[0].clone()
    with quiet():
        first = proxy_scores(network, batch, PROXIES, SEED)
        after = network.state_dict()
        assert {key: tensor.dtype for key, tensor in after.items()} == {k: t.dtype for k, t in state.items()}
        assert all(torch.equal(after[key], tensor) for key, tensor in state.items())
        assert all(p.grad is None and p.requires_grad for p in network.parameters())
        assert all(module.training and "forward" not in vars(module) for module in network.modules())
        assert torch.equal(batch[0], images) and not batch[0].requires_grad
        assert bits(proxy_scores(network, batch, PROXIES, SEED)) == bits(first)


def test_where_memory_is_short_naslib_splits_the_batch(queries, monkeypatch):
    forward = CellNetwork.forward

    def short_of_memory(self: Any, images: Tensor) -> Tensor:
        if len(images) > 8:
            raise RuntimeError("CUDA out of memory")
        return forward(self, images)

    proxies = ("grad_norm", "plain", "snip", "fisher", "zen")
    case = own_case("digit", CELL)
    with quiet():
        whole = proxy_scores(*built(case), proxies, SEED)
        monkeypatch.setattr(CellNetwork, "forward", short_of_memory)
        queries.clear()
        scores = proxy_scores(*built(case), proxies, SEED)
        assert queries == list(proxies)
        network, batch = built(case)
        assert bits(scores) == bits({proxy: naslib_score(network, batch, proxy) for proxy in proxies})
    assert {proxy for proxy in proxies if scores[proxy] != whole[proxy]} == {*proxies} - {"zen"}


def test_images_that_do_not_fit():
    """NASLib marks jacov as failed, and raises for the other proxies."""
    network, (images, targets) = built(own_case("digit", CELL))
    batch = images.repeat(1, 2, 1, 1), targets
    with quiet():
        assert math.isnan(proxy_scores(network, batch, ["jacov"], SEED)["jacov"])
        for proxy in ("nwot", "snip"):
            with pytest.raises(RuntimeError, match="channels"):
                proxy_scores(network, batch, [proxy], SEED)
