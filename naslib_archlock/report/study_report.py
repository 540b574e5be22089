"""What the report of a study says, whatever format it is written in: words, tables of text, and figures."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ..spaces.known import get_space
from ..studies.statistics import BETTER, N_RESAMPLES, NOT_SHOWN, WORSE, Statistics
from ..studies.study import Study
from ..studies.study_run import STUDY
from . import tables
from .figures import cost_figure, pair_figure, rows_of, score_figure, setting_title
from .study_choices import Choices, study_choices

_SCORES_SHOWN = "Mean lock score of each method, with 95% intervals over seeds (thick) and over pairs and seeds (thin)."
_COSTS_SHOWN = (
    "Source accuracy lost against the drop of target accuracy: large, the mean of each method; faint, each of its "
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
    """One space and source budget.

    Attributes:
        title, slug: what it is called on the page and in the names of files.
        findings: in words.
        summary, tests, scores, pairs: tables of text; ``score_note`` explains a sign in the scores, if they hold it.
        picture: the lock score of each pair.
        choices: the architectures chosen at one pair.
    """

    title: str
    slug: str
    findings: list[str]
    summary: pd.DataFrame
    tests: pd.DataFrame
    scores: pd.DataFrame
    pairs: pd.DataFrame
    score_note: str
    picture: Picture
    choices: Choices

    def tables(self) -> dict[str, pd.DataFrame]:
        """Its tables of figures by name."""
        return {"summary": self.summary, "tests": self.tests, "scores": self.scores, "pairs": self.pairs}

    def pictures(self) -> list[Picture]:
        """Its figures."""
        return [self.picture, Picture(f"choices-{self.slug}", self.choices.caption, self.choices.figure)]


@dataclass(frozen=True)
class StudyReport:
    """The report of a study.

    Attributes:
        name, about: of the study.
        commands: lines that make it again; ``definition``: the study's YAML.
        settings: of the study, by what a reader calls them.
        made: when, where and with what its last runs were made (``compute.made``); empty where that was not kept.
        meaning: what the figures of the benchmarks mean; ``notes``: how to read the rest.
        pictures: over all spaces and budgets.
        compare_with: the method that paired tests compare the others with.
        sections: one for each space and source budget.
    """

    name: str
    about: str
    commands: str
    settings: dict[str, str]
    made: Mapping[str, str]
    definition: str
    meaning: str
    notes: list[str]
    pictures: list[Picture]
    compare_with: str
    sections: list[Section]

    def all_pictures(self) -> Iterator[Picture]:
        """The figures over all spaces and budgets, then the figures of each section."""
        yield from self.pictures
        for section in self.sections:
            yield from section.pictures()


def study_report(
    study: Study, results: pd.DataFrame, statistics: Statistics, folder: Path, made: Mapping[str, str]
) -> StudyReport:
    """The report of a study.

    Args:
        study: resolved.
        results: the frame of ``study_results``.
        statistics: of these results.
        folder: the folder of the study, as the user named it.
        made: when, where and with what it was made; empty if that was not kept.
    Raises:
        StudyError: if the results name an architecture that its search space does not have.
    """
    summary, pairs, _ = statistics
    settings = summary[["space", "budget_pct"]].drop_duplicates().itertuples(index=False, name=None)
    return StudyReport(
        name=study.name,
        about=study.about,
        commands=_commands(study, folder),
        settings=_settings(study),
        made=made,
        definition=study.to_yaml(),
        meaning=study.meaning,
        notes=_notes(study),
        pictures=[
            Picture("lock_scores", _SCORES_SHOWN, score_figure(summary, study.compare_with)),
            Picture("costs", _COSTS_SHOWN, cost_figure(summary, pairs)),
        ],
        compare_with=study.compare_with,
        sections=[_section(study, space, budget_pct, results, statistics) for space, budget_pct in settings],
    )


def _commands(study: Study, folder: Path) -> str:
    """The commands that make the runs which are missing in the folder, and the report."""
    file, there = shlex.quote(str(folder / STUDY)), shlex.quote(str(folder))
    is_embedded = all(get_space(space).is_embedded for space in study.spaces)
    hint = "" if is_embedded else "    # --tables DIR: plain tables instead of NASLib's files"
    return f"archlock compare {file} --out {there}{hint}\narchlock report {there}\n"


def _settings(study: Study) -> dict[str, str]:
    return {
        "methods": str(len(study.methods)),
        "spaces": ", ".join(study.spaces),
        "source budgets": ", ".join(f"{budget:g}%" for budget in study.budgets),
        "source look-ups a run, at most": str(study.source_queries),
        "seeds": str(study.seeds),
        "reference, which drops and falls are measured against": study.reference,
        "paired tests compare with": study.compare_with,
    }


def _notes(study: Study) -> list[str]:
    return [
        "Percentile, the metric of the paper: the position among all architectures of the space by validation "
        "accuracy on the task, from 0 (the worst) to 100 (the best). The lower it is on the target, the better the "
        "lock. The lowest target percentile possible is that of some architecture within the source budget.",
        f'The reference is "{study.reference}". Falls of the percentile and drops of test accuracy are measured '
        "against its run of the same seed, in % of its figure.",
        "Lock score: 0 is a random architecture within the source budget, 1 the best lock there is, below 0 worse than "
        "random. An architecture outside the budget scores 0, and its run is counted as outside the source budget.",
        "A run chooses up to five architectures, the best first. All figures are of the first one, except the mean of "
        "the five best picks.",
        f"Intervals hold 95% of {N_RESAMPLES} bootstrap resamples of the mean over task pairs. Over seeds: the pairs "
        "are all there are. Over pairs and seeds: the pairs are a sample too; since pairs share tasks, that interval "
        "is rather too narrow than too wide. A method without randomness has one seed, and no interval over seeds.",
        "Source accuracy lost: validation accuracy given up on the source, in % of the best.",
        f'Paired tests: lock scores minus those of "{study.compare_with}", pair by pair and seed by seed; the verdict '
        "goes by the interval over pairs and seeds. Wilcoxon's signed-rank test is two-sided, over the means of pairs, "
        "with Holm's correction for the number of methods.",
        *(f"{note}." for note in study.notes),
    ]


def _section(study: Study, space: str, budget_pct: float, results: pd.DataFrame, statistics: Statistics) -> Section:
    summary, pairs, tests = (rows_of(frame, space, budget_pct) for frame in statistics)
    title = setting_title(space, budget_pct)
    slug = re.sub(r"[^A-Za-z0-9.-]+", "_", f"{space}-{budget_pct:g}pct")
    scores, choices = tables.scores_table(pairs), study_choices(rows_of(results, space, budget_pct), pairs)
    has_cross = any((table == tables.CROSS).to_numpy().any() for table in (scores, choices.table))
    note = tables.CROSS_MEANS if has_cross else ""
    caption = f"Mean lock score by source and target, {title}. {note}".rstrip()
    return Section(
        title=title,
        slug=slug,
        findings=[*missing_runs(study, space, budget_pct, summary), *findings(summary, tests, study.compare_with)],
        summary=tables.summary_table(summary),
        tests=tables.comparison_table(tests),
        scores=scores,
        pairs=tables.pairs_table(pairs),
        score_note=note,
        picture=Picture(f"pairs-{slug}", caption, pair_figure(pairs, title)),
        choices=choices,
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
