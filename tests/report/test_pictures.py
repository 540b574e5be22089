"""Every picture of this project is made under settings of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
FILES = sorted(
    path
    for folder in ("naslib_archlock", "experiments", "benchmarks")
    for path in (REPO / folder).rglob("*.py")
    if "Figure(" in path.read_text(encoding="utf-8")
)


def calls_figure(node: ast.AST) -> bool:
    return any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "Figure" for n in ast.walk(node)
    )


def test_there_are_pictures():
    assert len(FILES) >= 6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(REPO).as_posix())
def test_whatever_makes_a_figure_has_settings_of_its_own(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    makers = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and calls_figure(node)]
    assert makers
    bare = [f.name for f in makers if "own_settings()" not in map(ast.unparse, f.decorator_list)]
    assert bare == []
