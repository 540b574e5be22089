"""Degenerate input: each case has a defined result or a clear error, as ``docs/reference/edge_cases.md`` lists them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from experiments.toy import SPACE
from naslib_archlock.benchmarks.lock_score import LockScale, Scored, WithinBudget
from naslib_archlock.benchmarks.source_oracle import budget_floor
from naslib_archlock.benchmarks.table import TableBenchmark
from naslib_archlock.commands.main import main
from naslib_archlock.config.load import load_config
from naslib_archlock.embedding.embedding_file import read_embedding
from naslib_archlock.embedding.simulate import simulate_targets
from naslib_archlock.errors import EmbeddingError, RankerError
from naslib_archlock.locking.prepare import prepare
from naslib_archlock.locking.result import finish
from naslib_archlock.proxies.similarity import similarity, similarity_weights
from naslib_archlock.proxies.votes import Votes
from naslib_archlock.proxies.zero_cost import ZeroCostScores
from naslib_archlock.report.search_pictures import lock_picture, search_picture
from naslib_archlock.report.text import summary
from naslib_archlock.strategies.surrogate import SourceModel, inputs
from naslib_archlock.strategies.target_model import percentiles

# A division by zero, an overflow or a mean of nothing must not reach a user.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

CELLS = SPACE.all()
TASKS = ("class_scene", "normal", "jigsaw")
STRATEGIES = ("bayesian", "evolution", "exhaustive")
EQUAL = (0.1, 0.0, -3.3, 50.0)  # the mean of many 0.1 or -3.3 is another number


def benchmark_of(values: Callable[[str], np.ndarray]) -> TableBenchmark:
    """A benchmark of three tasks, with the given values of each on both splits."""
    columns = {f"{task}/{split}": values(task) for task in TASKS for split in ("val", "test")}
    return TableBenchmark(SPACE, CELLS, columns, "a made-up table")


def constant(value: float) -> TableBenchmark:
    return benchmark_of(lambda task: np.full(len(CELLS), value))


def random_below(top: float) -> TableBenchmark:
    """Different values between ``top - 1`` and ``top``; one cell reaches ``top``."""
    return benchmark_of(lambda task: top - np.random.default_rng(len(task)).permutation(len(CELLS)) / len(CELLS))


def run(benchmark: TableBenchmark, *overrides: object) -> tuple[Any, dict[str, Any]]:
    """Run a whole search from class_scene for normal, with report and pictures; return the search and the result."""
    keys = {"search_space": SPACE.name, "dataset": "class_scene", "archlock.target": "normal", "search.epochs": 30}
    config = load_config(None, [*(str(part) for item in keys.items() for part in item), *map(str, overrides)])
    search = prepare(config, benchmark).search
    for _ in range(config.search.epochs):
        search.step()
    result = finish(config, benchmark, search)
    floor = budget_floor(max(search.oracle.known.values()), config.archlock.source_budget_pct)
    assert lock_picture(benchmark, "class_scene", result, floor) and search_picture(search, "class_scene")
    assert "nan" not in summary(result, SPACE, benchmark.meaning)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    return search, result


def scores_of(n: int, **values: Any) -> ZeroCostScores:
    """Scores of ``n`` cells; each proxy has one number for all cells, or a number for each."""
    columns = {proxy: np.broadcast_to(np.asarray(v, dtype=np.float64), n).copy() for proxy, v in values.items()}
    return ZeroCostScores(SPACE, "t", CELLS[:n], columns)


def failing(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    """The message of a command that must end with exit code 2."""
    assert main([str(part) for part in argv]) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message


# -- tables ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", EQUAL)
def test_among_equal_accuracies_no_lock_is_better_than_another(value):
    benchmark = constant(value)
    scale = LockScale(benchmark, "class_scene", "normal", 2.0)
    assert scale.within.all()
    for cell in ((3,) * 6, (0,) * 6):
        equal = 50.0  # the percentile of each
        assert scale.score(cell) == Scored(0.0, True, 0.0, value, value, equal, equal, equal, equal)
    assert scale.limit_percentile == 50
    assert (percentiles(benchmark.space, benchmark.accuracies("normal", "val")) == 0.5).all()


@pytest.mark.parametrize("value", EQUAL)
@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_equal_accuracies_are_searched(value, scheme):
    search, result = run(constant(value), "archlock.scheme", scheme)
    assert len(search.history) == 30
    assert (result["source_val"], result["targets"]) == (value, {"normal": value})


@pytest.mark.parametrize("best", [0.0, -0.5])
def test_the_best_may_be_zero_or_negative(best):
    """The best accuracy may be zero or negative, for example if the metric is a negative loss."""
    benchmark = random_below(best)
    _, result = run(benchmark)
    scale = LockScale(benchmark, "class_scene", "normal", 2.0)
    top, other = scale.most_accurate(), tuple(CELLS[scale.source_val.argmin()].tolist())
    assert scale.score(top).source_loss_pct == 0
    loss = scale.score(other).source_loss_pct
    assert loss == (100 if best == 0 else pytest.approx(100 * (best - scale.source_val.min()) / 0.5))
    assert not scale.score(other).is_within_budget
    assert result["source_val"] <= best


@pytest.mark.parametrize(("budget", "n_within"), [(0, 1), (100, 2048)])
def test_budgets_of_nothing_and_of_all(budget, n_within):
    """A budget of 0 leaves only the best; 100 leaves all above 0, here half of all."""
    benchmark = random_below(0.5)
    scale = LockScale(benchmark, "class_scene", "normal", budget)
    # 0.5 - 2048 / 4096 is 0, so it is within.
    assert scale.within.sum() == (n_within if budget == 0 else n_within + 1)
    search, result = run(benchmark, "archlock.source_budget_pct", budget)
    values = [evaluated.source_val for evaluated in search.history]
    assert result["source_val"] == max(values) if budget == 0 else result["source_val"] >= 0
    if budget == 0:  # with one architecture, the scale is a single point
        assert scale.score(scale.most_accurate()).lock_score == 0


def test_a_budget_of_everything_below_zero_ends_at_twice_the_best():
    within = WithinBudget(random_below(-0.25), "class_scene", 100)
    assert within.source_val[within.within].min() >= -0.5 > within.source_val.min()


# -- the model of source accuracy --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", EQUAL)
@pytest.mark.parametrize("n", [1, 3, 20])
def test_a_constant_source_is_expected_to_stay_so(value, n):
    model, rows = SourceModel(inputs(SPACE)), np.arange(n)
    kernel = model.fit_kernel(rows, np.full(n, value))
    mean, std = model.predict(kernel, rows, np.full(n, value))
    assert mean == pytest.approx(value)
    assert 0 < std.min() < std.max() < 1.1  # uncertainty grows with the distance from the queried cells


def test_one_function_looked_up_again_and_again():
    values, rows = np.linspace(0.1, 0.2, 10), np.zeros(10, dtype=int)
    model = SourceModel(inputs(SPACE))
    mean, std = model.predict(model.fit_kernel(rows, values), rows, values)
    assert mean[0] == pytest.approx(0.15)
    assert np.isfinite(std).all()


# -- votes and scores --------------------------------------------------------------------------------------------------


def train(*tables: ZeroCostScores, embedding: Any = (1.0, 2.0), weights: dict[str, float] | None = None) -> Any:
    """A ranker from a very short training."""
    from naslib_archlock.ranker.ranker import RankerInfo
    from naslib_archlock.ranker.train_settings import TrainSettings
    from naslib_archlock.ranker.training import TrainingTask, train_ranker

    voters = weights or {"nwot": 1.0}
    settings = TrainSettings(epochs=1, steps_per_epoch=5, batch_size=32)
    info = RankerInfo("cell", "file", len(embedding), "mlp", {"hidden": [8]}, (f"{SPACE.name}/t",), voters)
    tasks = [
        TrainingTask(f"{SPACE.name}/{i}", SPACE, t.cells, np.array(embedding), Votes.of(t, voters))
        for i, t in enumerate(tables)
    ]
    return train_ranker(tasks, info, settings, seed=0)[0]


@pytest.mark.parametrize("score", [1.0, np.nan, np.inf])
def test_a_ranker_learns_nothing_from_votes_that_all_tie(score):
    with pytest.raises(RankerError, match="transbench101_micro/0, .*/1 order no pair of cells.*archlock.proxies"):
        train(scores_of(50, nwot=score), scores_of(50, nwot=score))


def test_weights_that_cancel_are_ties_also_when_they_are_no_binary_fractions():
    order = np.arange(50)
    table, weights = scores_of(50, nwot=order, jacov=order, params=order), {"nwot": 0.1, "jacov": 0.2, "params": -0.3}
    assert not Votes.of(table, weights).margin(order[:-1], order[1:]).any()
    with pytest.raises(RankerError, match="outvoted"):
        train(table, weights=weights)


def test_a_task_of_ties_beside_another_is_no_obstacle():
    ranker = train(scores_of(50, nwot=1.0), scores_of(50, nwot=np.arange(50)))
    assert np.isfinite(ranker.win_rates(CELLS[:9], np.ones((1, 2)), CELLS[:5])).all()


def test_one_task_is_enough_to_train_on_and_one_cell_is_not():
    assert np.isfinite(train(scores_of(2, nwot=[1, 2])).win_rates(CELLS[:9], np.ones((1, 2)), CELLS[:1])).all()
    with pytest.raises(RankerError, match="has 1 cells to train on; at least 2 are needed"):
        train(scores_of(1, nwot=1.0))


def test_infinite_scores_vote_and_missing_ones_abstain():
    table = scores_of(4, nwot=[-np.inf, 0.0, np.inf, np.nan])
    margin = Votes.of(table, {"nwot": 1.0}).margin(np.array([0, 1, 2, 3, 0]), np.array([1, 2, 0, 0, 0]))
    assert margin.tolist() == [-1, -1, 1, 0, 0]


@pytest.mark.parametrize("values", [1.0, np.nan, [np.inf, 0.0, np.nan, np.nan]])
def test_tasks_that_cannot_be_compared_count_alike(values):
    a = scores_of(4, snip=values, fisher=values)
    assert np.isnan(similarity(a, scores_of(4, snip=1.0, fisher=np.nan)))
    assert np.isnan(similarity(a, scores_of(1, snip=1.0)))  # they have one cell in common
    tables = {"target": a, "one": scores_of(4, snip=1.0), "two": scores_of(4, snip=2.0)}
    assert similarity_weights("target", ["one", "two"], tables) == {"one": 0.5, "two": 0.5}


@pytest.mark.parametrize(
    ("score", "message"),
    [(-1e8, "archlock.proxies: none of"), (1.0, "every proxy is constant or failed on the reference cells")],
    ids=["all failed", "all equal"],
)
def test_a_search_whose_proxies_say_nothing(score, message, toy_tables, tmp_path, rewrite_tables, capsys, toy_args):
    def change(scores: dict[str, Any]) -> None:
        for entries in scores.values():
            for entry in entries.values():
                for proxy in entry.values():
                    proxy["score"] = score

    folder = rewrite_tables(toy_tables, tmp_path / "changed", SPACE.name, change_scores=change)
    args = [*toy_args, "archlock.tables", folder, "archlock.strategy", "evolution"]
    assert message in failing(capsys, "search", *args)


def test_a_search_whose_scores_are_of_one_cell(toy_tables, tmp_path, rewrite_tables, capsys, toy_args):
    def change(scores: dict[str, Any]) -> None:
        for task, entries in scores.items():
            scores[task] = dict(list(entries.items())[:1])

    folder = rewrite_tables(toy_tables, tmp_path / "changed", SPACE.name, change_scores=change)
    args = [*toy_args, "archlock.tables", folder, "archlock.strategy", "evolution"]
    assert "share 1 cells; at least 2 are needed" in failing(capsys, "search", *args)
    # A search without a ranker also reads the scores, and finds no similarity in them.
    args = [*toy_args, "archlock.tables", folder, "archlock.scheme", "tk"]
    assert main(["search", *map(str, args)]) == 0


# -- embeddings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_tasks_with_one_embedding_are_not_told_apart(scale):
    ranker = train(scores_of(50, nwot=np.arange(50)), embedding=(3.0, 3.0))
    rates = ranker.win_rates(CELLS[:9], np.array([[3.0, 3.0]] * 4), CELLS[:5])
    assert (rates == rates[0]).all()


def test_targets_around_nothing_are_refused():
    with pytest.raises(EmbeddingError, match="zero length"):
        simulate_targets(np.zeros(8), 3, 0.9, np.random.default_rng(0))


@pytest.mark.parametrize("factor", [0.0, 1e-12, 1e18])
@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_a_search_with_an_embedding_of_no_length_or_too_much(factor, scheme, tmp_path, toy_args, capsys):
    for task in ("class_scene", "normal", "class_object", "autoencoder"):
        np.save(tmp_path / f"{task}.npy", factor * np.arange(1.0, 9.0))
    args = [*toy_args, "archlock.scheme", scheme, "archlock.strategy", "evolution"]
    message = failing(capsys, "search", *args, "archlock.embedding", tmp_path / "{task}.npy")
    assert "embedding of task" in message
    assert ("not all zero" if factor == 0 else "only the direction of an embedding counts") in message


@pytest.mark.parametrize("factor", [1e-8, 1.0, 1e14])
def test_only_the_direction_of_an_embedding_counts(factor, tmp_path):
    np.save(tmp_path / "e.npy", factor * np.arange(1.0, 9.0))
    vector = read_embedding(str(tmp_path / "e.npy"), "t")
    ranker = train(scores_of(50, nwot=np.arange(50)), embedding=np.arange(1.0, 9.0))
    rates = ranker.win_rates(CELLS[:9], np.stack([vector, np.arange(1.0, 9.0)]), CELLS[:5])
    assert rates[0] == pytest.approx(rates[1], abs=1e-6)


# -- searches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("queries", [0, 1, 12])
def test_a_population_of_one(queries, ranked_args, tmp_path):
    """Each child replaces its parent, so the search is a random walk."""
    args = [*ranked_args, "search.population_size", 1, "search.sample_size", 1, "archlock.scheme", "s"]
    args += ["archlock.source_queries", queries, "archlock.screening", 1, "archlock.opponents", 1]
    assert main(["search", *map(str, args)]) == 0
    found = json.loads(next((tmp_path / "out").rglob("result.json")).read_text(encoding="utf-8"))
    assert found["source_queries"] <= queries


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_look_up_and_one_target(strategy, ranked_args, tmp_path):
    args = [*ranked_args, "archlock.scheme", "tu", "archlock.target", "normal", "archlock.strategy", strategy]
    args += ["archlock.source_queries", 1, "search.epochs", 1, "archlock.n_targets", 1]
    assert main(["search", *map(str, args)]) == 0
    found = json.loads(next((tmp_path / "out").rglob("result.json")).read_text(encoding="utf-8"))
    assert (found["source_queries"], list(found["targets"])) == (1, ["normal"])


@pytest.mark.parametrize("strategy", ["evolution", "exhaustive"])
def test_where_no_architecture_is_good_enough_the_best_one_is_chosen(strategy, ranked_args, tmp_path):
    """There are no queries, and the best 0% by source rank hold one architecture."""
    args = [*ranked_args, "archlock.scheme", "tu", "archlock.target", "normal", "archlock.strategy", strategy]
    args += ["archlock.source_queries", 0, "archlock.source_top_pct", 0]
    assert main(["search", *map(str, args)]) == 0
    found = json.loads(next((tmp_path / "out").rglob("result.json")).read_text(encoding="utf-8"))
    assert found["source_position"] >= 1
    if strategy == "exhaustive":
        assert found["source_position"] == 1


# -- studies -----------------------------------------------------------------------------------------------------------


def test_a_study_of_one_pair_and_one_seed_has_no_intervals(tmp_path):
    pytest.importorskip("pandas")
    from study_results import COMPARE_WITH, METHODS, REFERENCE, digits_results

    from naslib_archlock.studies.statistics import NOT_SHOWN, analyse

    found = analyse(digits_results([("digit", "jigsaw")], [2.0], seeds=1), METHODS, REFERENCE, COMPARE_WITH)
    ends = [column for column in found.summary if column.endswith(("_low", "_high"))]
    assert len(ends) == 10
    assert found.summary[ends].isna().all(axis=None)
    assert found.summary["lock_score"].notna().all()
    assert set(found.tests["verdict"]) == {NOT_SHOWN}
    assert (found.tests["p"] == 1).all()  # for one pair, or without any difference
