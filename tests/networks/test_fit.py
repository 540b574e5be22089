from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from naslib_archlock.networks.fit import (
    FitSettings,
    fit,
    fit_and_score,
    imitate,
    initial_network,
    outputs_of,
    per_copy,
    scores,
    train,
    until_learnt,
)
from naslib_archlock.tasks.digits_tasks import digits_task
from naslib_archlock.tasks.labelled_images import LabelledImages

CELL = (3, 1, 2, 3, 0, 1)
QUICK = FitSettings(epochs=2, batch_size=25)


def few(task: str, n: int = 100) -> LabelledImages:
    return digits_task(task)["train"].take(torch.arange(n))


@pytest.mark.parametrize("task", ["digit", "noise", "edges"])
def test_networks_side_by_side_are_those_trained_alone(task):
    """After a step, each copy has the weights, to float tolerance, of a network that is trained alone with its seed.

    After many steps, they differ by more, because Adam turns a gradient of rounding errors into a whole step.
    """
    data, one_step = few(task), FitSettings(epochs=1, batch_size=100, learning_rate=1e-3)
    together = fit(CELL, data, one_step, (5, 6))
    for copy, seed in enumerate((5, 6)):
        alone = fit(CELL, data, one_step, (seed,))
        for name, value in alone.state_dict().items():
            if value.ndim:
                part = together.state_dict()[name].chunk(2)[copy]
                torch.testing.assert_close(part, value, rtol=1e-4, atol=1e-5, msg=name)
        assert scores(together, data)[copy] == pytest.approx(scores(alone, data)[0], abs=1.1)


def test_training_learns():
    data = few("digit", 400)
    untrained, trained = (
        scores(fit(CELL, data, FitSettings(epochs=n, batch_size=50, learning_rate=rate), (0,)), data)[0]
        for n, rate in ((1, 1e-9), (8, 2e-2))
    )
    assert untrained < 30 < 80 < trained


def test_a_seed_gives_the_same_network_and_another_seed_another():
    first, again, other = (fit(CELL, few("digit"), QUICK, (seed,)).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_global_generators_are_left_alone():
    torch.manual_seed(3)
    np.random.seed(3)
    fit(CELL, few("digit"), QUICK, (0,))
    after = torch.rand(1), np.random.rand()
    torch.manual_seed(3)
    np.random.seed(3)
    assert (torch.rand(1), np.random.rand()) == after


def test_every_split_is_scored_for_every_seed():
    splits = {"train": few("digit"), "val": few("digit", 30)}
    metrics, seconds = fit_and_score(CELL, splits, QUICK, (0, 1, 2))
    assert {split: len(values) for split, values in metrics.items()} == {"train": 3, "val": 3}
    assert all(0 <= value <= 100 for values in metrics.values() for value in values)
    assert seconds > 0


def test_fewer_images_than_a_batch_are_one_batch():
    network = fit(CELL, few("digit", 10), FitSettings(epochs=1), (0,))
    assert np.isfinite(scores(network, few("digit", 10))).all()


def test_a_part_can_be_trained_in_some_of_its_parameters_alone():
    data, generators = few("digit"), [np.random.default_rng(0)]
    network = initial_network((3, 2, 1, 3, 1, 2), data, FitSettings(), generators)
    before = {name: value.clone() for name, value in network.named_parameters()}
    train(network, network, data, np.arange(100)[None], FitSettings(), 3, generators, [network.head.bias])
    assert {name for name, value in network.named_parameters() if not torch.equal(value, before[name])} == {"head.bias"}


@pytest.mark.parametrize("has_momentum", [False, True])
def test_both_optimizers_learn_by_any_loss(has_momentum):
    """This loss asks copy 0 for class 1 and copy 1 for class 2, whatever the image shows."""
    data, generators = few("digit"), [np.random.default_rng(seed) for seed in (0, 1)]
    settings = FitSettings(has_momentum=has_momentum)
    network = initial_network((3, 2, 1, 3, 1, 2), data, settings, generators)
    rows = np.tile(np.arange(100), (2, 1))
    train(network, network, data, rows, settings, 30, generators, loss=lambda copy, o, _: -o[:, copy + 1].mean())
    assert [set(outputs.argmax(dim=1).tolist()) for outputs in outputs_of(network, data)] == [{1}, {2}]


def test_a_student_learns_the_features_of_its_teacher_and_the_teacher_stays():
    data, generators = few("digit"), [np.random.default_rng(seed) for seed in (0, 1)]
    teacher = fit((3, 2, 1, 3, 1, 2), data, FitSettings(), (0, 1))
    student = initial_network((3,) * 6, data, FitSettings(), generators)
    kept = {name: value.clone() for name, value in teacher.state_dict().items()}
    head = student.head.weight.clone()

    def distance() -> float:
        images = data.images.repeat(1, 2, 1, 1)
        with torch.no_grad():
            return float((student.eval().body(images) - teacher.eval().body(images)).square().mean())

    before = distance()
    imitate(student, teacher, data, np.tile(np.arange(100), (2, 1)), FitSettings(), 40, generators)
    assert distance() < 0.6 * before
    assert all(torch.equal(kept[name], value) for name, value in teacher.state_dict().items())
    assert torch.equal(head, student.head.weight)


def test_outputs_are_cut_into_copies():
    outputs = torch.arange(12).view(2, 6)
    assert [part.tolist() for part in per_copy(outputs, 3)] == [[[0, 1], [6, 7]], [[2, 3], [8, 9]], [[4, 5], [10, 11]]]


def test_steps_are_doubled_until_the_task_is_learnt():
    easy, settings = few("digit", 40), FitSettings(epochs=1, batch_size=20, min_steps=4)
    assert settings.n_steps(40) == 4
    enough = until_learnt(easy, settings, seed=0)
    assert enough.min_steps in (8, 16, 32, 64, 128, 256)
    assert scores(fit((3,) * 6, easy, enough, [0]), easy)[0] >= 90
    halved = replace(enough, min_steps=enough.min_steps // 2)
    assert scores(fit((3,) * 6, easy, halved, [0]), easy)[0] < 90
    assert until_learnt(easy, replace(settings, min_steps=0), seed=0) == replace(settings, min_steps=0)
