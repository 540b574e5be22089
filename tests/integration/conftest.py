"""These tests run the real, unchanged NASLib. All are marked ``naslib``, so they are skipped without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import naslib_archlock
from naslib_archlock.config.load import load_config
from naslib_archlock.locking.find_ranker import train_on_scores
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.plugin.compat import load_naslib

CONFIGS = Path(naslib_archlock.__file__).parent / "configs"
SOURCES = {"nasbench201": "cifar10", "transbench101_micro": "class_scene"}

MakeConfig = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.naslib)
            item.add_marker(pytest.mark.filterwarnings("ignore"))  # NASLib and its imports warn all the time


@pytest.fixture(scope="session", autouse=True)
def naslib() -> ModuleType:
    """NASLib, with this package registered in it."""
    naslib_archlock.register()
    return load_naslib()


@pytest.fixture(scope="session")
def sources() -> dict[str, str]:
    """Search space -> the source task of these tests, which its shipped config names."""
    return SOURCES


@pytest.fixture(scope="session")
def dataset_apis(naslib: ModuleType) -> dict[str, Any]:
    """Search space -> the result of NASLib's ``get_dataset_api`` for its source task."""
    from naslib.utils import get_dataset_api

    return {space: get_dataset_api(space, task) for space, task in SOURCES.items()}


@pytest.fixture
def naslib_config(tmp_path: Path, naslib: ModuleType) -> MakeConfig:
    """A function that makes a config as NASLib's runners do, from a shipped file and overrides."""
    from naslib import utils

    def make(space: str, *overrides: object, kind: str = "bbo-bs") -> Any:
        arguments = ["--config-file", str(CONFIGS / f"{space}.yaml"), "out_dir", str(tmp_path / "run")]
        return utils.get_config_from_args(utils.parse_args(args=[*arguments, *map(str, overrides)]), config_type=kind)

    return make


def _train_ranker(path: Path, *overrides: str) -> Path:
    config = load_config(None, ["archlock.hidden", "16", *overrides])
    ranker, _ = train_on_scores(config, *Knowledge(config).training_tables(), progress=None)
    ranker.save(path)
    return path


@pytest.fixture(scope="session")
def source_ranker(naslib: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ranker trained on the two source tasks only, so that it has not seen any other task."""
    path = tmp_path_factory.mktemp("rankers") / "sources.safetensors"
    return _train_ranker(path, "archlock.train_tasks", ",".join(SOURCES.values()))


@pytest.fixture(scope="session")
def all_tasks_ranker(naslib: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ranker trained on every task with zero-cost scores, as scheme TK allows."""
    return _train_ranker(tmp_path_factory.mktemp("rankers") / "all.safetensors")
