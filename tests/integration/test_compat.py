"""What NASLib is loaded with: shims that change nothing where nothing is wrong."""

from __future__ import annotations

import collections.abc
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from naslib_archlock.errors import NaslibError
from naslib_archlock.plugin import compat


def test_loading_again_returns_the_same_module(naslib):
    path = list(sys.path)
    assert compat.load_naslib() is naslib
    assert sys.path == path


@pytest.mark.parametrize(("present", "expected"), [({"ComplexWarning": "own"}, "own"), ({}, "moved")])
def test_numpys_alias_is_added_only_where_it_is_missing(present, expected, monkeypatch):
    fake = SimpleNamespace(exceptions=SimpleNamespace(ComplexWarning="moved"), **present)
    monkeypatch.setattr(compat, "np", fake)
    compat._restore_numpy_alias()
    assert fake.ComplexWarning == expected


@pytest.mark.parametrize(("present", "expected"), [({"Iterable": "own"}, "own"), ({}, collections.abc.Iterable)])
def test_the_collections_alias_is_added_only_where_it_is_missing(present, expected, monkeypatch):
    fake = SimpleNamespace(abc=collections.abc, **present)
    monkeypatch.setattr(compat, "collections", fake)
    compat._restore_collections_aliases()
    assert fake.Iterable is expected


def test_a_missing_requirement_is_named_with_what_to_do(monkeypatch):
    def fail() -> None:
        raise ModuleNotFoundError("No module named 'torchvision'")

    monkeypatch.setattr(compat, "declare_torchvision_operators", fail)
    with pytest.raises(NaslibError, match=r"No module named 'torchvision'.*pip install 'naslib_archlock\[naslib\]'"):
        compat.load_naslib.__wrapped__()


class SetSpace:
    """A predictor that only records which search space it gets."""

    def set_ss_type(self, name: str) -> None:
        self.ss_type = name


def evaluator() -> Any:
    from naslib.defaults.predictor_evaluator import PredictorEvaluator

    names = ("experiment_type", "test_size", "train_size_single", "train_size_list", "fidelity_single")
    names += ("fidelity_list", "max_hpo_time", "dataset", "uniform_random")
    return PredictorEvaluator(SetSpace(), config=SimpleNamespace(**dict.fromkeys(names)))


@pytest.mark.parametrize("name", ["nasbench201", "transbench101_micro"])
def test_naslibs_predictor_evaluator_takes_both_spaces(name):
    from naslib.search_spaces import supported_search_spaces

    space, made = supported_search_spaces[name](), evaluator()
    made.adapt_search_space(space, load_labeled=False)
    assert made.predictor.ss_type == name
    assert space.get_type() == made.search_space.get_type() == name
    assert made.full_lc and made.hyperparameters


def test_naslibs_predictor_evaluator_still_refuses_others():
    from naslib.search_spaces import TransBench101SearchSpaceMacro

    with pytest.raises(NotImplementedError):
        evaluator().adapt_search_space(TransBench101SearchSpaceMacro(), load_labeled=False)
