"""Files of weights with a description: rankers, probe networks, exported networks. They are safetensors, never pickles.

A file has one entry of metadata, named after its format: JSON that describes the weights, and a SHA-256 of this
description and of all names, types, shapes and numbers. A byte that changes any of these is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import torch
from torch import Tensor

from .digests import digest
from .reading import UnreadableError, check_regular
from .sealed import DamagedError

_MOST_BYTES = 1 << 36  # of a file that is mapped, not read: another model may have billions of weights


def encode(tensors: Mapping[str, Tensor], file_format: str, about: Mapping[str, Any]) -> bytes:
    """A file of ``file_format`` that holds ``tensors`` and, as JSON in its metadata, ``about``."""
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    # One entry: safetensors writes several in a random order, and the same weights must give the same bytes.
    return safetensors.numpy.save(arrays, {file_format: _entry(arrays, about)})


def decode(path: Path, file_format: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata of any safetensors file; its tensors, and ``about`` as JSON, if it is one of ``file_format``.

    Another model's file may hold types that NumPy lacks, so its tensors are not looked at.

    Raises:
        OSError, safetensors.SafetensorError.
        DamagedError: if it does not match its checksum.
    """
    try:
        check_regular(path, _MOST_BYTES)
    except UnreadableError as err:
        raise DamagedError(f"it {err}") from err
    with safetensors.safe_open(str(path), framework="np") as f:
        metadata = f.metadata() or {}
        if file_format not in metadata:
            return metadata, {}
        try:
            arrays = {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118  # it is no mapping
        except (TypeError, AttributeError) as err:  # NumPy lacks the type of these numbers
            raise DamagedError(str(err)) from err
    try:
        about = json.loads(metadata[file_format])["about"]
    except (ValueError, LookupError, TypeError, RecursionError):
        about = None
    if metadata[file_format] != _entry(arrays, about):
        raise DamagedError("it does not match its checksum")
    return (
        {**metadata, file_format: json.dumps(about)},
        {name: torch.from_numpy(array) for name, array in arrays.items()},
    )


def _entry(arrays: Mapping[str, np.ndarray], about: Any) -> str:
    """The metadata of these weights."""
    names = sorted(arrays)
    return json.dumps({"about": about, "sha256": digest([about, names], [arrays[n] for n in names])}, sort_keys=True)
