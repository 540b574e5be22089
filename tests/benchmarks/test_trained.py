from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from naslib_archlock.benchmarks.trained import TrainedBenchmark
from naslib_archlock.errors import ConfigError, ImageError, UnknownNameError
from naslib_archlock.networks import folder_training
from naslib_archlock.networks.fit import FitSettings
from naslib_archlock.spaces.known import TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.testing.benchmark_contract import check_benchmark

QUICK = FitSettings(epochs=4, batch_size=16, widths=(8, 16))
CELL = (3, 2, 1, 3, 1, 2)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list:
    """The trainings that are made; none was made before."""
    calls: list = []
    real = folder_training.fit
    folder_training.trained_network.cache_clear()
    monkeypatch.setattr(folder_training, "fit", lambda *args: calls.append(args) or real(*args))
    return calls


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes that are easy to distinguish: horizontal and vertical stripes."""
    folder, rng = tmp_path_factory.mktemp("images") / "stripes", np.random.default_rng(0)
    for name in ("lying", "standing"):
        (folder / name).mkdir(parents=True)
        for i in range(40):
            image = np.zeros((12, 12), dtype=np.uint8)
            image[rng.integers(2) :: 2] = 200
            noisy = np.clip(image + rng.integers(0, 50, image.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy if name == "lying" else noisy.T.copy()).save(folder / name / f"{i}.png")
    return folder


def benchmark_of(*folders: Path, **changes) -> TrainedBenchmark:
    options = {"image_size": 12, "max_images": 0, "skip_unreadable": False, "seed": 0, "settings": QUICK, **changes}
    return TrainedBenchmark(TRANSBENCH101_MICRO, [str(folder) for folder in folders], **options)


def test_a_network_is_trained_and_tested(stripes):
    benchmark = benchmark_of(stripes)
    assert not benchmark.is_tabular
    assert benchmark.accuracy(CELL, task=str(stripes), split="test") > 80


def test_it_keeps_the_contract_of_benchmarks(stripes):
    check_benchmark(benchmark_of(stripes), np.random.default_rng(0), n_archs=2)


def test_equal_functions_are_trained_once_and_the_same_again(stripes, trainings):
    benchmark = benchmark_of(stripes)
    first = benchmark.accuracy((3, 0, 0, 1, 0, 0), task=str(stripes), split="val")  # the first edge is dead
    assert benchmark.accuracy((0, 0, 0, 1, 0, 0), task=str(stripes), split="val") == first
    assert len(trainings) == 1
    folder_training.trained_network.cache_clear()
    assert benchmark_of(stripes).accuracy((0, 0, 0, 1, 0, 0), task=str(stripes), split="val") == first
    assert len(trainings) == 2


def test_a_network_is_trained_on_the_source_and_then_fine_tuned(stripes, tmp_path, trainings):
    """Weights that know the stripes help with stripes of half the contrast."""
    faint = tmp_path / "faint"
    for path in stripes.rglob("*.png"):
        (faint / path.parent.name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(Image.open(path)) // 2).save(faint / path.parent.name / path.name)
    source, target = str(stripes), str(faint)
    benchmark = benchmark_of(stripes, faint)
    assert benchmark.fine_tuned_from == {source: (target,), target: (source,)}
    benchmark.accuracy(CELL, task=source, split="val")
    trainings.clear()
    tuned = benchmark.accuracy(CELL, task=target, split="test", pretrained_on=source)
    assert trainings == []  # the network of the source is there
    assert tuned > 80
    folder_training.trained_network.cache_clear()
    alone = benchmark_of(stripes, faint)
    assert alone.accuracy(CELL, task=target, split="test", pretrained_on=source) == tuned
    assert len(trainings) == 1


def test_fine_tuned_figures_are_kept_apart_from_those_from_scratch(stripes, tmp_path):
    shutil.copytree(stripes, tmp_path / "other")
    source, target = str(stripes), str(tmp_path / "other")
    figures = []
    for _ in range(2):
        benchmark = benchmark_of(stripes, Path(target), settings=FitSettings(epochs=1, batch_size=16, widths=(8, 16)))
        benchmark.cache_in(tmp_path / "kept")
        figures.append([benchmark.accuracy(CELL, task=target, split="val", pretrained_on=s) for s in (source, None)])
    assert figures[0] == figures[1]
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_the_network_of_a_look_up_is_there_to_be_written(stripes, trainings):
    benchmark, task = benchmark_of(stripes), str(stripes)
    network, figures = benchmark.trained_network((0, 0, 0, 1, 0, 0), task)
    assert figures["test"][0] == benchmark.accuracy((3, 0, 0, 1, 0, 0), task=task, split="test")
    assert network.head.out_channels == 2
    assert len(trainings) == 1
    assert benchmark.classes(task) == ("lying", "standing")


def test_the_network_of_nas_bench_201_is_trained_where_it_is_asked_for(stripes):
    settings = replace(QUICK, epochs=20, cells_per_stage=5, has_residual_blocks=True)
    benchmark, task = benchmark_of(stripes, settings=settings), str(stripes)
    network, _ = benchmark.trained_network(CELL, task)
    small, _ = benchmark_of(stripes).trained_network(CELL, task)
    n_parameters, n_small = (sum(p.numel() for p in n.parameters()) for n in (network, small))
    assert n_parameters > 3 * n_small
    assert benchmark.accuracy(CELL, task=task, split="test") > 80


def test_a_target_is_not_read_before_it_is_asked_for(stripes, tmp_path):
    missing = tmp_path / "not" / "there"
    benchmark = benchmark_of(stripes, missing)
    benchmark.source_oracle(str(stripes), 3).validation_accuracy(CELL)
    with pytest.raises(ImageError, match="there"):
        benchmark.accuracy(CELL, task=str(missing), split="test")


def test_mistakes(stripes, tmp_path):
    with pytest.raises(ConfigError, match="go by the same name"):
        benchmark_of(stripes, tmp_path / "stripes")
    with pytest.raises(ConfigError, match="the target 'cifar10' must be one, too"):
        benchmark_of(stripes, Path("cifar10"))
    with pytest.raises(ConfigError, match="cannot be trained on images"):
        TrainedBenchmark(TRANSBENCH101_MACRO, [str(stripes)], 12, 0, False, 0)
    with pytest.raises(UnknownNameError, match="split"):
        benchmark_of(stripes).accuracy(CELL, task=str(stripes), split="all")
    with pytest.raises(UnknownNameError, match="unknown task"):
        benchmark_of(stripes).accuracy(CELL, task="digit", split="val")


def test_too_few_images_to_test_on(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "few" / name).mkdir(parents=True)
        for i in range(2):
            image = np.random.default_rng([ord(name), i]).integers(256, size=(12, 12), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / "few" / name / f"{i}.png")
    with pytest.raises(ImageError, match="too few images to train, validate and test on"):
        benchmark_of(tmp_path / "few").accuracy(CELL, task=str(tmp_path / "few"), split="val")
