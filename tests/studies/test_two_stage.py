"""The baselines of two stages: what they look up, what they choose, and their option."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from watched import Watched

from naslib_archlock.benchmarks.digits_benchmark import digits_benchmark
from naslib_archlock.benchmarks.source_oracle import budget_floor
from naslib_archlock.errors import StudyError, UnknownNameError
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.studies.jobs import Job
from naslib_archlock.studies.methods import KINDS

NAMES = ("two_stage", "random_search")
SOURCE, TARGET = "digit", "jigsaw"


@pytest.fixture
def watched() -> Watched:
    return Watched(digits_benchmark())


@pytest.fixture
def job(watched: Watched) -> Job:
    return Job(watched, SOURCE, TARGET, 5.0, 0, 60, "", {"target_queries": 5}, Path("unused"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target_queries", [1, 5, 1000])
def test_target_look_ups_are_random_ones_within_the_budget_of_the_best_seen(job, watched, name, target_queries):
    picks = KINDS[name].pick(replace(job, options={"target_queries": target_queries}))
    assert {(task, split) for _, task, split in watched.asked} == {(SOURCE, "val"), (TARGET, "val")}
    source = {arch: watched.accuracy(arch, task=SOURCE, split="val") for arch in set(watched.archs(SOURCE))}
    target = {arch: watched.accuracy(arch, task=TARGET, split="val") for arch in set(watched.archs(TARGET))}
    within = {arch for arch in source if source[arch] >= budget_floor(max(source.values()), 5.0)}
    assert picks.source_queries == len(source) == 60
    assert picks.target_queries == len(target) == min(target_queries, len(within))
    assert set(target) <= within
    assert picks.archs[0] == min(target, key=lambda arch: target[arch])


def test_the_first_stage_is_the_search_under_scheme_s(job, watched):
    KINDS["two_stage"].pick(job)
    of_two_stages = watched.archs(SOURCE)
    watched.asked.clear()
    KINDS["archlock"].pick(replace(job, options={"scheme": "s"}, budget_pct=None))
    assert of_two_stages == watched.archs(SOURCE)


def test_random_search_looks_up_different_functions(job, watched):
    KINDS["random_search"].pick(job)
    functions = DIGITS.index(DIGITS.representatives(watched.archs(SOURCE)))
    assert len(np.unique(functions)) == 60


def test_more_look_ups_than_there_are_functions(job):
    assert KINDS["random_search"].pick(replace(job, source_queries=10_000)).source_queries == len(DIGITS.distinct())


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_and_the_pair_of_tasks_alone_decide(job, name):
    pick = KINDS[name].pick
    np.random.seed(1)
    first = pick(job)
    np.random.seed(2)
    assert pick(job) == first
    assert pick(replace(job, seed=1)).archs != first.archs
    assert pick(replace(job, target="edges")).archs != first.archs


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("queries", [None, 0, -3, True, 2.5, "20"])
def test_a_number_of_target_look_ups_is_needed(name, queries):
    options = {} if queries is None else {"target_queries": queries}
    with pytest.raises(StudyError, match=f"method {name} needs the option target_queries: a whole number from 1, not"):
        KINDS[name].check_options(options)


def test_other_options_are_refused():
    with pytest.raises((StudyError, UnknownNameError), match="unknown option 'target_querys'.*target_queries"):
        KINDS["two_stage"].check_options({"target_querys": 20})
