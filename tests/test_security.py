"""The content of files is never run, and never names a place outside the output folder."""

from __future__ import annotations

import ast
import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import naslib_archlock
from naslib_archlock.commands import main as cli
from naslib_archlock.compute.parts import LocalProcesses
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.embedding.embedding_file import read_embedding
from naslib_archlock.errors import ConfigError, EmbeddingError, OutputError, StudyError
from naslib_archlock.store.files import is_file_name, write_text
from naslib_archlock.studies.study import load_study, study_from
from naslib_archlock.studies.study_run import run_study

PACKAGE = Path(naslib_archlock.__file__).parent
LEAVING = ["../../elsewhere", "/elsewhere", "..", ".", "", "a/b", "a\\b", "a\0b", "a\nb", "x" * 300, "\ud800"]


# -- the code ----------------------------------------------------------------------------------------------------------

# Functions that run their argument, by the last two parts of their name, or only the last.
DANGEROUS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads", "pickle.Unpickler",
    "cloudpickle.loads", "dill.load", "marshal.loads", "shelve.open", "joblib.load", "torch.load", "jit.load",
    "np.load", "numpy.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all",
}  # fmt: skip
SHELLS = {"subprocess", "os.spawn", "os.exec", "pty"}
# The places of such calls, and why they are allowed.
ANSWERED = {
    ("store/cache.py", "np.load"): "with allow_pickle=False",
    ("compute/cluster.py", "pickle.loads"): "calls that the user's own command sent to the user's own workers",
    ("plugin/launcher.py", "compile"): "the runner script that the user named",
    ("plugin/launcher.py", "exec"): "the runner script that the user named",
    ("store/unpickling.py", "pickle.Unpickler"): "the base of the restricted one",
    ("store/unpickling.py", "torch.load"): "weights_only, or the restricted unpickler",
}


def dotted(node: ast.AST) -> str:
    """``a.b`` for ``x.a.b``, and ``a`` for ``a``."""
    if isinstance(node, ast.Attribute):
        value = node.value
        before = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
        return f"{before}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def dangers(tree: ast.AST) -> Iterator[str]:
    """The names of dangerous functions that code calls or passes on, of modules that start programs, and of shells."""
    for node in ast.walk(tree):
        if dotted(node) in DANGEROUS:
            yield dotted(node)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None) or ""
            for name in node.names:
                full = f"{module}.{name.name}" if module else name.name
                # a name that is imported from its module would be called without the module's name
                if module and f"{module.rpartition('.')[2]}.{name.name}" in DANGEROUS:
                    yield full
                if full.split(".")[0] in SHELLS:
                    yield full
        is_option = isinstance(node, ast.keyword) and node.arg in ("shell", "allow_pickle", "allow_unsafe")
        if is_option and not (isinstance(node.value, ast.Constant) and node.value.value is False):
            yield f"{node.arg}="


def test_the_package_runs_nothing_it_reads():
    found = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in dangers(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set(ANSWERED)


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "from pickle import loads",
        "import pickle; map(pickle.loads, [])",
        "import subprocess",
        "from os import system",
        "import yaml; yaml.load('', yaml.Loader)",
        "run('ls', shell=True)",
        "np.lib.format.read_array(f, allow_pickle=True)",
        "torch.jit.load(path)",
    ],
)
def test_such_code_would_be_found(code):
    assert list(dangers(ast.parse(code)))


def test_numpys_files_are_read_without_objects():
    """Every call of ``np.load`` and ``read_array`` must forbid objects itself."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and dotted(node.func) in ("np.load", "format.read_array"):
                assert "allow_pickle" in {keyword.arg for keyword in node.keywords}, f"{path}:{node.lineno}"


# -- YAML and text of configs and studies ------------------------------------------------------------------------------

TAGS = ("!!python/object/apply:os.mkdir [{}]", "seed: !!python/object/new:os.system [x]", "!!python/name:os.system ''")


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("read", [load_config, load_study])
def test_pythons_tags_in_yaml_do_not_run(read, tag, tmp_path):
    (tmp_path / "f.yaml").write_text(tag.format(tmp_path / "sprung"))
    with pytest.raises((ConfigError, StudyError), match="is not YAML"):
        read(tmp_path / "f.yaml")
    assert os.listdir(tmp_path) == ["f.yaml"]


@pytest.mark.parametrize(
    "command", [["search", "--config-file"], ["compare"], ["train-ranker", "--out", "r", "--config-file"]]
)
def test_nor_by_a_command(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("f.yaml").write_text(TAGS[0].format("sprung"))
    assert cli.main([*command, "f.yaml"]) == 2
    assert "is not YAML" in capsys.readouterr().err
    assert os.listdir() == ["f.yaml"]


@pytest.mark.parametrize("key", ["dataset", "archlock.proxies", "archlock.hidden", "seed", "archlock.probe", "new"])
def test_an_override_that_is_code_does_not_run(key, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["search", "search_space", "digits", "dataset", "digit", key, "__import__('os').mkdir('sprung')"]
    assert cli.main([*command, "archlock.strategy", "evolution", "archlock.embedding", "task2vec"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not os.path.exists("sprung")


# -- where files go ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LEAVING)
def test_names_that_lead_elsewhere(name):
    assert not is_file_name(name)


@pytest.mark.parametrize("name", ["cifar10", "ImageNet16-120", "photos~0-1", "..a", "a b", "Bilder ä", "-"])
def test_names_that_do_not(name):
    assert is_file_name(name)


@pytest.mark.parametrize("name", LEAVING)
def test_the_optimizer_names_a_folder(name):
    with pytest.raises(ConfigError, match="optimizer .*names an output folder"):
        Config(optimizer=name)


@pytest.mark.parametrize("name", ["/", "a\0b", "/a\0b", "x" * 300, "", "a\nb"])
def test_so_does_the_dataset(name):
    with pytest.raises(ConfigError, match="dataset"):
        Config(dataset=name)


@pytest.mark.parametrize("name", ["../../elsewhere", "/elsewhere", "..", ".", "elsewhere/.."])
def test_a_dataset_that_is_a_folder_goes_by_its_own_name(name):
    save = Config(dataset=name, out_dir="out").save
    assert (len(save.parts), save.parts[0]) == (6, "out")
    assert ".." not in save.parts


@pytest.mark.parametrize("name", ["../elsewhere", "/elsewhere", "a/b", "..", "a\0b", "x" * 300, ""])
def test_a_study_is_called_what_a_folder_can_be(name):
    with pytest.raises(StudyError, match="name"):
        study_from({**SMALL, "name": name})


SMALL: dict[str, Any] = {
    "name": "small", "about": "hostile labels", "seeds": 1, "budgets": [2], "reference": "most", "compare_with": "most",
    "spaces": {"digits": ["digit -> jigsaw"]}, "methods": {"most": {"method": "most_accurate"}},
}  # fmt: skip
LABELS = ["../../elsewhere", "/elsewhere", "..", "a\\b", "x" * 5000, "~", "$(touch elsewhere)", "<a>|*?:"]


def test_no_label_leads_out_of_the_folder_of_a_study(tmp_path):
    kinds = ("fewest_weights", "least_accurate", "ceiling", "oracle", "random")
    methods = [{"method": kind} for kind in kinds]
    methods += [{"scheme": "s", "source_top_pct": float(i), "epochs": 1} for i in range(1, 10)]
    study = study_from({**SMALL, "methods": {**SMALL["methods"], **dict(zip(LABELS, methods))}, "source_queries": 1})
    run_study(study, tmp_path / "in" / "deep" / "out", workers=LocalProcesses(1))
    assert os.listdir(tmp_path) == ["in"]
    assert os.listdir(tmp_path / "in" / "deep") == ["out"]
    runs = os.listdir(tmp_path / "in" / "deep" / "out" / "runs")
    assert len(runs) == len(LABELS) + 1
    assert all(name.endswith(".json") and len(name) < 200 for name in runs)
    assert cli.main(["report", str(tmp_path / "in" / "deep" / "out")]) == 0
    assert os.listdir(tmp_path / "in" / "deep") == ["out"]


@pytest.mark.parametrize("task", LEAVING)
def test_a_task_names_no_embedding_elsewhere(task, tmp_path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    for place in (tmp_path / "elsewhere.npy", folder / ".npy"):
        np.save(place, np.ones(3))
    with pytest.raises(EmbeddingError, match="cannot be part of a file's name"):
        read_embedding(f"{folder}/{{task}}.npy", task)


def test_a_path_that_is_too_long_is_a_message(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    long = "x" * 300
    for command in (
        ["search", "search_space", "digits", "dataset", "digit", "out_dir", long],
        ["search", "search_space", "digits", "dataset", "digit", "archlock.tables", long],
        ["compare", long],
        ["report", long],
        ["export", long, "--out", "o"],
        ["train-ranker", "--out", long],
        ["naslib", long],
    ):
        assert cli.main(command) == 2
        assert re.search("File name too long|no table of digits in", capsys.readouterr().err)
    assert os.listdir() == []


# -- links -------------------------------------------------------------------------------------------------------------


def test_a_link_in_the_place_of_an_output_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("precious")
    (tmp_path / "out.txt").symlink_to(tmp_path / "elsewhere")
    write_text(tmp_path / "out.txt", "new")
    assert (tmp_path / "elsewhere").read_text() == "precious"
    assert not (tmp_path / "out.txt").is_symlink()
    assert (tmp_path / "out.txt").read_text() == "new"


def test_neither_are_those_in_the_folders_of_a_search_and_a_study(tmp_path):
    precious = tmp_path / "elsewhere"
    command = [
        "search",
        "search_space",
        "digits",
        "dataset",
        "digit",
        "search.epochs",
        "2",
        "archlock.source_queries",
        "2",
    ]
    folder = load_config(None, [*command[1:], "out_dir", str(tmp_path / "run")]).save
    out = tmp_path / "study"
    for path in (
        *(folder / name for name in ("config.yaml", "history.csv", "cell.png", "search.png", "lock.png")),
        *(out / name for name in ("results.csv", "study.yaml")),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(precious)
    precious.write_text("precious")
    assert cli.main([*command, "out_dir", str(tmp_path / "run")]) == 0
    run_study(study_from(SMALL), out, workers=LocalProcesses(1))
    assert precious.read_text() == "precious"
    assert not [path for path in itertools.chain(folder.iterdir(), out.iterdir()) if path.is_symlink()]
    assert json.loads((folder / "result.json").read_text())["source"] == "digit"
    assert yaml.safe_load((out / "study.yaml").read_text())["name"] == "small"


def test_a_lock_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "elsewhere").write_text("precious")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="is a link"):
        run_study(study_from(SMALL), tmp_path / "study")
    assert (tmp_path / "elsewhere").read_text() == "precious"
