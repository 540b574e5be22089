"""Embeddings are cached in the user's folder; ``test_cache`` tests that damage of cached files is noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from naslib_archlock.embedding import task2vec as module
from naslib_archlock.embedding.task2vec import Task2VecSettings, cached_task2vec
from naslib_archlock.store.cache import user_folder
from naslib_archlock.tasks.digits_tasks import digits_task

pytestmark = pytest.mark.usefixtures("own_cache")
SETTINGS = Task2VecSettings(max_images=20, head_steps=5)


@pytest.fixture
def data():
    return digits_task("digit")["train"].take(torch.arange(40))


@pytest.fixture
def computations(monkeypatch):
    """The settings of each embedding that is computed."""
    made, compute = [], module.task2vec

    def counted(data, probe, settings):
        made.append(settings)
        return compute(data, probe, settings)

    monkeypatch.setattr(module, "task2vec", counted)
    return made


def test_the_second_time_nothing_is_computed(data, computations):
    first, second = (cached_task2vec(data, SETTINGS) for _ in range(2))
    assert not first.from_cache and second.from_cache and len(computations) == 1
    assert first.vector.tobytes() == second.vector.tobytes()
    assert first.seconds > 0 and second.seconds > 0


def test_other_data_or_settings_are_computed(data, computations):
    brighter = replace(data, images=data.images + 0.01)
    relabelled = replace(data, targets=data.targets.roll(1))
    variants = [(d, SETTINGS) for d in (data, brighter, relabelled, data.take(torch.arange(39)))]
    variants += [(data, replace(SETTINGS, **{name: 7})) for name in ("seed", "head_steps", "max_images")]
    assert not any(cached_task2vec(d, s).from_cache for d, s in variants)
    assert len(computations) == len(variants)
    assert cached_task2vec(replace(data, name="renamed"), SETTINGS).from_cache


def test_a_damaged_embedding_is_computed_again(data):
    good = cached_task2vec(data, SETTINGS).vector
    whole = {path: path.read_bytes() for path in user_folder("kept").iterdir()}
    assert len(whole) == 2
    for path, content in whole.items():
        for damaged in (content[:-20], b"", content[:-1] + bytes([content[-1] ^ 1])):
            path.write_bytes(damaged)
            again = cached_task2vec(data, SETTINGS)
            assert not again.from_cache and again.vector.tobytes() == good.tobytes()
            assert {path: path.read_bytes() for path in whole} == whole


def test_without_a_folder_to_write_there_is_a_warning_and_an_embedding(data, own_cache):
    own_cache.write_text("in the way")
    with pytest.warns(UserWarning, match="not kept"):
        embedded = cached_task2vec(data, SETTINGS)
    assert not embedded.from_cache and len(embedded.vector) == 176
