"""Every package that is imported is declared in pyproject.toml: in the core, or in the extra that it is for."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import naslib_archlock

pytest.importorskip("tomllib", reason="tomllib came with Python 3.11; what is tested here is the same on every Python")
import tomllib

PACKAGE, REPO = Path(naslib_archlock.__file__).parent, Path(__file__).parents[1]
FILES = sorted(PACKAGE.rglob("*.py"))
PROJECT: dict[str, Any] = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONSTRAINTS = sorted((REPO / "constraints").glob("*.txt"))
# Files of the package that need extras. Each of these extras must hold what the file imports. All other files are core.
EXTRAS = {
    "compute/cluster.py": ("dask",),
    "compute/torchvision_import.py": ("task2vec", "naslib"),
    "embedding/probes.py": ("task2vec",),
    "studies/nsga2.py": ("studies",),
    **{path.relative_to(PACKAGE).as_posix(): ("naslib",) for path in PACKAGE.glob("plugin/*.py")},
}
# What stands beside the package. These extras together must hold what it imports.
BESIDE = {
    "benchmarks": ("bench",),
    "docs": ("docs",),
    "examples": (),
    "experiments": ("naslib",),
    "tests": ("dev", "naslib", "task2vec"),
    "noxfile.py": ("dev",),
}
UNDECLARED = {
    "naslib": "it is on no package index; docs/guides/naslib.md says how to get it",
    "atheris": "it installs on some systems only; experiments/bad_input/README.md says how to get it",
}
# The names of modules that are not those of their distributions.
MODULES = {"pillow": "PIL", "pyyaml": "yaml", "scikit-learn": "sklearn"}


def installed_by(*extras: str) -> set[str]:
    """The modules that the core and these extras install. An extra may name others, as ``naslib_archlock[dask]``."""
    requirements = [*PROJECT["dependencies"]]
    for extra in extras:
        requirements += PROJECT["optional-dependencies"][extra]
    modules = set()
    for requirement in map(Requirement, requirements):
        if requirement.name == PROJECT["name"]:
            modules |= installed_by(*requirement.extras)
        modules.add(MODULES.get(requirement.name, requirement.name))
    return modules


def others(names: Iterable[str]) -> set[str]:
    """Those among the top-level modules of these names that neither Python nor this project has."""
    return {name.partition(".")[0] for name in names} - {*sys.stdlib_module_names, *UNDECLARED, PROJECT["name"]}


def imported(code: str) -> Iterator[str]:
    """Yield the modules that code imports: at its top, inside functions, or by a name in quotes."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)
        elif isinstance(node, ast.Call) and node.args:
            function = getattr(node.func, "attr", getattr(node.func, "id", ""))
            name = node.args[0]
            if isinstance(name, ast.JoinedStr):  # of f"naslib.{module}", the part that is always the same
                name = name.values[0]
            is_name = isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value[:1] != "."
            if is_name and function in ("import_module", "importorskip", "__import__"):
                yield name.value


def imported_by(*paths: Path) -> set[str]:
    return others(name for path in paths for name in imported(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_what_the_package_imports_is_declared_where_it_is_used(path):
    extras = EXTRAS.get(path.relative_to(PACKAGE).as_posix(), ())
    for place in [(extra,) for extra in extras] or [()]:
        assert imported_by(path) - installed_by(*place) == set(), f"not declared in {place or 'the core'}"


@pytest.mark.parametrize("place", BESIDE)
def test_what_stands_beside_the_package_needs_no_more_than_its_extras(place):
    paths = [REPO / place] if place.endswith(".py") else sorted((REPO / place).rglob("*.py"))
    own = {path.stem for path in paths} | {"experiments"}  # tests and benchmarks import each other by their bare names
    assert imported_by(*paths) - own - installed_by(*BESIDE[place]) == set()


def test_the_core_requires_nothing_that_it_does_not_import():
    core = [path for path in FILES if path.relative_to(PACKAGE).as_posix() not in EXTRAS]
    assert installed_by() - imported_by(*core) == set()


@pytest.mark.parametrize("path", CONSTRAINTS, ids=lambda path: path.stem)
def test_the_versions_that_were_tested_are_allowed(path):
    """Also those that NASLib's authors pinned."""
    python = path.stem[2:] if path.stem.startswith("py") else "3.9"
    lines = path.read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    tested = {canonicalize_name(name): version for name, version in pins.items()}
    asked = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    refused = []
    for requirement in map(Requirement, asked):
        version = tested.get(canonicalize_name(requirement.name))
        holds = requirement.marker is None or requirement.marker.evaluate({"python_version": python, "extra": ""})
        if version and holds and not requirement.specifier.contains(version):
            refused.append(f"{requirement} refuses {version}")
    assert refused == []


def test_every_file_that_needs_an_extra_is_there():
    assert [name for name in EXTRAS if not (PACKAGE / name).is_file()] == []


@pytest.mark.parametrize(
    "code",
    ["import made_up.part", "from made_up.part import thing", "def later():\n    import made_up as another",
     "import importlib\nimportlib.import_module('made_up.part')", "import_module(f'made_up.{part}')"],
)  # fmt: skip
def test_an_import_that_is_not_declared_is_found(code):
    assert others(imported(code)) - installed_by(*PROJECT["optional-dependencies"]) == {"made_up"}


def test_what_only_an_extra_has_is_missing_from_the_core():
    in_dask = imported_by(PACKAGE / "compute" / "cluster.py")
    assert in_dask - installed_by() == in_dask - installed_by("naslib") == {"cloudpickle", "dask", "distributed"}
