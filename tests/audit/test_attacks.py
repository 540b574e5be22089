from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from naslib_archlock.audit import attacks
from naslib_archlock.audit.attacks import ATTACKS, SCRATCH, Attack, Attacker, attack, drawn_images, register_attack
from naslib_archlock.errors import ConfigError
from naslib_archlock.networks.cell_network import CellNetwork
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
    for name in set(ATTACKS) - {SCRATCH}:
        assert (attacked(name, released, "digit", 2) > scratch + 5).all(), name


def test_an_attack_is_the_same_again_and_seeds_are_attacked_apart(released):
    first, again = (attacked("probe then all", released, "jigsaw") for _ in range(2))
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


@pytest.fixture
def attacker() -> Attacker:
    splits = digits_task("rotation")
    generators = [np.random.default_rng(seed) for seed in SEEDS]
    return Attacker(splits, drawn_images(splits["train"], 10, SEEDS), QUICK, 4, generators)


def run(name: str, attacker: Attacker, body: dict[str, torch.Tensor]) -> CellNetwork:
    network = attacker.new_network(CELL)
    network.body.load_state_dict(body)
    return ATTACKS[name].run(network, attacker)


def changed(network: CellNetwork, body: dict[str, torch.Tensor]) -> set[str]:
    """The names of the parameters of the body that differ from the released ones."""
    return {name for name, value in network.body.named_parameters() if not torch.equal(value, body[name])}


def test_the_probe_comes_first_and_then_everything(released, attacker, monkeypatch):
    trained = []
    monkeypatch.setattr(attacks, "train", lambda network, part, *_: trained.append(part is network.head))
    run("probe then all", attacker, released)
    run("linear probe", attacker, released)
    run("fine-tuning", attacker, released)
    assert trained == [True, False, True, False]


def test_bitfit_changes_the_biases_alone(released, attacker):
    network = run("BitFit", attacker, released)
    names = changed(network, released)
    assert names == {name for name in dict(network.body.named_parameters()) if name.endswith("bias")}


def test_lora_adds_a_matrix_of_low_rank_to_each_1x1_convolution_and_changes_nothing_else(released, attacker):
    network = run("LoRA", attacker, released)
    n_adapted = 0
    for name, module in network.body.named_modules():
        if not isinstance(module, torch.nn.Conv2d):
            continue
        before = released[f"{name}.weight"]
        difference = (module.weight - before).detach()
        if module.kernel_size == (1, 1):
            for copy in difference.flatten(1).chunk(len(SEEDS)):
                assert torch.linalg.matrix_rank(copy, rtol=1e-3) == 2
            n_adapted += 1
        else:
            assert not difference.any()
    assert n_adapted > 2
    norms = [name for name, m in network.body.named_modules() if isinstance(m, torch.nn.BatchNorm2d)]
    after = network.body.state_dict()
    assert all(torch.equal(after[f"{name}.weight"], released[f"{name}.weight"]) for name in norms)


def test_distillation_ends_with_another_architecture_that_gives_the_released_features(released, attacker, monkeypatch):
    """Its labels are not looked at before the student knows the features."""
    teacher = attacker.new_network(CELL)
    teacher.body.load_state_dict(released)
    images = attacker.splits["train"].images[attacker.rows[0]].repeat(1, len(SEEDS), 1, 1)

    def distance(student: CellNetwork) -> float:
        with torch.no_grad():
            return float((student.eval().body(images) - teacher.eval().body(images)).square().mean())

    seen = []
    before = distance(attacker.new_network((3,) * 6))
    longer = replace(attacker, n_steps=40)
    monkeypatch.setattr(attacks, "train", lambda network, *_: seen.append(distance(network)))
    student = ATTACKS["distillation"].run(teacher, longer)
    assert {name.partition(".")[0] for name, _ in student.named_children()} == {"body", "head"}
    assert sum(m.kernel_size == (3, 3) for m in student.body.modules() if isinstance(m, torch.nn.Conv2d)) == 13
    assert seen[0] < 0.7 * before


def test_a_long_fine_tuning_makes_four_times_as_many_steps(released, attacker, monkeypatch):
    steps = []
    monkeypatch.setattr(attacks, "train", lambda *args: steps.append(args[5]))
    run("long fine-tuning", attacker, released)
    assert steps == [16]


class Nothing(Attack):
    name = "nothing"
    summary = "trains nothing"

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        return released


def test_an_attack_of_ones_own_is_known_by_its_name(released, monkeypatch):
    monkeypatch.setattr(attacks, "ATTACKS", dict(ATTACKS))
    register_attack(Nothing())
    register_attack(Nothing())
    splits = digits_task("rotation")
    rows = drawn_images(splits["train"], 10, SEEDS)
    assert attack("nothing", CELL, released, splits, rows, QUICK, SEEDS)["test"][0] < 60
    for name in ("fine-tuning", "a,b", " "):
        another = type("Another", (Nothing,), {"name": name})()
        with pytest.raises(ConfigError, match="there is an attack fine-tuning already|without commas"):
            register_attack(another)


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
    steps = []
    monkeypatch.setattr(attacks, "train", lambda *args: steps.append(args[5]))
    for fraction in (1, 100):
        attacked("probe then all", released, "edges", fraction)
    assert steps == [3 * 20] * 4


def test_the_attacker_may_make_a_share_of_the_steps(released, monkeypatch):
    steps = []
    monkeypatch.setattr(attacks, "train", lambda *args: steps.append(args[5]))
    splits = digits_task("edges")
    for share in (100, 10, 0.1):
        attack("fine-tuning", CELL, released, splits, np.array([[0], [1]]), QUICK, SEEDS, share)
    assert steps == [60, 6, 1]


def test_a_training_of_one_step_is_possible(released):
    splits = digits_task("edges")
    result = attack("fine-tuning", CELL, released, splits, np.array([[0], [1]]), QUICK, SEEDS, 0.1)
    assert np.isfinite(result["test"]).all()


def test_images_smaller_than_a_batch_are_one_batch(released):
    splits = digits_task("rotation")
    one: LabelledImages = splits["train"]
    result = attack("fine-tuning", CELL, released, splits, np.array([[3], [5]]), replace(QUICK, epochs=1), SEEDS)
    assert len(one) == 1000
    assert np.isfinite(result["val"] + result["test"]).all()
