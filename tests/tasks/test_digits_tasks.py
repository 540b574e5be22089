from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from naslib_archlock.errors import UnknownNameError
from naslib_archlock.tasks.digits_tasks import DIGITS_TASKS, digits_task
from naslib_archlock.tasks.names import SPLITS

SIZES = {"train": 1000, "val": 400, "test": 397}
EACH_SPLIT = pytest.mark.parametrize("split", SPLITS)


def pixels(task, split):
    """The images of a task, ``n x 8 x 8``."""
    return digits_task(task)[split].images[:, 0].numpy()


def originals(split):
    """The digits before the tasks change them."""
    return pixels("autoencoder", split)


def targets(task, split):
    return digits_task(task)[split].targets.numpy()


@pytest.mark.parametrize(
    ("task", "n_classes", "target_shape"),
    [
        ("digit", 10, ()), ("rotation", 4, ()), ("jigsaw", 24, ()),
        ("noise", 0, (1,)), ("autoencoder", 0, (1, 8, 8)), ("edges", 0, (2, 8, 8)),
    ],
)  # fmt: skip
def test_shapes_and_types(task, n_classes, target_shape):
    splits = digits_task(task)
    assert list(splits) == list(SPLITS)
    for split, data in splits.items():
        assert (data.name, data.n_classes, len(data)) == (task, n_classes, SIZES[split])
        assert (data.images.shape, data.images.dtype) == ((SIZES[split], 1, 8, 8), torch.float32)
        assert data.targets.shape == (SIZES[split], *target_shape)
        assert data.targets.dtype == (torch.int64 if n_classes else torch.float32)
        assert data.is_dense == (len(target_shape) == 3)
        assert data.images.isfinite().all()
        if n_classes:
            assert data.targets.unique().tolist() == list(range(n_classes))


def test_the_tasks():
    assert set(DIGITS_TASKS) == {"digit", "rotation", "jigsaw", "noise", "autoencoder", "edges"}


@pytest.mark.parametrize("task", sorted(set(DIGITS_TASKS) - {"noise"}))
@EACH_SPLIT
def test_images_lie_between_0_and_1(task, split):
    images = pixels(task, split)
    assert (images.min(), images.max()) == (0, 1)


def test_the_splits_share_no_image_and_leave_none_out():
    images = np.concatenate([originals(split) for split in SPLITS]).reshape(-1, 64)
    assert len(np.unique(images, axis=0)) == len(images) == 1797  # all digits are different
    everything = load_digits().data / 16
    np.testing.assert_array_equal(np.unique(images, axis=0), np.unique(everything, axis=0).astype(np.float32))


@pytest.mark.parametrize("task", ["digit", "edges"])
@EACH_SPLIT
def test_the_splits_are_the_same_for_tasks_that_leave_the_images_as_they_are(task, split):
    np.testing.assert_array_equal(pixels(task, split), originals(split))


@EACH_SPLIT
def test_digit(split):
    bunch = load_digits()
    digit_of = {(image / 16).astype(np.float32).tobytes(): digit for image, digit in zip(bunch.images, bunch.target)}
    assert targets("digit", split).tolist() == [digit_of[image.tobytes()] for image in originals(split)]


@EACH_SPLIT
def test_rotation_is_undone_by_its_label(split):
    back = [np.rot90(image, -label) for image, label in zip(pixels("rotation", split), targets("rotation", split))]
    np.testing.assert_array_equal(back, originals(split))


def quadrants(image):
    return [image[y : y + 4, x : x + 4] for y in (0, 4) for x in (0, 4)]


@EACH_SPLIT
def test_jigsaw_is_undone_by_its_label(split):
    orders = list(itertools.permutations(range(4)))
    for image, label, original in zip(pixels("jigsaw", split), targets("jigsaw", split), originals(split)):
        tiles = quadrants(original)
        for place, tile in zip(quadrants(image), orders[label]):
            np.testing.assert_array_equal(place, tiles[tile])


@pytest.mark.parametrize("task", ["rotation", "jigsaw"])
def test_turns_and_orders_are_equally_frequent_and_tell_nothing_of_the_digit(task):
    labels, digits = targets(task, "train"), targets("digit", "train")
    n_classes = digits_task(task)["train"].n_classes
    counts = np.zeros((n_classes, 10))
    np.add.at(counts, (labels, digits), 1)
    assert abs(counts.sum(axis=1) - 1000 / n_classes).max() < 5 * np.sqrt(1000 / n_classes)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / 1000
    freedom = (n_classes - 1) * 9
    assert ((counts - expected) ** 2 / expected).sum() < freedom + 5 * np.sqrt(2 * freedom)  # a chi-squared test


@EACH_SPLIT
def test_noise_is_what_remains_beside_gain_and_offset(split):
    """The noise around a straight line in the original image has the standard deviation that the target encodes."""
    level = targets("noise", split)[:, 0].astype(np.float64)
    deviations, gains, offsets = [], [], []
    for noisy, original in zip(pixels("noise", split).reshape(-1, 64), originals(split).reshape(-1, 64)):
        (gain, offset), (squares, *_), *_ = np.polyfit(original.astype(float), noisy.astype(float), 1, full=True)
        deviations.append(np.sqrt(squares / 62))
        gains.append(gain)
        offsets.append(offset)
    relative = np.array(deviations) / (0.02 + (level + 1) / 2 * (0.2 - 0.02))
    assert abs(np.median(relative) - 1) < 0.02
    assert abs(relative - 1).max() < 0.5  # with 62 degrees of freedom, the standard error is 9%
    assert np.corrcoef(deviations, level)[0, 1] > 0.95
    for values, low, high in ((gains, 0.5, 1.5), (offsets, -0.5, 0.5), (level, -1, 1)):
        assert abs(np.mean(values) - (low + high) / 2) < 0.1 * (high - low)
        assert abs(np.std(values) / (high - low) - 12**-0.5) < 0.03  # as of a uniform distribution
    assert (abs(level) <= 1).all()


def test_noise_shows_in_high_frequencies_but_not_in_brightness_and_contrast():
    images, level = pixels("noise", "train"), targets("noise", "train")[:, 0]
    # Second differences in both directions remove slopes, but neither noise nor strokes.
    rough = np.diff(np.diff(images, 2, axis=1), 2, axis=2).std(axis=(1, 2))
    rough_margins = abs(np.diff(images[:, :, [0, 7]], axis=1)).mean(axis=(1, 2))  # digits are mostly blank there
    assert np.corrcoef(rough, level)[0, 1] > 0.4
    assert np.corrcoef(rough_margins, level)[0, 1] > 0.8
    for easy in (images.mean(axis=(1, 2)), images.std(axis=(1, 2))):
        assert abs(np.corrcoef(easy, level)[0, 1]) < 0.15


@EACH_SPLIT
def test_autoencoder_wants_the_image_itself(split):
    data = digits_task("autoencoder")[split]
    assert torch.equal(data.images, data.targets)


@EACH_SPLIT
def test_edges_are_the_gradient(split):
    for image, (down, right) in zip(originals(split), targets("edges", split)):
        for edges, axis in ((down, 0), (right, 1)):
            np.testing.assert_allclose(edges, np.gradient(image, axis=axis), atol=1e-6)


def test_edges_by_hand():
    image, (down, right) = originals("val")[0], targets("edges", "val")[0]
    assert down[3, 5] == pytest.approx((image[4, 5] - image[2, 5]) / 2)
    assert down[0, 5] == pytest.approx(image[1, 5] - image[0, 5])
    assert right[3, 5] == pytest.approx((image[3, 6] - image[3, 4]) / 2)
    assert right[3, 7] == pytest.approx(image[3, 7] - image[3, 6])


FINGERPRINTS = """
import hashlib
from naslib_archlock.tasks.digits_tasks import DIGITS_TASKS, digits_task

def fingerprint(task):
    tensors = [tensor for part in digits_task(task).values() for tensor in (part.images, part.targets)]
    return hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in tensors)).hexdigest()
"""


def test_another_process_makes_the_same_tasks_in_another_order(child_environment):
    code = FINGERPRINTS + "print([fingerprint(task) for task in reversed(DIGITS_TASKS)])"
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, env=child_environment, capture_output=True, text=True, check=True).stdout
    here: dict = {}
    exec(FINGERPRINTS, here)
    assert eval(printed) == [here["fingerprint"](task) for task in reversed(DIGITS_TASKS)]


def test_global_generators_are_left_alone():
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    digits_task.cache_clear()
    for task in DIGITS_TASKS:
        digits_task(task)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_an_unknown_task():
    with pytest.raises(UnknownNameError, match="unknown task 'digits' in the digits tasks; known: digit, .*'digit'"):
        digits_task("digits")
