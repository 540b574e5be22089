"""NASLib's unmodified runner scripts, run by ``archlock naslib`` as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from naslib_archlock.commands import main as cli
from naslib_archlock.plugin import launcher
from naslib_archlock.plugin.compat import naslib_home

Launch = Callable[..., "subprocess.CompletedProcess[str]"]


def runner(name: str) -> Path:
    return naslib_home() / "naslib" / "runners" / name / "runner.py"


@pytest.fixture
def launch(tmp_path: Path, child_environment: dict[str, str]) -> Launch:
    """A function that runs ``archlock naslib`` in ``tmp_path``."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "naslib_archlock", "naslib", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=child_environment, capture_output=True, text=True)

    return run


@pytest.fixture
def shipped_config() -> Callable[[str], Path]:
    return lambda space: Path(cli.__file__).parents[1] / "configs" / f"{space}.yaml"


@pytest.mark.parametrize(
    ("name", "space", "scheme", "strategy", "folder"),
    [
        ("bbo", "nasbench201", "tu", "", "nasbench201/cifar10/archlock/config_0/0"),
        ("bbo", "transbench101_micro", "tk", "evolution", "transbench101_micro/class_scene/archlock/config_0/0"),
        ("nas", "nasbench201", "s", "evolution", "nasbench201/cifar10/archlock/0"),
        ("nas", "transbench101_micro", "tk", "", "transbench101_micro/class_scene/archlock/0"),
        ("bbo", "transbench101_macro", "tk", "", "transbench101_macro/class_scene/archlock/config_0/0"),
    ],
    ids=lambda value: "" if "/" in value else value,
)
def test_the_optimizer(name, space, scheme, strategy, folder, launch, shipped_config, source_ranker, tmp_path):
    overrides = {
        "archlock.scheme": scheme,
        "archlock.strategy": strategy,
        "archlock.target": {"tk": "autoencoder"}.get(scheme, ""),
        "archlock.target_queries": 4 if scheme == "tk" and not strategy else 0,
        "archlock.ranker": source_ranker if strategy else "",
        "archlock.trade_off": 1,  # NASLib's loader wants a float here
        "search.epochs": 12 if strategy else 24,  # goes beyond the random start
        "out_dir": "run",
    }
    pairs = [part for pair in overrides.items() for part in pair if pair[1] != ""]
    done = launch(runner(name), "--config-file", shipped_config(space), *pairs)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "run" / folder
    result = json.loads((out / "result.json").read_text())
    assert (result["scheme"], result["search_space"]) == (scheme, space)
    assert result["target_queries"] == overrides["archlock.target_queries"]
    config, errors = json.loads((out / "errors.json").read_text())
    assert config["archlock"]["trade_off"] == 1.0
    assert len(errors["valid_acc"]) == overrides["search.epochs"]
    assert "Queried results (Metric.TEST_ACCURACY)" in done.stdout + done.stderr
    assert "scheme S finds" in done.stdout + done.stderr


def test_naslibs_own_optimizers_still_run(launch, shipped_config, tmp_path):
    overrides = ("optimizer", "re", "search.epochs", 3, "search.population_size", 2, "out_dir", "run")
    done = launch(runner("nas"), "--config-file", shipped_config("nasbench201"), *overrides)
    assert done.returncode == 0, done.stderr
    errors = json.loads((tmp_path / "run/nasbench201/cifar10/re/0/errors.json").read_text())
    assert len(errors[1]["valid_acc"]) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("space", "task"), [("nasbench201", "cifar10"), ("transbench101_micro", "class_scene")])
def test_the_predictor(space, task, launch, tmp_path):
    config = yaml.safe_load((runner("predictors").parent / "predictor_config.yaml").read_text())
    config.update(
        search_space=space, dataset=task, predictor="archlock", test_size=20, train_size_single=30, out_dir="run",
        uniform_random=1, hparams_from_file=False,
    )  # fmt: skip
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    done = launch(runner("predictors"), "--config-file", "config.yaml")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / f"run/{task}/predictors/archlock/1000/errors.json").read_text())[-1]
    assert result["kendalltau"] > 0
    assert result["train_size"] == 30
    assert len(result["full_testpred"]) == 20


def test_a_mistake_in_the_config_is_a_message(launch, shipped_config):
    overrides = ("archlock.target", "cifar1000", "out_dir", "run")
    done = launch(runner("bbo"), "--config-file", shipped_config("nasbench201"), *overrides)
    assert done.returncode == 2
    assert "archlock naslib: unknown task 'cifar1000'" in done.stderr
    assert "Traceback" not in done.stderr


# -- without a process of its own --------------------------------------------------------------------------------------


def run_script(path: Path, **names: Any) -> dict[str, Any]:
    exec(launcher.compile_runner(path), names)
    return names


def test_line_numbers_in_tracebacks_are_unchanged(tmp_path):
    script = tmp_path / "runner.py"
    script.write_text('supported_optimizers = {\n    "rs": 1,\n    "re": 2,\n}\n\nraise RuntimeError("line 6")\n')
    with pytest.raises(RuntimeError) as error:
        run_script(script, config=SimpleNamespace(search=SimpleNamespace(epochs=1)))
    last = traceback.extract_tb(error.value.__traceback__)[-1]
    assert (last.filename, last.lineno) == (str(script), 6)


def test_only_the_entry_is_added(tmp_path):
    from naslib.optimizers import ArchLock
    from naslib.predictors import BinaryRankPredictor

    script = tmp_path / "runner.py"
    script.write_text('supported_optimizers = {"rs": 1}\nsupported_predictors = {"xgb": 2}\nother = {"a": 3}\n')
    config = SimpleNamespace(search=SimpleNamespace(epochs=1), seed=7)
    names = run_script(script, config=config)
    assert list(names["supported_optimizers"]) == ["rs", "archlock"]
    assert list(names["supported_predictors"]) == ["xgb", "archlock"]
    assert names["other"] == {"a": 3}
    assert isinstance(names["supported_optimizers"]["archlock"], ArchLock)
    assert names["supported_optimizers"]["archlock"].config is config
    assert isinstance(names["supported_predictors"]["archlock"], BinaryRankPredictor)


@pytest.mark.parametrize("name", ["bbo", "nas", "predictors", "nas_predictors"])
def test_every_runner_of_naslib_can_be_compiled(name):
    launcher.compile_runner(runner(name))


def test_whole_numbers_become_floats_where_naslib_needs_them():
    given = ["--config-file", "1", "seed", "1", "archlock.trade_off", "2", "archlock.cosine", "0.5"]
    given += ["archlock.source_queries", "10", "archlock.source_budget_pct", "5", "out_dir"]
    expected = list(given)
    expected[5], expected[11] = "2.0", "5.0"
    assert launcher.with_floats(given) == expected
