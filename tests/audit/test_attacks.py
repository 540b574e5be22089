from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from naslib_archlock.audit import attacks
from naslib_archlock.audit.attacks import (
    ATTACKS,
    SCRATCH,
    Attack,
    Attacker,
    Release,
    attack,
    drawn_images,
    possible_attacks,
    register_attack,
)
from naslib_archlock.errors import ConfigError, UnknownNameError
from naslib_archlock.networks.cell_network import CellNetwork
from naslib_archlock.networks.fit import FitSettings, fit, initial_network, train
from naslib_archlock.tasks.digits_tasks import digits_task
from naslib_archlock.tasks.labelled_images import LabelledImages

CELL = (3, 2, 1, 3, 1, 2)
SEEDS = (0, 1)
WITH_LABELS = ("linear probe", "probe then all", "fine-tuning", "long fine-tuning", "BitFit", "LoRA", "distillation")
QUICK = FitSettings(epochs=3, batch_size=50, learning_rate=3e-2)


@pytest.fixture(scope="module")
def released() -> Release:
    """Two networks that were trained on digits."""
    source = with_classes(digits_task("digit"))
    return Release(CELL, fit(CELL, source["train"], QUICK, SEEDS).state_dict(), source)


def with_classes(splits: Mapping[str, LabelledImages]) -> dict[str, LabelledImages]:
    return {split: replace(data, classes=tuple("0123456789")) for split, data in splits.items()}


def attacked(name: str, release: Release, task: str, fraction: float = 10.0) -> np.ndarray:
    return np.array(attack(name, release, digits_task(task), fraction, QUICK, SEEDS)["test"])


def test_training_from_scratch_does_not_look_at_the_weights(released):
    others = replace(released, weights={name: torch.zeros_like(v) for name, v in released.weights.items()})
    assert (attacked(SCRATCH, released, "rotation") == attacked(SCRATCH, others, "rotation")).all()
    assert (attacked("fine-tuning", released, "rotation") != attacked("fine-tuning", others, "rotation")).all()


def test_weights_that_know_the_task_are_worth_a_lot(released):
    """On the task that the weights were trained on, every attack with 20 images beats training from scratch."""
    scratch = attacked(SCRATCH, released, "digit", 2)
    for name in WITH_LABELS:
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
def attacker(released: Release) -> Attacker:
    """An attacker with a tenth of the images of rotation."""
    return attacker_of(released, digits_task("rotation"))


@pytest.fixture
def neighbour(released: Release) -> Attacker:
    """An attacker with a tenth of the images of inverted digits, which have the classes of the source."""
    inverted = {split: replace(data, images=1 - data.images) for split, data in released.source.items()}
    return replace(attacker_of(released, inverted), n_steps=60)


def attacker_of(released: Release, target: Mapping[str, LabelledImages]) -> Attacker:
    rows = drawn_images(target["train"], 10, SEEDS)
    generators = [np.random.default_rng(seed) for seed in SEEDS]
    return Attacker(released, target, rows, rows, QUICK, 4, generators)


def run(name: str, attacker: Attacker) -> CellNetwork:
    network = attacker.new_network(CELL)
    network.body.load_state_dict(attacker.release.part("body"))
    return ATTACKS[name].run(network, attacker)


def changed(network: CellNetwork, release: Release) -> set[str]:
    """The names of the parameters that differ from the released ones."""
    return {name for name, value in network.named_parameters() if not torch.equal(value, release.weights[name])}


def test_the_probe_comes_first_and_then_everything(attacker, monkeypatch):
    trained = []
    monkeypatch.setattr(attacks, "train", lambda network, part, *_: trained.append(part is network.head))
    run("probe then all", attacker)
    run("linear probe", attacker)
    run("fine-tuning", attacker)
    assert trained == [True, False, True, False]


def test_bitfit_changes_the_biases_alone(released, attacker):
    network = run("BitFit", attacker)
    names = {name for name in changed(network, released) if name.startswith("body.")}
    assert names == {name for name, _ in network.named_parameters() if name.startswith("body.") and "bias" in name}


def test_lora_adds_a_matrix_of_low_rank_to_each_1x1_convolution_and_changes_nothing_else(released, attacker):
    network = run("LoRA", attacker)
    n_adapted = 0
    for name, module in network.body.named_modules():
        if not isinstance(module, torch.nn.Conv2d):
            continue
        before = released.part("body")[f"{name}.weight"]
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
    before = released.part("body")
    assert all(torch.equal(after[f"{name}.weight"], before[f"{name}.weight"]) for name in norms)


def test_distillation_ends_with_another_architecture_that_gives_the_released_features(released, attacker, monkeypatch):
    """Its labels are not looked at before the student knows the features."""
    teacher = attacker.new_network(CELL)
    teacher.body.load_state_dict(released.part("body"))
    images = attacker.target["train"].images[attacker.rows[0]].repeat(1, len(SEEDS), 1, 1)

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


def test_a_long_fine_tuning_makes_four_times_as_many_steps(attacker, monkeypatch):
    steps = []
    monkeypatch.setattr(attacks, "train", lambda *args: steps.append(args[5]))
    run("long fine-tuning", attacker)
    assert steps == [16]


# -- on a target that has the classes of the source --------------------------------------------------------------------


def test_a_direct_attack_goes_on_from_the_released_head(neighbour, released, monkeypatch):
    assert {name.partition(".")[0] for name in changed(run("direct probe", neighbour), released)} == {"head"}
    assert {name.partition(".")[0] for name in changed(run("direct fine-tuning", neighbour), released)} == {
        "head",
        "body",
    }
    monkeypatch.setattr(attacks, "train", lambda *_: None)
    for name in ("direct probe", "direct fine-tuning"):
        assert changed(run(name, neighbour), released) == set()


@pytest.mark.parametrize(
    ("name", "trains_body", "has_new_head"),
    [
        ("source probe", False, True), ("source fine-tuning", True, True), ("source direct probe", False, False),
        ("source direct fine-tuning", True, False), ("source shifts", True, False),
    ],
)  # fmt: skip
def test_training_on_the_source_sees_no_image_of_the_target(
    neighbour, released, monkeypatch, name, trains_body, has_new_head
):
    seen = []
    monkeypatch.setattr(
        attacks, "train",
        lambda network, part, data, rows, *_: seen.append((part is network, data.targets, data.images, head(network))),
    )  # fmt: skip
    run(name, neighbour)
    ((is_all, targets, images, found),) = seen
    assert is_all == trains_body
    assert torch.equal(targets, released.source["train"].targets)
    assert torch.equal(images, released.source["train"].images) == (name != "source shifts")
    assert torch.equal(found, released.weights["head.weight"]) != has_new_head


def head(network: CellNetwork) -> torch.Tensor:
    return network.state_dict()["head.weight"].clone()


@pytest.mark.parametrize("name", ["information maximisation", "pseudo-labels"])
def test_an_adaptation_without_labels_sees_none(neighbour, name):
    """With other labels, the same network comes of it."""
    data = neighbour.target["train"]
    shuffled = replace(data, targets=data.targets.flip(0))
    generators = [np.random.default_rng(seed) for seed in SEEDS]
    one = run(name, replace(neighbour, generators=generators))
    generators = [np.random.default_rng(seed) for seed in SEEDS]
    other = run(name, replace(neighbour, generators=generators, target={**neighbour.target, "train": shuffled}))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values()))


def test_sure_predictions_of_all_classes_have_the_least_loss():
    sure, alike, unsure = torch.eye(4) * 50, torch.zeros(4, 4), torch.zeros(4, 4)
    alike[:, 0] = 50
    losses = [float(attacks._unsure(outputs)) for outputs in (sure, alike, unsure)]
    assert losses[0] == pytest.approx(-np.log(4), abs=1e-4)
    assert losses[1:] == pytest.approx([0, 0], abs=1e-4)


def test_attacks_that_need_the_classes_of_the_source_are_left_out_elsewhere(released):
    source, other = released.source["train"], digits_task("rotation")["train"]
    names = ["direct probe", "fine-tuning", "pseudo-labels"]
    assert possible_attacks(names, source, source) == names
    assert possible_attacks(names, source, other) == ["fine-tuning"]
    assert possible_attacks(names, other, other) == ["fine-tuning"]  # the names of its classes are not known
    with pytest.raises(UnknownNameError, match="unknown attack 'direct-probe'"):
        possible_attacks(["direct-probe"], source, source)


class Nothing(Attack):
    name = "nothing"
    summary = "trains nothing"

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        return released


def test_an_attack_of_ones_own_is_known_by_its_name(released, monkeypatch):
    monkeypatch.setattr(attacks, "ATTACKS", dict(ATTACKS))
    register_attack(Nothing())
    register_attack(Nothing())
    assert attacked("nothing", released, "rotation")[0] < 60
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
    for share in (100, 10, 0.1):
        attack("fine-tuning", released, digits_task("edges"), 1, QUICK, SEEDS, share)
    assert steps == [60, 6, 1]


def test_a_training_of_one_step_is_possible(released):
    result = attack("fine-tuning", released, digits_task("edges"), 1, QUICK, SEEDS, 0.1)
    assert np.isfinite(result["test"]).all()


def test_images_smaller_than_a_batch_are_one_batch(released):
    result = attack("fine-tuning", released, digits_task("rotation"), 0.1, replace(QUICK, epochs=1), SEEDS)
    assert np.isfinite(result["val"] + result["test"]).all()
