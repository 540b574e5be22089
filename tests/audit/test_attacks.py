from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from naslib_archlock.audit.attacks import ATTACKS, SCRATCH, TRANSFERS, attack, drawn_images
from naslib_archlock.errors import ConfigError
from naslib_archlock.networks.fit import FitSettings, fit, initial_network, train
from naslib_archlock.tasks.digits_tasks import digits_task
from naslib_archlock.tasks.labelled_images import LabelledImages

CELL = (3, 2, 1, 3, 1, 2)
SEEDS = (0, 1)
QUICK = FitSettings(epochs=3, batch_size=50, learning_rate=3e-2)


@pytest.fixture(scope="module")
def released() -> dict[str, torch.Tensor]:
    """The weights before the head of two networks that were trained on digits."""
    return fit(CELL, digits_task("digit")["train"], QUICK, SEEDS).body.state_dict()


def attacked(name: str, body: dict[str, torch.Tensor], task: str, fraction: float = 10.0) -> np.ndarray:
    splits = digits_task(task)
    rows = drawn_images(splits["train"], fraction, SEEDS)
    return np.array(attack(name, CELL, body, splits, rows, QUICK, SEEDS)["test"])


def test_training_from_scratch_does_not_look_at_the_weights(released):
    others = {name: torch.zeros_like(value) for name, value in released.items()}
    assert (attacked(SCRATCH, released, "rotation") == attacked(SCRATCH, others, "rotation")).all()
    assert (attacked("fine-tuning", released, "rotation") != attacked("fine-tuning", others, "rotation")).all()


def test_weights_that_know_the_task_are_worth_a_lot(released):
    """On the task that the weights were trained on, every attack with 20 images beats training from scratch."""
    scratch = attacked(SCRATCH, released, "digit", 2)
    for name in TRANSFERS:
        assert (attacked(name, released, "digit", 2) > scratch + 5).all(), name


def test_an_attack_is_the_same_again_and_seeds_are_attacked_apart(released):
    first, again = (attacked("probe, then all", released, "jigsaw") for _ in range(2))
    assert (first == again).all()
    assert first[0] != first[1]


def test_a_linear_probe_leaves_the_body_as_it_is():
    data = digits_task("rotation")["train"]
    generators = [np.random.default_rng(0)]
    network = initial_network(CELL, data, QUICK, generators)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    train(network, network.head, data, np.arange(100)[None], QUICK, 4, generators)
    after = network.state_dict()
    for name, value in before.items():  # this includes the running means of the normalisation
        assert torch.equal(value, after[name]) == name.startswith("body."), name


def test_the_probe_comes_first_and_then_everything():
    assert ATTACKS["probe, then all"] == (*ATTACKS["linear probe"], *ATTACKS["fine-tuning"])
    assert set(TRANSFERS) == set(ATTACKS) - {SCRATCH}


def test_images_of_a_smaller_fraction_are_among_those_of_a_larger_one():
    data = digits_task("digit")["train"]
    one, ten, all_of_them = (drawn_images(data, fraction, SEEDS) for fraction in (1, 10, 100))
    assert (one.shape, ten.shape, all_of_them.shape) == ((2, 10), (2, 100), (2, 1000))
    for few, many in ((one, ten), (ten, all_of_them)):
        assert all(set(a) < set(b) for a, b in zip(few.tolist(), many.tolist()))
    assert [len(set(data.targets[rows].tolist())) for rows in one] == [10, 10]  # one image of each class
    assert set(one[0]) != set(one[1])


def test_a_fraction_of_no_image_is_refused():
    few = digits_task("digit")["train"].take(torch.arange(40))
    with pytest.raises(ConfigError, match=r"audit.fractions: 1% of the 40 training images of digit is not one image"):
        drawn_images(few, 1, SEEDS)


def test_an_attacker_with_few_images_makes_as_many_steps(released, monkeypatch):
    from naslib_archlock.audit import attacks

    steps = []
    monkeypatch.setattr(attacks, "train", lambda *args: steps.append(args[5]))
    for fraction in (1, 100):
        attacked("probe, then all", released, "edges", fraction)
    assert steps == [3 * 20] * 4


def test_images_smaller_than_a_batch_are_one_batch(released):
    splits = digits_task("rotation")
    one: LabelledImages = splits["train"]
    result = attack("fine-tuning", CELL, released, splits, np.array([[3], [5]]), replace(QUICK, epochs=1), SEEDS)
    assert len(one) == 1000
    assert np.isfinite(result["val"] + result["test"]).all()
