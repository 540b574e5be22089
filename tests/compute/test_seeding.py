"""Streams of random numbers do not affect each other, and the global generators are restored."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from naslib_archlock.compute.seeding import _STREAMS, global_generators, stream


def states() -> tuple[Any, ...]:
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(()))


def test_a_stream_depends_on_the_seed_and_the_purpose():
    first = {(seed, purpose): stream(seed, purpose).random() for seed in range(3) for purpose in _STREAMS}
    assert len(set(first.values())) == 3 * len(_STREAMS)
    assert first == {place: stream(*place).random() for place in first}


def test_streams_stay_as_they_are_from_version_to_version():
    """A new purpose is added at the end, because it must not change the streams of others."""
    assert [stream(1, "search").random(), stream(1, "audit").random()] == [
        np.random.default_rng([1, 0]).random(),
        np.random.default_rng([1, 8]).random(),
    ]


def test_a_purpose_that_nobody_has():
    with pytest.raises(ValueError, match="not in tuple"):
        stream(0, "weather")


@pytest.mark.parametrize("seed", [None, 0, 2**32 - 1])
def test_global_generators_are_put_back(seed):
    before = states()
    with global_generators(seed):
        draws()
        torch.manual_seed(1)
    assert states() == before


@pytest.mark.parametrize("seed", [None, 0])
def test_global_generators_are_put_back_after_an_error(seed):
    before = states()
    with pytest.raises(ZeroDivisionError), global_generators(seed):
        draws()
        raise ZeroDivisionError
    assert states() == before


def test_inside_they_start_from_the_seed():
    with global_generators(3):
        first = draws()
    draws()
    with global_generators(3):
        assert draws() == first
    with global_generators(4):
        assert not set(draws()) & set(first)


def test_without_a_seed_they_go_on_from_where_they_are():
    with global_generators():
        inside = draws()
    assert draws() == inside


def test_one_inside_another():
    with global_generators(1):
        before = states()
        with global_generators(2):
            draws()
        assert states() == before


def test_a_bad_seed_leaves_them_as_they_were():
    before = states()
    with pytest.raises(ValueError, match="[Ss]eed"), global_generators(-1):
        pass
    assert states() == before


class FakeGpu:
    """Replaces torch.cuda with one GPU whose generator is a number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, is_used: bool) -> None:
        self.state, self.n_looks = torch.tensor([7], dtype=torch.uint8), 0
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: is_used)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "get_rng_state", self.get)
        monkeypatch.setattr(torch.cuda, "set_rng_state", self.set)

    def get(self, device: Any = None) -> torch.Tensor:
        self.n_looks += 1
        return self.state.clone()

    def set(self, state: torch.Tensor, device: Any = None) -> None:
        self.state = state


def test_the_generator_of_a_gpu_in_use_is_put_back(monkeypatch):
    gpu = FakeGpu(monkeypatch, is_used=True)
    with global_generators():
        gpu.state = torch.tensor([9], dtype=torch.uint8)
    assert gpu.state.tolist() == [7]


def test_a_gpu_that_nobody_uses_is_not_woken_up(monkeypatch):
    gpu = FakeGpu(monkeypatch, is_used=False)
    with global_generators(0):
        pass
    assert gpu.n_looks == 0
