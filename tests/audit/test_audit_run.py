from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from naslib_archlock.audit import audit_run
from naslib_archlock.audit.audit_images import notes_on_noise, notes_on_untrained, splits_of
from naslib_archlock.audit.audit_run import notes_on_attacks, run_audit
from naslib_archlock.compute.parts import LocalProcesses
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.errors import ConfigError, OutputError, UnknownNameError

QUICK = (
    "search_space", "digits", "dataset", "digit", "audit.epochs", "1", "audit.seeds", "2", "audit.fractions", "10",
    "audit.step_fractions", "100", "audit.learning_rates", "0.03,0.1",
)  # fmt: skip
CELL, SAME, OTHER = (3, 0, 0, 1, 0, 0), (0, 0, 0, 1, 0, 0), (2, 0, 0, 2, 0, 0)


def quick(*overrides: str) -> Config:
    return load_config(None, [*QUICK, *overrides])


def audit(folder: Path, config: Config, **cells) -> tuple[pd.DataFrame, pd.DataFrame]:
    return run_audit(config, cells, folder, LocalProcesses(1))


def test_every_attack_is_made_at_every_rate_for_every_seed(tmp_path):
    on_source, attacks = audit(tmp_path, quick("audit.fractions", "1,10"), edges=[CELL], rotation=[CELL, OTHER])
    assert len(on_source) == 2 * 2
    assert len(attacks) == 3 * 2 * 4 * 2 * 2  # pairs of cell and target, fractions, attacks, rates, seeds
    assert set(attacks["target"]) == {"edges", "rotation"}
    assert np.isfinite(attacks[["val", "test"]]).all(axis=None)


def test_fewer_steps_go_with_the_largest_number_of_images(tmp_path):
    config = quick("audit.fractions", "1,10", "audit.step_fractions", "20,50", "audit.attacks", "BitFit,BitFit")
    _, attacks = audit(tmp_path, config, rotation=[CELL])
    budgets = attacks[["fraction_pct", "steps_pct"]].drop_duplicates().to_numpy().tolist()
    assert budgets == [[1, 50], [10, 50], [10, 20]]
    assert list(attacks["attack"].unique()) == ["BitFit", "scratch"]


def test_the_protocol_of_the_field_on_folders_with_the_same_classes(tmp_path, digit_images):
    """The digits in other colours are another domain with the same classes."""
    source = digit_images["low"]
    target = tmp_path / "dark"
    shutil.copytree(source, target)
    for path in target.rglob("*.png"):
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    config = load_config(
        None,
        [
            "search_space", "transbench101_micro", "dataset", str(source), "archlock.image_size", "8", "audit.seeds",
            "1", "audit.learning_rates", "0.03", "audit.epochs", "1", "audit.widths", "8,16", "audit.protocol",
            "ntlbench",
        ],
    )  # fmt: skip
    n_images = len(list(source.rglob("*.png")))
    assert len(splits_of(config, str(source))["train"]) == pytest.approx(0.8 * n_images, abs=5)
    _, attacks = run_audit(config, {str(target): [CELL]}, tmp_path / "out", LocalProcesses(1))
    assert list(attacks["attack"]) == [*config.audit.attack_list, "scratch"]
    assert set(attacks["fraction_pct"]) == {10}
    assert notes_on_attacks(config, [str(target)]) == []


def test_parts_of_another_protocol_are_not_taken(tmp_path):
    keys = ("audit.attacks", "fine-tuning", "audit.learning_rates", "0.03")
    own = audit(tmp_path / "own", quick(*keys), rotation=[CELL])[1]
    field = audit(tmp_path / "field", quick(*keys, "audit.protocol", "ntlbench"), rotation=[CELL])[1]
    assert list(own["attack"]) == list(field["attack"])
    assert not np.allclose(own["test"], field["test"])  # another optimizer
    with pytest.raises(OutputError, match="parts of work with other settings"):
        audit(tmp_path / "own", quick(*keys, "audit.protocol", "ntlbench"), rotation=[CELL])


def test_attacks_that_need_the_classes_of_the_source_are_left_out_and_named(tmp_path):
    config = quick("audit.attacks", "fine-tuning,direct probe")
    _, attacks = audit(tmp_path, config, rotation=[CELL])
    assert list(attacks["attack"].unique()) == ["fine-tuning", "scratch"]
    assert notes_on_attacks(config, ["rotation"]) == [
        "Not made on rotation: direct probe. They use the released head, and its classes are not known to be those of "
        "digit."
    ]
    with pytest.raises(ConfigError, match="direct probe need a target with the classes of the source"):
        audit(tmp_path, quick("audit.attacks", "direct probe"), rotation=[CELL])


def test_an_unknown_attack_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown attack 'LoRa'.*did you mean 'LoRA'"):
        audit(tmp_path, quick("audit.attacks", "LoRa"), rotation=[CELL])


def test_cells_of_one_function_are_attacked_once(tmp_path):
    _, attacks = audit(tmp_path, quick(), rotation=[CELL, SAME])
    assert attacks["arch"].nunique() == 1
    assert len(list(tmp_path.glob("*-0-10-100.json"))) == 1


@pytest.mark.slow
def test_two_processes_give_the_figures_of_one_and_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    cells = {"rotation": [CELL, OTHER], "noise": [CELL]}
    one = run_audit(quick(), cells, tmp_path / "one", LocalProcesses(1))
    two = run_audit(quick(), cells, tmp_path / "two", LocalProcesses(2))
    for a, b in zip(one, two):
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    monkeypatch.setattr(audit_run, "attack", None)
    again = run_audit(quick(), cells, tmp_path / "one", LocalProcesses(1))
    pd.testing.assert_frame_equal(one[1], again[1], check_exact=True)


def test_another_seed_is_another_audit(tmp_path):
    first = audit(tmp_path / "0", quick(), rotation=[CELL])[1]
    other = audit(tmp_path / "1", quick("seed", "1"), rotation=[CELL])[1]
    assert not np.allclose(first["test"], other["test"])
    with pytest.raises(OutputError, match="parts of work with other settings"):
        audit(tmp_path / "0", quick("seed", "1"), rotation=[CELL])


@pytest.mark.parametrize(
    ("source", "targets"), [("edges", ("rotation",)), ("digit", ("noise", "rotation")), ("digit", ("jigsaw",))]
)
def test_parts_of_another_source_or_of_other_targets_are_not_taken(tmp_path, monkeypatch, source, targets):
    """The names of parts hold the positions of targets, so other targets could have parts of the same name."""
    monkeypatch.setattr(audit_run, "_attacked", lambda *_: {"source": {"val": [], "test": []}, "attacks": []})
    audit(tmp_path, quick(), rotation=[CELL], noise=[CELL])
    with pytest.raises(OutputError, match="parts of work with other settings"):
        audit(tmp_path, quick("dataset", source), **{target: [CELL] for target in targets})


def test_stages_that_images_are_too_small_for_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"audit.widths has 4 stages.*images of digit, 8 pixels, allow 3"):
        audit(tmp_path, quick("audit.widths", "4,4,4,4"), rotation=[CELL])
    rows = audit(tmp_path, quick("audit.widths", "4,4,4", "audit.fractions", "0.1"), rotation=[CELL])[1]
    assert np.isfinite(rows["test"]).all()


def test_images_of_other_channels_are_refused(tmp_path, digit_images):
    grey = splits_of(quick(), "digit")["train"]
    assert grey.images.shape[1] == 1
    with pytest.raises(ConfigError, match=r"images of low have 3 channels, and those of the source digit 1"):
        audit(tmp_path, quick(), **{str(digit_images["low"]): [CELL]})


def test_folders_of_images_are_audited(tmp_path, digit_images):
    """An audit of folders of images works, and weights that know some digits help with others."""
    source, target = str(digit_images["low"]), str(digit_images["high"])
    config = load_config(
        None,
        [
            "search_space", "transbench101_micro", "dataset", source, "archlock.image_size", "8", "audit.seeds", "2",
            "audit.fractions", "20", "audit.learning_rates", "0.03", "audit.epochs", "6", "audit.batch_size", "20",
            "audit.widths", "8,16", "archlock.augmentation", "none",
        ],
    )  # fmt: skip
    on_source, attacks = run_audit(config, {target: [(3, 2, 1, 3, 1, 2)]}, tmp_path, LocalProcesses(1))
    assert on_source["test"].min() > 40  # there are five classes
    means = attacks.groupby("attack")["test"].mean()
    assert means["probe then all"] > means["scratch"]
    assert set(attacks["target"]) == {"high"}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("audit.seeds", "0", r"audit.seeds=0 must lie in \[1, 1000\]"),
        ("audit.fractions", "0,10", "different numbers above 0 and up to 100"),
        ("audit.fractions", "nan", "different numbers above 0"),
        ("audit.learning_rates", "0.1,0.1", "different numbers"),
        ("audit.step_fractions", "0", "audit.step_fractions='0' must be different numbers above 0 and up to 100"),
        ("audit.attacks", ",", "audit.attacks is empty: name at least one attack"),
        ("audit.widths", "16,x", "audit.widths='16,x' must be 1 to 16 widths"),
        ("audit.sedes", "3", "unknown key audit.sedes; did you mean 'seeds'"),
    ],
)
def test_impossible_settings_are_refused(key, value, message):
    with pytest.raises(ConfigError, match=message):
        quick(key, value)


def test_what_target_images_cannot_show_is_said():
    config = quick("audit.fractions", "1,100")
    notes = notes_on_noise(config, ["jigsaw"])
    assert "jigsaw has 397 test images" in notes[0]
    assert "24 classes of jigsaw are 1% (10 images) of its 1000 training images" in notes[1]
    assert len(notes_on_noise(quick("audit.fractions", "100"), ["jigsaw", "digit"])) == 2
    assert notes_on_noise(config, ["noise"]) == []  # numbers have no share of right answers


def test_released_networks_that_learnt_nothing_are_named():
    config = quick()  # the source has 10 classes
    (note,) = notes_on_untrained(config, {"found": 12.0, "S": 90.0})
    assert "learnt nothing of digit that its 397 test images can show: found (12.0%)" in note
    assert "S (" not in note
    assert notes_on_untrained(config, {"found": 20.0, "S": 90.0}) == []


def test_networks_that_explain_no_variance_learnt_nothing():
    config = quick("dataset", "noise")
    assert "found (0.0%)" in notes_on_untrained(config, {"found": 0.0, "S": 1.0})[0]
    assert notes_on_untrained(config, {"found": 0.5}) == []
