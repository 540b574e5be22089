from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from naslib_archlock.embedding import task2vec as module
from naslib_archlock.embedding.cache import cache_key, default_folder, read_vector
from naslib_archlock.embedding.task2vec import Task2VecSettings, cached_task2vec
from naslib_archlock.tasks.digits import digits_task

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


def test_the_second_time_nothing_is_computed(data, computations, tmp_path):
    first, second = (cached_task2vec(data, SETTINGS, tmp_path / "new" / "folder") for _ in range(2))
    assert not first.from_cache and second.from_cache and len(computations) == 1
    assert first.vector.tobytes() == second.vector.tobytes()
    assert first.seconds > 0 and second.seconds > 0


def test_other_data_or_settings_are_computed(data, computations, tmp_path):
    brighter = replace(data, images=data.images + 0.01)
    relabelled = replace(data, targets=data.targets.roll(1))
    variants = [(d, SETTINGS) for d in (data, brighter, relabelled, data.take(torch.arange(39)))]
    variants += [(data, replace(SETTINGS, **{name: 7})) for name in ("seed", "head_steps", "max_images")]
    assert not any(cached_task2vec(d, s, tmp_path).from_cache for d, s in variants)
    assert len(list(tmp_path.iterdir())) == len(variants)
    assert cached_task2vec(replace(data, name="renamed"), SETTINGS, tmp_path).from_cache


def test_shapes_are_part_of_the_key():
    values = torch.arange(6.0)
    keys = {cache_key("f", [values]), cache_key("g", [values]), cache_key("f", [values.view(2, 3)])}
    keys |= {cache_key("f", [values[:3], values[3:]]), cache_key("f", [values.double()])}
    assert len(keys) == 5


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "size", "nan", "negative", "type"])
def test_damaged_files_are_replaced(damage, data, tmp_path):
    good = cached_task2vec(data, SETTINGS, tmp_path).vector
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    if damage in ("size", "nan", "negative", "type"):
        bad = {"size": good[:-1], "nan": good * np.nan, "negative": -good, "type": good.astype(np.float32)}[damage]
        np.save(path, bad)
    else:
        path.write_bytes({"cut": content[:-20], "empty": b"", "text": b"hello"}[damage])
    again = cached_task2vec(data, SETTINGS, tmp_path)
    assert not again.from_cache and again.vector.tobytes() == good.tobytes()
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]


def test_without_a_folder_to_write_there_is_a_warning_and_an_embedding(data, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match="not kept"):
        embedded = cached_task2vec(data, SETTINGS, tmp_path / "file" / "folder")
    assert not embedded.from_cache and len(embedded.vector) == 176


def test_the_folder_is_that_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "naslib_archlock" / "task2vec"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "naslib_archlock" / "task2vec"


def test_objects_are_not_unpickled(tmp_path):
    np.save(tmp_path / "v.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert read_vector(tmp_path / "v.npy", 1) is None
