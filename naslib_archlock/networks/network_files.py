"""A network as files that need nothing but torch: its weights, TorchScript or programs, and a script that uses them.

What is written is a traced graph of torch's modules (``torch.fx``), whoever built the network. A trace of tensors
(``torch.jit.trace``) would not do: it keeps the mode in which batch normalisation was, and such a file cannot be
trained and then evaluated.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..compute.seeding import global_generators
from ..compute.threads import single_threaded
from ..compute.versions import library_versions
from ..errors import ConfigError, unknown
from ..spaces.cells import Cell, as_cell
from ..spaces.space import SearchSpace
from ..store import weights
from ..store.files import remove_file, write_bytes
from ..store.locks import alone_in

WEIGHTS, ABOUT, SCRIPT, PROGRAM = "network.safetensors", "network.json", "network.pt", "classify.py"
TRAIN_PROGRAM, EVAL_PROGRAM = "network.pt2", "network_eval.pt2"
FORMAT = "naslib_archlock.network/2"
HAS_PROGRAMS = torch.__version__ >= "2.6"  # the programs of 2.5 cannot be trained: BatchNorm stops the gradient


@dataclass(frozen=True)
class Export:
    """What is exported, and for which images.

    Attributes:
        space: the search space of the architecture.
        arch: an architecture whose output depends on its input.
        n_classes: outputs of the network.
        in_channels: of an image.
        image_size: pixels a side.
        task: what the architecture is for, kept in the metadata.
        seed: of the weights; global random generators are left as they were.
        classes: the names of the classes, in the order of the outputs, where they are known.
        fmt: ``torchscript``, or ``torch.export``.

    Raises:
        UnknownNameError: for an unknown ``fmt``.
        ConfigError: for a number out of range, a disconnected cell, or ``torch.export`` where torch lacks it.
        CellError: if the architecture does not consist of six codes.
    """

    space: SearchSpace
    arch: Sequence[int]
    n_classes: int
    in_channels: int = 3
    image_size: int = 32
    task: str = ""
    seed: int = 0
    fmt: str = "torchscript"
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.fmt not in _SAVERS:
            raise unknown("export format", self.fmt, _SAVERS)
        if self.fmt == "torch.export" and not HAS_PROGRAMS:
            raise ConfigError(
                f"the export format torch.export needs torch 2.6 or newer, and this is {torch.__version__}; choose "
                "torchscript, or a newer torch"
            )
        for name, value, least, most in (
            ("n_classes", self.n_classes, 2, 100_000),  # larger numbers would fill the memory before an error comes
            ("in_channels", self.in_channels, 1, 1000),
            ("image_size", self.image_size, 1, 4096),
        ):
            if not least <= value <= most:
                raise ConfigError(f"{name} is {value}; an exported network needs at least {least}, and at most {most}")
        if not self.space.representatives([self.cell]).any():
            raise ConfigError(
                f"the cell {self.space.to_str(self.cell)} is disconnected: its network would answer the same for every "
                "image; choose one with a path of ops other than none from its input to its output"
            )

    @property
    def cell(self) -> Cell:
        """The codes of the architecture."""
        return as_cell(self.arch)

    def write(self, folder: Path, build: Callable[[], fx.GraphModule], **about: Any) -> list[Path]:
        """Write the network into a folder. All files hold the same weights under the same names.

        What an earlier export left there is replaced, or removed.

        * ``network.safetensors``: the weights, and as metadata what they belong to;
        * ``network.json``: the same metadata, and a drawing of the architecture, for people;
        * with ``torchscript``, ``network.pt``, for ``torch.jit.load``: a module with ``train()`` and ``eval()``, for
          images of any size that fits;
        * with ``torch.export``, ``network.pt2`` and ``network_eval.pt2``, for ``torch.export.load(path).module()``: a
          program has one mode, so the first is trained, and the second evaluates with the first one's
          ``state_dict()``; for images of ``image_size`` alone;
        * ``classify.py``: a short program that loads the network and classifies an image.

        The networks map ``n x in_channels x image_size x image_size`` images, for any ``n``, to ``n x n_classes``
        logits.

        Args:
            folder: made if it is not there.
            build: makes the network, with weights from torch's global generator.
            about: more to keep in the metadata.
        Returns:
            the files written.

        Raises:
            ConfigError: if the network cannot take images of this size.
            OutputError.
        """
        said = {
            "space": self.space.name,
            "arch": self.space.to_str(self.cell),
            "cell": self.cell,
            "task": self.task,
            "n_classes": self.n_classes,
            "classes": list(self.classes),
            "in_channels": self.in_channels,
            "image_size": self.image_size,
            "seed": self.seed,
            **about,
            "versions": library_versions(),
        }
        with global_generators(), single_threaded():
            torch.manual_seed(self.seed)
            module = build()
            images = torch.zeros(2, self.in_channels, self.image_size, self.image_size)
            _check_fit(module, images)
            files = {WEIGHTS: weights.encode(module.state_dict(), FORMAT, said)}
            files.update(_SAVERS[self.fmt](module, images))
        described = {"format": FORMAT, **said, "drawing": self.space.draw(self.cell)}
        files[ABOUT] = (json.dumps(described, indent=1) + "\n").encode()
        files[PROGRAM] = self.program().encode()
        with alone_in(folder):
            for name in {SCRIPT, TRAIN_PROGRAM, EVAL_PROGRAM} - set(files):
                remove_file(folder / name)
            for name, data in files.items():
                write_bytes(folder / name, data)
        return [folder / name for name in files]

    def program(self) -> str:
        """A short program that loads the network from its own folder, and classifies an image."""
        mode = {1: "L", 4: "RGBA"}.get(self.in_channels, "RGB")
        load = (
            f'torch.jit.load("{SCRIPT}").eval()'
            if self.fmt == "torchscript"
            else f'torch.export.load("{EVAL_PROGRAM}").module()'
        )
        names = list(self.classes) or f"range({self.n_classes})"
        return f"""\
import sys

import numpy as np
import torch
from PIL import Image, ImageOps

network = {load}
size = {self.image_size}
image = ImageOps.fit(Image.open(sys.argv[1]).convert("{mode}"), (size, size), Image.Resampling.BILINEAR)
pixels = torch.from_numpy(np.array(image)).reshape(1, size, size, -1).permute(0, 3, 1, 2) / 255
with torch.no_grad():
    probabilities = network(pixels).softmax(1)[0].tolist()
for name, probability in zip({names}, probabilities):
    print(f"{{name}}: {{probability:.4f}}")
"""


def _check_fit(module: nn.Module, images: Tensor) -> None:
    """Raises: ConfigError: if the network cannot take images of this size."""
    try:
        with torch.no_grad():
            module.eval()(images)
    except RuntimeError as err:
        size = images.shape[-1]
        raise ConfigError(
            f"images of {size} x {size} pixels do not fit this cell's network ({err}); choose an image_size that is a "
            "multiple of 4"
        ) from err
    module.train()


def _save_script(module: nn.Module, images: Tensor) -> dict[str, bytes]:
    data = io.BytesIO()
    with warnings.catch_warnings():
        # torch deprecates TorchScript, but has no other file that holds a module with both modes; its other warnings
        # are about how torch's own modules are written
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(module), data)
    return {SCRIPT: data.getvalue()}


def _save_programs(module: nn.Module, images: Tensor) -> dict[str, bytes]:
    files = {}
    for name, training in ((TRAIN_PROGRAM, True), (EVAL_PROGRAM, False)):
        any_batch = ({0: torch.export.Dim("n", min=1, max=2**31 - 1)},)
        program = torch.export.export(module.train(training), (images,), dynamic_shapes=any_batch)
        data = io.BytesIO()
        torch.export.save(program, data)
        files[name] = data.getvalue()
    return files


_SAVERS: Mapping[str, Callable[[nn.Module, Tensor], dict[str, bytes]]] = {
    "torchscript": _save_script,
    "torch.export": _save_programs,
}
