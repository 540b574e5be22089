"""The computations of the study: the effects of all pairs at one budget, and what the pairs have in common."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from experiments.patterns import estimates
from experiments.patterns.estimates import FEATURES, Estimate, Population, cell_features
from experiments.patterns.pictures import EDGE_NAMES, OPS
from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.compute.seeding import stream
from naslib_archlock.spaces.cells import N_CODES, N_SLOTS, one_hot
from naslib_archlock.studies.statistics import holm

SIGNIFICANT = 0.05
LEAST_TASKS = 4  # with fewer tasks, there are too few different draws of tasks for a test
N_SHARED_OPS = 4  # only NAS-Bench-201 has pooling
EFFECTS = tuple(f"{edge} {op}" for edge in EDGE_NAMES for op in OPS)
ALONE, FIXED = "", ", source accuracy held fixed"
EDGES, FEATURE = "ops on edges", "features"
NAMES = {kind + way: names for kind, names in ((EDGES, EFFECTS), (FEATURE, FEATURES)) for way in (ALONE, FIXED)}


@dataclass(frozen=True)
class Measured:
    """The effects of a space at one budget, with replicates, for the pairs whose populations are large enough."""

    benchmark: Benchmark
    populations: list[Population]  # of all pairs
    estimated: list[Population]
    effects: dict[str, np.ndarray]  # a key of NAMES -> pairs x (1 + resamples) x names
    draws: np.ndarray  # how often each task is drawn

    @property
    def name(self) -> str:
        return self.benchmark.space.name

    @property
    def pairs(self) -> list[tuple[int, int]]:
        return [self.numbers(p) for p in self.estimated]

    def numbers(self, p: Population) -> tuple[int, int]:
        return self.benchmark.tasks.index(p.source), self.benchmark.tasks.index(p.target)

    @property
    def degrees_of_freedom(self) -> int:
        n_tasks = len({task for pair in self.pairs for task in pair})
        return n_tasks - 1 if n_tasks >= LEAST_TASKS else 0

    def mean(self, values: np.ndarray) -> Estimate:
        """The mean over pairs of ``pairs x k`` or ``pairs x (1 + resamples) x k`` values."""
        return estimates.estimate(estimates.mean_over_pairs(values, self.pairs, self.draws), self.degrees_of_freedom)

    def is_significant(self, kind: str) -> np.ndarray:
        """Whether each effect in each pair is significant, ``pairs x k``; the kind's false discovery rate is 5%."""
        return corrected([estimates.estimate(replicates) for replicates in self.effects[kind]]) < SIGNIFICANT


def corrected(found: Sequence[Estimate]) -> np.ndarray:
    """p values corrected for false discoveries among all effects of several estimates, ``n_estimates x k``."""
    return estimates.benjamini_hochberg(np.concatenate([e.p for e in found])).reshape(len(found), -1)


def measure(benchmark: Benchmark, budget_pct: float, n_resamples: int, seed: int) -> Measured:
    everything = estimates.populations(benchmark, budget_pct)
    estimated = [p for p in everything if p.is_estimated]
    rng = stream(seed, "bootstrap")
    weights = estimates.cell_weights(len(benchmark.space.distinct()), n_resamples, rng)
    draws = estimates.task_draws(len(benchmark.tasks), n_resamples, rng)
    effects: dict[str, list[np.ndarray]] = {kind: [] for kind in NAMES}
    for p in estimated:
        mine = weights[:, p.rows]
        effects[EDGES + ALONE].append(estimates.edge_effects(p.cells, p.outcome, mine))
        effects[EDGES + FIXED].append(estimates.edge_effects(p.cells, p.outcome, mine, p.source_position))
        both = estimates.feature_effects(cell_features(p.cells), p.source_position, p.outcome, mine)
        for way, found in zip((ALONE, FIXED), both):
            effects[FEATURE + way].append(found)
    return Measured(benchmark, everything, estimated, {kind: np.array(v) for kind, v in effects.items()}, draws)


# -- over pairs and spaces ---------------------------------------------------------------------------------------------


def recentred(effects: np.ndarray) -> np.ndarray:
    """Edge effects (``... x 30``) minus the mean of the four ops that all spaces have; NaN for pooling."""
    by_edge = effects.reshape(*effects.shape[:-1], N_SLOTS, N_CODES).copy()
    by_edge[..., N_SHARED_OPS:] = np.nan
    is_there = np.isfinite(by_edge)
    count = np.maximum(is_there.sum(axis=-1, keepdims=True), 1)
    mean = np.where(is_there, by_edge, 0).sum(axis=-1, keepdims=True) / count
    return (by_edge - mean).reshape(effects.shape)


def comparable(m: Measured, kind: str) -> np.ndarray:
    """Effects that can be compared between spaces, ``pairs x (1 + resamples) x k``."""
    return recentred(m.effects[kind]) if kind.startswith(EDGES) else m.effects[kind]


def over_spaces(measured: Sequence[Measured], kind: str) -> Estimate:
    """The mean over spaces of the means over pairs; each space has the same weight."""
    replicates = [estimates.mean_over_pairs(comparable(m, kind), m.pairs, m.draws) for m in measured]
    return estimates.estimate(np.mean(replicates, axis=0), sum(m.degrees_of_freedom for m in measured))


def of_target(m: Measured, target: str) -> Estimate:
    """The edge effects on one target: the mean over sources, with an interval over cells."""
    mine = [p.target == target for p in m.estimated]
    sources = [(i,) for i in range(sum(mine))]
    return estimates.estimate(
        estimates.mean_over_pairs(m.effects[EDGES][mine], sources, np.ones((1, len(sources)), dtype=np.int64))
    )


def consistency(m: Measured) -> dict[str, Estimate]:
    """The mean rank correlation between the edge effects of two pairs, by which tasks the two share."""
    found: dict[str, list[tuple[float, tuple[int, ...]]]] = {}
    for (a, pair), (b, other) in itertools.combinations(zip(m.effects[EDGES][:, 0], m.pairs), 2):
        in_common = ("no task in common", "one's source is the other's target", "source and target swapped")
        kind = in_common[len(set(pair) & set(other))]
        kind = "same target" if pair[1] == other[1] else "same source" if pair[0] == other[0] else kind
        found.setdefault(kind, []).append((estimates.rank_correlation(a, b), tuple({*pair, *other})))
    return {
        kind: estimates.estimate(
            estimates.mean_over_pairs(np.array([[rho] for rho, _ in rows]), [tasks for _, tasks in rows], m.draws)
        )
        for kind, rows in found.items()
    }


def between_spaces(a: Measured, b: Measured, kind: str) -> Estimate:
    """The rank correlation between the mean effects of two spaces, over the ops that both have; interval over tasks."""
    means = [estimates.mean_over_pairs(comparable(m, kind)[:, 0], m.pairs, m.draws) for m in (a, b)]
    return estimates.estimate(np.array([[estimates.rank_correlation(x, y)] for x, y in zip(*means)]))


@dataclass(frozen=True)
class Agreement:
    """How much the pairs agree on one effect.

    Attributes:
        name: the effect.
        effect: its mean over spaces, with the interval.
        p_holm: its p value, corrected by Holm's method.
        share: in each space, the share of pairs with the same sign as the mean over spaces.
        significant: in each space, the number of pairs in which it is significant with that sign.
        against: in each space, the number of pairs in which it is significant with the other sign.
    """

    name: str
    effect: list[float | None]
    p_holm: float | None
    share: list[float | None]
    significant: list[int]
    against: list[int]


def agreements(measured: Sequence[Measured], kind: str) -> list[Agreement]:
    """The agreement on all effects that every space has, with the most agreement first."""
    overall = over_spaces(measured, kind)
    values = [comparable(m, kind)[:, 0] for m in measured]
    shares = np.array([estimates.sign_agreement(v, overall.value) for v in values])
    is_same = [np.sign(v) == np.sign(overall.value) for v in values]
    found = [corrected([estimates.estimate(x) for x in comparable(m, kind)]) < SIGNIFICANT for m in measured]
    p_holm = holm(overall.p)
    rows = [
        Agreement(
            name,
            brief(overall, k),
            rounded(p_holm[k]),
            [rounded(share) for share in shares[:, k]],
            [int((s & same)[:, k].sum()) for s, same in zip(found, is_same)],
            [int((s & ~same)[:, k].sum()) for s, same in zip(found, is_same)],
        )
        for k, name in enumerate(NAMES[kind])
        if np.isfinite(shares[:, k]).all()
    ]
    return sorted(rows, key=lambda row: -min(share for share in row.share if share is not None))


# -- how much of the outcome it explains -------------------------------------------------------------------------------


def explained(m: Measured, others: Sequence[Measured], seed: int) -> dict[str, Estimate]:
    """The explained share of the variance of target accuracy within the budget, per predictor; the mean over pairs."""
    rng = stream(seed, "split")
    own = m.effects[EDGES][:, 0]
    elsewhere = [recentred(estimates.mean_over_pairs(o.effects[EDGES][:, 0], o.pairs, o.draws)[0]) for o in others]
    rows: dict[str, list[float]] = {}

    def note(name: str, p: Population, predicted: np.ndarray) -> None:
        rows.setdefault(name, []).append(estimates.explained_variance(p.outcome, predicted))

    for p in m.estimated:
        note("ops, fitted to this pair (cross-validated)", p, estimates.predicted_by_itself(p.cells, p.outcome, rng))
        strangers = [p.target not in (other.source, other.target) for other in m.estimated]
        if any(strangers):
            note("mean effects of pairs without this target", p, estimates.predicted_by_others(p.cells, own[strangers]))
        if elsewhere:
            note("mean effects of the other spaces", p, estimates.predicted_by_others(p.cells, np.array(elsewhere)))
        note("source accuracy of the cell", p, straight_line(p.source_position, p.outcome))
        note("target validation accuracy of the cell", p, straight_line(p.target_val, p.outcome))
    return {name: m.mean(np.array(values)[:, None]) for name, values in rows.items() if len(values) == len(m.pairs)}


def straight_line(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``y`` as predicted by a straight line through ``x``."""
    x = estimates.standardised(x)
    return x * (x @ y) / len(x)


# -- what is picked by it ----------------------------------------------------------------------------------------------

Penalty = Callable[[Population], np.ndarray]


def feature(p: Population, name: str) -> np.ndarray:
    return cell_features(p.cells)[:, FEATURES.index(name)]


# Each rule picks the cell with the least value within the budget. The last two were found by looking at these pairs.
RULES: dict[str, Penalty] = {
    "least accurate on the source": lambda p: p.source_position,
    "fewest weights": lambda p: feature(p, "weights"),
    "no residual, then fewest weights": lambda p: 1000 * feature(p, "residual") + feature(p, "weights"),
    "weights / 9 + residual + source position": lambda p: (
        feature(p, "weights") / 9 + feature(p, "residual") + p.source_position
    ),
    "weights / 9 - fewest convolutions on a path": lambda p: (
        feature(p, "weights") / 9 - feature(p, "fewest convolutions on a path")
    ),
}
# These know the target, so no search can use them. Lock scores reach 1 over all cells, but maybe not over distinct
# functions, because benchmarks trained some equal functions more than once.
CEILINGS: dict[str, Penalty] = {
    "ceiling: validation accuracy on the target": lambda p: p.target_val,
    "best distinct function: test accuracy on the target": lambda p: p.outcome,
}
ENDS = {"fewest": 1.0, "most": -1.0}


def single(name: str, sign: float) -> Penalty:
    return lambda p: sign * feature(p, name)


# These pick the cell with the least or the most of a single feature.
SINGLES = {f"{word} {name}": single(name, sign) for name in FEATURES for word, sign in ENDS.items()}

DESIGNS: dict[str, Callable[[Population], np.ndarray]] = {
    "ops, source position": lambda p: np.column_stack([one_hot(p.cells), p.source_position]),
    "features, source position": lambda p: np.column_stack([cell_features(p.cells), p.source_position]),
}


def picks(m: Measured, others: Sequence[Measured]) -> dict[str, dict[str, Any]]:
    """For each rule, the mean lock score of its picks, and its rank correlation with target accuracy.

    Both are means over all pairs that leave a choice.
    """
    scored = with_choice(m)
    rules = {**RULES, **SINGLES, **CEILINGS}
    found = {name: [rule(p) for p in scored] for name, rule in rules.items()}
    for label, design in DESIGNS.items():
        abroad = [p for other in others for p in other.estimated]
        if abroad:
            model = estimates.linear_model(abroad, design)
            found[f"linear model of the other spaces: {label}"] = [model(p) for p in scored]
        strangers = {
            target: [q for q in m.estimated if target not in (q.source, q.target)] for target in m.benchmark.tasks
        }
        if all(strangers.values()):
            models = {target: estimates.linear_model(training, design) for target, training in strangers.items()}
            found[f"linear model of the other targets: {label}"] = [models[p.target](p) for p in scored]
    pairs = [m.numbers(p) for p in scored]
    results = {}
    for name, penalties in found.items():
        scores = np.array([[estimates.pick_score(p, penalty)] for p, penalty in zip(scored, penalties)])
        mean = estimates.estimate(estimates.mean_over_pairs(scores, pairs, m.draws))
        rho = [estimates.rank_correlation(x, p.outcome) for p, x in zip(scored, penalties) if varies(p, x)]
        correlation = rounded(float(np.mean(rho))) if rho else None
        results[name] = {"pairs": len(scored), "lock_score": brief(mean), "correlation": correlation}
    return results


def with_choice(m: Measured) -> list[Population]:
    """The populations in which some cell is a better lock than another."""
    return [p for p in m.populations if p.outcome.any()]


def varies(p: Population, penalty: np.ndarray) -> bool:
    """Whether a rule gives different values to the cells of an estimated population."""
    return p.is_estimated and bool(np.ptp(penalty) > 0)


# -- results -----------------------------------------------------------------------------------------------------------


def rounded(value: float) -> float | None:
    """A number as it is stored: with four decimals, or None if unknown."""
    return round(float(value), 4) + 0.0 if np.isfinite(value) else None


def brief(found: Estimate, k: int = 0) -> list[float | None]:
    """The value and the ends of its interval."""
    return [rounded(x[k]) for x in (found.value, found.low, found.high)]


def listed(found: Estimate, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """All known effects, with their intervals and corrected p values."""
    p_holm = holm(found.p)
    return {
        name: {"effect": brief(found, k), "p_holm": rounded(p_holm[k])}
        for k, name in enumerate(names)
        if np.isfinite(found.value[k])
    }


def study(measured: Sequence[Measured], seed: int) -> dict[str, Any]:
    """All results at one budget."""
    return {
        "spaces": {m.name: of_space(m, [other for other in measured if other is not m], seed) for m in measured},
        "between_spaces": {
            f"{a.name}, {b.name}": {kind: brief(between_spaces(a, b, kind)) for kind in NAMES if kind.startswith(EDGES)}
            for a, b in itertools.combinations(measured, 2)
        },
        "agreement": {kind: [vars(row) for row in agreements(measured, kind)] for kind in NAMES},
    }


def of_space(m: Measured, others: Sequence[Measured], seed: int) -> dict[str, Any]:
    own = m.effects[EDGES][:, 0]
    known = np.isfinite(own)
    noise = (m.effects[EDGES][:, 1:].var(axis=1)[known]).sum() / (own[known] ** 2).sum()
    on_ranks = [
        estimates.rank_correlation(mine, estimates.edge_effects(p.cells, ranks_of(p.outcome), np.ones((1, len(p))))[0])
        for p, mine in zip(m.estimated, own)
    ]
    return {
        "cells_in_budget": {p.source: len(p) for p in m.populations},
        "pairs": len(m.estimated),
        "effects": {kind: listed(m.mean(m.effects[kind]), names) for kind, names in NAMES.items()},
        "pair_effects": int(known.sum()),
        "significant_pair_effects": int(m.is_significant(EDGES).sum()),
        "rank_correlation_with_effects_on_ranks": rounded(float(np.mean(on_ranks))),
        "consistency": {kind: brief(found) for kind, found in consistency(m).items()},
        "shares_of_effects": {
            **{k: rounded(v) for k, v in estimates.shares_of_effects(own, m.pairs).items()},
            "noise of cells": rounded(noise),
        },
        "explained_variance": {name: brief(found) for name, found in explained(m, others, seed).items()},
        "picks": picks(m, others),
        "extremes": features_of_extremes(m),
    }


def features_of_extremes(m: Measured) -> dict[str, dict[str, float | None]]:
    """Mean features of the best lock, the worst lock, and all cells in budget, over the pairs that leave a choice."""
    kinds: dict[str, Callable[[Population], Any]] = {
        "best locks": lambda p: [p.lock_scores.argmax()],
        "worst locks": lambda p: [p.lock_scores.argmin()],
        "all in budget": lambda p: slice(None),
    }
    scored = with_choice(m)
    means = {
        kind: np.mean([cell_features(p.cells[rows(p)]).mean(axis=0) for p in scored], axis=0)
        for kind, rows in kinds.items()
    }
    return {kind: {name: rounded(x) for name, x in zip(FEATURES, values)} for kind, values in means.items()}


def ranks_of(values: np.ndarray) -> np.ndarray:
    return estimates.standardised(stats.rankdata(values))
