from __future__ import annotations

import ast

import pytest

mutate = pytest.importorskip("mutate", reason="mutants need processes that fork")

SOURCE = """
from typing import Literal
def f(x: Literal[1], on: bool = True) -> int:
    if x < 1 and on:
        raise ValueError(f"{x + 1}", 7)
    return x * 2 if x is not None else -x
"""


def test_every_place_that_does_something_is_changed_once():
    changes = [mutant.change.replace("m: ", "", 1).split(" -> ")[-1] for mutant in mutate.mutants("m", SOURCE)]
    assert sorted(changes) == sorted([
        "int:", "if x < 1 or on:", "if x <= 1 and on:", "if x < 2 and on:", "if not (x < 1 and on):",
        "return x / 2 if x is not None else -x", "return x * 3 if x is not None else -x",
        "return x * 2 if x is None else -x", "return x * 2 if not x is not None else -x",
    ])  # fmt: skip


@pytest.mark.parametrize("module", mutate.TESTS)
def test_modules_and_their_tests_are_there(module):
    assert mutate.path_of(module).is_file()
    assert all((mutate.REPO / "tests" / name).is_file() for name in mutate.TESTS[module])


def test_a_mutant_stands_in_for_its_module():
    (mutant,) = mutate.mutants("made_up", "x = 1")
    assert ast.unparse(mutant.tree) == "x = 2"
    spec = mutate.Importer(mutant).find_spec("naslib_archlock.made_up")
    module = type(mutate)("made_up")
    spec.loader.exec_module(module)
    assert module.x == 2
    assert mutate.Importer(mutant).find_spec("naslib_archlock.other") is None
