from __future__ import annotations

import gzip

import numpy as np
import pytest
from scipy.stats import spearmanr

from naslib_archlock.benchmarks.digits_benchmark import SEEDS, digits_benchmark, functions, read_columns, to_csv
from naslib_archlock.data import checked_path
from naslib_archlock.networks.fit import FitSettings, fit_and_score
from naslib_archlock.spaces.cells import CONV_1X1, CONV_3X3, NONE, SKIP
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.tasks.digits_tasks import DIGITS_TASKS, digits_task
from naslib_archlock.tasks.names import SPLITS
from naslib_archlock.testing.benchmark_contract import check_benchmark


def test_every_distinct_function_was_trained_on_every_task():
    trained, columns = read_columns()
    assert trained == functions()
    assert len(trained) == 871
    assert len(set(map(tuple, DIGITS.representatives(trained).tolist()))) == 871
    figures = {f"{task}/{split}/{seed}" for task in DIGITS_TASKS for split in SPLITS for seed in SEEDS}
    assert set(columns) == figures | {f"{task}/seconds" for task in DIGITS_TASKS}
    assert all(np.isfinite(values).all() for values in columns.values())


def test_a_figure_is_the_mean_of_the_seeds_and_shared_by_equal_functions():
    benchmark = digits_benchmark()
    trained, columns = read_columns()
    row = trained.index((NONE, NONE, NONE, SKIP, NONE, NONE))
    expected = np.mean([columns[f"jigsaw/test/{seed}"][row] for seed in SEEDS])
    for cell in ((NONE, NONE, NONE, SKIP, NONE, NONE), (CONV_3X3, NONE, CONV_1X1, SKIP, NONE, NONE)):
        assert benchmark.accuracy(cell, task="jigsaw", split="test") == pytest.approx(expected)


def test_tasks_disagree_about_cells():
    """The tasks disagree as much as TransNAS tasks do: the mean Spearman correlation is 0.8 or lower."""
    benchmark = digits_benchmark()
    cells = functions()[1:]
    metrics = [[benchmark.accuracy(cell, task=task, split="test") for cell in cells] for task in DIGITS_TASKS]
    correlation = spearmanr(metrics, axis=1)[0]
    assert correlation[np.triu_indices(len(metrics), k=1)].mean() <= 0.8


def test_validation_and_test_agree_and_the_disconnected_cell_has_learnt_nothing():
    benchmark = digits_benchmark()
    for task in DIGITS_TASKS:
        val, test = ([benchmark.accuracy(c, task=task, split=s) for c in functions()[1:]] for s in ("val", "test"))
        assert spearmanr(val, test)[0] > 0.6
        assert benchmark.accuracy((NONE,) * 6, task=task, split="val") <= min(val) + 2


@pytest.mark.parametrize("task", DIGITS_TASKS)
def test_a_cell_trained_again_comes_out_the_same(task):
    """Rounding on another machine changes the result, but by much less than the seeds differ."""
    trained, columns = read_columns()
    row = len(trained) // 2 + 7 * DIGITS_TASKS.index(task)
    metrics, _ = fit_and_score(trained[row], digits_task(task), FitSettings(), SEEDS)
    again = {split: np.mean(metrics[split]) for split in SPLITS}
    stored = {split: np.mean([columns[f"{task}/{split}/{seed}"][row] for seed in SEEDS]) for split in SPLITS}
    spread = {split: np.ptp(columns[f"{task}/{split}/0"]) for split in SPLITS}
    for split in SPLITS:
        assert again[split] == pytest.approx(stored[split], abs=max(1.5, 0.05 * spread[split]))


def test_the_file_is_the_same_whenever_it_is_written():
    trained, columns = read_columns()
    rows = {
        cell: {
            task: {
                **{split: [columns[f"{task}/{split}/{seed}"][i] for seed in SEEDS] for split in SPLITS},
                "seconds": columns[f"{task}/seconds"][i],
            }
            for task in DIGITS_TASKS
        }
        for i, cell in enumerate(trained)
    }
    written, stored = to_csv(rows), checked_path("digits.csv.gz").read_bytes()
    assert written == to_csv(rows)
    assert gzip.decompress(written) == gzip.decompress(stored)  # versions of Python compress differently


def test_it_keeps_the_contract_of_benchmarks():
    check_benchmark(digits_benchmark(), np.random.default_rng(0))


def test_figures_are_called_what_they_are():
    assert "means of three seeds" in " ".join(digits_benchmark().notes)
