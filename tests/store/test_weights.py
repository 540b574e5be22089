from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from naslib_archlock.store import weights
from naslib_archlock.store.sealed import DamagedError

FORMAT = "naslib_archlock.test/1"
TENSORS = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor([1, 2], dtype=torch.int64)}
ABOUT = {"name": "x", "sizes": [1, 2]}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(weights.encode(TENSORS, FORMAT, ABOUT))
    return path


def test_what_was_written_is_read_back(path):
    metadata, tensors = weights.decode(path, FORMAT)
    assert json.loads(metadata[FORMAT]) == ABOUT
    assert set(tensors) == set(TENSORS)
    for name, tensor in tensors.items():
        assert tensor.dtype == TENSORS[name].dtype
        assert torch.equal(tensor, TENSORS[name])


def test_the_same_weights_are_the_same_bytes(path):
    reordered = dict(reversed(TENSORS.items()))
    assert weights.encode(reordered, FORMAT, ABOUT) == path.read_bytes()


def test_every_changed_byte_of_a_number_is_noticed(path):
    content = path.read_bytes()
    (header,) = struct.unpack("<Q", content[:8])
    for at in range(8 + header, len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(DamagedError, match="checksum"):
            weights.decode(path, FORMAT)


def test_another_models_file_is_told_by_its_metadata(path):
    path.write_bytes(safetensors.numpy.save({"x": np.zeros(2)}, {"made by": "others"}))
    assert weights.decode(path, FORMAT) == ({"made by": "others"}, {})


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 100])
def test_a_file_of_another_kind_is_an_error(path, content):
    path.write_bytes(content)
    with pytest.raises(safetensors.SafetensorError):
        weights.decode(path, FORMAT)


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "bfloat16"])
def test_numbers_that_numpy_lacks_are_an_error_of_ours(tmp_path, name):
    safetensors_torch = pytest.importorskip("safetensors.torch")
    if not hasattr(torch, name):
        pytest.skip(f"this torch has no {name}")
    tensors = {"a": torch.zeros(2).to(getattr(torch, name))}
    (tmp_path / "w.safetensors").write_bytes(safetensors_torch.save(tensors, {"fmt": "{}"}))
    with pytest.raises(DamagedError):
        weights.decode(tmp_path / "w.safetensors", "fmt")


def test_a_pipe_or_a_device_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(DamagedError, match="it is no file"):
            weights.decode(path, "fmt")
