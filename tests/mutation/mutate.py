"""Mutation testing: change the core in one place at a time, and see whether its tests notice.

    python tests/mutation/mutate.py [--sample N] [--only TEXT]

A mutant that no test notices fails the session, unless ``answered.txt`` says why it does the same as the original.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.util
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis  # noqa: F401 # imported once here, and not in every process
import pandas  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import torch  # noqa: F401

REPO = Path(__file__).resolve().parents[2]
ANSWERED = Path(__file__).with_name("answered.txt")
SECONDS = 60  # of processor time: a mutant may run forever, and tests that were ended are tests that failed
# module -> its tests
TESTS = {
    "spaces.cells": ["spaces/test_cells.py"],
    "proxies.votes": ["proxies/test_votes.py"],
    "strategies.fitness": ["strategies/test_fitness.py"],
    "strategies.rank_fitness": ["strategies/test_rank_fitness.py"],
    "benchmarks.lock_score": ["benchmarks/test_lock_score.py"],
    "benchmarks.source_oracle": ["benchmarks/test_source_oracle.py"],
    "strategies.base": ["strategies/test_base.py", "strategies/test_bayesian.py"],
    "strategies.bayesian": ["strategies/test_bayesian.py"],
    "strategies.rank_search": ["strategies/test_rank_search.py"],
    "strategies.target_search": ["strategies/test_target_search.py"],
    "locking.knowledge": ["locking/test_knowledge.py", "locking/test_prepare.py"],
}
SWAPPED: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
}  # fmt: skip


class Mutant(NamedTuple):
    """A changed module, and the line that was changed, before and after."""

    module: str
    change: str
    tree: ast.Module


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module: another operator, another number, a condition turned round."""
    tree = ast.parse(source)
    before = ast.unparse(tree).splitlines()
    untouched = {id(node) for part in _untouched(tree) for node in ast.walk(part)}
    for i, node in enumerate(ast.walk(tree)):
        if id(node) not in untouched and _mutate(copy.copy(node)):
            other = copy.deepcopy(tree)
            _mutate(next(n for j, n in enumerate(ast.walk(other)) if i == j))
            lines = zip(before, ast.unparse(other).splitlines())
            old, new = next((a.strip(), b.strip()) for a, b in lines if a != b)
            yield Mutant(module, f"{module}: {old} -> {new}", other)


def _untouched(tree: ast.AST) -> Iterator[ast.AST]:
    """What says something and does nothing: messages, types, what is imported for types, and decorators."""
    for node in ast.walk(tree):
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if for_types or isinstance(node, (ast.Raise, ast.JoinedStr)):
            yield node
        yield from getattr(node, "decorator_list", [])
        yield from (a for a in (getattr(node, "annotation", None), getattr(node, "returns", None)) if a is not None)


def _mutate(node: Any) -> bool:
    """Change a node in place, but nothing that it holds; returns whether there is anything to change."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
        node.ops = [SWAPPED[type(node.ops[0])](), *node.ops[1:]]
    elif isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)) and type(node.op) in SWAPPED:
        node.op = SWAPPED[type(node.op)]()
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
    else:
        return False
    return True


class Importer:
    """Gives a mutant to whoever imports its module."""

    def __init__(self, mutant: Mutant) -> None:
        self.name, self._tree = f"naslib_archlock.{mutant.module}", mutant.tree

    def find_spec(self, name: str, *args: object) -> Any:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None  # type: ignore[arg-type]

    def create_module(self, spec: object) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        module.__file__ = str(path_of(self.name.partition(".")[2]))
        exec(compile(ast.fix_missing_locations(self._tree), module.__file__, "exec"), module.__dict__)


def path_of(module: str) -> Path:
    """The file of a module, named as in ``TESTS``."""
    return REPO / "naslib_archlock" / f"{module.replace('.', '/')}.py"


def survives(mutant: Mutant) -> bool:
    """Whether the tests of a module pass with a mutant in its place; they run in a process of their own."""
    pid = os.fork()
    if not pid:
        cpu = int(time.process_time())
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu + SECONDS, cpu + SECONDS))
        sys.meta_path.insert(0, Importer(mutant))  # type: ignore[arg-type]
        tests = [str(REPO / "tests" / name) for name in TESTS[mutant.module]]
        os._exit(pytest.main(["-x", "-q", "-m", "not slow and not naslib", "-p", "no:cacheprovider", *tests]))
    return os.waitpid(pid, 0)[1] == 0


def answers() -> set[str]:
    """The mutants that do the same as the original: of each pair of lines, the first; the second says why."""
    return {line for line in ANSWERED.read_text(encoding="utf-8").splitlines() if line and line[0] not in " #"}


def main(argv: list[str] | None = None) -> int:
    """Test the mutants; returns 1 if one survives that is not answered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants, the same every time")
    parser.add_argument("--only", default="", metavar="TEXT", help="only those whose change holds the text")
    args = parser.parse_args(argv)
    everyone = [m for module in TESTS for m in mutants(module, path_of(module).read_text(encoding="utf-8"))]
    known = answers()
    chosen = [m for m in everyone if args.only in m.change and m.change not in known]
    if args.sample is not None:
        chosen = random.Random(0).sample(chosen, min(args.sample, len(chosen)))
    alive = []
    for mutant in chosen:
        if survives(mutant):
            alive.append(mutant.change)
            print(f"survives: {mutant.change}", flush=True)
    gone = known - {m.change for m in everyone}
    for change in sorted(gone):
        print(f"answered, but not a mutant any more: {change}")
    print(f"{len(chosen) - len(alive)} of {len(chosen)} mutants killed; {len(known)} of {len(everyone)} are answered")
    return bool(alive or gone)


if __name__ == "__main__":
    sys.exit(main())
