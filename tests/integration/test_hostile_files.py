"""Benchmark files, checkpoints and configs with traps, on the real NASLib: nothing in them runs."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from naslib_archlock.commands import main as cli
from naslib_archlock.errors import ConfigError, NaslibError
from naslib_archlock.plugin import naslib_benchmark as benchmark_module
from naslib_archlock.plugin.compat import DEFAULT_HOME, HOME_VARIABLE, naslib_home

CONFIGS = Path(cli.__file__).parents[1] / "configs"
FILES = {
    "nasbench201": ("cifar10", "nb201_cifar10_full_training.pickle"),
    "transbench101_micro": ("normal", "transnas-bench_v10141024.pth"),
}
Launch = Callable[..., "subprocess.CompletedProcess[str]"]


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def sprung(tmp_path: Path) -> Path:
    """The folder that a trap would make; after every test, it must not exist."""
    return tmp_path / "sprung"


@pytest.fixture(autouse=True)
def _nothing_ran(sprung: Path) -> Any:
    yield
    assert not sprung.exists()


def write_trap(folder: Path, space: str, sprung: Path) -> Path:
    """Write a benchmark file of a space with a trap in one entry, under the name that NASLib looks for."""
    path = folder / FILES[space][1]
    if path.suffix == ".pth":
        torch.save({"metrics_dict": {}, "info_names": [], "task_list": ["normal"], "data": Trap(sprung)}, path)
    else:
        path.write_bytes(pickle.dumps({"|nor_conv_3x3~0|": Trap(sprung)}))
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A copy of NASLib's code without benchmark files."""
    if naslib_home() != Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).expanduser():
        pytest.skip("NASLib is installed as a package here, and found before another")
    home = tmp_path / "NASLib"
    (home / "naslib" / "data").mkdir(parents=True)
    for path in (naslib_home() / "naslib").iterdir():
        if path.name not in ("data", "__pycache__"):
            (home / "naslib" / path.name).symlink_to(path)
    return home


@pytest.fixture
def launch(tmp_path: Path, home: Path, child_environment: dict[str, str]) -> Launch:
    """A function that runs ``archlock`` in ``tmp_path`` with that NASLib."""
    environment = {**child_environment, HOME_VARIABLE: str(home), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "naslib_archlock", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


def refusal(done: subprocess.CompletedProcess[str], *parts: object) -> None:
    """Check that the command ended with one message that contains these parts."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert str(part) in done.stderr


# -- benchmark files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", FILES)
def test_naslibs_own_runner(space, home, launch, sprung):
    path = write_trap(home / "naslib" / "data", space, sprung)
    runner = home / "naslib" / "runners" / "nas" / "runner.py"
    config = ("--config-file", CONFIGS / f"{space}.yaml", "dataset", FILES[space][0], "optimizer", "re")
    refusal(launch("naslib", runner, *config, "out_dir", "run"), f"{path} is not read", "mkdir")


@pytest.mark.parametrize("space", FILES)
def test_the_traps_would_run(space, sprung, tmp_path):
    """If Python or torch read the traps as NASLib does by itself, they run; so the tests above can fail."""
    path = write_trap(tmp_path, space, sprung)
    if path.suffix == ".pth":
        options = {"weights_only": False} if hasattr(torch.serialization, "add_safe_globals") else {}
        torch.load(path, **options)
    else:
        pickle.loads(path.read_bytes())
    sprung.rmdir()


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that NASLib uses as its data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setattr(sys.modules["naslib.utils.get_dataset_api"], "get_project_root", lambda: tmp_path)
    monkeypatch.setattr(benchmark_module, "naslib_data_folder", lambda: folder)
    return folder


@pytest.mark.parametrize("space", FILES)
def test_archlock_search(space, data_folder, sprung, own_cache, capsys, tmp_path):
    path = write_trap(data_folder, space, sprung)
    command = ["search", "search_space", space, "dataset", FILES[space][0], "out_dir", str(tmp_path / "run")]
    assert cli.main([*command, "archlock.scheme", "s"]) == 2
    error = capsys.readouterr().err
    for part in (f"{path} is not read: it asks for", ".mkdir", "delete it, and get another"):
        assert part in error


def test_the_transnas_file_may_hold_numpys_numbers(data_folder):
    from naslib.search_spaces import TransNASBenchAPI

    arch, metrics = "64-41414-0_00_000", {"valid_top1": [np.float64(12.5)]}
    record = {"class_scene": {"total_epochs": 1, "model_info": {}, "metrics": metrics}}
    tables = {"metrics_dict": {"class_scene": list(metrics)}, "info_names": [], "task_list": ["class_scene"]}
    torch.save({**tables, "data": {"micro": {arch: record}}}, data_folder / "transnas.pth")
    api = TransNASBenchAPI(str(data_folder / "transnas.pth"))
    assert api.get_single_metric(arch, "class_scene", "valid_top1", mode="final") == 12.5


def test_a_file_that_lies_elsewhere_is_not_read(data_folder, tmp_path):
    from naslib.search_spaces import TransNASBenchAPI
    from naslib.utils.nb101_api import NASBench

    elsewhere = tmp_path / "t.pth"
    torch.save({}, elsewhere)
    (tmp_path / "t.pickle").write_bytes(pickle.dumps({}))
    for path in (elsewhere, data_folder / ".." / "t.pth"):
        with pytest.raises(NaslibError, match="from NASLib's data folder alone"):
            TransNASBenchAPI(str(path))
    with pytest.raises(NaslibError, match="from NASLib's data folder alone"):
        NASBench(str(tmp_path / "t.pickle"))


def test_a_link_in_the_data_folder_is_followed(data_folder, tmp_path):
    from naslib.utils.nb101_api import NASBench

    (tmp_path / "t.pickle").write_bytes(pickle.dumps({"hash": ({"n": 1}, {108: [0.5]})}))
    (data_folder / "nasbench_only108.pkl").symlink_to(tmp_path / "t.pickle")
    assert NASBench(str(data_folder / "nasbench_only108.pkl")).valid_epochs == {108}


def test_other_benchmarks_of_naslib(data_folder, sprung):
    from naslib.utils import get_dataset_api

    (data_folder / "nasbench_only108.pkl").write_bytes(pickle.dumps(Trap(sprung)))
    (data_folder / "nb-asr-e40-1.pickle").write_bytes(pickle.dumps(Trap(sprung)))
    for space in ("nasbench101", "asr"):
        with pytest.raises(NaslibError, match="is not read: it asks for"):
            get_dataset_api(space, "cifar10")
    for space in ("nasbench301", "nlp", "natsbenchsize"):
        with pytest.raises(NaslibError, match="pickled models"):
            get_dataset_api(space, "cifar10")


def test_other_codes_pickle_is_as_it_was(naslib):
    import naslib.utils.get_dataset_api  # noqa: F401

    assert pickle.load.__module__ == "_pickle"
    assert pickle.loads(pickle.dumps(Trap)) is Trap
    assert torch.load.__module__ == "torch.serialization"


# -- checkpoints -------------------------------------------------------------------------------------------------------


def test_a_checkpoint_with_a_trap(tmp_path, sprung):
    from naslib.utils import Checkpointer

    network = torch.nn.Linear(2, 2)
    torch.save({"model": network.state_dict(), "iteration": 3}, tmp_path / "good.pth")
    other = torch.nn.Linear(2, 2)
    assert Checkpointer(other).load(str(tmp_path / "good.pth")) == {"iteration": 3}
    assert torch.equal(other.weight, network.weight)
    torch.save({"model": network.state_dict(), "iteration": Trap(sprung)}, tmp_path / "bad.pth")
    with pytest.raises(NaslibError, match=r"checkpoint .*bad.pth"):
        Checkpointer(other).load(str(tmp_path / "bad.pth"))


def test_a_checkpoint_without_a_state_of_the_search(tmp_path):
    from naslib.utils import Checkpointer

    from naslib_archlock.plugin.optimizer import SearchCheckpoint

    checkpoint = SearchCheckpoint(SimpleNamespace(history=[]))
    for state in (torch.tensor([1.5]), torch.zeros(3, dtype=torch.uint8)):
        torch.save({"model": {SearchCheckpoint.KEY: state}}, tmp_path / "m.pth")
        with pytest.raises(NaslibError, match="no state of this search.*without --resume"):
            Checkpointer(checkpoint).load(str(tmp_path / "m.pth"))


# -- what NASLib evaluates ---------------------------------------------------------------------------------------------


def load(*arguments: object) -> Any:
    """The first steps of NASLib's runners."""
    from naslib import utils

    return utils.get_config_from_args(utils.parse_args(args=[*map(str, arguments)]), config_type="nas")


def write_config(path: Path, **changes: Any) -> Path:
    content = {**yaml.safe_load((CONFIGS / "nasbench201.yaml").read_text()), "out_dir": str(path.parent / "run")}
    path.write_text(yaml.safe_dump({**content, **changes}))
    return path


def test_an_override_of_a_key_that_the_config_lacks(tmp_path, sprung):
    config = write_config(tmp_path / "c.yaml")
    for code in (f"__import__('os').mkdir({str(sprung)!r})", "sprung", "(" * 1000):
        with pytest.raises(ConfigError, match="not evaluated"):
            load("--config-file", config, "new", code)
    loaded = load("--config-file", config, "new", "[1, 'two']", "other", "3", "seed", "5", "search.epochs", "7")
    assert (loaded.new, loaded.other, loaded.seed, loaded.search.epochs) == ([1, "two"], 3, 5, 7)


@pytest.mark.parametrize("text", ["!!python/object/apply:os.mkdir [{}]", "seed: !!python/name:os.system ''", "- 1"])
def test_a_config_with_pythons_tags(text, tmp_path, sprung):
    (tmp_path / "c.yaml").write_text(text.format(sprung))
    with pytest.raises(ConfigError, match=r"c\.yaml (is not YAML|must hold keys)"):
        load("--config-file", tmp_path / "c.yaml")


def test_a_config_that_is_a_program(tmp_path, sprung):
    (tmp_path / "c.py").write_text(f"import os\nos.mkdir({str(sprung)!r})\ncfg = {{}}\n")
    with pytest.raises(ConfigError, match=r"c\.py"):
        load("--config-file", tmp_path / "c.py")


@pytest.mark.parametrize("key", ["optimizer", "dataset", "search_space"])
@pytest.mark.parametrize("name", ["../../elsewhere", "/elsewhere", "..", "a\0b", ["../../elsewhere"]])
def test_a_config_cannot_leave_its_output_folder(key, name, tmp_path):
    config = write_config(tmp_path / "c.yaml", **{key: name})
    with pytest.raises(ConfigError, match=f"{key} names an output folder"):
        load("--config-file", config)
    assert os.listdir(tmp_path) == ["c.yaml"]


def test_architectures_in_json_files(data_folder, sprung):
    from naslib.utils import get_zc_benchmark_api, load_sampled_architectures

    hostile = f"__import__('os').mkdir({str(sprung)!r})"
    path = data_folder / "zc_nasbench201.json"
    path.write_text('{"cifar10": {"(4, 0, 3)": {}, "[(0, 1), \'a\']": {}}}')
    assert list(get_zc_benchmark_api("nasbench201", "cifar10")) == ["(4, 0, 3)", "[(0, 1), 'a']"]
    path.write_text(f'{{"cifar10": {{"(4, 0, 3)": {{}}, "{hostile}": {{}}}}}}')
    with pytest.raises(NaslibError, match=r"zc_nasbench201.json is not read.*mkdir"):
        get_zc_benchmark_api("nasbench201", "cifar10")
    (data_folder / "archs").mkdir()
    (data_folder / "archs" / "archs_nasbench201.json").write_text(f'{{"0": "(1, 2)", "1": "{hostile}"}}')
    with pytest.raises(NaslibError, match=r"archs_nasbench201.json is not read.*mkdir"):
        load_sampled_architectures("nasbench201")


def test_the_real_zero_cost_files_are_read(naslib):
    from naslib.utils import get_zc_benchmark_api

    assert get_zc_benchmark_api("nasbench201", "cifar10")


def test_naslibs_own_runner_with_hostile_text(launch, home, sprung):
    """NASLib's own loader would evaluate the override; the command does not."""
    runner = home / "naslib" / "runners" / "bbo" / "runner.py"
    code = f"__import__('os').mkdir({str(sprung)!r})"
    refusal(launch("naslib", runner, "--config-file", CONFIGS / "nasbench201.yaml", "new", code), "not evaluated")
