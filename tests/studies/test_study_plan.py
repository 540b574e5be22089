from __future__ import annotations

from dataclasses import replace

import yaml
from study_results import STUDY

from naslib_archlock.studies.study import Run, study_from
from naslib_archlock.studies.study_plan import Group, Plan, first_of_each, typical_seconds


def run(method: str, seed: int, space: str = "digits") -> Run:
    return Run(method, space, "digit", None, None, seed)


def test_a_plan_says_how_much_and_how_long():
    study = study_from(yaml.safe_load(STUDY))
    plan = Plan(study, 1200, 1000, 0, 1560.0, "as finished runs took")
    assert str(plan) == (
        "5 methods, 3 task pairs, 2 source budgets, 3 seeds: 1,200 runs, 1,000 of them missing; about 26 core minutes "
        "(as finished runs took)"
    )
    one = replace(study, seeds=1, budgets=(2.0,))
    assert str(Plan(one, 1, 1, 1, None, "")) == (
        "5 methods, 3 task pairs, 1 source budget, 1 seed: 1 run, 1 of them missing, and 1 ranker to "
        "find or train first"
    )
    assert str(Plan(one, 1, 0, 0, 0.0, "")).endswith("1 run, 0 of them missing")


def test_the_time_of_a_group_is_the_median_so_that_one_slow_start_does_not_count():
    seconds = {run("a", 0): 9.0, run("a", 1): 1.0, run("a", 2): 2.0, run("b", 0): 5.0, run("a", 0, "nasbench201"): 7.0}
    assert typical_seconds(seconds) == {
        Group("a", "digits"): 2.0, Group("b", "digits"): 5.0, Group("a", "nasbench201"): 7.0,
    }  # fmt: skip
    assert typical_seconds({}) == {}


def test_the_first_of_each_group_come_before_the_second():
    runs = [run("a", 0), run("a", 1), run("a", 2), run("b", 0), run("c", 0), run("c", 1)]
    assert first_of_each(runs) == [run("a", 0), run("b", 0), run("c", 0)]
    assert first_of_each(runs, 2) == [run("a", 0), run("b", 0), run("c", 0), run("a", 1), run("c", 1)]
    assert sorted(first_of_each(runs, 9)) == sorted(runs)
