from __future__ import annotations

import gzip
import itertools

import numpy as np
import pytest

from naslib_archlock.benchmarks.domains_benchmark import (
    N_IMAGES,
    SEEDS,
    column,
    domains_benchmark,
    read_figures,
    to_csv,
)
from naslib_archlock.data import checked_path
from naslib_archlock.errors import ConfigError, UnknownNameError
from naslib_archlock.spaces.known import DIGITS_DOMAINS
from naslib_archlock.testing.benchmark_contract import check_benchmark

SPACE = DIGITS_DOMAINS
PAIRS = list(itertools.permutations(SPACE.tasks, 2))


def mean(name, split="val"):
    return read_figures()[1][f"{name}/{split}"].mean(axis=1)


def test_every_function_was_trained_on_every_domain():
    cells, figures = read_figures()
    assert set(map(tuple, cells.tolist())) == set(map(tuple, SPACE.distinct().tolist()))
    names = {column(None, task, None) for task in SPACE.tasks}
    names |= {column(None, task, n) for task in SPACE.tasks for n in N_IMAGES if n}
    names |= {column(source, task, n) for source, task in PAIRS for n in N_IMAGES}
    assert set(figures) == {f"{name}/{split}" for name in names for split in ("val", "test")}
    assert {values.shape for values in figures.values()} == {(160, len(SEEDS))}
    assert all(np.isfinite(figures[f"{task}/{split}"]).all() for task in SPACE.tasks for split in ("val", "test"))


def test_the_functions_within_five_percent_of_the_best_were_attacked():
    for source, target in PAIRS:
        is_within = mean(source) >= 0.95 * mean(source).max()
        assert is_within.sum() >= 20
        for n in N_IMAGES:
            for split in ("val", "test"):
                attacked = np.isfinite(mean(column(source, target, n), split))
                assert attacked[is_within].all()
                assert not attacked[mean(source) < 0.94 * mean(source).max()].any()


@pytest.mark.parametrize("n_images", N_IMAGES)
def test_it_keeps_the_promises_of_a_benchmark(n_images):
    benchmark = domains_benchmark(n_images)
    check_benchmark(benchmark, np.random.default_rng(n_images), n_archs=8)
    assert benchmark.n_attacked == n_images
    assert f"fine-tuned on {n_images} images" in benchmark.notes[0]


def test_figures_of_the_attacker_are_those_of_so_many_images():
    cells, figures = read_figures()
    row = int(np.flatnonzero(np.isfinite(mean("plain>bold~10")))[0])
    cell = tuple(cells[row].tolist())
    for n_images in N_IMAGES:
        found = domains_benchmark(n_images).accuracy(cell, task="bold", split="test", pretrained_on="plain")
        assert found == pytest.approx(figures[f"plain>bold~{n_images}/test"][row].mean())
        assert domains_benchmark(n_images).accuracy(cell, task="bold", split="test") == pytest.approx(
            figures["bold/test"][row].mean()
        )


def test_a_cell_that_was_not_attacked_has_no_figure():
    cells, _ = read_figures()
    cell = tuple(cells[int(np.argmin(mean("plain")))].tolist())
    benchmark = domains_benchmark()
    assert np.isfinite(benchmark.accuracy(cell, task="noisy", split="val"))
    with pytest.raises(UnknownNameError, match="has no figure of .* trained on plain and then on noisy.*within 5%"):
        benchmark.accuracy(cell, task="noisy", split="val", pretrained_on="plain")
    assert np.isnan(benchmark.accuracies("noisy", "val", pretrained_on="plain")).any()


def test_an_attacker_who_was_not_measured_is_refused():
    with pytest.raises(ConfigError, match="n_images=20 must be one of 0, 10, 30, 100"):
        domains_benchmark(20)


def test_weights_are_worth_much_to_an_attacker_with_ten_images():
    """The benchmark is about weights, so they must help: by 5 points at least, in the mean over the cells of a pair."""
    for source, target in PAIRS:
        gain = mean(column(source, target, 10), "test") - mean(column(None, target, 10), "test")
        assert np.nanmean(gain) >= 5
    more = [np.nanmean([mean(column(*pair, n), "test") for pair in PAIRS]) for n in N_IMAGES]
    assert more == sorted(more)


def test_the_file_is_the_same_whenever_it_is_written():
    cells, figures = read_figures()
    names = list(dict.fromkeys(name.rpartition("/")[0] for name in figures))
    rows = {
        tuple(cell): {
            name: {split: figures[f"{name}/{split}"][row].tolist() for split in ("val", "test")}
            for name in names
            if np.isfinite(figures[f"{name}/val"][row]).all()
        }
        for row, cell in enumerate(cells.tolist())
    }
    assert gzip.decompress(to_csv(rows)) == gzip.decompress(checked_path("domains.csv.gz").read_bytes())


@pytest.mark.slow
def test_a_cell_trained_and_attacked_again_comes_out_the_same():
    """Rounding on another machine changes the result, but by less than cells differ."""
    from experiments.domains_benchmark.training import train_and_attack

    cells, figures = read_figures()
    attacked = np.isfinite(mean("bold>plain~10")) & ~np.isfinite(mean("noisy>plain~10"))
    light = np.flatnonzero(attacked)[int(np.argmin(SPACE.flops(cells[attacked])))]
    floors = {**dict.fromkeys(SPACE.tasks, 101.0), "bold": 0.0}
    (again,) = train_and_attack([tuple(cells[light].tolist())], floors)
    assert {name for name in again if ">" in name} == {column("bold", t, n) for t in SPACE.tasks[:4] for n in N_IMAGES}
    for name, of_name in again.items():
        for split in ("val", "test"):
            stored = figures[f"{name}/{split}"]
            tolerance = max(3.0, 0.2 * float(np.nanmax(stored) - np.nanmin(stored)))
            assert np.mean(of_name[split]) == pytest.approx(stored[light].mean(), abs=tolerance), name
