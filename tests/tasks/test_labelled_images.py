from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.tasks.labelled_images import LabelledImages

IMAGES = torch.arange(4 * 3 * 2 * 2, dtype=torch.float32).reshape(4, 3, 2, 2) / 48


def classes(*labels, n_classes=3):
    return LabelledImages("c", IMAGES[: len(labels)], torch.tensor(labels), n_classes)


def numbers(*targets):
    return LabelledImages("r", IMAGES[: len(targets)], torch.tensor(targets, dtype=torch.float32), 0)


DENSE = LabelledImages("d", IMAGES, IMAGES[:, :2] ** 2, 0)


@pytest.mark.parametrize(
    ("data", "is_classification", "is_dense", "n_outputs"),
    [
        (classes(0, 1, 1, 0), True, False, 3),  # a class without images has an output, too
        (numbers([0.0], [1.0], [2.0], [3.0]), False, False, 1),
        (numbers([0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]), False, False, 2),
        (DENSE, False, True, 2),
    ],
)
def test_kinds_of_tasks(data, is_classification, is_dense, n_outputs):
    assert len(data) == 4
    assert (data.is_classification, data.is_dense, data.n_outputs) == (is_classification, is_dense, n_outputs)


@pytest.mark.parametrize("data", [classes(0, 1, 2, 0), numbers([0.0], [1.0], [2.0], [3.0]), DENSE])
def test_taking_rows(data):
    rows = torch.tensor([3, 0, 0])
    part = data.take(rows)
    assert (part.name, part.n_classes, len(part)) == (data.name, data.n_classes, 3)
    for mine, whole in ((part.images, data.images), (part.targets, data.targets)):
        assert mine.dtype == whole.dtype
        assert torch.equal(mine, torch.stack([whole[3], whole[0], whole[0]]))
    assert len(data.take(torch.tensor([], dtype=torch.int64))) == 0


def test_loss_by_hand():
    outputs = torch.tensor([[0.0, 0.0, math.log(2)], [math.log(6), 0.0, 0.0]])
    # The right class has odds of 2 in 4, and of 1 in 8.
    expected = -(math.log(2 / 4) + math.log(1 / 8)) / 2
    assert float(classes(2, 1).loss(outputs, torch.tensor([2, 1]))) == pytest.approx(expected)
    task = numbers([0.0, 1.0], [2.0, 3.0])
    assert float(task.loss(torch.tensor([[0.0, 3.0], [1.0, 3.0]]), task.targets)) == pytest.approx((4 + 1) / 4)


@pytest.mark.parametrize("data", [classes(0, 1, 2, 0), DENSE])
def test_loss_can_be_trained_on(data):
    shape = (4, 3) if data.is_classification else data.targets.shape
    outputs = torch.zeros(shape, requires_grad=True)
    loss = data.loss(outputs, data.targets)
    loss.backward()
    assert loss.ndim == 0
    step = (outputs - 0.1 * outputs.grad).detach()
    assert data.loss(step, data.targets) < loss


def test_accuracy_by_hand():
    outputs = torch.tensor([[9.0, 1.0, 2.0], [0.0, -1.0, -2.0], [0.0, 0.1, 0.2], [5.0, 5.5, 1.0]])
    assert classes(0, 1, 2, 1).score(outputs) == 75
    assert classes(1, 1, 1, 2).score(outputs) == 0


def test_explained_variance_by_hand():
    task = numbers([0.0], [2.0], [4.0], [6.0])  # the mean is 3, the squares about it are 9 + 1 + 1 + 9
    assert task.score(torch.tensor([[0.0], [2.0], [4.0], [6.0]])) == 100
    assert task.score(torch.tensor([[3.0]] * 4)) == 0
    assert task.score(torch.tensor([[1.0], [2.0], [4.0], [5.0]])) == pytest.approx(100 * (1 - 2 / 20))
    assert task.score(torch.tensor([[6.0], [4.0], [2.0], [0.0]])) == pytest.approx(100 * (1 - 80 / 20))


def test_explained_variance_is_about_the_mean_of_each_output():
    task = numbers([0.0, 100.0], [2.0, 104.0])  # the variances are 1 and 4
    assert task.score(torch.tensor([[1.0, 102.0]] * 2)) == 0
    assert task.score(torch.tensor([[0.0, 102.0], [2.0, 102.0]])) == pytest.approx(100 * (1 - 4 / 5))


def test_explained_variance_of_images_is_about_the_mean_image():
    assert DENSE.score(DENSE.targets.mean(dim=0, keepdim=True).expand_as(DENSE.targets)) == pytest.approx(0, abs=1e-9)
    assert DENSE.score(DENSE.targets) == 100


@given(st.lists(st.floats(-10, 10, width=32), min_size=8, max_size=8), st.floats(0.5, 4), st.floats(-8, 8))
def test_explained_variance_does_not_depend_on_unit_and_zero(values, unit, zero):
    targets = torch.tensor([[-1.0, 0.0], [1.0, 3.0], [0.0, 5.0], [2.0, 9.0]], dtype=torch.float64)
    outputs = torch.tensor(values, dtype=torch.float64).reshape(4, 2)
    scores = [LabelledImages("r", IMAGES, u * targets + z, 0).score(u * outputs + z) for u, z in ((1, 0), (unit, zero))]
    assert scores[1] == pytest.approx(scores[0], rel=1e-6, abs=1e-6)
    assert scores[0] <= 100


def test_scores_are_summed_up_in_double_precision():
    rng = np.random.default_rng(0)
    targets = torch.from_numpy((1000 + 0.01 * rng.standard_normal((4, 2000))).astype(np.float32))
    task = LabelledImages("r", IMAGES, targets, 0)
    exact = targets.double()
    expected = 100 * (1 - 0.25)  # half of the deviation remains, so a quarter of the variance
    assert task.score(exact.mean(0) + (exact - exact.mean(0)) / 2) == pytest.approx(expected)


def test_tasks_have_the_same_classes_if_their_names_are_known_to_be_the_same():
    cats, dogs, unknown = (replace(classes(0, 1), classes=names) for names in (("a", "b"), ("a", "c"), ()))
    assert cats.has_classes_of(cats.take(torch.tensor([0])))
    assert not cats.has_classes_of(dogs)
    assert not unknown.has_classes_of(unknown)
