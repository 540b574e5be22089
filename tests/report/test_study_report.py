from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from study_results import COMPARE_WITH, METHODS, REFERENCE, STUDY, digits_results

from naslib_archlock.report.study_report import StudyReport, findings, missing_runs, study_report
from naslib_archlock.studies.statistics import BETTER, NOT_SHOWN, WORSE, analyse
from naslib_archlock.studies.study import Study, study_from

# -- findings ----------------------------------------------------------------------------------------------------------

SUMMARY = pd.DataFrame(
    {
        "method": ["locks", "may lock", "one run", "told"],
        "lock_score_low": [0.1, -0.1, np.nan, 0.2],
        "target_queries": [0, 0, 0, 3],
    }
)


def comparisons(n_pairs: int, *verdicts: str) -> pd.DataFrame:
    rows = [(f"m{i}", 0.25, 0.125, 0.5, n_pairs, verdict) for i, verdict in enumerate(verdicts)]
    return pd.DataFrame(rows, columns=["method", "difference", "low", "high", "n_pairs", "verdict"])


def test_what_locks_and_what_was_told_is_said_without_comparisons():
    assert findings(SUMMARY, comparisons(0), "x") == [
        "Not shown to lock better than a random architecture within the budget: may lock; one run.",
        "Looked up target accuracies, which an owner does not have: told.",
    ]
    assert findings(SUMMARY.iloc[:1], comparisons(0), "x") == [
        "Not shown to lock better than a random architecture within the budget: none."
    ]


def test_every_method_is_under_its_verdict_with_its_interval():
    said = findings(SUMMARY, comparisons(20, BETTER, NOT_SHOWN, BETTER), "plain")
    assert said[:3] == [
        'Better than "plain": m0 (0.25 [0.12, 0.50]); m2 (0.25 [0.12, 0.50]).',
        'Worse than "plain": none.',
        'Not shown to be better than "plain" (no interval that excludes 0): m1 (0.25 [0.12, 0.50]).',
    ]
    assert findings(SUMMARY, comparisons(20, WORSE), "plain")[1] == 'Worse than "plain": m0 (0.25 [0.12, 0.50]).'


@pytest.mark.parametrize(
    ("n_pairs", "n_methods", "least"),
    [(3, 1, ("0.25", "0.25")), (3, 5, ("0.25", "1")), (6, 2, ("0.031", "0.062")), (6, 1, None), (20, 5, None)],
)
def test_where_a_test_of_ranks_can_show_nothing_that_is_said(n_pairs, n_methods, least):
    said = [text for text in findings(SUMMARY, comparisons(n_pairs, *[BETTER] * n_methods), "x") if "Wilcoxon" in text]
    if least is None:
        assert said == []
    else:
        assert f"With {n_pairs} pairs Wilcoxon's test gives no p below {least[0]}, and" in said[0]
        assert f"for {n_methods} methods none below {least[1]}, however" in said[0]


# -- a study -----------------------------------------------------------------------------------------------------------


def made_of(study: Study, results: pd.DataFrame, folder: str = "out", **made: str) -> StudyReport:
    statistics = analyse(results, METHODS, REFERENCE, COMPARE_WITH)
    return study_report(study, results, statistics, Path(folder), made)


@pytest.fixture(scope="module")
def study() -> Study:
    return study_from(yaml.safe_load(STUDY))


@pytest.fixture(scope="module")
def report(study) -> StudyReport:
    return made_of(study, digits_results())


def test_each_space_and_budget_has_a_section_with_tables_and_a_picture(report):
    assert [section.title for section in report.sections] == ["digits, source budget 2%", "digits, source budget 5%"]
    assert [section.slug for section in report.sections] == ["digits-2pct", "digits-5pct"]
    for section in report.sections:
        assert list(section.tables()) == ["summary", "tests", "scores", "pairs"]
        assert list(section.summary.iloc[:, 0]) == list(METHODS)
        assert list(section.tests.iloc[:, 0]) == [name for name in METHODS if name != COMPARE_WITH]
        assert section.title in section.picture.caption
    names = [picture.name for picture in report.all_pictures()]
    assert names == [
        "lock_scores", "costs", "pairs-digits-2pct", "choices-digits-2pct", "pairs-digits-5pct", "choices-digits-5pct",
    ]  # fmt: skip


def test_a_report_says_how_the_study_was_made_and_how_to_make_it_again(report, study):
    assert (report.name, report.about, report.meaning) == (study.name, study.about, study.meaning)
    assert study_from(yaml.safe_load(report.definition)) == study
    assert report.settings["source budgets"] == "2%, 5%"
    assert report.settings["reference, which drops and falls are measured against"] == REFERENCE
    assert any(f'minus those of "{COMPARE_WITH}"' in note for note in report.notes)


def test_notes_of_the_benchmarks_are_among_the_notes(study):
    noted = dataclasses.replace(study, notes=("figures are made up",))
    assert made_of(noted, digits_results(budgets=(2.0,), seeds=1)).notes[-1] == "figures are made up."


def test_commands_name_the_real_folder(study):
    commands = made_of(study, digits_results(budgets=(2.0,), seeds=1), "my runs/a'b", date="today")
    assert commands.made == {"date": "today"}
    assert [shlex.split(line, comments=True) for line in commands.commands.splitlines()] == [
        ["archlock", "compare", "my runs/a'b/study.yaml", "--out", "my runs/a'b"],
        ["archlock", "report", "my runs/a'b"],
    ]
    assert "--tables" not in commands.commands  # the embedded benchmark needs none


def test_what_a_cross_means_is_said_where_there_is_one(study, report):
    crosses = [
        any((table == "✗").to_numpy().any() for table in (section.scores, section.choices.table))
        for section in report.sections
    ]
    assert crosses[0]  # the picks of "random" are within 2% with no seed
    for section, has_cross in zip(report.sections, crosses):
        assert bool(section.score_note) == has_cross
        assert section.picture.caption.endswith(section.score_note)
    results = digits_results(budgets=(2.0,)).query("method != 'random' and method != 'best of 50'")
    assert made_of(study, results).sections[0].score_note == ""


def test_runs_that_are_missing_are_counted_where_they_are_missing(study):
    results = digits_results()
    is_lost = (results["method"] == "random") & (results["budget_pct"] == 2) & (results["target"] == "edges")
    summary = analyse(results[~is_lost], METHODS, REFERENCE, COMPARE_WITH).summary
    at = {budget: summary[summary["budget_pct"] == budget] for budget in (2.0, 5.0)}
    assert missing_runs(study, "digits", 2.0, at[2.0]) == [
        "Runs are missing, and means are over those that are there: random 3 of 9."
    ]
    assert missing_runs(study, "digits", 5.0, at[5.0]) == []
    without = at[5.0][at[5.0]["method"] != "ceiling"]
    assert missing_runs(study, "digits", 5.0, without)[0].endswith(": ceiling 3 of 3.")
