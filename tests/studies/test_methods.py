"""The methods that studies compare: their picks, their queries, and which runs share a ranker."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from naslib_archlock.benchmarks.digits_benchmark import digits_benchmark
from naslib_archlock.benchmarks.lock_score import LockScale, WithinBudget
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.errors import NaslibError, RankerError, StudyError
from naslib_archlock.locking.prepare import prepare
from naslib_archlock.plugin import compat
from naslib_archlock.ranker.ranker import Ranker
from naslib_archlock.ranker.train_settings import PRESETS
from naslib_archlock.spaces.cell_features import cell_flops, conv_weights
from naslib_archlock.spaces.cells import cell_index
from naslib_archlock.spaces.known import DIGITS, TRANSBENCH101_MICRO
from naslib_archlock.studies.jobs import N_PICKS, Job
from naslib_archlock.studies.methods import ARCHLOCK, KINDS, config_of, kind_of

EVOLUTION = {"strategy": "evolution", "epochs": 8, "opponents": 16}
TRAINED = {**EVOLUTION, "hidden": "32,16", "reference_cells": 32}


@pytest.fixture(scope="module")
def benchmark():
    return digits_benchmark()


@pytest.fixture
def job(benchmark, tmp_path) -> Job:
    """The pair digit -> jigsaw at a budget of 2%."""
    return Job(benchmark, "digit", "jigsaw", 2.0, 0, 20, "", {}, tmp_path / "rankers")


@pytest.fixture
def toy_job(toy_tables, tmp_path) -> Job:
    """A short search on the made-up benchmark, which must train its ranker."""
    benchmark = read_table(find_table(toy_tables, TRANSBENCH101_MICRO), TRANSBENCH101_MICRO)
    return Job(benchmark, "class_scene", "normal", 2.0, 0, 8, str(toy_tables), TRAINED, tmp_path / "rankers")


def distinct_functions(archs: list[Any]) -> int:
    return len(np.unique(cell_index(DIGITS.representatives(archs))))


# -- from whole tables -------------------------------------------------------------------------------------------------

RULES = ("random", "fewest_weights", "fewest_flops", "least_accurate", "most_accurate", "ceiling", "oracle")


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("budget", [2.0, 5.0])
def test_five_picks_of_different_functions_within_the_budget(job, name, budget):
    picks = KINDS[name].pick(replace(job, budget_pct=budget))
    assert len(picks.archs) == distinct_functions(picks.archs) == N_PICKS
    scale = LockScale(job.benchmark, job.source, str(job.target), budget)
    assert all(scale.score(arch).is_within_budget for arch in picks.archs)
    assert picks.source_queries == len(DIGITS.all())
    assert picks.target_queries == (scale.within.sum() if name in ("ceiling", "oracle") else 0)


def test_the_rules_by_what_they_minimise(job):
    scale = LockScale(job.benchmark, job.source, str(job.target), 2.0)
    within = scale.archs[scale.within]

    def first(name: str) -> np.ndarray:
        return np.array(KINDS[name].pick(job).archs[:1])

    def metric(task: str, split: str, archs: np.ndarray) -> list[float]:
        return [job.benchmark.accuracy(tuple(a), task=task, split=split) for a in archs.tolist()]

    assert conv_weights(first("fewest_weights")) == conv_weights(within).min()
    assert cell_flops(first("fewest_flops")) == cell_flops(within).min()
    assert metric("digit", "val", first("least_accurate"))[0] == min(metric("digit", "val", within))
    assert metric("digit", "val", first("most_accurate"))[0] == max(metric("digit", "val", DIGITS.all()))
    assert metric("jigsaw", "val", first("ceiling"))[0] == min(metric("jigsaw", "val", within))
    assert metric("jigsaw", "test", first("oracle"))[0] == min(metric("jigsaw", "test", within))


def test_the_oracle_scores_one(job):
    for target in ("jigsaw", "edges"):
        (best, *_), *_ = KINDS["oracle"].pick(replace(job, target=target))
        assert LockScale(job.benchmark, "digit", target, 2.0).score(best).lock_score == pytest.approx(1.0)


def test_random_picks_depend_on_the_seed_and_the_place_alone(job):
    picks = [KINDS["random"].pick(replace(job, seed=seed)).archs for seed in (0, 0, 1)]
    assert picks[0] == picks[1] != picks[2]
    assert KINDS["random"].pick(replace(job, source="noise")).archs[0] != picks[0][0]


def test_random_picks_are_uniform_within_the_budget(job):
    """The mean lock score of random picks is the mean of all cells in the budget, which is 0."""
    scale = LockScale(job.benchmark, "digit", "jigsaw", 5.0)
    first = [KINDS["random"].pick(replace(job, budget_pct=5.0, seed=seed)).archs[0] for seed in range(400)]
    scores = np.array([scale.score(arch).lock_score for arch in first])
    assert abs(scores.mean()) < 3 * scores.std() / np.sqrt(len(scores))
    assert len(set(first)) > 300


def test_a_budget_that_leaves_fewer_than_five(job):
    """The five best cells on digit compute two functions."""
    within = WithinBudget(job.benchmark, "digit", 0.0)
    assert distinct_functions(within.archs[within.within].tolist()) == 2
    for name in RULES:
        assert len(KINDS[name].pick(replace(job, budget_pct=0.0)).archs) == 2


# -- ArchLock ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["s", "tu", "tk"])
@pytest.mark.parametrize("options", [EVOLUTION, {}])
def test_a_search_picks_what_the_pipeline_finds(job, scheme, options):
    job = replace(job, options={"scheme": scheme, **options})
    picks = ARCHLOCK.pick(job)
    config = config_of(job)
    assert (config.archlock.source_queries, config.archlock.source_budget_pct) == (20, 2.0)
    search = prepare(config, job.benchmark).search
    for _ in range(config.search.epochs):
        search.step()
    assert picks.archs[0] == search.best().arch
    assert 1 <= len(picks.archs) == distinct_functions(picks.archs) <= N_PICKS
    assert (picks.source_queries, picks.target_queries) == (search.oracle.queries, 0)
    assert picks.source_queries <= 20
    judged = {evaluated.arch: search.merit(evaluated) for evaluated in search.history}
    merits = [judged[arch] for arch in picks.archs]
    assert merits == sorted(merits, reverse=True)


def test_scheme_s_is_run_once_for_all_budgets(job):
    assert not kind_of("archlock", {"scheme": "s"}).uses_budget
    assert kind_of("archlock", {"scheme": "tu"}).uses_budget
    s = replace(job, options={"scheme": "s"})
    assert ARCHLOCK.pick(replace(s, budget_pct=None)) == ARCHLOCK.pick(s) == ARCHLOCK.pick(replace(s, budget_pct=9.0))


def ranker_of(job: Job, **changes: Any) -> Path | None:
    options = {**job.options, **changes.pop("options", {})}
    return ARCHLOCK.ranker_file(replace(job, options=options, **changes))


def test_runs_share_a_ranker_where_training_is_the_same(toy_job):
    tu = ranker_of(toy_job)
    assert tu is not None
    for changes in (
        {"source": "class_object"}, {"budget_pct": 5.0}, {"source_queries": 3}, {"options": {"scheme": "s"}},
        {"options": {"trade_off": 2.0}}, {"options": {"n_targets": 3, "cosine": 0.5}},
        {"options": {"screening": 2, "opponents": 2, "source_top_pct": 5.0}}, {"options": {"strategy": "exhaustive"}},
        {"options": {"image_size": 8, "source_queries": 2}},
    ):  # fmt: skip
        assert ranker_of(toy_job, **changes) == tu, changes


def test_runs_do_not_share_a_ranker_where_training_is_not(toy_job, toy_tables, tmp_path, rewrite_tables):
    other = rewrite_tables(
        toy_tables, tmp_path / "other", "transbench101_micro", change_scores=lambda s: s.pop("normal")
    )
    files = [
        ranker_of(toy_job),
        ranker_of(toy_job, target="autoencoder"),
        ranker_of(toy_job, seed=1),
        ranker_of(toy_job, options={"scheme": "tk"}),
        ranker_of(toy_job, options={"proxies": "nwot"}),
        ranker_of(toy_job, options={"hidden": "16"}),
        ranker_of(toy_job, options={"reference_cells": 16}),
        ranker_of(toy_job, options={"leave_out": "class_object"}),
        ranker_of(toy_job, options={"train_tasks": "class_object,autoencoder"}),
        ranker_of(toy_job, options={"held_out_cells": 0.2}),
        ranker_of(toy_job, options={"preset": "paper"}),
        ranker_of(toy_job, options={"ranker_optimizer": "sgd"}),
        ranker_of(toy_job, options={"embedding": "task2vec"}),
        ranker_of(toy_job, options={"probe": "resnet50"}),
        ranker_of(toy_job, options={"max_images": 100}),
        ranker_of(toy_job, options={"skip_unreadable": True}),
        ranker_of(toy_job, tables=str(other)),
    ]
    assert None not in files
    assert len(set(files)) == len(files)


def test_what_needs_no_training_has_no_ranker_to_share(toy_job, toy_ranker_file):
    assert ranker_of(toy_job, options={"strategy": "bayesian"}) is None
    assert ranker_of(toy_job, options={"ranker": str(toy_ranker_file)}) is None
    assert KINDS["random"].ranker_file(toy_job) is None


def test_a_shared_ranker_is_trained_once_and_never_on_a_hidden_task(toy_job, fast_training, monkeypatch):
    first = ARCHLOCK.pick(toy_job)
    path = ranker_of(toy_job)
    assert path is not None
    assert {task.split("/")[1] for task in Ranker.load(path).info.tasks} == {
        "class_scene",
        "class_object",
        "autoencoder",
    }
    ARCHLOCK.pick(replace(toy_job, options={**TRAINED, "scheme": "tk"}))
    assert len(list(path.parent.iterdir())) == 2
    monkeypatch.setattr(
        "naslib_archlock.locking.find_ranker.train_on_scores", lambda *args, **kwargs: pytest.fail("trained again")
    )
    assert ARCHLOCK.pick(toy_job) == first


def test_a_damaged_ranker_is_trained_again(toy_job, fast_training):
    first = ARCHLOCK.pick(toy_job)
    path = ranker_of(toy_job)
    assert path is not None
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert ARCHLOCK.pick(toy_job) == first
    assert path.read_bytes() == whole


def test_how_a_ranker_is_trained_matters_where_one_is(toy_job, monkeypatch):
    on_ranks, without = replace(toy_job, options=TRAINED), replace(toy_job, options={"strategy": "bayesian"})
    before = [ARCHLOCK.settings(on_ranks), ARCHLOCK.ranker_file(on_ranks)], ARCHLOCK.settings(without)
    monkeypatch.setitem(PRESETS, "default", replace(PRESETS["default"], batch_size=7))
    assert ARCHLOCK.settings(on_ranks) != before[0][0]
    assert ARCHLOCK.ranker_file(on_ranks) != before[0][1]
    assert ARCHLOCK.settings(without) == before[1]


def test_settings_hold_defaults_and_what_files_hold(toy_job, toy_tables, tmp_path, rewrite_tables):
    settings = ARCHLOCK.settings(toy_job)
    assert settings["options"]["scheme"] == "tu"
    assert settings["options"]["search"]["epochs"] == 8
    assert settings == ARCHLOCK.settings(
        replace(toy_job, source="normal", target="class_scene", budget_pct=5.0, seed=3)
    )
    other = rewrite_tables(
        toy_tables, tmp_path / "other", "transbench101_micro", change_scores=lambda s: s.pop("normal")
    )
    assert settings != ARCHLOCK.settings(replace(toy_job, tables=str(other)))
    assert settings != ARCHLOCK.settings(replace(toy_job, options={**TRAINED, "trade_off": 2.0}))
    assert settings != ARCHLOCK.settings(replace(toy_job, source_queries=9))


def test_a_ranker_that_cannot_be_read(job):
    with pytest.raises(RankerError, match="nowhere.safetensors cannot be read"):
        ARCHLOCK.pick(replace(job, options={**EVOLUTION, "ranker": "nowhere.safetensors"}))


# -- what others wrote -------------------------------------------------------------------------------------------------


def test_naslib_that_is_missing_is_noticed_before_any_run(monkeypatch, tmp_path):
    def not_found() -> Path:
        raise NaslibError("NASLib was not found")

    monkeypatch.setattr(compat, "naslib_home", not_found)
    with pytest.raises(NaslibError, match="NASLib was not found"):
        KINDS["naslib"].check_here()


def test_pymoo_that_is_missing_is_noticed_before_any_run(monkeypatch):
    for name in [n for n in sys.modules if n.partition(".")[0] == "pymoo" or n.endswith("studies.nsga2")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pymoo", None)  # this makes the import of pymoo fail
    with pytest.raises(StudyError, match="pip install"):
        KINDS["nsga2"].check_here()


def test_every_kind_says_what_it_does():
    assert all(kind.name == name and kind.about for name, kind in KINDS.items())
