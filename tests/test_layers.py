"""The layers: a folder imports only lower folders, only ``plugin`` imports NASLib, and every file name occurs once."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import naslib_archlock

PACKAGE = Path(naslib_archlock.__file__).parent
# From low to high: a folder may import itself and the folders before it.
ORDER = (
    "errors", "store", "data", "compute", "spaces", "tasks", "proxies", "networks", "embedding", "benchmarks", "ranker",
    "strategies", "config", "locking", "audit", "studies", "report", "plugin", "testing", "commands",
)  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))
FOLDER_FILES = [path for path in FILES if path.parent != PACKAGE]


def imported_modules(path: Path) -> Iterator[str]:
    """Yield the full names of all modules that a file imports, also inside functions and for type checkers alone."""
    package = ["naslib_archlock", *path.relative_to(PACKAGE).parent.parts]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            start = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def unit_of(module: str) -> str | None:
    """The folder, or the file at the top, that holds a module of this package; None for other modules."""
    parts = module.split(".")
    return parts[1] if parts[0] == "naslib_archlock" and len(parts) > 1 and parts[1] != "__version__" else None


def test_the_order_holds_every_folder():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    top = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert folders | top == set(ORDER)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_folder_imports_downwards_only(path):
    if path == PACKAGE / "__init__.py" or path == PACKAGE / "__main__.py":
        return  # these are above all folders
    here = ORDER.index(path.relative_to(PACKAGE).parts[0].removesuffix(".py"))
    units = {unit for module in imported_modules(path) if (unit := unit_of(module))}
    assert {unit for unit in units if ORDER.index(unit) > here} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_only_the_plugin_imports_naslib(path):
    imports_naslib = any(module.split(".")[0] == "naslib" for module in imported_modules(path))
    assert not imports_naslib or path.parent == PACKAGE / "plugin"


def test_every_file_name_occurs_once():
    names = Counter(path.name for path in FOLDER_FILES if path.name != "__init__.py")
    assert [name for name, n in names.items() if n > 1] == []


def graph() -> dict[str, set[str]]:
    """Which file imports which, by module name."""
    names = {".".join(["naslib_archlock", *path.relative_to(PACKAGE).with_suffix("").parts]): path for path in FILES}
    found: dict[str, set[str]] = {}
    for name, path in names.items():
        imported = set(imported_modules(path))
        imported |= {module.rpartition(".")[0] for module in imported}
        found[name] = (imported & set(names)) - {name}
    return found


def test_no_files_import_each_other_in_a_circle():
    edges, done = graph(), set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above[above.index(name) :], name])
        if name not in done:
            for other in sorted(edges[name]):
                visit(other, (*above, name))
            done.add(name)

    for name in edges:
        visit(name, ())
