"""What commands import, because short commands spend most of their time on imports."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from naslib_archlock.commands.main import COMMANDS

# Each takes longer to import than a search takes. Only ranking of known accuracies needs SciPy's statistics.
HEAVY = {"torch", "torchvision", "sklearn", "pandas", "joblib", "pymoo", "scipy.stats"}
RANKS = {"scipy.stats"}

_RUN = """
import json, sys, sysconfig
before = set(sys.modules)
from naslib_archlock.commands import main as cli
code = cli.main(sys.argv[1:])
installed = tuple(sysconfig.get_paths()[kind] for kind in ("purelib", "platlib"))
new = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items() if name not in before}
ours = [name for name in new if name.partition(".")[0] == "naslib_archlock"]
others = [name for name, file in new.items() if name not in ours and file.startswith(installed)]
print(json.dumps({"code": code, "ours": ours, "others": others}))
"""


def imported_by(environment: dict[str, str], *argv: str) -> tuple[set[str], set[str]]:
    """The modules of this package, and of other packages, that a command imports in its own process."""
    command = [sys.executable, "-c", _RUN, *argv]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["code"] == 0, done.stderr
    return set(found["ours"]), set(found["others"])


@pytest.mark.parametrize(
    ("argv", "of_command"),
    [
        (["--help"], set()),
        (["--version"], set()),
        *(([command.name, "--help"], {f"commands.{command.module}"}) for command in COMMANDS),
    ],
)
def test_help_imports_the_command_line_and_nothing_else(child_environment, argv, of_command):
    """A command's help also imports the command, but nothing that only its run needs."""
    ours, others = imported_by(child_environment, *argv)
    shared = ("main", "streams", "interrupts", "printing", "help_text")
    light = {"errors", "commands", *(f"commands.{module}" for module in shared), *of_command}
    expected = {"naslib_archlock", *(f"naslib_archlock.{module}" for module in light)}
    assert ours - {"naslib_archlock.commands.options"} == expected  # most commands share some options
    assert others == set()


@pytest.mark.parametrize(
    ("overrides", "needs"),
    [
        ([], set()),
        (["archlock.scheme", "s"], set()),
        (["archlock.scheme", "tk", "archlock.target", "edges"], RANKS),
    ],
)
def test_a_search_of_the_embedded_benchmark_imports_nothing_heavy(child_environment, tmp_path, overrides, needs):
    """Neither the search nor its report, which draws two pictures, imports one of them."""
    _, others = imported_by(
        child_environment, "search", "--config", "digits", "out_dir", str(tmp_path),
        "search.epochs", "30", "archlock.source_queries", "30", *overrides,
    )  # fmt: skip
    assert others & HEAVY == needs
    assert "matplotlib" in others  # this proves that imported names are found


def test_a_search_of_plain_tables_imports_nothing_heavy(child_environment, toy_tables, tmp_path):
    _, others = imported_by(
        child_environment, "search", "search_space", "transbench101_micro", "dataset", "class_scene",
        "archlock.tables", str(toy_tables), "out_dir", str(tmp_path),
        "search.epochs", "30", "archlock.source_queries", "30",
    )  # fmt: skip
    assert others & HEAVY == set()


@pytest.mark.slow
@pytest.mark.usefixtures("torch")
def test_a_search_with_a_ranker_imports_torch(child_environment, tmp_path):
    """The search uses a shipped ranker. This shows that an import of torch by the other searches would be noticed."""
    _, others = imported_by(
        child_environment, "search", "search_space", "digits", "dataset", "digit", "out_dir", str(tmp_path),
        "archlock.strategy", "evolution", "archlock.scheme", "s", "search.epochs", "12", "archlock.source_queries", "9",
    )  # fmt: skip
    assert "torch" in others
