"""What all benchmarks share: options, the folder of tables, and the fixtures that time a function."""

from __future__ import annotations

import gc
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs import config_of, source_task

import naslib_archlock
from naslib_archlock.errors import NaslibError
from naslib_archlock.locking.find_ranker import train_on_scores
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.locking.prepare import open_benchmark, report_targets
from naslib_archlock.ranker.ranker import Ranker

CONFIGS = Path(naslib_archlock.__file__).parent / "configs"

Measure = Callable[..., Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also run, once each, benchmarks that take more than a minute")
    parser.addoption("--rounds", type=int, default=5, help="number of runs per median (default 5)")
    parser.addoption(
        "--tables",
        default=os.environ.get("ARCHLOCK_TABLES", ""),
        metavar="DIR",
        help="folder of plain tables and zc_*.json files (default: $ARCHLOCK_TABLES, else NASLib's and embedded data)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="takes more than a minute per run: make bench-all"))


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Add what the times depend on; it is kept with the results."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # some systems have no such function
        cores = os.cpu_count() or 1
    machine_info["measured_on"] = {
        "cpu": machine_info["cpu"].get("brand_raw", platform.processor()),
        "cores": cores,
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[2], 1) if hasattr(os, "getloadavg") else None,  # over the last 15 minutes
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


# -- timing ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def measure(benchmark: Any, request: pytest.FixtureRequest) -> Measure:
    """``measure(work, side, name, function)`` times a function and returns its result.

    Args:
        work: what is done; the table puts baselines and ours with the same work side by side.
        side: ``"baseline"`` or ``"ours"``.
        name: how it is done.
        setup: is called before each run and returns the function's arguments.
        share: the share of the work that ``function`` does; the table divides the time by it.
        once: whether to run only once, without a warm-up.
        multiply_adds: the number of multiply-adds in one run.
    """

    def run(
        work: str,
        side: str,
        name: str,
        function: Callable[..., Any],
        *,
        setup: Callable[[], tuple[Any, ...]] = tuple,
        share: float = 1.0,
        once: bool = False,
        multiply_adds: int = 0,
    ) -> Any:
        benchmark.group = work
        benchmark.extra_info.update(work=work, side=side, name=name, share=share, multiply_adds=multiply_adds)
        return _timed(benchmark, request, function, setup, once)

    return run


@pytest.fixture
def measure_growth(benchmark: Any, request: pytest.FixtureRequest) -> Measure:
    """``measure_growth(axis, n, function)`` times a point of a curve of ``growth.png``."""

    def run(axis: str, n: int, function: Callable[..., Any], *, setup: Callable[[], tuple[Any, ...]] = tuple) -> Any:
        benchmark.group = f"growth: {axis}"
        benchmark.extra_info.update(axis=axis, n=n)
        return _timed(benchmark, request, function, setup, once=False)

    return run


def _timed(
    benchmark: Any,
    request: pytest.FixtureRequest,
    function: Callable[..., Any],
    setup: Callable[[], tuple[Any, ...]],
    once: bool,
) -> Any:
    def prepared() -> tuple[tuple[Any, ...], dict[str, Any]]:
        gc.unfreeze()
        gc.collect()  # NASLib's graphs form cycles, so this run would have to collect the graphs of the last one
        gc.freeze()  # garbage collections in this run skip the objects that other benchmarks have left
        return setup(), {}

    # pytest-benchmark adds one run to profile, so one run is enough.
    once = once or request.config.getoption("benchmark_cprofile") is not None
    rounds, warm_ups = (1, 0) if once else (request.config.getoption("--rounds"), 1)
    return benchmark.pedantic(function, setup=prepared, rounds=rounds, warmup_rounds=warm_ups, iterations=1)


# -- what there is to measure on ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tables(request: pytest.FixtureRequest) -> str:
    """The folder of tables given as an option, or an empty string."""
    folder = request.config.getoption("--tables")
    if folder and not Path(folder).is_dir():
        raise pytest.UsageError(f"--tables {folder} is no folder; name one with <space>.csv.gz and zc_<space>.json")
    return str(Path(folder).resolve()) if folder else ""


@pytest.fixture(scope="session")
def naslib() -> Any:
    """NASLib, with this package registered in it; skips if NASLib cannot be used."""
    from naslib_archlock.plugin.compat import load_naslib

    try:
        module = load_naslib()
    except NaslibError as err:
        pytest.skip(str(err))
    naslib_archlock.register()
    return module


@pytest.fixture(scope="session")
def dataset_api(naslib: Any) -> Callable[[str], Any]:
    """A function that opens NASLib's benchmark file for the source task of a space; skips without the file."""
    from naslib.utils import get_dataset_api

    loaded: dict[str, Any] = {}

    def load(space: str) -> Any:
        if space not in loaded:
            try:
                loaded[space] = get_dataset_api(space, source_task(space))
            except (AssertionError, OSError) as err:
                pytest.skip(f"NASLib's benchmark file of {space}: {err}")
        return loaded[space]

    return load


@pytest.fixture(scope="session")
def spaces(tables: str) -> tuple[str, ...]:
    """The search spaces that can be measured here: digits, and NAS-Bench-201 if its accuracies are available."""
    in_tables = any((Path(tables) / f"nasbench201{suffix}").is_file() for suffix in (".csv.gz", ".csv"))
    has_nasbench201 = in_tables if tables else _naslib_has_nasbench201()
    return ("nasbench201", "digits") if has_nasbench201 else ("digits",)


def _naslib_has_nasbench201() -> bool:
    from naslib_archlock.benchmarks.benchmark_files import accuracy_files
    from naslib_archlock.plugin.compat import naslib_data_folder
    from naslib_archlock.spaces.known import NASBENCH201

    try:
        folder = naslib_data_folder()
    except NaslibError:
        return False
    return (folder / accuracy_files(NASBENCH201)["cifar10"]).is_file() and (folder / "zc_nasbench201.json").is_file()


@pytest.fixture(scope="session")
def ranker_of(tables: str) -> Callable[[str], Ranker]:
    """A function that returns a ranker for the source task of a space, trained once on what scheme TU may see."""
    trained: dict[str, Ranker] = {}

    def train(space: str) -> Ranker:
        if space not in trained:
            config = config_of(space, tables, "archlock.strategy", "evolution")
            hidden = report_targets(config, open_benchmark(config).tasks)
            trained[space], _ = train_on_scores(config, *Knowledge(config, hidden).training_tables(), progress=None)
        return trained[space]

    return train


@pytest.fixture
def run_under_trainer(naslib: Any, tmp_path: Path) -> Callable[..., Any]:
    """A function that runs an optimizer under NASLib's own Trainer, with the shipped config of a space and overrides.

    Each run builds the search space anew, as NASLib's runners do. The benchmark file is loaded before.
    """
    from naslib import optimizers, utils
    from naslib.defaults.trainer import Trainer
    from naslib.search_spaces import NasBench201SearchSpace, TransBench101SearchSpaceMicro

    known = {
        "archlock": optimizers.ArchLock, "rs": optimizers.RandomSearch, "re": optimizers.RegularizedEvolution,
        "ls": optimizers.LocalSearch, "bananas": optimizers.Bananas, "npenas": optimizers.Npenas,
    }  # fmt: skip

    def run(space: str, name: str, dataset_api: Any, *overrides: object) -> Any:
        keys = ["--config-file", CONFIGS / f"{space}.yaml", "out_dir", tmp_path / "run", "optimizer", name, *overrides]
        config = utils.get_config_from_args(utils.parse_args(args=list(map(str, keys))), config_type="bbo-bs")
        utils.set_seed(config.seed)
        search_space = (
            NasBench201SearchSpace() if space == "nasbench201" else TransBench101SearchSpaceMicro(config.dataset)
        )
        optimizer = known[name](config)
        optimizer.adapt_search_space(search_space, dataset_api=dataset_api)
        Trainer(optimizer, config, lightweight_output=True).search(report_incumbent=False)
        return optimizer

    return run
