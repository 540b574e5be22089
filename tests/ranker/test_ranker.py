from __future__ import annotations

import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_networks import DIM, make_model, sample, vectors

from naslib_archlock import data
from naslib_archlock.errors import OutputError, RankerError
from naslib_archlock.locking.find_ranker import box_names
from naslib_archlock.ranker.ranker import Ranker, RankerInfo
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.store import weights
from naslib_archlock.tasks.names import HiddenTasks


def make_ranker(antisymmetric: bool = True, hidden: tuple[int, ...] = (16, 8), seed: int = 0) -> Ranker:
    info = RankerInfo(
        family="cell",
        embedding="proxies",
        embedding_dim=DIM,
        model="mlp",
        model_settings={"hidden": list(hidden), "antisymmetric": antisymmetric},
        tasks=("nasbench201/cifar10", "nasbench201/cifar100"),
        proxies={"nwot": 1.0, "jacov": -2.0},
        embedding_proxies=("jacov", "nwot"),
        reference_cells=((0, 0, 0, 3, 0, 0), (0, 0, 0, 2, 0, 0)),
        training={"epochs": 1, "seed": 3},
        accuracy={"unseen_cells": {"nasbench201/cifar10": 0.9}},
        versions={"torch": "some"},
    )
    return Ranker(make_model(antisymmetric, hidden, seed), info)


# -- ranking -----------------------------------------------------------------------------------------------------------


@given(st.floats(1e-3, 1e6), st.integers(0, 100))
def test_the_length_of_an_embedding_does_not_matter(scale, seed):
    ranker, cells = make_ranker(), sample(10)
    tasks = vectors(2, seed)
    np.testing.assert_allclose(
        ranker.win_rates(cells, scale * tasks, cells), ranker.win_rates(cells, tasks, cells), atol=1e-5
    )


def test_its_direction_does():
    ranker, cells = make_ranker(), sample(10)
    one, other = ranker.win_rates(cells, vectors(2), cells)
    assert np.abs(one - other).max() > 0.01


def test_embeddings_of_another_size_are_refused():
    for tasks in (np.ones((1, DIM + 1)), np.ones(DIM), np.ones((2, 1))):
        with pytest.raises(RankerError, match=f"trained with {DIM}"):
            make_ranker().win_rates(sample(3), tasks, sample(3))
        with pytest.raises(RankerError, match=f"trained with {DIM}"):
            make_ranker().win_rates_of_all(sample(3), tasks)


def test_another_family_of_spaces_is_refused():
    ranker = make_ranker()
    ranker.check_space(NASBENCH201)
    ranker.check_space(TRANSBENCH101_MICRO)
    with pytest.raises(RankerError, match="transbench101_macro"):
        ranker.check_space(TRANSBENCH101_MACRO)


def test_a_task_trained_on_is_not_unseen():
    ranker = make_ranker()
    ranker.check_unseen(HiddenTasks(["normal", "ImageNet16-120"]))
    for name in ("cifar100", "CIFAR-100", "cifar100-valid", "cifar100~0-3"):
        with pytest.raises(RankerError, match="trained on cifar100, which"):
            ranker.check_unseen(HiddenTasks(["normal", name]))


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("antisymmetric", [True, False])
def test_a_ranker_survives_a_file(tmp_path, antisymmetric):
    ranker = make_ranker(antisymmetric)
    ranker.save(tmp_path / "one.safetensors")
    loaded = Ranker.load(tmp_path / "one.safetensors")
    np.testing.assert_array_equal(
        loaded.win_rates(sample(20), vectors(3), sample(9)), ranker.win_rates(sample(20), vectors(3), sample(9))
    )
    assert loaded.info == ranker.info
    loaded.save(tmp_path / "two.safetensors")
    assert (tmp_path / "two.safetensors").read_bytes() == (tmp_path / "one.safetensors").read_bytes()


def test_the_same_ranker_is_always_the_same_bytes(tmp_path):
    ranker = make_ranker()
    contents = set()
    for i in range(20):
        ranker.save(tmp_path / f"{i}.safetensors")
        contents.add((tmp_path / f"{i}.safetensors").read_bytes())
    assert len(contents) == 1


def test_a_file_is_safetensors_with_readable_metadata(tmp_path):
    make_ranker().save(tmp_path / "r.safetensors")
    with safetensors.safe_open(str(tmp_path / "r.safetensors"), framework="np") as f:
        ((_, text),) = f.metadata().items()
    assert json.loads(text)["about"]["tasks"] == ["nasbench201/cifar10", "nasbench201/cifar100"]


def test_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(OutputError):
        make_ranker().save(tmp_path / "file" / "ranker.safetensors")


def broken_files(folder: Path) -> dict[str, Path]:
    """Files that are no ranker; the key says what is wrong with them."""
    good = folder / "good.safetensors"
    make_ranker().save(good)
    raw = good.read_bytes()
    tensors = safetensors.numpy.load_file(good)
    with safetensors.safe_open(str(good), framework="np") as f:
        metadata = f.metadata()
    ((key, text),) = metadata.items()
    info = json.loads(text)["about"]
    fewer = {name: t for name, t in tensors.items() if name != "as_a.weight"}
    wrong_shape = {**tensors, "as_a.weight": tensors["as_a.weight"][:, :-1].copy()}

    def whole(tensors: dict[str, np.ndarray], about: Any) -> bytes:
        """A file with a correct checksum."""
        return weights.encode({name: torch.from_numpy(t) for name, t in tensors.items()}, key, about)

    def settings(**changed: Any) -> dict[str, Any]:
        """The metadata with other settings of the model."""
        return {**info, "model_settings": {**info["model_settings"], **changed}}

    nested: list[Any] = []
    for _ in range(400):
        nested = [nested]
    contents = {
        "empty": b"",
        "truncated header": raw[:50],
        "truncated weights": raw[:-8],
        "pickle": pickle.dumps({"weights": [1.0]}),
        "text": b"not a ranker at all, just some text in a file",
        "foreign": safetensors.numpy.save({"w": np.ones(3)}, {"format": "pt"}),
        "foreign type": safetensors.torch.save({"w": torch.ones(3, dtype=torch.bfloat16)}, {"format": "pt"}),
        "no metadata": safetensors.numpy.save(tensors),
        "earlier format": safetensors.numpy.save(tensors, {key.replace("/3", "/1"): text}),
        "without a checksum": safetensors.numpy.save(tensors, {key: json.dumps(info)}),
        "another one's metadata": safetensors.numpy.save(tensors, {key: text.replace("cifar10", "cifar20")}),
        "tensor missing": whole(fewer, info),
        "tensor too small": whole(wrong_shape, info),
        "not JSON": safetensors.numpy.save(tensors, {key: "{"}),
        "not an object": whole(tensors, []),
        "other layers": whole(tensors, settings(hidden=[16, 9])),
        "no layers": whole(tensors, settings(hidden=[])),
        "layers that are a word": whole(tensors, settings(hidden="16")),
        "antisymmetric is no truth": whole(tensors, settings(antisymmetric=1)),
        "unknown setting": whole(tensors, settings(depth=3)),
        "unknown kind": whole(tensors, {**info, "model": "telepathy"}),
        "a kind elsewhere": whole(tensors, {**info, "model": "../training"}),
        "unknown field": whole(tensors, {**info, "more": 1}),
        "field missing": whole(tensors, {k: v for k, v in info.items() if k != "family"}),
        "layers that would fill the memory": whole(tensors, settings(hidden=[4096] * 16)),
        "embedding that would": whole(tensors, {**info, "embedding_dim": 10**12}),
        "embedding beyond any integer": whole(tensors, {**info, "embedding_dim": 10**30}),
        "a word for a list": whole(tensors, {**info, "tasks": "cifar10"}),
        "other ops": whole(tensors, {**info, "reference_cells": [[0, 1, 2, 3, 4, 5]]}),
        "unknown voter": whole(tensors, {**info, "proxies": {"nwod": 1.0}}),
        "nested too deeply": whole(tensors, {**info, "training": {"steps": nested}}),
        "weights not finite": whole({**tensors, "as_a.weight": tensors["as_a.weight"] + np.float32(np.nan)}, info),
        "weights too large": whole({**tensors, "as_a.weight": tensors["as_a.weight"] + np.float32(1e30)}, info),
    }
    paths = {}
    for what, content in contents.items():
        paths[what] = folder / f"{what}.safetensors"
        paths[what].write_bytes(content)
    return {**paths, "missing": folder / "nowhere.safetensors", "folder": folder}


def test_what_is_no_ranker_is_refused_by_name(tmp_path):
    for what, path in broken_files(tmp_path).items():
        try:
            Ranker.load(path)
        except RankerError as err:
            assert str(path) in str(err), what
            assert "train" in str(err), what  # the message says what to do
        else:
            pytest.fail(f"{what} was loaded")


def test_a_kind_that_is_not_here_is_named_with_those_that_are(tmp_path):
    path = broken_files(tmp_path)["unknown kind"]
    with pytest.raises(RankerError, match="unknown ranker model 'telepathy'; known: .*mlp.*add the file of that kind"):
        Ranker.load(path)


def test_a_network_is_not_built_before_its_weights_are_counted(tmp_path, monkeypatch):
    path = broken_files(tmp_path)["layers that would fill the memory"]
    made = []
    original = torch.nn.Linear.reset_parameters
    monkeypatch.setattr(
        torch.nn.Linear, "reset_parameters", lambda self: made.append(self.weight.device.type) or original(self)
    )
    with pytest.raises(RankerError, match="its layers have 252002305"):
        Ranker.load(path)
    assert set(made) == {"meta"}


def earlier_file(ranker: Ranker, path: Path) -> bytes:
    """The file of a ranker in format 2."""
    about = asdict(ranker.info)
    about["settings"] = about.pop("training")
    del about["model"]
    about.update(about.pop("model_settings"))
    path.write_bytes(weights.encode(ranker.model.state_dict(), "naslib_archlock.ranker/2", about))
    return path.read_bytes()


@pytest.mark.parametrize("antisymmetric", [True, False])
def test_a_file_of_the_format_before_is_the_same_ranker(tmp_path, antisymmetric):
    ranker = make_ranker(antisymmetric)
    content = earlier_file(ranker, tmp_path / "old.safetensors")
    loaded = Ranker.load(tmp_path / "old.safetensors")
    assert loaded.info == ranker.info
    arguments = sample(20), vectors(3), sample(9)
    assert loaded.win_rates(*arguments).tobytes() == ranker.win_rates(*arguments).tobytes()
    assert (tmp_path / "old.safetensors").read_bytes() == content
    assert loaded.to_bytes() == ranker.to_bytes()


def test_the_rankers_in_the_box_load_bit_for_bit():
    for name in box_names():
        path = data.checked_path(name)
        with safetensors.safe_open(str(path), framework="np") as f:
            assert list(f.metadata()) == ["naslib_archlock.ranker/2"]
            kept = {key: f.get_tensor(key).tobytes() for key in f.keys()}  # noqa: SIM118
        ranker = Ranker.load(path)
        assert {key: tensor.numpy().tobytes() for key, tensor in ranker.model.state_dict().items()} == kept
        assert ranker.info.model == "mlp"
        assert ranker.info.model_settings == {"hidden": [128, 64, 32, 16], "antisymmetric": True}
        assert ranker.info.training["epochs"] == 30


class Bomb:
    """Reports if it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


def test_a_pickle_is_not_executed(tmp_path):
    (tmp_path / "r.safetensors").write_bytes(pickle.dumps(Bomb()))
    torch.save({"as_a.weight": Bomb()}, tmp_path / "t.safetensors")
    for name in ("r.safetensors", "t.safetensors"):
        with pytest.raises(RankerError, match="must be a safetensors file"):
            Ranker.load(tmp_path / name)


@given(st.data())
def test_a_ranker_cut_short_anywhere_is_refused(toy_ranker_file, tmp_path_factory, data):
    raw = toy_ranker_file.read_bytes()
    path = tmp_path_factory.getbasetemp() / "cut.safetensors"
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw) - 1))])
    with pytest.raises(RankerError):
        Ranker.load(path)
