"""What the report of a study says, whatever format it is written in: words, tables of text, and figures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from ..studies.statistics import BETTER, N_RESAMPLES, NOT_SHOWN, WORSE, Statistics
from ..studies.study import Study
from . import tables
from .figures import cost_figure, pair_figure, rows_of, score_figure, setting_title

_COMMANDS = """\
archlock compare study.yaml --out results    # --tables DIR: plain tables instead of NASLib's files
archlock report results
"""
_SCORES_SHOWN = "Mean lock score of each method, with both intervals."
_COSTS_SHOWN = (
    "Source accuracy given up against target accuracy taken away: large, the mean of each method; faint, each of its "
    "pairs. What loses more than three budgets stands at the right edge; a few pairs far above or below are not drawn."
)


@dataclass(frozen=True)
class Picture:
    """A figure, the name of its file without the ending, and in words what it shows."""

    name: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Section:
    """One space and source budget: findings in words, and tables of text."""

    title: str
    slug: str
    findings: list[str]
    summary: pd.DataFrame
    tests: pd.DataFrame
    scores: pd.DataFrame
    pairs: pd.DataFrame
    picture: Picture

    def tables(self) -> dict[str, pd.DataFrame]:
        """Its tables by name."""
        return {"summary": self.summary, "tests": self.tests, "scores": self.scores, "pairs": self.pairs}


@dataclass(frozen=True)
class StudyReport:
    """``commands``: lines that make it again; ``definition``: the study's YAML; ``meaning``: what
    the figures of the benchmarks mean; ``notes``: how to read the rest."""

    name: str
    about: str
    commands: str
    settings: dict[str, str]
    definition: str
    meaning: str
    notes: list[str]
    pictures: list[Picture]
    compare_with: str
    sections: list[Section]

    def all_pictures(self) -> Iterator[Picture]:
        """The figures over all spaces and budgets, then the figures of each section."""
        yield from self.pictures
        yield from (section.picture for section in self.sections)


def study_report(study: Study, statistics: Statistics) -> StudyReport:
    """The report of a resolved study, from the statistics of its results."""
    summary, pairs, _ = statistics
    settings = summary[["space", "budget_pct"]].drop_duplicates().itertuples(index=False, name=None)
    return StudyReport(
        name=study.name,
        about=study.about,
        commands=_COMMANDS,
        settings=_settings(study),
        definition=study.to_yaml(),
        meaning=study.meaning,
        notes=_notes(study),
        pictures=[
            Picture("lock_scores", _SCORES_SHOWN, score_figure(summary, study.compare_with)),
            Picture("costs", _COSTS_SHOWN, cost_figure(summary, pairs)),
        ],
        compare_with=study.compare_with,
        sections=[_section(study, space, budget_pct, statistics) for space, budget_pct in settings],
    )


def _settings(study: Study) -> dict[str, str]:
    return {
        "methods": str(len(study.methods)),
        "spaces": ", ".join(study.spaces),
        "source budgets": ", ".join(f"{budget:g}%" for budget in study.budgets),
        "source look-ups a run, at most": str(study.source_queries),
        "seeds": str(study.seeds),
        "target drop is measured against": study.reference,
        "paired tests compare with": study.compare_with,
    }


def _notes(study: Study) -> list[str]:
    return [
        "Rank percentile, the metric of the paper: the position among all architectures of the space by validation "
        'accuracy, from 0 (the worst) to 100 (the best). "Lowest possible": the lowest target percentile of any '
        "architecture within the source budget. Fall: how far the target percentile lies below that of "
        f'"{study.reference}" with the same seed, in % of the latter.',
        "Lock score: 0 is a random architecture within the source budget, 1 the best lock there is, below 0 worse than "
        'random. A pick outside the budget scores 0 and is counted under "outside the budget".',
        f"Intervals hold 95% of {N_RESAMPLES} bootstrap resamples of the mean over task pairs. Over seeds: the pairs "
        "are all there are. Over pairs and seeds: the pairs are a sample too; since pairs share tasks, that interval "
        "is rather too narrow than too wide. A method without randomness has one seed, and no interval over seeds.",
        "Source loss: source validation accuracy given up, in % of the best. Target drop: how far target test accuracy "
        f'lies below that of "{study.reference}" with the same seed, in % of the latter.',
        f'Paired tests: lock scores minus those of "{study.compare_with}", pair by pair and seed by seed; the verdict '
        "goes by the interval over pairs and seeds. Wilcoxon's signed-rank test is two-sided, over the means of pairs, "
        "with Holm's correction for the number of methods.",
        *(f"{note}." for note in study.notes),
    ]


def _section(study: Study, space: str, budget_pct: float, statistics: Statistics) -> Section:
    summary, pairs, tests = (rows_of(frame, space, budget_pct) for frame in statistics)
    title = setting_title(space, budget_pct)
    slug = re.sub(r"[^A-Za-z0-9.-]+", "_", f"{space}-{budget_pct:g}pct")
    caption = f"Mean lock score by source and target, {title}."
    return Section(
        title=title,
        slug=slug,
        findings=[*missing_runs(study, space, budget_pct, summary), *findings(summary, tests, study.compare_with)],
        summary=tables.summary_table(summary),
        tests=tables.comparison_table(tests),
        scores=tables.scores_table(pairs),
        pairs=tables.pairs_table(pairs),
        picture=Picture(f"pairs-{slug}", caption, pair_figure(pairs, title)),
    )


def findings(summary: pd.DataFrame, tests: pd.DataFrame, compare_with: str) -> list[str]:
    """What the rows of ``Statistics.summary`` and ``Statistics.tests`` of one space and budget say, in words."""
    words = _verdicts(tests, compare_with) if len(tests) else []
    no_lock = summary[~(summary["lock_score_low"] > 0)]["method"]
    words.append(f"Not shown to lock better than a random architecture within the budget: {_listed(no_lock)}.")
    told = summary[summary["target_queries"] > 0]["method"]
    if len(told):
        words.append(f"Looked up target accuracies, which an owner does not have: {_listed(told)}.")
    return words


def _verdicts(tests: pd.DataFrame, compare_with: str) -> list[str]:
    """Which methods are better, worse, and neither, and what the test of ranks can say at all."""
    words = []
    for verdict, said in (
        (BETTER, f'Better than "{compare_with}"'),
        (WORSE, f'Worse than "{compare_with}"'),
        (NOT_SHOWN, f'Not shown to be better than "{compare_with}" (no interval that excludes 0)'),
    ):
        rows = tests[tests["verdict"] == verdict].itertuples()
        named = [f"{row.method} ({tables.with_interval(row.difference, row.low, row.high)})" for row in rows]
        words.append(f"{said}: {_listed(named)}.")
    n_pairs = int(tests["n_pairs"].max())
    least = 2.0 ** (1 - n_pairs)
    if n_pairs and least * len(tests) > 0.05:
        words.append(
            f"With {n_pairs} pairs Wilcoxon's test gives no p below {least:.2g}, and after Holm's correction for "
            f"{len(tests)} methods none below {min(1.0, least * len(tests)):.2g}, however large the differences are."
        )
    return words


def missing_runs(study: Study, space: str, budget_pct: float, summary: pd.DataFrame) -> list[str]:
    """Which methods have not been run everywhere, if any, in one sentence."""
    wanted = Counter(place.method for place in study.grid() if (place.space, place.budget_pct) == (space, budget_pct))
    missing = wanted - Counter(dict(zip(summary["method"], summary["n_runs"])))
    named = [f"{method} {n} of {wanted[method]}" for method, n in missing.items()]
    return [f"Runs are missing, and means are over those that are there: {_listed(named)}."] if named else []


def _listed(names: Iterable[str]) -> str:
    return "; ".join(names) or "none"
