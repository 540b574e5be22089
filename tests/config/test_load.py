from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import naslib_archlock
from naslib_archlock.config.keys import keys_of, split_list
from naslib_archlock.config.load import config_from, load_config, naslib_values
from naslib_archlock.config.sections import SECTIONS, ArchLockSection, Config, NaslibSearchSection
from naslib_archlock.errors import ArchLockError, ConfigError
from naslib_archlock.store.reading import parse_yaml

SHIPPED = sorted((Path(naslib_archlock.__file__).parent / "configs").glob("*.yaml"))


def from_text(tmp_path: Path, text: str, *overrides: str) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, overrides)


# -- files and overrides -----------------------------------------------------------------------------------------------


def test_without_anything_the_defaults_hold():
    assert load_config(None) == Config()


def test_a_file_and_overrides(tmp_path):
    config = from_text(
        tmp_path,
        "dataset: cifar100\nseed: 3\narchlock: {scheme: s, cosine: 0.5}\nsearch: {epochs: 7}\n",
        "seed", "4", "archlock.cosine", "-0.25", "search.sample_size", "3",
    )  # fmt: skip
    assert (config.dataset, config.seed, config.search.epochs, config.search.sample_size) == ("cifar100", 4, 7, 3)
    assert (config.archlock.scheme, config.archlock.cosine) == ("s", -0.25)


def test_overrides_make_sections_that_the_file_lacks(tmp_path):
    assert from_text(tmp_path, "seed: 1\n", "archlock.scheme", "s").archlock.scheme == "s"


@pytest.mark.parametrize("text", ["", "\n", "# nothing but a remark\n", "---\n", "{}", "null"])
def test_an_empty_file_is_refused(tmp_path, text):
    for overrides in ([], ["seed", "1"]):
        with pytest.raises(ConfigError, match=r"config\.yaml is empty: give it search_space and dataset"):
            from_text(tmp_path, text, *overrides)


NAMES = ["2024_01", "1.10", "0755", "12:30", "1e3", "0x10", "007", "2024-01-01", "no", "on", "True", "1_000.50", ".5",
         "+1", "0o17", "1.", ".inf", "é", "12:30:45.5", "1e-3"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_stay_as_they_were_written_in_a_file(tmp_path, name):
    text = f"out_dir: {name}\narchlock:\n  tables: {name}\n  leave_out: [{name}, x]\naudit.widths: 8\n"
    config = from_text(tmp_path, text)
    assert (config.out_dir, config.archlock.tables, config.archlock.leave_out) == (name, name, f"{name},x")
    assert type(config.out_dir) is type(config.archlock.leave_out) is str
    assert replace(from_text(tmp_path, config.to_yaml()), audit=config.audit) == config


@pytest.mark.parametrize("text", ["null", "~", ""])
def test_nothing_is_no_name(tmp_path, text):
    with pytest.raises(ConfigError, match="out_dir must be of type str, not None; leave the key out, or .* in quotes"):
        from_text(tmp_path, f"out_dir: {text}")
    assert from_text(tmp_path, f"out_dir: '{text or 'x'}'").out_dir == os.path.expanduser(text or "x")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1E-3", 0.001), ("2e2", 200.0), ("1_0.5", 10.5), (".5", 0.5), ("+2", 2.0), ("1.5e+1", 15.0)],
)
def test_numbers_are_read_as_python_reads_them(tmp_path, text, value):
    assert from_text(tmp_path, f"archlock: {{trade_off: {text}}}").archlock.trade_off == value
    assert load_config(None, ["archlock.trade_off", text]).archlock.trade_off == value
    assert from_text(tmp_path, "seed: 1_000").seed == 1000
    assert from_text(tmp_path, "seed: 0x10").seed == 16


@pytest.mark.parametrize(
    ("key", "text", "advice"),
    [
        ("seed", "0755", "without leading zeros, colons or units"),
        ("seed", "12:30", "without leading zeros, colons or units"),
        ("archlock.trade_off", "2%", "without leading zeros, colons or units"),
        ("archlock.trade_off", "'1e-3'", "write 0.001, without quotes"),
        ("seed", "'3'", "write 3, without quotes"),
    ],
)
def test_what_yaml_takes_for_another_number_is_refused(tmp_path, key, text, advice):
    with pytest.raises(ConfigError, match=f"{key} must be of type .*; write .*{advice.removeprefix('write ')}"):
        from_text(tmp_path, f"{key}: {text}")


def test_a_leading_tilde_is_the_home_folder_in_every_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/somebody")
    paths = [
        "out_dir",
        "dataset",
        *(f"archlock.{key}" for key in ("target", "tables", "zero_cost", "ranker", "embedding", "probe_weights")),
    ]
    of_code = {f"{s}.{n}".lstrip(".") for s, cls in (("", Config), *SECTIONS.items()) for n, key in keys_of(cls).items()
               if key.holds_paths}  # fmt: skip
    assert set(paths) == of_code
    for key in paths:
        text = "~/a/x~" if key in ("out_dir", "dataset") else "~/a/x~, ~/b,c/~"
        for config in (from_text(tmp_path, f"{key}: '{text}'"), load_config(None, [key, text])):
            section, _, name = key.rpartition(".")
            found = getattr(getattr(config, section) if section else config, name)
            assert found == text.replace(" ", "").replace("~/a", "/home/of/somebody/a").replace(
                "~/b", "/home/of/somebody/b"
            )
    assert load_config(None, ["archlock.leave_out", "flowers~0-3"]).archlock.leave_out == "flowers~0-3"


def test_naslibs_loader_gets_the_same_names_and_its_own_numbers(monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/somebody")
    text = """
    out_dir: ~/2024_01
    dataset: 1.10
    seed: 3
    config_type: no
    search: {epochs: 10, learning_rate: 1e-3, cutout: off, budgets: [1.10, 12:30]}
    archlock: {tables: 0755, trade_off: 1.50}
    """
    values = naslib_values(parse_yaml(text, as_written=True))
    assert values == {
        "out_dir": "/home/of/somebody/2024_01", "dataset": "1.10", "seed": 3, "config_type": False,
        "search": {"epochs": 10, "learning_rate": "1e-3", "cutout": False, "budgets": [1.1, 750]},
        "archlock": {"tables": "0755", "trade_off": 1.5},
    }  # fmt: skip
    assert type(values["dataset"]) is type(values["search"]["learning_rate"]) is str


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("true", True), ("False", False), ("0.5", 0.5), ("a,b", "a,b"), ("", "")]
)
def test_overrides_become_the_type_of_what_they_replace(text, value):
    key = {int: "seed", bool: "archlock.skip_unreadable", float: "archlock.trade_off", str: "archlock.train_tasks"}
    config, name = load_config(None, [key[type(value)], text]), key[type(value)].rpartition(".")[2]
    found = getattr(config if name == "seed" else config.archlock, name)
    assert found == value
    assert type(found) is type(value)


def test_an_integer_is_also_a_float():
    assert isinstance(load_config(None, ["archlock.trade_off", "2"]).archlock.trade_off, float)


def test_lists_may_be_yaml_lists(tmp_path):
    config = from_text(tmp_path, "archlock:\n  hidden: [64, 8]\n  leave_out: [cifar10, ninapro]\n")
    assert config.archlock.model_settings == {"hidden": [64, 8]}
    assert split_list(config.archlock.leave_out) == ("cifar10", "ninapro")
    assert load_config(None, ["archlock.hidden", "32,16,8"]).archlock.model_settings == {"hidden": [32, 16, 8]}


@pytest.mark.parametrize("text", ["2024_01", "1e3", "007", "0x10", "3.10", "1,2", "True", "run/1_0", "é"])
def test_text_stays_as_it_was_typed(text):
    assert load_config(None, ["out_dir", text]).out_dir.replace(" ", "") == text
    assert load_config(None, ["archlock.tables", text]).archlock.tables.replace(" ", "") == text


@pytest.mark.parametrize(
    "text", ["__import__('os').mkdir('{0}')", "open('{0}', 'w')", "[open('{0}', 'w')]", "(lambda: 1)()"]
)
def test_overrides_are_never_executed(tmp_path, text):
    text = text.format(tmp_path / "executed")
    assert load_config(None, ["archlock.tables", text]).archlock.tables == text
    with pytest.raises(ConfigError):
        load_config(None, ["seed", text])
    assert os.listdir(tmp_path) == []


def test_files_are_never_executed(tmp_path):
    with pytest.raises(ConfigError, match="is not YAML"):
        from_text(tmp_path, f"seed: !!python/object/apply:os.mkdir ['{tmp_path / 'executed'}']")
    assert os.listdir(tmp_path) == ["config.yaml"]


some_keys = st.sampled_from(["seed", "archlock", "search", "archlock.target", "dataset", "x", "archlock.x.y"])


@given(st.dictionaries(some_keys, st.text(max_size=12), max_size=4))
def test_any_overrides_are_a_config_or_refused(overrides):
    try:
        config = load_config(None, [part for pair in overrides.items() for part in pair])
    except ArchLockError:
        return
    assert config_from(yaml.safe_load(config.to_yaml())) == config


# -- mappings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        {"archlock": {"scheme": "tk", "target": "cifar100"}, "search": {"epochs": 7}},
        {"archlock.scheme": "tk", "archlock.target": "cifar100", "search.epochs": 7},
        {"archlock.target": "cifar100", "archlock": {"scheme": "tk"}, "search": {}, "search.epochs": 7},
    ],
)
def test_keys_of_a_section_are_inside_it_or_have_a_dot(raw):
    before = repr(raw)
    for strict in (True, False):
        config = config_from(raw, strict)
        assert (config.archlock.scheme, config.archlock.targets, config.search.epochs) == ("tk", ("cifar100",), 7)
    assert repr(raw) == before  # the caller's mapping does not change


@pytest.mark.parametrize("inside", ["tk", "s"])
def test_a_key_that_is_given_twice_is_refused(inside):
    for raw in (
        {"archlock.scheme": "s", "archlock": {"scheme": inside}},
        {"archlock": {"scheme": inside}, "archlock.scheme": "s"},
    ):
        with pytest.raises(
            ConfigError, match=r"archlock\.scheme is given twice, also in the section archlock; leave one"
        ):
            config_from(raw)


def test_an_override_replaces_a_key_with_a_dot(tmp_path):
    assert from_text(tmp_path, "archlock.scheme: s\n", "archlock.scheme", "tu").archlock.scheme == "tu"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"archlock": 3, "archlock.scheme": "s"}, "archlock is not a section, so archlock.scheme cannot be set"),
        ({"seed": 3, "seed.scheme": "s"}, "seed is not a section, so seed.scheme cannot be set"),
        ({"archlock.schem": "s"}, "unknown key archlock.schem; did you mean 'scheme'"),
        ({"archlok.scheme": "s"}, "unknown key archlok; did you mean 'archlock'"),
        ({"archlock.scheme.x": "s"}, "unknown key archlock.scheme"),
        ({"archlock.scheme": {"x": 1}}, "archlock.scheme must be of type str"),
        ({".seed": 1}, "unknown key .seed; did you mean 'seed'"),
    ],
)
def test_other_keys_with_a_dot_are_refused(raw, message):
    with pytest.raises(ConfigError, match=message):
        config_from(raw)


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "near"),
    [("sede", "seed"), ("data_set", "dataset"), ("archlok.scheme", "archlock"), ("archlock.schem", "scheme"),
     ("archlock.trade_of", "trade_off"), ("archlock.source_budget", "source_budget_pct"), ("search.epoch", "epochs"),
     ("search.population", "population_size")],
)  # fmt: skip
def test_a_misspelt_key_is_told_the_nearest(tmp_path, key, near):
    section, _, name = key.rpartition(".")
    text = f"{section}: {{{name}: 1}}" if section else f"{name}: 1"
    for config in (lambda: load_config(None, [key, "1"]), lambda: from_text(tmp_path, text)):
        with pytest.raises(ConfigError, match=f"unknown key .*did you mean '{near}'"):
            config()


def test_a_key_like_no_other_is_told_all():
    with pytest.raises(ConfigError, match="unknown key archlock.zzz; known: .*scheme.*trade_off"):
        load_config(None, ["archlock.zzz", "1"])
    with pytest.raises(ConfigError, match="unknown key archlock.scheme"):
        load_config(None, ["archlock.scheme.x", "1"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: one", "seed must be of type int, not 'one'"),
        ("seed: 1.0", "seed must be of type int"),
        ("seed: true", "seed must be of type int"),
        ("seed: null", "seed must be of type int"),
        ("dataset: null", "dataset must be of type str"),
        ("archlock: {skip_unreadable: 1}", "archlock.skip_unreadable must be of type bool, not 1"),
        ("archlock: {skip_unreadable: 'true'}", "archlock.skip_unreadable must be of type bool, not 'true'"),
        ("archlock: {skip_unreadable: 'no'}", "archlock.skip_unreadable must be of type bool, not 'no'"),
        ("archlock: {strategy: true}", "unknown archlock.strategy 'true'"),
        ("archlock: {strategy: null}", "archlock.strategy must be of type str"),
        ("archlock: {trade_off: high}", "archlock.trade_off must be of type float"),
        ("archlock: {trade_off: true}", "archlock.trade_off must be of type float"),
        ("archlock: {source_queries: 3.5}", "archlock.source_queries must be of type int"),
        ("archlock: {ranker: {path: x}}", "archlock.ranker must be of type str"),
        ("search: {epochs: many}", "search.epochs must be of type int"),
        ("archlock: 3", "archlock must be a section"),
        ("archlock:", "archlock must be a section"),
        ("search: []", "search must be a section"),
    ],
)
def test_wrong_types_are_named(tmp_path, text, message):
    with pytest.raises(ArchLockError, match=message):
        from_text(tmp_path, text)


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf"])
@pytest.mark.parametrize("key", ["trade_off", "source_budget_pct", "cosine", "held_out_cells"])
def test_what_is_not_finite_is_refused(tmp_path, key, value):
    with pytest.raises(ConfigError, match=f"archlock.{key}"):
        from_text(tmp_path, f"archlock: {{{key}: {value}}}")


def test_the_key_that_strategy_replaced_is_no_more(tmp_path):
    for config in (
        lambda: load_config(None, ["archlock.exhaustive", "true"]),
        lambda: from_text(tmp_path, "archlock: {exhaustive: true}"),
        lambda: config_from({"archlock": {"exhaustive": True}}, strict=False),
    ):
        with pytest.raises(ConfigError, match=r"unknown key archlock\.exhaustive"):
            config()


def test_overrides_come_in_pairs():
    with pytest.raises(ConfigError, match="'archlock.scheme' has no value"):
        load_config(None, ["seed", "1", "archlock.scheme"])
    with pytest.raises(ConfigError, match="archlock is not a section"):
        load_config(None, ["archlock", "3", "archlock.scheme", "s"])


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"seed: [1", "is not YAML"), (b"\tseed: 1", "is not YAML"), (b"a: b: c", "is not YAML"), (b"- 1", "must hold"),
     (b"just text", "must hold"), (b"\xff\xfe\x00\x01", "cannot be read"), (b"{[1]: 2}", "is not YAML")],
)  # fmt: skip
def test_files_that_are_no_config_are_named(tmp_path, content, message):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path)
    assert str(path) in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path):
    for path in (tmp_path / "nowhere.yaml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read") as caught:
            load_config(path)
        assert str(path) in str(caught.value)


# -- written and shipped configs ---------------------------------------------------------------------------------------

CHANGED = ["seed", "7", "dataset", "cifar100", "archlock.scheme", "tk", "archlock.target", "cifar10,ninapro",
           "archlock.cosine", "0.123456789012345", "archlock.strategy", "exhaustive", "archlock.hidden", "8,4",
           "search.epochs", "3", "out_dir", "007", "archlock.tables", "a: 'b' #c"]  # fmt: skip


@pytest.mark.parametrize("overrides", [[], CHANGED])
def test_what_is_written_reads_back_the_same(tmp_path, overrides):
    config = load_config(None, overrides)
    assert from_text(tmp_path, config.to_yaml()) == config
    resolved = yaml.safe_load(config.to_yaml())
    for section, cls in (("archlock", ArchLockSection), ("search", NaslibSearchSection)):
        assert set(resolved[section]) == {f.name for f in fields(cls)}  # every default is written out


def test_configs_are_shipped():
    assert {path.stem for path in SHIPPED} >= {"nasbench201", "transbench101_micro"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_shipped_configs_load_and_suit_naslibs_loader(path):
    """NASLib's loader reads two levels, and cannot override a null or a key that the file lacks."""
    config = load_config(path)
    assert config.optimizer == "archlock"
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key, value in raw.items():
        assert value is not None, key
        for name, inner in (value if isinstance(value, dict) else {}).items():
            assert inner is not None, f"{key}.{name}"
            assert not isinstance(inner, (dict, list)), f"{key}.{name}"
    assert "_BASE_" not in raw


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_shipped_configs_hold_the_measured_defaults(path):
    """The values that they repeat of ``archlock`` are the defaults, so a search is the same with and without a file."""
    section = load_config(path).archlock
    changed = {f.name for f in fields(section) if getattr(section, f.name) != getattr(ArchLockSection(), f.name)}
    of_paper = {"strategy", "trade_off", "source_floor", "source_queries", "n_targets", "preset", "proxies"}
    of_transfer = {"scheme", "target", "lock_on", "source_queries", "target_queries"}
    of_images = {"source_queries"}  # each trains a network
    others = {"digits_domains.yaml": of_transfer, "images.yaml": of_images}
    expected = of_paper if path.name.startswith("paper_") else others.get(path.name, set())
    assert changed == expected


@pytest.mark.parametrize("path", [path for path in SHIPPED if path.name.startswith("paper_")], ids=lambda p: p.name)
def test_the_configs_of_the_paper_hold_the_settings_of_its_script(path):
    config = load_config(path)
    section, search = config.archlock, config.search
    assert (search.epochs, search.population_size, search.sample_size, section.history_size) == (40, 10, 10, 30)
    assert (section.n_targets, section.cosine, section.trade_off, section.hidden) == (15, 0.9, 2.0, "128,64,32,16")
    assert section.proxies == "fisher,flops,grad_norm,grasp,jacov,nwot,snip"
    assert section.final_pick == "fittest"  # the leak has to be asked for
    tasks = {"nasbench201": ("cifar10", "cifar100", "ImageNet16-120")}.get(config.search_space)
    if tasks:
        assert [section.floor_of(task) for task in tasks] == [90, 71, 45]


def test_a_list_may_hold_names_with_commas(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("archlock: {scheme: tk, target: ['./cats, dogs', ./birds]}\n", encoding="utf-8")
    for config in (
        load_config(path),
        load_config(None, ["archlock.target", "['./cats, dogs', './birds']"]),
        config_from({"archlock.target": ["./cats, dogs", "./birds"]}),
    ):
        assert config.archlock.targets == ("./cats, dogs", "./birds")
    path.write_text(load_config(path).to_yaml(), encoding="utf-8")
    assert load_config(path).archlock.targets == ("./cats, dogs", "./birds")
