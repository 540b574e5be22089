"""The public names of the package, and searches from a script."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import naslib_archlock as al
from naslib_archlock.commands.main import main
from naslib_archlock.errors import ConfigError, UnknownNameError
from naslib_archlock.spaces.known import DIGITS

KEYS = {"search_space": "digits", "dataset": "digit", "target": "jigsaw", "epochs": 40, "source_queries": 40}


def test_every_public_name_is_there():
    for name in al.__all__:
        assert getattr(al, name) is not None
        assert name in dir(al)
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        al.serach  # noqa: B018


def test_the_import_needs_nothing_but_python(child_environment):
    code = "import sys, naslib_archlock as al; print(sorted({'torch', 'numpy', 'yaml', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], env=child_environment, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_search_finds_what_the_command_finds(tmp_path, capsys):
    result = al.search(**KEYS)
    keys = ["archlock.target", "jigsaw", "search.epochs", "40", "archlock.source_queries", "40"]
    assert main(["search", "search_space", "digits", "dataset", "digit", *keys, "out_dir", str(tmp_path)]) == 0
    (path,) = tmp_path.rglob("result.json")
    assert result.report == json.loads(path.read_text())
    assert result.arch == result.report["arch"] == DIGITS.to_str(result.cell)
    assert result.accuracies["digit/val"] == result.report["source_val"]
    assert set(result.accuracies) == {"digit/val", "digit/test", "jigsaw/test"}
    assert len(result.history) == 40
    capsys.readouterr()


def test_the_same_search_in_every_way_to_name_it(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("search_space: digits\ndataset: digit\nsearch: {epochs: 40}\n")
    more = {"archlock.target": "jigsaw", "archlock.source_queries": 40}
    configs = [
        al.load_config(**KEYS),
        al.load_config(file, target="jigsaw", source_queries=40),
        al.load_config(str(file), target="jigsaw", source_queries=40),
        al.load_config({"search_space": "digits", "dataset": "digit", "search.epochs": 40, **more}),
        al.load_config(al.load_config(file), target="jigsaw", source_queries=40),
    ]
    assert all(config == configs[0] for config in configs)


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"serach_space": "digits"}, ConfigError, "serach_space"),
        ({"scheme": "st"}, UnknownNameError, "st"),
        ({"epochs": 0}, ConfigError, "epochs"),
        ({"search_space": "digits", "dataset": "cifar10"}, UnknownNameError, "cifar10"),
    ],
)
def test_mistakes_are_errors(keys, error, message):
    with pytest.raises(error, match=message):
        al.search(**keys)


def test_a_search_without_a_benchmark_is_told_accuracies():
    search = al.open_search(search_space="digits", dataset="mine", source_queries=25, epochs=25)
    while not search.is_finished:
        arch = search.ask()
        search.tell(arch, 50.0 + sum(arch))
    assert len(search.history) == 25
    best = max(e.source_val for e in search.history)
    assert search.best().source_val >= 0.98 * best
    with pytest.raises(ConfigError, match="drive the search with ask"):
        al.open_search(search_space="digits", dataset="mine").step()


def test_a_module_needs_no_naslib_and_takes_images(torch):
    result = al.search(**KEYS)
    network = result.module(n_outputs=10, in_channels=1, widths=(4, 8))
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_a_benchmark_of_ones_own(toy_tables):
    benchmark = al.open_benchmark(search_space="transbench101_micro", dataset="class_scene", tables=str(toy_tables))
    keys = {"search_space": "transbench101_micro", "dataset": "class_scene", "target": "normal", "epochs": 25}
    by_object = al.search(benchmark=benchmark, source_queries=25, **keys)
    by_name = al.search(tables=str(toy_tables), source_queries=25, **keys)
    assert by_object.history == by_name.history
    with pytest.raises(UnknownNameError):
        al.search(benchmark=benchmark, **{**keys, "target": "cifar10"})


def test_a_lock_scale_from_a_script():
    scale = al.LockScale(al.open_benchmark(search_space="digits", dataset="digit"), "digit", "jigsaw", 2.0)
    (oracle,) = scale.least(scale.target_test)
    assert scale.score(oracle).lock_score == pytest.approx(1.0)
    assert np.isfinite(scale.source_val).all()
