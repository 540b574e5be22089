"""Fixtures that tests share: real tables if available, made-up ones otherwise, and quickly trained rankers."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browser import chromium
from hypothesis import settings

from experiments.toy import write_digit_folders, write_tables
from naslib_archlock.benchmarks.benchmark_files import accuracy_files
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.errors import NaslibError
from naslib_archlock.locking.find_ranker import train_on_scores
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.plugin.compat import HOME_VARIABLE, load_naslib, naslib_data_folder
from naslib_archlock.proxies.zero_cost import zero_cost_file_name
from naslib_archlock.ranker.train_settings import PRESETS, TrainSettings
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO, get_space
from naslib_archlock.spaces.space import SearchSpace

if TYPE_CHECKING:
    from naslib_archlock.ranker.ranker import Ranker

# Every run draws the same examples. There is no time limit, because other programs may use the machine.
settings.register_profile("archlock", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("archlock")

REPO = Path(__file__).resolve().parents[1]
FAST = TrainSettings(epochs=2, steps_per_epoch=30, batch_size=512)

MakeConfig = Callable[..., Config]

WITHOUT_TORCH = "--without-torch"
LIBRARIES = "--libraries"
NEWCOMER = "--newcomer"
BEYOND_NEWCOMER = "--beyond-newcomer"
COUNTS = "--counts"
# The marks and the fixtures of the tests that a newcomer does not run.
BEYOND_MARKS, BEYOND_FIXTURES = {"naslib", "slow"}, {"shared_data", "browser"}


# -- what not every machine has: torch, NASLib, the real tables, a browser ---------------------------------------------


class _SkipWhoImports:
    """Finds no module, but skips the test or the whole file that imports one from a given package."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] == self._package:
            pytest.skip(f"needs {self._package}", allow_module_level=True)
        return None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(WITHOUT_TORCH, action="store_true", help="skip what imports torch; it need not be installed")
    parser.addoption(LIBRARIES, default="", help="what to call the libraries of this run, such as lowest or newest")
    parser.addoption(NEWCOMER, action="store_true", help="use no NASLib, no real tables and no browser, as a newcomer")
    parser.addoption(BEYOND_NEWCOMER, action="store_true", help=f"run only what {NEWCOMER} skips, and the slow tests")
    parser.addoption(COUNTS, type=Path, metavar="FILE", help="a file for the line that says how many tests ran")


def pytest_configure(config: pytest.Config) -> None:
    """Hide torch, or everything a newcomer lacks, if an option asks for it; otherwise a missing torch is a failure."""
    if config.getoption(WITHOUT_TORCH):
        sys.meta_path.insert(0, _SkipWhoImports("torch"))
    if config.getoption(NEWCOMER):
        if importlib.util.find_spec("naslib") is not None:
            raise pytest.UsageError(f"{NEWCOMER} hides a checkout of NASLib, but here NASLib is installed as a package")
        os.environ[HOME_VARIABLE] = str(REPO / "build" / "no-naslib")  # child processes read this variable, too


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a newcomer runs, too, if an option asks for it: CI has run it before."""
    if config.getoption(BEYOND_NEWCOMER):
        left_out = [item for item in items if not _is_beyond_newcomer(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _is_beyond_newcomer(item)]


def _is_beyond_newcomer(item: pytest.Item) -> bool:
    marks = {mark.name for mark in item.iter_markers()}
    return bool(marks & BEYOND_MARKS or BEYOND_FIXTURES & set(getattr(item, "fixturenames", ())))


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """torch, for tests whose child processes import it; it is skipped like tests that import torch themselves."""
    import torch

    return torch


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked ``naslib`` if NASLib cannot be used, before any of its fixtures runs."""
    if item.get_closest_marker("naslib") is not None:
        reason = _why_naslib_cannot_be_used()
        if reason:
            pytest.skip(reason)


@cache
def _why_naslib_cannot_be_used() -> str:
    """What this machine lacks: NASLib, its requirements or its benchmark files; empty if nothing is missing."""
    try:
        load_naslib()
        folder = naslib_data_folder()
    except NaslibError as err:
        return str(err)
    needed = {zero_cost_file_name(space) for space in (NASBENCH201, TRANSBENCH101_MICRO)}
    needed |= {file for task, file in accuracy_files(NASBENCH201).items() if task != "ninapro"}
    needed |= set(accuracy_files(TRANSBENCH101_MICRO).values())
    missing = sorted(name for name in needed if not (folder / name).is_file())
    return f"NASLib's benchmark files {', '.join(missing)} are not in {folder}" if missing else ""


@pytest.fixture(scope="session")
def shared_data(pytestconfig: pytest.Config) -> Path:
    """The folder of real benchmark tables; a user's clone does not have it."""
    folder = REPO.parent / "shared" / "data"
    if pytestconfig.getoption(NEWCOMER) or not folder.is_dir():
        pytest.skip("the real benchmark tables are not here")
    return folder


@pytest.fixture(scope="session")
def browser(pytestconfig: pytest.Config) -> Iterator[Any]:
    """A running Chromium."""
    if pytestconfig.getoption(NEWCOMER):
        pytest.skip("a newcomer has no browser that Playwright can drive")
    with chromium() as running:
        yield running


# -- fixtures ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder for all tests, so that none uses the user's. Tests can share it, because it goes by content."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for one test that checks the cache, or must read the files themselves."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own_cache"))
    return tmp_path / "own_cache"


@pytest.fixture(scope="session")
def toy_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the made-up benchmark: a table of transbench101_micro with four tasks."""
    folder = tmp_path_factory.mktemp("toy")
    write_tables(folder)
    return folder


@pytest.fixture(scope="session")
def toy_nasbench201(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with another made-up benchmark: a table of nasbench201 with three tasks."""
    folder = tmp_path_factory.mktemp("toy201")
    write_tables(folder, NASBENCH201)
    return folder


@pytest.fixture(scope="session")
def toy_zero_cost(toy_tables: Path) -> dict[str, Any]:
    """The made-up zero-cost file as parsed JSON; copy it before you change it."""
    return json.loads((toy_tables / "zc_transbench101_micro.json").read_text(encoding="utf-8"))


@pytest.fixture
def fast_training(monkeypatch: pytest.MonkeyPatch) -> TrainSettings:
    """Make the default preset train for a fraction of a second."""
    monkeypatch.setitem(PRESETS, "default", FAST)
    return FAST


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train networks on folders of images for an eighth of the usual steps, however little they learn.

    Searches and audits train in this process, because others would not see the change.
    """
    for command in ("search", "audit"):
        monkeypatch.setattr(f"naslib_archlock.commands.{command}.jobs_for", lambda device: 1)
    monkeypatch.setattr("naslib_archlock.networks.fit._MOST_STEPS", 0)
    monkeypatch.setattr("naslib_archlock.networks.fit.FitSettings.n_steps", lambda settings, n_images: 12)


@pytest.fixture
def toy_config(toy_tables: Path, tmp_path: Path) -> MakeConfig:
    """A function that makes configs on the made-up benchmark: source class_scene, target normal, and overrides."""

    def make(*overrides: str) -> Config:
        return load_config(None, [*toy_overrides(toy_tables, tmp_path / "out"), *overrides])

    return make


@pytest.fixture
def ranked_config(toy_config: MakeConfig) -> MakeConfig:
    """``toy_config`` for the paper's search, which needs a ranker."""
    return lambda *overrides: toy_config("archlock.strategy", "evolution", *overrides)


def toy_overrides(tables: Path, out: Path) -> list[str]:
    """Overrides of a short search on the made-up benchmark."""
    values = {
        "search_space": "transbench101_micro",
        "dataset": "class_scene",
        "out_dir": out,
        "search.epochs": 15,
        "search.population_size": 5,
        "archlock.target": "normal",
        "archlock.tables": tables,
        "archlock.opponents": 32,
        "archlock.screening": 5,
        "archlock.n_targets": 3,
        "archlock.hidden": "32,16",
        "archlock.reference_cells": 32,
    }
    return [str(part) for pair in values.items() for part in pair]


@pytest.fixture(scope="session")
def toy_ranker(toy_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Ranker:
    """A ranker trained for a moment on class_scene and class_object of the made-up benchmark."""
    out = tmp_path_factory.mktemp("unused")
    config = load_config(None, [*toy_overrides(toy_tables, out), "archlock.train_tasks", "class_scene,class_object"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "default", FAST)
        ranker, _ = train_on_scores(config, *Knowledge(config).training_tables(), progress=None)
    return ranker


@pytest.fixture(scope="session")
def toy_ranker_file(toy_ranker: Ranker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``toy_ranker`` as a file."""
    path = tmp_path_factory.mktemp("ranker") / "ranker.safetensors"
    toy_ranker.save(path)
    return path


@pytest.fixture
def toy_args(toy_tables: Path, tmp_path: Path) -> list[str]:
    """Overrides of a short search into ``tmp_path/out``."""
    return toy_overrides(toy_tables, tmp_path / "out")


@pytest.fixture
def ranked_args(toy_args: list[str], toy_ranker_file: Path) -> list[str]:
    """The same overrides for the paper's search, with a trained ranker."""
    return [*toy_args, "archlock.strategy", "evolution", "archlock.ranker", str(toy_ranker_file)]


@pytest.fixture(scope="session")
def macro_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with made-up tables of transbench101_macro, tasks class_scene and normal."""
    folder, rng = tmp_path_factory.mktemp("macro"), np.random.default_rng(0)
    columns = [f"{task}/{split}" for task in ("class_scene", "normal") for split in ("val", "test")]
    archs = [tuple(arch) for arch in TRANSBENCH101_MACRO.all().tolist()]
    rows = [
        [TRANSBENCH101_MACRO.to_str(arch), *figures]
        for arch, figures in zip(archs, rng.random((len(archs), 4)).tolist())
    ]
    with (folder / f"{TRANSBENCH101_MACRO.name}.csv").open("w", newline="") as f:
        csv.writer(f).writerows([["arch", *columns], *rows])
    scores = {
        task: {str(arch): {p: {"score": rng.random()} for p in ("nwot", "jacov")} for arch in archs[::20]}
        for task in ("class_scene", "normal")
    }
    (folder / zero_cost_file_name(TRANSBENCH101_MACRO)).write_text(json.dumps(scores), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def digit_images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of PNG files, with a sub-folder per class: digits 0 to 4, digits 5 to 9, and shapes of rectangles."""
    return write_digit_folders(tmp_path_factory.mktemp("folders"))


@pytest.fixture(scope="session")
def child_environment() -> dict[str, str]:
    """The environment of a command that runs as a process of its own, with one thread and this checkout."""
    path = os.pathsep.join(filter(None, (str(REPO), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


@pytest.fixture
def settle() -> Callable[[Path], None]:
    """A function that makes a file an hour old, because the cache does not trust a file that was just written."""

    def settle(path: Path) -> None:
        then = path.stat().st_mtime_ns - 3600 * 10**9
        os.utime(path, ns=(then, then))

    return settle


@pytest.fixture
def run_watched(own_cache: Path, child_environment: dict[str, str]) -> Callable[[str], dict[str, set[str]]]:
    """A function that runs Python code as a process, and returns the files that it ``opened`` and its ``modules``."""

    def run(code: str) -> dict[str, set[str]]:
        lines = [
            "import json, sys",
            "opened = set()",
            "sys.addaudithook(lambda event, args: opened.add(str(args[0])) if event == 'open' else None)",
            code,
            "print(json.dumps({'opened': list(opened), 'modules': list(sys.modules)}))",
        ]
        environment = {**child_environment, "XDG_CACHE_HOME": str(own_cache)}
        command = [sys.executable, "-c", "\n".join(lines)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        return {"opened": {Path(name).name for name in found["opened"]}, "modules": set(found["modules"])}

    return run


# -- tables with something changed -------------------------------------------------------------------------------------


@pytest.fixture
def rewrite_tables() -> Callable[..., Path]:
    """The function ``_rewrite_tables``, for tests that change a benchmark."""
    return _rewrite_tables


def _rewrite_tables(
    source: Path,
    folder: Path,
    space_name: str,
    change_column: Callable[[str, np.ndarray], np.ndarray] | None = None,
    change_scores: Callable[[dict[str, Any]], None] | None = None,
) -> Path:
    """Copy a benchmark to ``folder``, and change something in it.

    Args:
        change_column: gets the name and values of a column ``TASK/SPLIT``, and returns new values.
        change_scores: changes the parsed zero-cost file in place.
    """
    space: SearchSpace = get_space(space_name)
    folder.mkdir(parents=True)
    table = f"{space.name}.csv.gz"
    header, *rows = csv.reader(io.StringIO(gzip.decompress((source / table).read_bytes()).decode()))
    columns = dict(zip(header, zip(*rows)))
    if change_column is not None:
        for name in [n for n in header if n.rpartition("/")[2] in ("train", "val", "test")]:
            values = np.array(columns[name], dtype=np.float64)
            columns[name] = tuple(map(repr, change_column(name, values).tolist()))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *zip(*columns.values())])
    (folder / table).write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=1))
    scores = json.loads((source / zero_cost_file_name(space)).read_text(encoding="utf-8"))
    if change_scores is not None:
        change_scores(scores)
    (folder / zero_cost_file_name(space)).write_text(json.dumps(scores), encoding="utf-8")
    return folder


# -- what a skipped test would hide ------------------------------------------------------------------------------------


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print how many tests of the run's subject ran, and write the line to the file that an option names."""
    of_all = "{} passed, {} failed, {} skipped".format(*_counts(terminalreporter))
    n_passed, n_failed, n_skipped = _counts(terminalreporter, keyword="naslib")
    if config.getoption(WITHOUT_TORCH):
        libraries = f", {config.getoption(LIBRARIES)} libraries" if config.getoption(LIBRARIES) else ""
        line = f"Python {platform.python_version()} without torch{libraries}: {of_all}"
    elif config.getoption(NEWCOMER):
        line = f"Without NASLib, real tables and a browser: {of_all}"
    else:
        line = f"NASLib tests: {n_passed + n_failed} ran, {n_skipped} skipped"
    terminalreporter.write_line(line)
    file = config.getoption(COUNTS)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(line + "\n", encoding="utf-8")


def _counts(terminalreporter: Any, keyword: str = "") -> list[int]:
    """The numbers of tests that passed, failed (or had an error) and were skipped; with a keyword, only its tests."""
    stats = {**terminalreporter.stats}
    stats["failed"] = [*stats.get("failed", []), *stats.get("error", [])]
    return [
        sum(1 for report in stats.get(outcome, []) if not keyword or keyword in getattr(report, "keywords", {}))
        for outcome in ("passed", "failed", "skipped")
    ]
