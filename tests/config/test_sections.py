from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, fields, replace
from typing import Any

import pytest

from naslib_archlock.config.keys import keys_of
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import SECTIONS, ArchLockSection, Config
from naslib_archlock.errors import ArchLockError, ConfigError, UnknownNameError
from naslib_archlock.ranker.train_settings import PAPER

# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [("seed", "-1"), ("seed", str(2**32)), ("search.epochs", "0"), ("search.population_size", "0"),
     ("search.sample_size", "-3"), ("search.checkpoint_freq", "0"), ("archlock.trade_off", "-0.1"),
     ("archlock.source_budget_pct", "-1"), ("archlock.source_budget_pct", "101"), ("archlock.source_queries", "-1"),
     ("archlock.screening", "0"), ("archlock.screening", "871"), ("archlock.opponents", "0"),
     ("archlock.n_targets", "0"), ("archlock.cosine", "1.01"), ("archlock.cosine", "-1.01"),
     ("archlock.reference_cells", "1"), ("archlock.held_out_cells", "0.95"), ("archlock.held_out_cells", "-0.1")],
)  # fmt: skip
def test_values_out_of_range_are_named(key, value):
    with pytest.raises(ConfigError, match=f"{key}={value}"):
        load_config(None, [key, value])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["search_space", "nasbench202"], "unknown search space 'nasbench202'.*did you mean 'nasbench201'"),
        (["archlock.scheme", "st"], "unknown archlock.scheme 'st'; known: s, tk, tu"),
        (["archlock.strategy", "bayes"], "unknown archlock.strategy 'bayes'; known: .*; did you mean 'bayesian'"),
        (["archlock.strategy", "random"], "archlock.strategy 'random'; known: bayesian, evolution, paper, exhaustive"),
        (["archlock.preset", "papr"], "did you mean 'paper'"),
        (["archlock.ranker_optimizer", "adamw"], "did you mean 'adam'"),
        (["archlock.proxies", "nwod"], "unknown proxy 'nwod'.*did you mean 'nwot'"),
    ],
)
def test_unknown_names_are_told_the_known_ones(overrides, message):
    with pytest.raises(UnknownNameError, match=message):
        load_config(None, overrides)


def test_layers_are_checked():
    with pytest.raises(ArchLockError, match="archlock.hidden='0,1'"):
        load_config(None, ["archlock.hidden", "0,1"])


def test_a_bayesian_search_needs_look_ups():
    keys = ["archlock.source_queries", "0"]
    with pytest.raises(ConfigError, match=r"learns from look-ups .*archlock\.source_queries is 0; allow some, or"):
        load_config(None, [*keys, "archlock.strategy", "bayesian"])
    for strategy in ("", "evolution", "exhaustive"):
        assert load_config(None, [*keys, "archlock.strategy", strategy]).archlock.strategy == strategy
    assert load_config(None, ["archlock.source_queries", "1", "archlock.strategy", "bayesian"])


def test_tk_needs_a_target():
    with pytest.raises(ConfigError, match=r"tk needs archlock\.target"):
        load_config(None, ["archlock.scheme", "tk"])
    assert load_config(None, ["archlock.scheme", "tk", "archlock.target", "cifar100"]).archlock.targets == ("cifar100",)


@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_the_source_is_no_target(scheme):
    with pytest.raises(ConfigError, match="names cifar10, which is the source"):
        load_config(None, ["archlock.scheme", scheme, "archlock.target", "cifar100, cifar10"])


# -- what it means -----------------------------------------------------------------------------------------------------


def test_the_preset_keeps_its_settings_but_the_layers_and_the_optimizer():
    config = load_config(
        None, ["archlock.preset", "paper", "archlock.hidden", "256,64,32", "archlock.ranker_optimizer", "sgd"]
    )
    settings = asdict(config.archlock.train_settings)
    assert {k: v for k, v in settings.items() if v != asdict(PAPER)[k]} == {"optimizer": "sgd"}
    assert config.archlock.model_settings == {"antisymmetric": False, "hidden": [256, 64, 32]}


def test_runs_that_differ_in_task_scheme_or_seed_have_folders_of_their_own():
    variants = [
        [],
        ["seed", "1"],
        ["dataset", "cifar100"],
        ["archlock.scheme", "s"],
        ["search_space", "transbench101_micro"],
    ]
    assert len({load_config(None, overrides).save for overrides in variants}) == len(variants)


# -- declarations ------------------------------------------------------------------------------------------------------

# Written out here, so that a changed role is noticed: if one of these keys changes, no shipped ranker fits.
TRAINING = {
    "tables": "a", "zero_cost": "a", "reference_cells": 16, "proxies": "nwot", "train_tasks": "normal",
    "leave_out": "normal", "held_out_cells": 0.5, "preset": "paper", "hidden": "8", "ranker_optimizer": "sgd",
}  # fmt: skip
OTHERS = {
    "scheme": "s", "target": "normal", "trade_off": 2.0, "source_budget_pct": 5.0, "source_queries": 3,
    "source_top_pct": 5.0, "strategy": "evolution", "screening": 2, "opponents": 2, "n_targets": 2, "cosine": 0.5,
    "image_size": 8, "max_images": 8, "skip_unreadable": True, "network": "nasbench201",
    "augmentation": "flip", "ranker": "a",
    "embedding": "task2vec", "probe": "resnet50", "probe_weights": "a", "device": "cpu",
}  # fmt: skip


def test_a_changed_key_about_training_means_a_ranker_of_its_own():
    assert not ArchLockSection().trains_its_own_way
    changed: dict[str, Any] = {**TRAINING, **OTHERS}
    for name, value in changed.items():
        assert replace(ArchLockSection(), **{name: value}).trains_its_own_way == (name in TRAINING), name


@pytest.mark.parametrize("cls", [Config, *SECTIONS.values()])
def test_every_field_is_a_declared_key_or_a_section(cls):
    assert set(keys_of(cls)) == {f.name for f in fields(cls)} - (set(SECTIONS) if cls is Config else set())
    for name, declared in keys_of(cls).items():
        assert type(declared.default).__name__ == next(f.type for f in fields(cls) if f.name == name)
        assert getattr(cls(), name) == declared.default


def test_the_sections_are_those_of_the_config():
    assert {name: type(getattr(Config(), name)) for name in SECTIONS} == SECTIONS
    assert list(SECTIONS) == ["search", "archlock", "audit"]


@pytest.mark.parametrize("section", SECTIONS)
def test_each_range_ends_where_it_is_declared_to_end(section):
    """Both ends of a range are allowed, and numbers beyond them are not."""
    for name, declared in keys_of(SECTIONS[section]).items():
        if declared.is_text or isinstance(declared.default, bool):
            continue
        kind = type(declared.default)
        for end, step in ((declared.low, -1), (declared.high, 1)):
            assert getattr(SECTIONS[section](**{name: kind(end)}), name) == end
            with pytest.raises(ConfigError, match=rf"^{section}\.{name}={kind(end + step)} must "):
                SECTIONS[section](**{name: kind(end + step)})


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["archlock.cosine", "2"], r"^archlock\.cosine=2\.0 must lie in \[-1, 1\]$"),
        (["archlock.trade_off", "-1"], r"^archlock\.trade_off=-1\.0 must lie in \[0, 1000000\.0\]$"),
        (["search.epochs", "0"], r"^search\.epochs=0 must be at least 1 and at most 1000000$"),
        (["audit.seeds", "1001"], r"^audit\.seeds=1001 must lie in \[1, 1000\]$"),
        (["seed", "-1"], r"^seed=-1 must lie in \[0, 4294967295\]$"),
    ],
)
def test_a_message_says_what_is_allowed(overrides, message):
    with pytest.raises(ConfigError, match=message):
        load_config(None, overrides)


def test_a_config_is_a_key_of_caches():
    config = Config()
    assert hash(config) == hash(load_config(None))
    other = replace(config, archlock=replace(config.archlock, scheme="s"))
    assert {config: 1, other: 2}[replace(other, archlock=ArchLockSection())] == 1
    with pytest.raises(FrozenInstanceError):
        config.seed = 1  # type: ignore[misc]


WRITTEN = """\
seed: 7
optimizer: archlock
search_space: nasbench201
dataset: cifar10
out_dir: run
run_name: ''
search:
  epochs: 200
  population_size: 10
  sample_size: 10
  checkpoint_freq: 1000
archlock:
  scheme: tk
  target: cifar100
  targets_by: mean
  lock_on: scratch
  target_queries: 0
  trade_off: 0.5
  source_budget_pct: 2.0
  source_budget_percentile: 0.0
  source_queries: 200
  source_top_pct: 10.0
  source_floor: ''
  final_pick: fittest
  strategy: ''
  history_size: 30
  screening: 20
  opponents: 128
  n_targets: 10
  cosine: 0.9
  tables: ''
  zero_cost: ''
  image_size: 32
  max_images: 2000
  skip_unreadable: false
  network: small
  augmentation: flip,crop
  ranker: ''
  embedding: ''
  probe: digits
  probe_weights: ''
  reference_cells: 64
  proxies: nwot,jacov,params,flops,l2_norm,synflow
  train_tasks: ''
  leave_out: ''
  held_out_cells: 0.1
  preset: default
  ranker_model: mlp
  hidden: 128,64,32,16
  ranker_optimizer: adam
  device: auto
"""


def test_the_written_form_stays_as_it_is():
    """The package compares folders of results with this form, byte by byte."""
    config = load_config(None, ["seed", "7", "archlock.scheme", "tk", "archlock.target", "cifar100"])
    assert config.to_yaml() == WRITTEN
