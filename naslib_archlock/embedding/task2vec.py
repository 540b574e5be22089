"""Task2Vec: a task as the Fisher information that it gives a frozen probe network (Achille et al., ICCV 2019).

A new head is trained on the probe's features. The embedding is the diagonal of the Fisher information of the probe's
weights, averaged over each filter: how much a task's predictions depend on what the filter sees.

It has one number for every filter of a convolution or linear layer but the head, in the network's order: 176 for probe
``digits``, 21,008 for EfficientNet-Lite0, 8,512 for ResNet-34, 26,560 for ResNet-50. (For the ResNets, the authors'
code gives twice as many, 17,024 and 53,120, with method ``montecarlo``: it also lists the scale of every batch
normalisation, and each filter there has one. Its method ``variational`` lists filters only.)

Departures from the authors' code (github.com/awslabs/aws-cv-task2vec):

* Gradients are squared per image, which is what the Fisher information is made of; theirs squares the mean gradient of
  a batch of 64.
* The Fisher information is a sum over the images, each once, rather than 10,000 draws with repetition.
* The head starts from zero. Its loss is convex, and a random start, where training did not undo it, would make tasks
  with the same number of classes alike.
* Their 10 epochs of the head are of 10,000 draws each, whatever the data's size: the same 1,560 steps here.
* Targets that are numbers; they know classes only. They are flattened and standardised, and the head predicts a
  Gaussian of unit variance around its outputs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from ..compute.threads import single_threaded
from ..errors import ConfigError, EmbeddingError, unknown
from ..store.cache import kept_array
from ..tasks.labelled_images import LabelledImages, digest_of
from .probes import Probe, load_probe

try:
    from torch.func import functional_call
except ImportError:  # before torch 2.0
    from torch.nn.utils.stateless import functional_call  # type: ignore[assignment]

_FORMAT = "naslib_archlock.task2vec/1"  # of the cached vectors; raise it when the computation changes
METHODS = ("montecarlo", "variational")
_CHUNK = 64  # images whose features are computed at once
_SMALL = 1_000_000  # weights of a probe that is computed on one thread

Head = tuple[Tensor, Tensor]  # weight, ``outputs x features``, and bias


@dataclass(frozen=True)
class Task2VecSettings:
    """How a task is embedded; the head is trained as in the authors' code.

    Attributes:
        probe, probe_weights: name and file of weights, for ``load_probe``.
        max_images: used at most, of each class equally many where there are enough.
        head_steps, batch_size, learning_rate, weight_decay: of the head's training.
        beta, noise_steps: see ``variational_precision``.
    Raises: ConfigError, UnknownNameError.
    """

    probe: str = "digits"
    probe_weights: str = ""
    method: str = "montecarlo"
    max_images: int = 1000
    head_steps: int = 1560
    batch_size: int = 64
    learning_rate: float = 4e-4
    weight_decay: float = 1e-4
    beta: float = 1e-4
    noise_steps: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown("method", self.method, METHODS, "Task2Vec")
        for name in ("max_images", "head_steps", "batch_size", "noise_steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"Task2Vec: {name}={getattr(self, name)} must be at least 1")
        for name in ("learning_rate", "beta"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"Task2Vec: {name}={getattr(self, name)} must be above 0")
        for name in ("weight_decay", "seed"):
            if getattr(self, name) < 0:
                raise ConfigError(f"Task2Vec: {name}={getattr(self, name)} must not be below 0")


def probe_of(settings: Task2VecSettings) -> Probe:
    """The probe that the settings name. Raises: as ``load_probe``."""
    return load_probe(settings.probe, settings.probe_weights)


def made_by(settings: Task2VecSettings) -> dict[str, str]:
    """What two embeddings must share so that they can be compared: the method, and the probe with its weights."""
    return {"method": settings.method, "probe": probe_of(settings).identity}


@dataclass(frozen=True)
class Embedded:
    """An embedding, and what it took.

    Attributes:
        vector: read-only.
        seconds: of wall time.
        from_cache: read rather than computed.
    """

    vector: np.ndarray
    seconds: float
    from_cache: bool


def cached_task2vec(data: LabelledImages, settings: Task2VecSettings) -> Embedded:
    """``task2vec`` with the probe that the settings name; read from the user's cache (``cache``) if it is there whole.

    Raises:
        UnknownNameError.
        EmbeddingError.
    """
    start = time.perf_counter()
    probe = probe_of(settings)
    computed = False

    def compute() -> np.ndarray:
        nonlocal computed
        computed = True
        return task2vec(data, probe, settings)

    facts = {
        "embedding": _FORMAT,
        "probe": probe.identity,
        # not where its weights lie: they are in its identity
        "settings": {key: value for key, value in asdict(settings).items() if key != "probe_weights"},
        # not the task's name: nothing depends on it
        "data": digest_of(data),
    }
    vector = kept_array(facts, compute)
    return Embedded(vector, time.perf_counter() - start, from_cache=not computed)


def task2vec(data: LabelledImages, probe: Probe, settings: Task2VecSettings) -> np.ndarray:
    """The embedding of a task.

    The same data, probe and settings give the same numbers; global random generators are not used.

    Args:
        probe: taken as it is; ``settings.probe`` is not looked at.
    Returns: ``probe.n_filters`` float64, none below 0 and not all 0.

    Raises:
        EmbeddingError: for images that do not fit the probe, images or targets that are not finite, and a task in
            which there is nothing to predict.
    """
    _check(data)
    rng = np.random.default_rng(settings.seed)
    chosen = np.sort(data.balanced_order(rng)[: settings.max_images])
    data = data.take(torch.from_numpy(chosen))
    with _threads_for(probe):
        targets = _standardised(data)
        head = _fit_head(_features(probe, data.images), targets, data, settings, rng)
        if settings.method == "variational":
            vector = variational_precision(probe, data, targets, head, settings, rng)
        else:
            vector = montecarlo_fisher(probe, data, head, rng)
    if not np.isfinite(vector).all():
        raise EmbeddingError(f"task {data.name!r}: its Fisher information is not finite; {_CHECK}")
    if not vector.any():
        raise EmbeddingError(
            f"task {data.name!r}: its Fisher information is zero: either all {len(data)} images have the "
            f"same target, so that there is nothing to predict, or they are out of bounds; {_CHECK}"
        )
    return vector


_CHECK = "check that images are in [0, 1] and targets of moderate size, or lower learning_rate"


def _check(data: LabelledImages) -> None:
    if not len(data):
        raise EmbeddingError(f"task {data.name!r} has no images")
    for what, values in (("images", data.images), ("targets", data.targets)):
        if not torch.isfinite(values).all():
            raise EmbeddingError(f"task {data.name!r}: its {what} hold NaN or infinite numbers; leave those images out")
    if data.is_classification and not (data.targets.min() >= 0 and data.targets.max() < data.n_classes):
        raise EmbeddingError(
            f"task {data.name!r}: its targets go from {int(data.targets.min())} to {int(data.targets.max())}; class "
            f"numbers must lie in [0, {data.n_classes - 1}]"
        )


def _threads_for(probe: Probe) -> AbstractContextManager[None]:
    return single_threaded() if sum(p.numel() for p in probe.parameters()) < _SMALL else nullcontext()


def _standardised(data: LabelledImages) -> Tensor:
    """Class numbers as they are; numbers as ``n x outputs``, each channel with mean 0 and variance 1."""
    if data.is_classification:
        return data.targets
    but_channel = [axis for axis in range(data.targets.ndim) if axis != 1]
    centred = data.targets - data.targets.mean(dim=but_channel, keepdim=True)
    deviation = centred.square().mean(dim=but_channel, keepdim=True).sqrt()
    return (centred / torch.where(deviation > 0, deviation, torch.ones_like(deviation))).flatten(1)


def _loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """The negative logarithm of the probability of each image's target, up to a constant."""
    if targets.is_floating_point():
        return (outputs - targets).square().sum(dim=1) / 2
    return cross_entropy(outputs, targets, reduction="none")


@torch.no_grad()
def _features(probe: Probe, images: Tensor) -> Tensor:
    return torch.cat([probe(probe.prepare(chunk)) for chunk in images.split(_CHUNK)])


def _batches(data: LabelledImages, n_steps: int, size: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """Rows of each step, drawn with repetition; each class that there is comes equally often."""
    share = np.ones(len(data))
    if data.is_classification:
        share = 1 / np.bincount(data.targets.numpy())[data.targets.numpy()]
    for _ in range(n_steps):
        yield torch.from_numpy(rng.choice(len(data), size, p=share / share.sum()))


def _fit_head(
    features: Tensor, targets: Tensor, data: LabelledImages, settings: Task2VecSettings, rng: np.random.Generator
) -> Head:
    """Train a linear layer on the features. Raises: EmbeddingError: if its loss stops being finite."""
    n_outputs = data.n_classes or targets.shape[1]
    head = (torch.zeros(n_outputs, features.shape[1], requires_grad=True), torch.zeros(n_outputs, requires_grad=True))
    optimizer = torch.optim.Adam(head, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    for rows in _batches(data, settings.head_steps, settings.batch_size, rng):
        loss = _loss(linear(features[rows], *head), targets[rows]).mean()
        if not torch.isfinite(loss):
            raise EmbeddingError(f"task {data.name!r}: the loss of its head is {loss.item()}; {_CHECK}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head[0].detach(), head[1].detach()


def montecarlo_fisher(probe: Probe, data: LabelledImages, head: Head, rng: np.random.Generator) -> np.ndarray:
    """The mean over images of the squared gradient of a label's log-probability, the label drawn from the prediction.

    One image after the other: of a large probe that is faster than ``vmap`` over several (on a CPU, 2.6 times for
    ResNet-50), it takes far less memory, and torch before 2.0 has it, too.
    Returns: for each filter the mean over its weights.
    """
    filters = {name: weight.detach().requires_grad_() for name, weight in probe.filters().items()}
    total = [torch.zeros(len(weight), dtype=torch.float64) for weight in filters.values()]
    for image in data.images.split(1):
        outputs = linear(functional_call(probe, filters, (probe.prepare(image),)), *head)
        label = _draw_label(outputs.detach(), data.is_classification, rng)
        gradients = torch.autograd.grad(_loss(outputs, label).sum(), list(filters.values()))
        for filter_total, gradient in zip(total, gradients):
            filter_total += gradient.double().square().flatten(1).mean(dim=1)
    return (torch.cat(total) / len(data)).numpy()


def _draw_label(outputs: Tensor, is_class: bool, rng: np.random.Generator) -> Tensor:
    """A label from the predictive distribution of one image, ``1 x outputs``."""
    if not is_class:
        return outputs + torch.from_numpy(rng.standard_normal(outputs.shape, dtype=np.float32))
    # the largest of the logits with Gumbel noise is a draw from their softmax
    return torch.from_numpy(np.argmax(outputs.numpy() + rng.gumbel(size=outputs.shape), axis=1))


def variational_precision(
    probe: Probe,
    data: LabelledImages,
    targets: Tensor,
    head: Head,
    settings: Task2VecSettings,
    rng: np.random.Generator,
) -> np.ndarray:
    """The precision of the noise that each filter's weights bear (section 2, "robust Fisher computation").

    The weights w get Gaussian noise of variance s_f, one for each filter f, which minimises

        E[loss(w + noise)] + beta KL(N(0, s) || N(0, l)),  KL = sum over weights of (s_f / l - ln(s_f / l) - 1) / 2

    with l the mean squared weight of the layer. Where the loss is quadratic, 1 / s_f = F_f / beta + 1 / l, and F_f is
    the filter's Fisher information. The larger beta, the larger the noise, and the wider the surroundings of w in which
    the loss is looked at. Weights and head stay as they are, where the authors' code also adapts the head, the batch
    normalisation and l.
    """
    filters = probe.filters()
    prior = _prior_variance(probe)
    log_variance = {name: (0.05 * prior[name]).log().repeat(len(w)).requires_grad_() for name, w in filters.items()}
    optimizer = torch.optim.Adam(log_variance.values(), lr=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / settings.noise_steps)
    for rows in _batches(data, settings.noise_steps, settings.batch_size, rng):
        prepared, labels = probe.prepare(data.images[rows]), targets[rows]
        noise, divergence = {}, torch.zeros(())
        for name, weight in filters.items():
            scale = (log_variance[name] / 2).exp().view(-1, *[1] * (weight.ndim - 1))
            noise[name] = scale * torch.from_numpy(rng.standard_normal(weight.shape, dtype=np.float32))
            ratio = log_variance[name] - prior[name].log()
            divergence = divergence + weight[0].numel() * (ratio.exp() - ratio - 1).sum() / 2
        # Noise and its opposite: what is linear in it, most of the gradient's variance, cancels.
        both = [{name: weight + sign * noise[name] for name, weight in filters.items()} for sign in (1, -1)]
        losses = [_loss(linear(functional_call(probe, noisy, (prepared,)), *head), labels).mean() for noisy in both]
        objective = sum(losses) / 2 / settings.beta + divergence
        optimizer.zero_grad()
        objective.backward()
        optimizer.step()
        schedule.step()
    return torch.cat([(-value.detach().double()).exp() for value in log_variance.values()]).numpy()


def _prior_variance(probe: Probe) -> dict[str, Tensor]:
    """The mean squared weight of each layer."""
    return {name: weight.square().mean() for name, weight in probe.filters().items()}


def trivial_embedding(probe: Probe) -> np.ndarray:
    """The paper's trivial embedding: of a task that says nothing about the weights, so that their prior remains.

    It has the scale of method ``variational``, the precision of the prior; the same for all filters of a layer.
    """
    prior = _prior_variance(probe)
    return torch.cat([(1 / prior[name]).expand(len(w)) for name, w in probe.filters().items()]).double().numpy()


def ranker_input(vector: np.ndarray) -> np.ndarray:
    """An embedding as the ranker reads it: the logarithm of each number, less the mean of all.

    A few filters have numbers that are hundreds of times larger than the others. With these numbers as they are, the
    cosine similarity of two digits tasks is 0.96 or more; with their logarithms it is 0.78 to 0.98. A filter that a
    task says nothing about gets the least number of all filters.
    """
    logarithm = np.log(np.maximum(vector, vector[vector > 0].min()))
    centred: np.ndarray = logarithm - logarithm.mean()
    return centred


def symmetric_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The paper's normalised cosine distance of two embeddings, from 0 to 1 (section 3).

    Each filter is divided by its sum over the two, so that the filters with the largest numbers do not decide alone;
    one that is 0 in both does not count.

    Raises:
        EmbeddingError: if they are not vectors of one size, finite, not negative and not all 0.
    """
    for vector in (a, b):
        if vector.ndim != 1 or vector.shape != a.shape:
            raise EmbeddingError(
                f"embeddings of shapes {a.shape} and {b.shape} cannot be compared; use one probe for both"
            )
        if not np.isfinite(vector).all() or (vector < 0).any() or not vector.any():
            raise EmbeddingError(
                "a Task2Vec embedding has finite numbers, none below 0 and not all 0; this one has not"
            )
    share = np.divide(a, a + b, out=np.zeros(len(a)), where=a + b > 0)
    other = np.divide(b, a + b, out=np.zeros(len(a)), where=a + b > 0)
    return float(max(0.0, 1 - share @ other / np.sqrt((share @ share) * (other @ other))))


def asymmetric_distance(source: np.ndarray, target: np.ndarray, trivial: np.ndarray, alpha: float = 0.15) -> float:
    """The paper's distance of a target from a source: a complex source, far from the trivial task, is nearer to all.

    Args:
        trivial: ``trivial_embedding`` of the same probe, on the scale of the other two.
    Raises: EmbeddingError: as ``symmetric_distance``.
    """
    return symmetric_distance(source, target) - alpha * symmetric_distance(source, trivial)
