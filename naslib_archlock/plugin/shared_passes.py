"""All zero-cost scores of one network, with as few forward passes as possible.

For each proxy, NASLib's ``ZeroCost`` copies the network and runs the copy. The copying takes longer than a small pass.
Here, one forward pass of the batch in training mode serves eight of the thirteen proxies:

* grad_norm, plain, snip, fisher and grasp use the gradients of the loss;
* jacov and epe_nas use the gradients of the outputs by the images;
* nwot uses which ReLUs each image switches on.

synflow and zen need passes of their own, with other weights and images. NASLib computes them, on the network itself
instead of a copy. NASLib also computes every score whose shared pass fails. params and flops come from one count, and
l2_norm needs no pass. On a CPU, all scores equal NASLib's bit for bit.

A batch has ``n`` images and ``n`` targets. The matrices of this module:

* ``images``, ``n x channels x height x width``: the batch;
* ``outputs``, ``n x classes``: the network's outputs for the batch;
* ``activations``: layer -> its output in the pass, ``n x channels [x height x width]``;
* ``codes``, ``n x r``: for each image, 1 where a ReLU of a layer with ``r`` ReLUs is on, and -1 where it is off;
* ``agreement``, ``n x n``: for two images, the number of ReLUs that are on for both or off for both, over all layers;
* ``jacobian``, ``n x (channels * height * width)``: the gradient of the sum of the outputs by each image;
* ``effects``, ``n x channels``: a layer's activations times their gradients, summed over positions.
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

    A score does not depend on which other proxies are asked for. NASLib must be loaded.

    Args:
        network: a network in training mode and single precision, with the methods that NASLib calls
            (``network_scores``). Its weights and statistics do not change.
        batch: images, ``n x channels x height x width``, and ``n`` targets.
        proxies: the proxies to score by.
        seed: the seed of the weights and images that zen draws from torch's global generator.
    Returns:
        proxy -> its score; NaN where it failed.
    Raises: what NASLib raises.
    """
    zero_cost: Any = importlib.import_module("naslib.predictors").ZeroCost
    network.cpu()  # NASLib counts on the CPU, but leaves a network on the GPU after other proxies
    scores = {**_counts(network, batch[0], proxies), **_weight_norm(network, proxies)}
    if any(proxy in SHARED for proxy in proxies):
        try:
            with _restored(network):
                scores.update(_one_pass(network, batch, proxies, zero_cost().device))
        except RuntimeError:
            # There was too little memory, or the images do not fit the network. NASLib then splits the batch, marks a
            # failure, or raises.
            pass
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
    """The parameters and operations for one image, in millions, of the modules that the image passes."""
    if not {"params", "flops"} & set(proxies):
        return {}
    stats = _measure("model_stats").get_model_stats(network, [1, *images.shape[1:]], clone_model=False)
    network.train()  # NASLib counts in evaluation mode, so that batch normalisation keeps its statistics
    return {"params": float(stats.parameters) / 1e6, "flops": float(stats.Flops) / 1e6}


def _weight_norm(network: nn.Module, proxies: Sequence[str]) -> dict[str, float]:
    """The sum of the layers' weight norms."""
    return {"l2_norm": _total(layer.weight.norm() for layer in _layers(network))} if "l2_norm" in proxies else {}


# -- the shared pass ---------------------------------------------------------------------------------------------------


def _one_pass(
    network: Any, batch: tuple[Tensor, Tensor], proxies: Sequence[str], device: torch.device
) -> dict[str, float]:
    """The scores of ``proxies`` that one forward pass of the batch gives."""
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
        # NASLib adds layers up in this order. It leaves out layers that no image passes, such as a discriminator.
        layers = [layer for layer in _layers(network) if layer in activations]
        scores.update(_scores_by_loss(loss, layers, activations, second_order="grasp" in proxies))
    return scores


@contextmanager
def _watched(network: nn.Module, n_images: int) -> Iterator[tuple[dict[nn.Module, Tensor], Tensor]]:
    """Record the ``activations`` for fisher and the ``agreement`` for nwot during a forward pass.

    For two images, nwot counts the ReLUs that are on for both or off for both (Mellor et al., "Neural Architecture
    Search without Training", ICML 2021, section 3). With r ReLUs, the codes of two images differ in d places. Their
    product is r - 2 d, because codes hold 1 and -1, and the count is r - d. So the count is half of the product plus r.

    Yields: ``activations`` and ``agreement``.
    """
    activations: dict[nn.Module, Tensor] = {}
    # NASLib calls this matrix K; the score is the logarithm of its determinant.
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
    """jacov and epe_nas: how similar the rows of ``jacobian`` are, among all images and among the images of each class.

    See Mellor et al., arXiv 2006.04647v1, section 3, and Lopes et al., "EPE-NAS: Efficient Performance Estimation
    Without Training for Neural Architecture Search", ICANN 2021, section 3. NASLib's functions compute the scores.
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
    """grad_norm, plain, snip and fisher; also grasp if ``second_order``.

    Let g be the gradient of the loss L by the weights w, and H the Hessian. Each score is a sum over layers:

    * grad_norm: the norm of g; plain: g w (Abdelfattah et al., ICLR 2021, section 3.2);
    * snip: |g w|, the derivative of the loss by a mask of the weights (Lee et al., "SNIP", ICLR 2019, section 4.1);
    * fisher: with a channel's activations a, sum a dL/da over positions, square it, take the mean over images, and
      halve it. Each weight of the channel counts this once (Turner et al., "BlockSwap", ICLR 2020: the Fisher
      potential);
    * grasp: -w H g (Wang et al., "Picking Winning Tickets Before Training by Preserving Gradient Flow", ICLR 2020).

    Args:
        loss: the loss of the batch.
        layers: the layers with an output in ``activations``, in the order in which their terms are added.
        activations: layer -> its output in the pass.
        second_order: whether to compute grasp, which needs second derivatives.
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
    """The fisher score of one layer; activations and gradients are ``n x channels [x height x width]``."""
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
    """Whether a module is one of torch's ReLUs. NASLib has ops of that name, but each of them contains torch's ReLU."""
    return "ReLU" in str(type(module)) and "naslib" not in str(type(module))


def _total(terms: Iterable[Tensor]) -> float:
    """The sum of the terms, added one after the other in single precision, because NASLib adds in that way."""
    return float(sum(term.detach() for term in terms))


# -- NASLib on the network itself --------------------------------------------------------------------------------------


@contextmanager
def _restored(network: nn.Module) -> Iterator[None]:
    """Restore the network's weights and statistics at the end, in single precision and without gradients."""
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    try:
        yield
    finally:
        network.zero_grad(set_to_none=True)
        network.float().load_state_dict(state)


@contextmanager
def _lent(network: Any) -> Iterator[None]:
    """Let NASLib change the network itself instead of a copy, and undo the changes afterwards.

    NASLib calls ``get_prunable_copy`` to get a copy, with or without batch normalisation.
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
