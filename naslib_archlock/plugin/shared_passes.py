"""The zero-cost scores of one network from as few passes through it as they need.

NASLib's ``ZeroCost`` answers for one proxy: it copies the network, which takes longer than a small pass through it, and
runs the copy anew. Here, one forward pass of the batch in training mode serves eight of the thirteen proxies:

* grad_norm, plain, snip, fisher and grasp, by the gradients of the loss;
* jacov and epe_nas, by the gradients of the outputs by the images;
* nwot, by which of its ReLUs an image switches on.

synflow and zen take passes of their own, with other weights and images. They are left to NASLib, which changes the
network itself instead of a copy; so is everything else where a shared pass fails. params and flops come from one count,
and l2_norm needs no pass. All scores are NASLib's, bit for bit on a CPU.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..proxies.zero_cost import FAILED_SCORE

_BY_LOSS = ("fisher", "grad_norm", "grasp", "plain", "snip")
_BY_IMAGES = ("epe_nas", "jacov")
SHARED = (*_BY_LOSS, *_BY_IMAGES, "nwot")
_ON_THE_NETWORK_ITSELF = ("synflow", "zen")

# ZeroCost takes the logarithm of synflow after it has put FAILED_SCORE for a NaN or an infinity.
_FAILED = (FAILED_SCORE, -math.log(-FAILED_SCORE))


def proxy_scores(network: Any, batch: tuple[Tensor, Tensor], proxies: Sequence[str], seed: int) -> dict[str, float]:
    """Score a network by zero-cost proxies, each as NASLib's ``ZeroCost`` does.

    A score does not depend on what else is asked for. NASLib must be loaded.

    Args:
        network: in training mode, with what NASLib asks of it (``network_scores``); its weights, of single
            precision, and its statistics are left as they were.
        batch: images, ``n x channels x height x width``, and ``n`` targets.
        seed: of the weights and images that zen draws from torch's global generator.
    Returns: a score of each proxy; NaN where it failed.
    Raises: what NASLib raises.
    """
    zero_cost: Any = importlib.import_module("naslib.predictors").ZeroCost
    network.cpu()  # NASLib counts on the CPU, and leaves networks on the GPU where there is one
    scores = {**_counts(network, batch[0], proxies), **_weight_norm(network, proxies)}
    if any(proxy in SHARED for proxy in proxies):
        try:
            with _restored(network):
                scores.update(_one_pass(network, batch, proxies, zero_cost().device))
        except RuntimeError:
            pass  # too little memory, or images that do not fit: NASLib splits the batch, marks a failure, or raises
    for proxy in proxies:
        if proxy not in scores:
            torch.manual_seed(seed)
            with _lent(network) if proxy in _ON_THE_NETWORK_ITSELF else nullcontext():
                scores[proxy] = zero_cost(method_type=proxy).query(network, dataloader=[batch])
    return {proxy: _or_nan(scores[proxy]) for proxy in proxies}


def _or_nan(score: float) -> float:
    score = float(score)
    return score if math.isfinite(score) and score not in _FAILED else math.nan


# -- without a pass of the batch ---------------------------------------------------------------------------------------


def _counts(network: Any, images: Tensor, proxies: Sequence[str]) -> dict[str, float]:
    """Parameters and operations for one image, in millions, of the modules that it passes."""
    if not {"params", "flops"} & set(proxies):
        return {}
    stats = _measure("model_stats").get_model_stats(network, [1, *images.shape[1:]], clone_model=False)
    network.train()  # the count is made in evaluation mode, which leaves the statistics alone
    return {"params": float(stats.parameters) / 1e6, "flops": float(stats.Flops) / 1e6}


def _weight_norm(network: nn.Module, proxies: Sequence[str]) -> dict[str, float]:
    """The sum of the layers' weight norms."""
    return {"l2_norm": _total(layer.weight.norm() for layer in _layers(network))} if "l2_norm" in proxies else {}


# -- the shared pass ---------------------------------------------------------------------------------------------------


def _one_pass(
    network: Any, batch: tuple[Tensor, Tensor], proxies: Sequence[str], device: torch.device
) -> dict[str, float]:
    network.to(device)
    images, targets = batch[0].detach().clone().to(device), batch[1].to(device)
    scores: dict[str, float] = {}
    with _watched(network, len(images)) as (activations, agreement):
        outputs = network(images.requires_grad_(any(proxy in _BY_IMAGES for proxy in proxies)))
    if "nwot" in proxies:
        scores["nwot"] = float(np.linalg.slogdet(agreement.cpu().numpy())[1])
    if images.requires_grad:
        scores.update(_scores_by_images(images, outputs, targets))
    if any(proxy in _BY_LOSS for proxy in proxies):
        loss = network.get_loss_fn()(outputs, targets)
        # in the order in which NASLib adds them up, and without those that no image passes, such as a discriminator
        layers = [layer for layer in _layers(network) if layer in activations]
        scores.update(_scores_by_loss(loss, layers, activations, second_order="grasp" in proxies))
    return scores


@contextmanager
def _watched(network: nn.Module, n_images: int) -> Iterator[tuple[dict[nn.Module, Tensor], Tensor]]:
    """Note in a forward pass what fisher and nwot ask of it.

    nwot counts for two images the ReLUs that are on for both or off for both (Mellor et al., "Neural Architecture
    Search without Training", ICML 2021, section 3): of n ReLUs, n less the Hamming distance d of the images' codes,
    where the product of codes of -1 and 1 is n - 2 d.

    Yields: the outputs of layers, and ``n_images x n_images`` counts.
    """
    activations: dict[nn.Module, Tensor] = {}
    # NASLib's K, whose logarithm of the determinant is the score
    agreement = torch.zeros(n_images, n_images, dtype=torch.float64)

    def keep_output(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        activations[layer] = output

    def count_agreement(relu: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        codes = (inputs[0].detach().flatten(1) > 0).float().mul_(2).sub_(1)
        agreement.add_((codes @ codes.t()).add_(codes.shape[1]).div_(2).cpu())

    hooks = [layer.register_forward_hook(keep_output) for layer in _layers(network)]
    hooks += [relu.register_forward_hook(count_agreement) for relu in network.modules() if _is_relu(relu)]
    try:
        yield activations, agreement
    finally:
        for hook in hooks:
            hook.remove()


def _scores_by_images(images: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """jacov and epe_nas: how alike the images' gradients of the sum of outputs are, among all, and in each class.

    Mellor et al., arXiv 2006.04647v1, section 3, and Lopes et al., "EPE-NAS: Efficient Performance Estimation Without
    Training for Neural Architecture Search", ICANN 2021, section 3; scored by NASLib's functions.
    """
    (gradients,) = torch.autograd.grad(outputs, images, torch.ones_like(outputs), retain_graph=True, allow_unused=True)
    if gradients is None:
        return {"jacov": math.nan, "epe_nas": math.nan}
    jacobian = gradients.flatten(1).cpu().numpy()
    labels = (targets.argmax(dim=1) if targets.dim() == 2 else targets).cpu().numpy()
    return {
        "jacov": _nan_if_it_fails(lambda: _measure("jacov").eval_score(jacobian)),
        "epe_nas": _nan_if_it_fails(
            lambda: _measure("epe_nas").eval_score_perclass(jacobian, [labels], outputs.shape[-1])
        ),
    }


def _nan_if_it_fails(score: Callable[[], float]) -> float:
    try:
        return score()
    except Exception:  # NASLib does the same for these two proxies, for example if labels are images
        return math.nan


def _scores_by_loss(
    loss: Tensor, layers: Sequence[Any], activations: dict[nn.Module, Tensor], second_order: bool
) -> dict[str, float]:
    """grad_norm, plain, snip, fisher, and with ``second_order`` grasp.

    With the gradient g of the loss L by the weights w, and H its derivative in turn, they are sums over layers of

    * grad_norm: the norm of g; plain: g w (Abdelfattah et al., ICLR 2021, section 3.2);
    * snip: |g w|, the derivative of the loss by a mask of the weights (Lee et al., "SNIP", ICLR 2019, section 4.1);
    * fisher: half the mean over images of the squared sum over positions of a dL/da, with a channel's activations a,
      once for every weight of the channel (Turner et al., "BlockSwap", ICLR 2020: the Fisher potential);
    * grasp: -w H g (Wang et al., "Picking Winning Tickets Before Training by Preserving Gradient Flow", ICLR 2020).

    Args:
        layers: those with an output in ``activations``, in the order in which they are to be added up.
    """
    weights = [layer.weight for layer in layers]
    outputs = [activations[layer] for layer in layers]
    gradients = torch.autograd.grad(loss, [*weights, *outputs], create_graph=second_order, allow_unused=True)
    by_weight = [(w, g) for w, g in zip(weights, gradients) if g is not None]
    by_output = [(w, a, g) for w, a, g in zip(weights, outputs, gradients[len(weights) :]) if g is not None]
    saliencies = [g.detach() * w.detach() for w, g in by_weight]
    scores = {
        "grad_norm": _total(g.norm() for _, g in by_weight),
        "plain": _total(saliency.sum() for saliency in saliencies),
        "snip": _total(saliency.abs().sum() for saliency in saliencies),
        "fisher": _total(_fisher(w, a.detach(), g.detach()) for w, a, g in by_output),
    }
    if second_order:
        product: Any = sum((g.detach() * g).sum() for _, g in by_weight)
        curvatures = torch.autograd.grad(product, weights, allow_unused=True)
        scores["grasp"] = _total((-w.detach() * hg).sum() for w, hg in zip(weights, curvatures) if hg is not None)
    return scores


def _fisher(weight: Tensor, activations: Tensor, gradients: Tensor) -> Tensor:
    """The fisher score of one layer, from activations and gradients, ``n x channels [x height x width]``."""
    effects = activations * gradients
    if effects.dim() > 2:
        effects = effects.flatten(2).sum(dim=2)
    by_channel = effects.pow(2).mean(dim=0).mul(0.5)
    return by_channel[:, None].repeat(1, weight[0].numel()).sum()


# -- layers ------------------------------------------------------------------------------------------------------------


def _layers(network: nn.Module) -> list[Any]:
    """The layers whose weights NASLib's proxies take into account."""
    return [module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]


def _is_relu(module: nn.Module) -> bool:
    """torch's ReLU and its kind, not NASLib's ops of that name, which hold one of torch's."""
    return "ReLU" in str(type(module)) and "naslib" not in str(type(module))


def _total(terms: Iterable[Tensor]) -> float:
    """One after the other in single precision, as NASLib adds; layers that are not reached count nothing."""
    return float(sum(term.detach() for term in terms))


# -- NASLib on the network itself --------------------------------------------------------------------------------------


@contextmanager
def _restored(network: nn.Module) -> Iterator[None]:
    """Put back in the end the network's weights and statistics, in single precision and without gradients."""
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    try:
        yield
    finally:
        network.zero_grad(set_to_none=True)
        network.float().load_state_dict(state)


@contextmanager
def _lent(network: Any) -> Iterator[None]:
    """Have NASLib change the network itself where it would change a copy, and undo the changes afterwards.

    ``get_prunable_copy`` is whom NASLib asks for a copy, with batch normalisation or without.
    """
    norms: list[Any] = [module for module in network.modules() if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))]

    def the_network_itself(bn: bool) -> Any:
        for norm in [] if bn else norms:
            norm.forward = lambda x: x
        return network

    network.get_prunable_copy = the_network_itself
    try:
        with _restored(network):
            yield
    finally:
        del network.get_prunable_copy
        for norm in norms:
            vars(norm).pop("forward", None)


def _measure(name: str) -> Any:
    """A module of NASLib's proxies."""
    return importlib.import_module(f"naslib.predictors.utils.pruners.measures.{name}")
