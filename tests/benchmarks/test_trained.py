from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from naslib_archlock.benchmarks.trained import TrainedBenchmark
from naslib_archlock.errors import ConfigError, ImageError, UnknownNameError
from naslib_archlock.networks.fit import FitSettings
from naslib_archlock.spaces.known import TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.testing.benchmark_contract import check_benchmark

QUICK = FitSettings(epochs=4, batch_size=16, widths=(8, 16))
CELL = (3, 2, 1, 3, 1, 2)


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


def test_equal_functions_are_trained_once_and_the_same_again(stripes, monkeypatch):
    from naslib_archlock.benchmarks import trained

    calls = []
    real = trained.fit_and_score
    monkeypatch.setattr(trained, "fit_and_score", lambda *args: calls.append(args) or real(*args))
    benchmark = benchmark_of(stripes)
    first = benchmark.accuracy((3, 0, 0, 1, 0, 0), task=str(stripes), split="val")  # the first edge is dead
    assert benchmark.accuracy((0, 0, 0, 1, 0, 0), task=str(stripes), split="val") == first
    assert len(calls) == 1
    assert benchmark_of(stripes).accuracy((0, 0, 0, 1, 0, 0), task=str(stripes), split="val") == first


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
