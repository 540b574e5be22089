"""Compares zero-cost scores of many cells on many tasks with direct calls of NASLib's ``ZeroCost``."""

from __future__ import annotations

import gc
import os
import pickle
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.commands.main import main
from naslib_archlock.compute.parts import LocalProcesses
from naslib_archlock.embedding.proxy_embedding import choose_reference
from naslib_archlock.errors import CellError, ConfigError, NaslibError, OutputError, UnknownNameError
from naslib_archlock.networks.cell_network import network_for
from naslib_archlock.plugin import score_tasks as proxies_module
from naslib_archlock.plugin.live_scores import arch_seed, build_network
from naslib_archlock.plugin.score_tasks import draw_batch, naslib_dataset, score_own_networks, score_tasks
from naslib_archlock.proxies.zero_cost import PROXIES, encode_zero_cost, write_zero_cost
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.tasks.digits_tasks import DIGITS_TASKS, digits_task
from naslib_archlock.tasks.labelled_images import LabelledImages

HERE = LocalProcesses(1)
CELLS = [(3, 1, 3, 2, 0, 3), (2, 0, 1, 1, 0, 2), (1, 3, 0, 3, 2, 1)]


@pytest.fixture(scope="module", autouse=True)
def quick_garbage_collection() -> Iterator[None]:
    """NASLib collects garbage after every score, which is slow with the objects that other tests have loaded."""
    gc.freeze()
    yield
    gc.unfreeze()


def classes(name: str = "mine", n: int = 24, n_classes: int = 3, size: int = 8, seed: int = 0) -> LabelledImages:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(n, 3, size, size, generator=generator)
    return LabelledImages(name, images, torch.arange(n) % n_classes, n_classes)


def digits(task: str) -> LabelledImages:
    return digits_task(task)["train"]


def naslib_score(proxy: str, network: Any, batch: LabelledImages, cell: Cell, seed: int) -> float:
    from naslib.predictors import ZeroCost

    torch.manual_seed(arch_seed(seed, cell))
    return float(ZeroCost(method_type=proxy).query(network, dataloader=[(batch.images, batch.targets)]))


# -- batches -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.data())
def test_a_batch_has_as_many_of_every_class_as_it_goes(labels, data):
    n = len(labels)
    size = data.draw(st.integers(1, n))
    images = torch.arange(n, dtype=torch.float32).reshape(n, 1, 1, 1)
    task = LabelledImages("t", images, torch.tensor(labels), 6)
    batch = draw_batch(task, size, seed=1)
    rows = batch.images.flatten().long()
    assert len(set(rows.tolist())) == len(batch) == size
    assert batch.targets.tolist() == task.targets[rows].tolist()
    drawn, there = (np.bincount(t.targets, minlength=6) for t in (batch, task))
    for label in range(6):
        # A class may have fewer images than the others only if all of its images were drawn.
        assert drawn[label] >= min(there[label], drawn.max() - 1)


def test_a_batch_of_numbers_and_seeds():
    task = digits("noise")
    first, again, other = (draw_batch(task, 16, seed) for seed in (0, 0, 1))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.targets, again.targets)
    assert not torch.equal(first.images, other.images)
    for size in (0, 25):
        with pytest.raises(ConfigError, match=r"batch_size=\d+ must lie in \[1, 24\].*'mine'"):
            draw_batch(classes(), size, 0)


# -- scores ------------------------------------------------------------------------------------------------------------


def test_naslibs_networks_score_as_zerocost_called_directly(tmp_path):
    task = classes()
    with torch.no_grad():
        mean, deviation = task.images.mean(dim=(0, 2, 3)), task.images.std(dim=(0, 2, 3))
    batch = draw_batch(task, 9, seed=4)
    normalised = (batch.images - mean[:, None, None]) / deviation[:, None, None]
    for space in (NASBENCH201, TRANSBENCH101_MICRO):
        asked = ("params", "nwot", "snip", "zen")
        (table,) = score_tasks(space, [task], CELLS[:2], asked, tmp_path / space.name, HERE, batch_size=9, seed=4)
        assert (table.space, table.task, table.cells.tolist()) == (space, "mine", [list(cell) for cell in CELLS[:2]])
        assert tuple(table.scores) == asked
        for proxy in asked:
            torch.manual_seed(arch_seed(4, CELLS[1]))
            network = build_network(space, "mine", CELLS[1], 3)
            expected = naslib_score(
                proxy, network, LabelledImages("mine", normalised, batch.targets, 3), CELLS[1], seed=4
            )
            assert table.scores[proxy][1] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("task", ["digit", "edges"])
def test_own_networks_score_as_zerocost_called_directly(tmp_path, task):
    batch, cell = draw_batch(digits(task), 16, seed=3), CELLS[0]
    (table,) = score_own_networks(DIGITS, [digits(task)], [cell], PROXIES, tmp_path, HERE, batch_size=16, seed=3)
    for proxy in set(PROXIES) - ({"epe_nas"} if task == "edges" else set()):
        torch.manual_seed(arch_seed(3, cell))
        network: Any = network_for(batch, cell)
        network.get_loss_fn = lambda: batch.loss
        network.num_classes = batch.n_outputs
        expected = naslib_score(proxy, network, batch, cell, seed=3)
        assert table.scores[proxy][0] == pytest.approx(expected, rel=1e-5)
    n_parameters = sum(p.numel() for p in network_for(batch, cell).parameters())
    assert table.scores["params"][0] == pytest.approx(n_parameters / 1e6)


def test_which_proxies_work_on_which_digits_task(tmp_path):
    tables = score_own_networks(DIGITS, [digits(task) for task in DIGITS_TASKS], CELLS[:1], PROXIES, tmp_path, HERE, 48)
    for table in tables:
        failed = {proxy for proxy, scores in table.scores.items() if np.isnan(scores).any()}
        assert failed == (set() if digits(table.task).is_classification else {"epe_nas"})
    nwot = [table.scores["nwot"][0] for table in tables]
    assert len(set(nwot)) > 1


def test_a_failed_score_is_nan_and_makes_no_noise(tmp_path, capfd):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tables = score_own_networks(DIGITS, [digits("digit")], [(0,) * 6], ("jacov", "fisher"), tmp_path, HERE)
    assert np.isnan(tables[0].scores["jacov"][0])
    assert np.isfinite(tables[0].scores["fisher"][0])
    assert capfd.readouterr() == ("", "")
    assert not [w for w in caught if "naslib" in w.filename or "hook" in str(w.message)]


def test_brightness_and_contrast_of_a_task_do_not_matter(tmp_path):
    task = classes()
    darker = LabelledImages("darker", 0.25 * task.images + 0.1, task.targets, 3)
    same, other = score_tasks(
        NASBENCH201, [task, darker], CELLS[:1], ("nwot", "grad_norm"), tmp_path, HERE, batch_size=6
    )
    for proxy, scores in same.scores.items():
        assert other.scores[proxy] == pytest.approx(scores, rel=1e-3)


def test_a_constant_channel_is_no_failure(tmp_path):
    images = classes().images.clone()
    images[:, 1] = 0.5
    task = LabelledImages("flat", images, classes().targets, 3)
    (table,) = score_tasks(NASBENCH201, [task], CELLS[:1], ("grad_norm",), tmp_path, HERE, batch_size=6)
    assert np.isfinite(table.scores["grad_norm"][0])


def test_a_task_may_be_called_like_one_of_transnas(tmp_path):
    tasks = [classes("jigsaw"), classes("mine")]
    tables = score_tasks(TRANSBENCH101_MICRO, tasks, CELLS[:1], ("params", "nwot"), tmp_path, HERE, batch_size=6)
    for proxy in ("params", "nwot"):
        assert tables[0].scores[proxy].tolist() == tables[1].scores[proxy].tolist()


def test_mistakes_are_found_before_anything_is_computed(tmp_path):
    def score(
        tasks: Any, space: Any = NASBENCH201, cells: Any = CELLS, proxies: Any = ("nwot",), size: int = 8
    ) -> None:
        score_tasks(space, tasks, cells, proxies, tmp_path / "parts", HERE, size)

    with pytest.raises(ConfigError, match="'noise' predicts numbers"):
        score([classes(), digits("noise")])
    with pytest.raises(ConfigError, match="2 tasks are named 'mine'"):
        score([classes(), classes(seed=1)])
    with pytest.raises(ConfigError, match="batch_size=25"):
        score([classes()], size=25)
    for space in (TRANSBENCH101_MACRO, DIGITS):
        with pytest.raises(UnknownNameError, match=f"{space.name}.*nasbench201, transbench101_micro"):
            score([classes()], space)
    with pytest.raises(UnknownNameError, match="did you mean 'nwot'"):
        score([classes()], proxies=("nwott",))
    with pytest.raises(CellError):
        score([classes()], TRANSBENCH101_MICRO, cells=[*CELLS, (4,) * 6])
    assert not (tmp_path / "parts").exists()


# -- parts -------------------------------------------------------------------------------------------------------------

PARTS_TASKS = ("digit", "noise")
PARTS_CELLS = [tuple(cell) for cell in DIGITS.distinct()[::40].tolist()]
PARTS_PROXIES = ("epe_nas", "jacov", "params", "zen")


def score_in_small_parts(
    folder: Path,
    jobs: int,
    tasks: Sequence[LabelledImages] = (),
    cells: Sequence[Cell] = PARTS_CELLS,
    proxies: Sequence[str] = PARTS_PROXIES,
    batch_size: int = 16,
    seed: int = 0,
) -> Any:
    tasks = tasks or [digits(task) for task in PARTS_TASKS]
    before = proxies_module._OWN_CELLS_A_PART
    proxies_module._OWN_CELLS_A_PART = 2
    try:
        return score_own_networks(DIGITS, tasks, cells, proxies, folder, LocalProcesses(jobs), batch_size, seed)
    finally:
        proxies_module._OWN_CELLS_A_PART = before


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A folder of finished parts, computed by one process without interruption, and the file made from it."""
    folder = tmp_path_factory.mktemp("parts")
    return folder, encode_zero_cost(score_in_small_parts(folder, jobs=1), compressed=True)


@pytest.mark.slow
def test_a_killed_run_is_continued_to_the_same_bytes(tmp_path, whole, child_environment):
    """Two processes begin the run and one ends it; the result is the same as from one process without interruption."""
    code = f"""
import pathlib, sys
sys.path[:0] = [{str(Path(__file__).parent)!r}]
import test_score_tasks as module
module.score_in_small_parts(pathlib.Path({str(tmp_path)!r}), jobs=2)
"""
    child = subprocess.Popen([sys.executable, "-c", code], env=child_environment, start_new_session=True)
    while not list(tmp_path.glob("[0-9]*.json")):
        assert child.poll() is None
        time.sleep(0.002)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    done = {path: path.stat().st_mtime_ns for path in tmp_path.glob("[0-9]*.json")}
    n_parts = len(list(whole[0].glob("[0-9]*.json")))
    assert 0 < len(done) < n_parts
    tables = score_in_small_parts(tmp_path, jobs=1)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert len(list(tmp_path.glob("[0-9]*.json"))) == n_parts
    assert encode_zero_cost(tables, compressed=True) == whole[1]


def test_a_part_that_was_cut_short_is_computed_again(whole):
    folder, expected = whole
    part = folder / "1-4.json"
    content = part.read_bytes()
    part.write_bytes(content[: len(content) // 2])
    assert encode_zero_cost(score_in_small_parts(folder, jobs=1), compressed=True) == expected
    assert part.read_bytes() == content


def test_other_settings_in_the_same_folder_are_refused(whole):
    folder, _ = whole
    brighter = digits("digit")
    brighter = LabelledImages("digit", brighter.images + 0.01, brighter.targets, 10)
    relabelled = LabelledImages("digit", digits("digit").images, (digits("digit").targets + 1) % 10, 10)
    for other in (
        {"seed": 1}, {"batch_size": 17}, {"cells": PARTS_CELLS[1:]}, {"proxies": ("jacov", "nwot")},
        {"tasks": [digits("digit")]}, {"tasks": [brighter, digits("noise")]},
        {"tasks": [relabelled, digits("noise")]},
    ):  # fmt: skip
        with pytest.raises(OutputError, match="other settings"):
            score_in_small_parts(folder, 1, **other)
    with pytest.raises(OutputError, match="other settings"):
        score_own_networks(DIGITS, [digits(t) for t in PARTS_TASKS], PARTS_CELLS, PARTS_PROXIES, folder, HERE, 16)


def test_a_ranker_trains_on_the_scores_and_naslib_reads_them(tmp_path, monkeypatch, fast_training, capsys):
    from naslib.search_spaces import NasBench201SearchSpace
    from naslib.utils import get_zc_benchmark_api

    cells = NASBENCH201.sample(8, np.random.default_rng(0))
    tasks = [classes("one"), classes("two", n_classes=4, seed=1)]
    tables = score_tasks(NASBENCH201, tasks, cells, ("params", "nwot"), tmp_path / "parts", HERE, batch_size=6)
    assert len(choose_reference(tables, 64, np.random.default_rng(0))) == len(cells)
    assert tables[0].scores["nwot"].tolist() != tables[1].scores["nwot"].tolist()
    path = tmp_path / "data" / "zc_nasbench201.json"
    path.parent.mkdir()
    write_zero_cost(path, tables)

    monkeypatch.setattr(sys.modules[get_zc_benchmark_api.__module__], "get_project_root", lambda: tmp_path)
    read = get_zc_benchmark_api("nasbench201", "two")
    graph = NasBench201SearchSpace()
    graph.instantiate_model = False
    for row, cell in enumerate(cells):
        graph.op_indices = list(NASBENCH201.to_naslib(cell))
        assert read[str(graph.get_hash())]["nwot"]["score"] == tables[1].scores["nwot"][row]  # as optimizers read it

    keys = ["archlock.zero_cost", str(path), "archlock.reference_cells", "8", "archlock.proxies", "nwot,params"]
    assert main(["train-ranker", "--out", str(tmp_path / "ranker.safetensors"), *keys]) == 0, capsys.readouterr().err


def test_garbage_collection_is_as_it_was(tmp_path, monkeypatch):
    during = []

    def network(*args: Any) -> Any:
        during.append(gc.get_freeze_count())
        return network_for(*args)

    monkeypatch.setattr(proxies_module, "network_for", network)
    gc.unfreeze()
    try:
        score_own_networks(DIGITS, [digits("digit")], CELLS[:1], ("l2_norm",), tmp_path, HERE)
        assert gc.get_freeze_count() == 0
        assert during[0] > 0
    finally:
        gc.freeze()


# -- NASLib's data sets ------------------------------------------------------------------------------------------------


def write_cifar10(folder: Path, n: int, rng: np.random.Generator) -> tuple[np.ndarray, list[int]]:
    """Write CIFAR-10 in its official layout with ``n`` random images per file, and return the first file's content."""
    inner, first = folder / "cifar-10-batches-py", None
    inner.mkdir(parents=True)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        content = {
            "data": rng.integers(256, size=(n, 3072), dtype=np.uint8),
            "labels": rng.integers(10, size=n).tolist(),
        }
        (inner / name).write_bytes(pickle.dumps(content))
        first = first or content
    (inner / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {i}" for i in range(10)]}))
    return first["data"].reshape(-1, 3, 32, 32), first["labels"]


def accept_any_checksum(monkeypatch: pytest.MonkeyPatch, dataset: Any, *lists: str) -> None:
    for name in lists:
        monkeypatch.setattr(dataset, name, [[file, None] for file, _ in getattr(dataset, name)])


def test_cifar10_through_naslibs_loader(tmp_path, monkeypatch, capfd):
    import torchvision

    accept_any_checksum(monkeypatch, torchvision.datasets.CIFAR10, "train_list", "test_list")
    meta = {**torchvision.datasets.CIFAR10.meta, "md5": None}
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "meta", meta)
    pixels, labels = write_cifar10(tmp_path, 6, np.random.default_rng(0))
    torch.manual_seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    data = naslib_dataset("cifar10", max_images=5, folder=tmp_path)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before[1:]
    assert capfd.readouterr().out == ""
    assert (data.name, data.n_classes, data.images.dtype, data.targets.dtype) == (
        "cifar10", 10, torch.float32, torch.int64,
    )  # fmt: skip
    np.testing.assert_allclose(data.images.numpy(), pixels[:5] / 255, atol=1e-6)
    assert data.targets.tolist() == labels[:5]
    assert len(naslib_dataset("cifar10", max_images=1000, folder=tmp_path)) == 30


def test_imagenet16_through_naslibs_loader(tmp_path, monkeypatch):
    from naslib.utils.DownsampledImageNet import ImageNet16

    accept_any_checksum(monkeypatch, ImageNet16, "train_list", "valid_list")
    (tmp_path / "ImageNet16-120").mkdir()
    pixels = np.random.default_rng(0).integers(256, size=(3, 768), dtype=np.uint8)
    content = pickle.dumps({"data": pixels, "labels": [120, 121, 1]})  # only the second label is one of the 120 classes
    for name in [*(f"train_data_batch_{i}" for i in range(1, 11)), "val_data"]:
        (tmp_path / "ImageNet16-120" / name).write_bytes(content)
    data = naslib_dataset("ImageNet16-120", max_images=3, folder=tmp_path)
    assert data.targets.tolist() == [119, 0, 119]
    np.testing.assert_allclose(data.images[:2].numpy(), pixels[[0, 2]].reshape(2, 3, 16, 16) / 255, atol=1e-6)
    assert data.n_classes == 120


def test_ninapro_through_naslibs_loader(tmp_path):
    (tmp_path / "ninapro").mkdir()
    signals = np.random.default_rng(0).normal(size=(4, 16, 52))
    for split in ("train", "test"):
        np.save(tmp_path / "ninapro" / f"ninapro_{split}.npy", signals)
        np.save(tmp_path / "ninapro" / f"label_{split}.npy", np.array([3.0, 0.0, 17.0, 3.0]))
    data = naslib_dataset("ninapro", folder=tmp_path)
    assert data.targets.tolist() == [3, 0, 17, 3]
    assert data.images.shape == (4, 1, 16, 52)
    assert (data.images.min(), data.images.max()) == (0, 1)
    scaled = (signals - signals.min()) / (signals.max() - signals.min())
    np.testing.assert_allclose(data.images[:, 0].numpy(), scaled, atol=1e-6)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn", "ImageNet16-120", "ninapro"])
def test_missing_data_says_where_it_must_lie(tmp_path, monkeypatch, name):
    def no_network(*args: Any, **kwargs: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    with pytest.raises(NaslibError, match=f"NASLib cannot read {name} .*put .* into .*, from http") as caught:
        naslib_dataset(name, folder=tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_data_sets_that_cannot_be_had():
    with pytest.raises(NaslibError, match="class_object is a task of TransNAS.*taskonomydata_mini"):
        naslib_dataset("class_object")
    with pytest.raises(UnknownNameError, match="did you mean 'cifar10'"):
        naslib_dataset("cifar01")
    with pytest.raises(ConfigError, match="max_images=0"):
        naslib_dataset("cifar10", max_images=0)
