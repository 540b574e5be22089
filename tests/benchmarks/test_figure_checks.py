"""Figures that are not of a task's metric are noticed, whatever they are instead."""

from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.benchmarks.digits_benchmark import digits_benchmark
from naslib_archlock.benchmarks.figure_checks import fault_in_column, fault_in_figure
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, SPACES, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.spaces.metrics import LARGEST
from naslib_archlock.tasks.names import SPLITS

# What people give in place of a metric, made from the metric
INSTEAD = {
    "a loss": lambda figures: -np.log(np.clip(figures, 1, 100) / 100),
    "an error in %": lambda figures: 100 - figures,
    "minus an accuracy": lambda figures: -figures,
    "per mille": lambda figures: figures * 10,
}


@pytest.fixture(scope="module")
def digit() -> np.ndarray:
    """The test accuracies on digit, in the order of ``DIGITS.all()``."""
    return digits_benchmark().accuracies("digit", "test")


def fault(figures: np.ndarray, task: str = "digit") -> str:
    return fault_in_column(DIGITS, task, DIGITS.all(), figures)


@pytest.mark.parametrize("space", SPACES.values(), ids=list(SPACES))
def test_each_task_has_a_metric_and_the_tasks_keep_their_order(space):
    assert space.tasks == tuple(space.metrics)
    for metric in space.metrics.values():
        assert -LARGEST <= metric.low < metric.high <= LARGEST
        assert "higher is better" in str(metric)


def test_the_metric_that_naslib_gives_is_the_one_that_is_stated():
    assert TRANSBENCH101_MICRO.metrics["room_layout"].high == 0
    assert TRANSBENCH101_MACRO.metrics["normal"].high == 1
    assert DIGITS.metrics["autoencoder"].low < TRANSBENCH101_MICRO.metrics["autoencoder"].low  # of one name, not alike


@pytest.mark.parametrize("name", ["room_layout", "Room-Layout", "room layout"])
def test_a_task_has_its_metric_under_each_of_its_names(name):
    arch = TRANSBENCH101_MICRO.all()[-1]
    assert "put a minus sign" in fault_in_figure(TRANSBENCH101_MICRO, name, arch, 0.6)
    assert fault_in_figure(TRANSBENCH101_MICRO, f"my {name}", arch, 0.6) == ""


@pytest.mark.parametrize("task", [*DIGITS.tasks, "a task of my own"])
@pytest.mark.parametrize("split", SPLITS)
def test_the_figures_in_the_box_are_right(task, split):
    of = task if task in DIGITS.tasks else "noise"  # the one where a dead network beats the most others, by chance
    assert fault(digits_benchmark().accuracies(of, split), task) == ""


@pytest.mark.parametrize("space", [NASBENCH201, TRANSBENCH101_MICRO, TRANSBENCH101_MACRO], ids=lambda space: space.name)
def test_the_figures_of_public_benchmarks_are_right(shared_data, space):
    benchmark = read_table(find_table(shared_data, space), space)
    for task in benchmark.tasks:
        for split in SPLITS:
            assert fault_in_column(space, task, space.all(), benchmark.accuracies(task, split)) == ""
            if space is not TRANSBENCH101_MACRO:  # it has no network without a connection
                wrong = fault_in_column(space, "mine", space.all(), -benchmark.accuracies(task, split))
                assert "without any connection" in wrong


@pytest.mark.parametrize("what", INSTEAD)
def test_what_is_given_in_place_of_an_accuracy(digit, what):
    message = fault(INSTEAD[what](digit))
    assert "digit has top-1 accuracy in % (from 0 to 100, higher is better); give it in %" in message


@pytest.mark.parametrize("what", ["a loss", "an error in %", "minus an accuracy"])
def test_the_direction_of_an_unknown_task_is_seen_by_networks_that_can_learn_nothing(digit, what):
    message = fault(INSTEAD[what](digit), "mine")
    assert "without any connection" in message and "a loss or an error with a minus sign" in message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_figure_that_is_no_number(digit, value):
    figures = digit.copy()
    figures[77] = value
    assert f"is not a number for {DIGITS.to_str(tuple(DIGITS.all()[77].tolist()))}" in fault(figures)
    assert "is not a number" in fault(figures, "mine")


@pytest.mark.parametrize("value", [1e308, -1e308, 1e16])
def test_one_figure_near_the_largest_float(digit, value):
    figures = digit.copy()
    figures[77] = value
    for task in ("digit", "noise", "mine")[1 if value < 0 else 0 :]:
        assert f"holds {value:g}" in fault(figures, task)


def test_equal_figures_and_noise_are_no_fault(digit):
    rng = np.random.default_rng(0)
    assert fault(np.zeros(len(digit))) == fault(np.full(len(digit), 0.5)) == ""
    for _ in range(20):
        assert fault(rng.uniform(0, 100, len(digit))) == ""


@pytest.mark.parametrize(
    ("task", "figure", "advice"),
    [("room_layout", 0.63, "minus sign before each loss"), ("normal", 53.9, "the SSIM itself, neither in %"),
     ("mine", 1e200, "from -1e+15 to 1e+15")],
)  # fmt: skip
def test_one_figure_outside_the_range_says_what_to_do(task, figure, advice):
    space = TRANSBENCH101_MICRO
    message = fault_in_figure(space, task, (3,) * 6, figure)
    assert f"holds {figure:g} for {space.to_str((3,) * 6)}, but {task} has" in message
    assert advice in message
