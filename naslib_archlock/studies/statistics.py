"""What the results of a study say: lock scores with intervals, what a lock costs and does, and paired tests.

All functions take the frame of ``study_results``: one row for each method, space, source, target, budget and seed.

Intervals are 95% percentile bootstrap intervals of a mean over task pairs. A seed is one repetition of the whole
study, so a resample draws seeds for all pairs at once: a method that does not look at the target makes the same picks
for every target, and drawing seeds for each pair anew would count such a pick several times over. Two are given:

* over seeds: the pairs are all there are; how far the mean would move if the study were repeated;
* over pairs and seeds: the pairs are a sample too; what to expect on other tasks like these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from ..compute.seeding import stream
from ..errors import unknown

N_RESAMPLES = 10_000
BETTER, WORSE, NOT_SHOWN = "better", "worse", "not shown to be better"

_SETTING = ["space", "budget_pct"]
_PAIR = ["source", "target"]
_MEANS = [
    "lock_score_top5", "source_loss_pct", "source_percentile", "limit_percentile", "source_queries", "target_queries",
    "seconds",
]  # fmt: skip
_TEST_COLUMNS = [
    *_SETTING, "method", "difference", "low", "high", "seeds_low", "seeds_high", "n_pairs", "n_above", "p", "p_holm",
    "verdict",
]  # fmt: skip


class Statistics(NamedTuple):
    """Three tables, by space and budget, then in the order of the study's methods. A NaN means that there are too few
    runs.

    ``summary``, a row for each space, budget and method (means over pairs of the means over seeds):
        n_pairs, n_seeds; n_runs: the number of runs;
        lock_score; lock_score_low, lock_score_high: interval over pairs and seeds; lock_score_seeds_low,
        lock_score_seeds_high: over seeds; lock_score_top5: mean over a run's (at most) five picks;
        outside_budget_pct: share of runs whose pick is outside the budget, in %;
        source_loss_pct: source validation accuracy given up, in % of the best;
        source_percentile, target_percentile: rank percentiles by validation (``rank_percentiles``), the latter with
        target_percentile_low and target_percentile_high over pairs and seeds, and target_percentile_seeds_low and
        target_percentile_seeds_high over seeds; limit_percentile: the lowest target percentile that the budget allows;
        percentile_fall_pct: target percentile below the reference's, in % of the latter;
        target_drop_pct: target test accuracy below the reference's, in % of its absolute value, with
        target_drop_low and target_drop_high over pairs and seeds;
        source_queries, target_queries: look-ups a run; seconds: wall time a run.
    ``pairs``, a row for each space, budget, method, source and target (means over seeds): the same, with intervals over
        seeds only, and source_test, target_test and target_drop (below the reference's) in the tasks' own units, which
        is why these three have no mean over pairs.
    ``tests``, a row for each space, budget and method other than ``compare_with``, over the pairs that both have:
        difference: of lock scores, seed by seed, the method's minus the other's; low, high: interval over pairs and
        seeds; seeds_low, seeds_high: over seeds; n_pairs; n_above: pairs where the method's mean is higher;
        p: two-sided Wilcoxon signed-rank test of the pair means; p_holm: the same after Holm's correction for the
        number of methods; verdict: by the interval over pairs and seeds.
    """

    summary: pd.DataFrame
    pairs: pd.DataFrame
    tests: pd.DataFrame


def analyse(results: pd.DataFrame, methods: Sequence[str], reference: str, compare_with: str) -> Statistics:
    """The statistics of a study.

    Args:
        results: the frame that ``read_results`` returned.
        methods: the order to list them in.
        reference: the method that target drops are measured against.
        compare_with: the method that paired tests compare the others with.
    Raises: UnknownNameError: if one of the two has no results.
    """
    found = [method for method in methods if (results["method"] == method).any()]
    for role, method in (("reference", reference), ("compare_with", compare_with)):
        if method not in found:
            raise unknown(f"{role} method", method, found, "the results; is the study complete?")
    runs = add_target_drop(results, reference)
    settings = [Setting(group) for _, group in runs.groupby(_SETTING)]
    return Statistics(
        pd.DataFrame([setting.summary(m) for setting in settings for m in setting.methods(found)]),
        pd.concat([setting.pairs(m) for setting in settings for m in setting.methods(found)], ignore_index=True),
        pd.DataFrame([row for s in settings for row in s.tests(found, compare_with)], columns=_TEST_COLUMNS),
    )


def add_target_drop(results: pd.DataFrame, reference: str) -> pd.DataFrame:
    """The results with ``target_drop``, ``target_drop_pct`` and ``percentile_fall_pct``.

    They are against the reference's run of the same seed. A reference without randomness has one seed, which then
    serves for all.
    """
    keys = [*_SETTING, *_PAIR, "seed"]
    of_reference = results[results["method"] == reference]
    if of_reference["seed"].nunique() == 1:
        keys.remove("seed")
    names = {"target_test": "reference_test", "target_percentile": "reference_percentile"}
    runs = results.merge(
        of_reference[[*keys, *names]].rename(columns=names), on=keys, how="left", validate="many_to_one"
    )
    drop = runs["reference_test"] - runs["target_test"]
    fall = runs["reference_percentile"] - runs["target_percentile"]
    return runs.drop(columns=list(names.values())).assign(
        target_drop=drop,
        target_drop_pct=100 * drop / _scale(runs["reference_test"]),
        percentile_fall_pct=100 * fall / _scale(runs["reference_percentile"]),
    )


def _scale(reference: pd.Series) -> pd.Series:
    """What a fall is a percentage of; NaN for 0."""
    return reference.abs().where(lambda x: x > 0)


class Setting:
    """The runs of one space and source budget."""

    def __init__(self, runs: pd.DataFrame) -> None:
        self._runs = runs.assign(outside_budget_pct=100.0 * ~runs["is_within_budget"].astype(bool))
        self._key = dict(zip(_SETTING, runs[_SETTING].iloc[0]))
        self._all_pairs = runs[_PAIR].drop_duplicates().sort_values(_PAIR)
        self._all_seeds = sorted(runs["seed"].unique())
        self._bootstrap = Bootstrap(len(self._all_pairs), len(self._all_seeds))

    def methods(self, order: Sequence[str]) -> list[str]:
        """The methods in ``order`` that have runs here."""
        here = set(self._runs["method"])
        return [method for method in order if method in here]

    def grid(self, method: str, column: str) -> np.ndarray:
        """Values of a method, ``pairs x seeds``, or ``pairs x 1`` of one without randomness; NaN where it has none."""
        runs = self._runs[self._runs["method"] == method]
        seeds = self._all_seeds if runs["seed"].nunique() > 1 else [runs["seed"].iloc[0]]
        table = runs.pivot(index=_PAIR, columns="seed", values=column)
        table = table.reindex(index=pd.MultiIndex.from_frame(self._all_pairs), columns=seeds)
        return table.to_numpy(dtype=np.float64)

    def summary(self, method: str) -> dict[str, object]:
        """A row of ``Statistics.summary``."""
        scores, drops = self.grid(method, "lock_score"), self.grid(method, "target_drop_pct")
        is_there = np.isfinite(scores)
        over_pairs, over_seeds = self._bootstrap.over_pairs_and_seeds(scores), self._bootstrap.over_seeds(scores)
        drop_interval = self._bootstrap.over_pairs_and_seeds(drops)
        percentiles = self.grid(method, "target_percentile")
        low, high = self._bootstrap.over_pairs_and_seeds(percentiles)
        seeds_low, seeds_high = self._bootstrap.over_seeds(percentiles)
        return {
            **self._key,
            "method": method,
            "n_pairs": int(is_there.any(axis=1).sum()),
            "n_seeds": scores.shape[1],
            "n_runs": int(is_there.sum()),
            "lock_score": mean_over_pairs(scores),
            "lock_score_low": over_pairs[0],
            "lock_score_high": over_pairs[1],
            "lock_score_seeds_low": over_seeds[0],
            "lock_score_seeds_high": over_seeds[1],
            "outside_budget_pct": mean_over_pairs(self.grid(method, "outside_budget_pct")),
            "target_percentile": mean_over_pairs(percentiles),
            "target_percentile_low": low,
            "target_percentile_high": high,
            "target_percentile_seeds_low": seeds_low,
            "target_percentile_seeds_high": seeds_high,
            "percentile_fall_pct": mean_over_pairs(self.grid(method, "percentile_fall_pct")),
            "target_drop_pct": mean_over_pairs(drops),
            "target_drop_low": drop_interval[0],
            "target_drop_high": drop_interval[1],
            **{column: mean_over_pairs(self.grid(method, column)) for column in _MEANS},
        }

    def pairs(self, method: str) -> pd.DataFrame:
        """The rows of ``Statistics.pairs`` of one method."""
        scores = self.grid(method, "lock_score")
        low, high = self._bootstrap.of_each_pair(scores)
        columns = ["lock_score", *_MEANS, "outside_budget_pct", "source_test", "target_test", "target_drop"]
        columns += ["target_drop_pct", "target_percentile", "percentile_fall_pct"]
        table = self._all_pairs.assign(**self._key, method=method, n_seeds=np.isfinite(scores).sum(axis=1))
        table = table.assign(**{column: _nanmean(self.grid(method, column)) for column in columns})
        table = table.assign(lock_score_seeds_low=low, lock_score_seeds_high=high)
        first = [*_SETTING, "method", *_PAIR, "n_seeds", "lock_score", "lock_score_seeds_low", "lock_score_seeds_high"]
        return table[table["n_seeds"] > 0][[*first, *(column for column in columns if column not in first)]]

    def tests(self, order: Sequence[str], compare_with: str) -> list[dict[str, object]]:
        """The rows of ``Statistics.tests``."""
        methods = self.methods(order)
        if compare_with not in methods:
            return []
        other = self.grid(compare_with, "lock_score")
        rows = [
            {**self._key, "method": method, **self._difference(self.grid(method, "lock_score") - other)}
            for method in methods
            if method != compare_with
        ]
        for row, p in zip(rows, holm(np.array([row["p"] for row in rows]))):
            row["p_holm"] = p
            row["verdict"] = BETTER if row["low"] > 0 else WORSE if row["high"] < 0 else NOT_SHOWN
        return rows

    def _difference(self, values: np.ndarray) -> dict[str, float]:
        """Mean, intervals and test of paired differences, ``pairs x seeds``."""
        of_pairs = _nanmean(values)
        of_pairs = of_pairs[np.isfinite(of_pairs)]
        over_pairs, over_seeds = self._bootstrap.over_pairs_and_seeds(values), self._bootstrap.over_seeds(values)
        return {
            "difference": mean_over_pairs(values),
            "low": over_pairs[0],
            "high": over_pairs[1],
            "seeds_low": over_seeds[0],
            "seeds_high": over_seeds[1],
            "n_pairs": len(of_pairs),
            "n_above": int((of_pairs > 0).sum()),
            "p": signed_rank_p(of_pairs),
        }


class Bootstrap:
    """Resampled means of ``pairs x seeds`` values. All values are resampled in the same way.

    Values of a method without randomness are ``pairs x 1``. A NaN is a missing run, and means leave it out.
    """

    def __init__(self, n_pairs: int, n_seeds: int, n_resamples: int = N_RESAMPLES) -> None:
        rng = stream(0, "bootstrap")
        # These count how often a resample draws each pair and each seed, so that means are matrix products.
        self._pairs = rng.multinomial(n_pairs, np.full(n_pairs, 1 / n_pairs), size=n_resamples)
        self._seeds = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=n_resamples)

    def over_pairs_and_seeds(self, values: np.ndarray) -> tuple[float, float]:
        """Ends of the interval of the mean; NaN with fewer than two pairs."""
        if np.isfinite(values).any(axis=1).sum() < 2:
            return np.nan, np.nan
        return _interval(_weighted_mean(self._pairs, self._seed_means(values)))

    def over_seeds(self, values: np.ndarray) -> tuple[float, float]:
        """Ends of the interval of the mean over all pairs; NaN with fewer than two seeds."""
        if np.isfinite(values).any(axis=0).sum() < 2:
            return np.nan, np.nan
        is_there = np.isfinite(values).any(axis=1)
        return _interval(_weighted_mean(np.broadcast_to(is_there, self._pairs.shape), self._seed_means(values)))

    def of_each_pair(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the interval over seeds of each pair; NaN for a pair with fewer than two seeds."""
        low, high = np.full((2, len(values)), np.nan)
        rows = np.isfinite(values).sum(axis=1) >= 2
        if rows.any():
            low[rows], high[rows] = np.nanpercentile(self._seed_means(values[rows]), [2.5, 97.5], axis=0)
        return low, high

    def _seed_means(self, values: np.ndarray) -> np.ndarray:
        """Mean over the drawn seeds, ``resamples x pairs``; NaN where no drawn seed has a value."""
        values = np.broadcast_to(values, (len(values), self._seeds.shape[1]))
        is_there = np.isfinite(values)
        with np.errstate(invalid="ignore"):
            means: np.ndarray = (self._seeds @ np.where(is_there, values, 0).T) / (self._seeds @ is_there.T)
        return means


def _weighted_mean(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The weighted mean of each row over the values that are not NaN."""
    is_there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        means: np.ndarray = (weights * np.where(is_there, values, 0)).sum(axis=1) / (weights * is_there).sum(axis=1)
    return means


def _interval(resampled: np.ndarray) -> tuple[float, float]:
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return float(low), float(high)


def _nanmean(values: np.ndarray) -> np.ndarray:
    """The mean of each row over the values that are not NaN; NaN for a row without any, and no warning."""
    return pd.DataFrame(values).mean(axis=1).to_numpy()


def mean_over_pairs(values: np.ndarray) -> float:
    """Mean over pairs of the means over seeds, of ``pairs x seeds`` values that may be NaN."""
    return float(pd.Series(_nanmean(values)).mean())


def signed_rank_p(differences: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test, which leaves out zeros; 1 if there are only zeros, NaN of nothing."""
    if not len(differences):
        return np.nan
    some = differences[differences != 0]
    return float(stats.wilcoxon(some).pvalue) if len(some) else 1.0


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down correction of p values; a NaN stays and does not count."""
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # argsort puts NaN last
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)).clip(max=1)
    return adjusted
