from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from naslib_archlock.audit import audit_run
from naslib_archlock.audit.attacked_cells import FOUND, RANDOM, S, cells_to_attack
from naslib_archlock.audit.audit_images import fit_settings, notes_on_noise, splits_of
from naslib_archlock.audit.audit_run import run_audit
from naslib_archlock.benchmarks.lock_score import WithinBudget
from naslib_archlock.compute.parts import LocalProcesses
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.errors import ArchLockError, ConfigError, OutputError
from naslib_archlock.locking.prepare import open_benchmark

QUICK = (
    "search_space", "digits", "dataset", "digit", "audit.epochs", "1", "audit.seeds", "2", "audit.fractions", "10",
    "audit.learning_rates", "0.03,0.1",
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


def test_cells_of_one_function_are_attacked_once(tmp_path):
    _, attacks = audit(tmp_path, quick(), rotation=[CELL, SAME])
    assert attacks["arch"].nunique() == 1
    assert len(list(tmp_path.glob("*-0-10.json"))) == 1


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
    """Parts are named by the places of their targets."""
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
    """And weights that know some digits help with others."""
    source, target = str(digit_images["low"]), str(digit_images["high"])
    config = load_config(
        None,
        [
            "search_space", "transbench101_micro", "dataset", source, "archlock.image_size", "8", "audit.seeds", "2",
            "audit.fractions", "20", "audit.learning_rates", "0.03", "audit.epochs", "6", "audit.batch_size", "20",
            "audit.widths", "8,16",
        ],
    )  # fmt: skip
    on_source, attacks = run_audit(config, {target: [(3, 2, 1, 3, 1, 2)]}, tmp_path, LocalProcesses(1))
    assert on_source["test"].min() > 40  # of five classes
    means = attacks.groupby("attack")["test"].mean()
    assert means["probe, then all"] > means["scratch"]
    assert set(attacks["target"]) == {"high"}


def test_networks_are_built_as_the_config_says():
    assert fit_settings(quick()).widths == (8, 16)
    for space in ("transbench101_micro", "digits"):
        assert fit_settings(load_config(None, ["search_space", space, "dataset", "a/folder"])).widths == (16, 32, 64)
    full = fit_settings(quick("audit.widths", "16,32,64", "audit.cells_per_stage", "5", "audit.epochs", "200"))
    assert (full.widths, full.cells_per_stage, full.epochs) == ((16, 32, 64), 5, 200)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("audit.seeds", "0", r"audit.seeds=0 must lie in \[1, 1000\]"),
        ("audit.fractions", "0,10", "different numbers above 0 and up to 100"),
        ("audit.fractions", "nan", "different numbers above 0"),
        ("audit.learning_rates", "0.1,0.1", "different numbers"),
        ("audit.widths", "16,x", "audit.widths='16,x' must be 1 to 16 widths"),
        ("audit.sedes", "3", "unknown key audit.sedes; did you mean 'seeds'"),
    ],
)
def test_impossible_settings_are_refused(key, value, message):
    with pytest.raises(ConfigError, match=message):
        quick(key, value)


def test_tasks_without_images_here_are_refused():
    config = load_config(None, ["search_space", "transbench101_micro", "dataset", "class_scene"])
    with pytest.raises(ConfigError, match="images of TransNAS-Bench-101's task class_scene"):
        splits_of(config, "class_scene")


def test_the_cells_are_those_of_the_search_and_random_ones_within_the_budget():
    config = quick("audit.random_cells", "3")
    benchmark = open_benchmark(config)
    result = {"cell": [3, 3, 3, 3, 3, 3], "s": {"cell": [1, 2, 3, 1, 2, 3]}}
    cells = cells_to_attack(config, benchmark, result)
    assert (cells[FOUND], cells[S]) == ([(3,) * 6], [(1, 2, 3, 1, 2, 3)])
    known = WithinBudget(benchmark, "digit", 2.0)
    within = {tuple(arch) for arch in known.archs[known.within].tolist()}
    assert len(set(cells[RANDOM])) == 3
    assert set(cells[RANDOM]) <= within
    assert cells == cells_to_attack(config, benchmark, result)
    assert list(cells_to_attack(quick("archlock.scheme", "s"), benchmark, result)) == [S, RANDOM]
    assert RANDOM not in cells_to_attack(quick("audit.random_cells", "0"), benchmark, result)


def test_a_folder_with_too_few_images_is_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "few" / name).mkdir(parents=True)
        for i in range(2):
            image = np.random.default_rng([ord(name), i]).integers(256, size=(8, 8, 3), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / "few" / name / f"{i}.png")
    with pytest.raises(ArchLockError, match="few has too few images"):
        splits_of(load_config(None, ["dataset", str(tmp_path / "few")]), str(tmp_path / "few"))


def test_what_target_images_cannot_show_is_said():
    config = quick("audit.fractions", "1,100")
    notes = notes_on_noise(config, ["jigsaw"])
    assert "jigsaw has 397 test images" in notes[0]
    assert "24 classes of jigsaw are 1% (10 images) of its 1000 training images" in notes[1]
    assert len(notes_on_noise(quick("audit.fractions", "100"), ["jigsaw", "noise"])) == 2
