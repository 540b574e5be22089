"""Weights with what they are, as safetensors: rankers, probe networks, exported networks. Never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.numpy
import torch
from torch import Tensor


def encode(tensors: Mapping[str, Tensor], file_format: str, about: Mapping[str, Any]) -> bytes:
    """A file of ``file_format`` that holds ``tensors`` and, as JSON in its metadata, ``about``."""
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    # One entry: safetensors writes several in a random order, and the same weights must give the same bytes.
    return safetensors.numpy.save(arrays, {file_format: json.dumps(about, sort_keys=True)})


def decode(path: Path, file_format: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata of any safetensors file, and its tensors if it is one of ``file_format``.

    Another model's file may hold types that NumPy lacks, so its tensors are not looked at.
    Raises: OSError, safetensors.SafetensorError.
    """
    with safetensors.safe_open(str(path), framework="np") as f:
        metadata = f.metadata() or {}
        names = f.keys() if file_format in metadata else ()
        return metadata, {name: torch.from_numpy(f.get_tensor(name)) for name in names}
