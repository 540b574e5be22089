from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata

from naslib_archlock.compute.seeding import stream
from naslib_archlock.config.sections import Config
from naslib_archlock.embedding.proxy_embedding import ProxyEmbedding
from naslib_archlock.errors import ConfigError, EmbeddingError, RankerError, TableError, UnknownNameError
from naslib_archlock.locking import knowledge
from naslib_archlock.locking.prepare import Prepared, open_benchmark, prepare, report_targets, strategy_of
from naslib_archlock.locking.result import finish, wall_times
from naslib_archlock.locking.schemes import get_scheme
from naslib_archlock.locking.view import View
from naslib_archlock.proxies.similarity import similarity_weights
from naslib_archlock.ranker.ranker import Ranker
from naslib_archlock.spaces.cells import cell_index
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MICRO
from naslib_archlock.strategies.bayesian import BayesianSearch
from naslib_archlock.strategies.evolution import RegularizedEvolution
from naslib_archlock.strategies.exhaustive import ExhaustiveSearch
from naslib_archlock.strategies.strategy import STRATEGIES
from naslib_archlock.strategies.target_model import TargetModel, percentiles
from naslib_archlock.tasks.names import SPLITS

pytestmark = pytest.mark.usefixtures("fast_training")


def prepared_by(config: Config, ranker: Ranker | None = None) -> Prepared:
    return prepare(config, open_benchmark(config), ranker)


def run(config: Config, ranker: Ranker | None = None):
    prepared = prepared_by(config, ranker)
    for _ in range(config.search.epochs):
        prepared.search.step()
    return prepared


# -- a whole run -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_a_result_holds_the_figures_of_the_cell_found(toy_config, toy_ranker, scheme, strategy):
    targets = ("archlock.target", "normal,autoencoder")
    config = toy_config(
        "archlock.scheme", scheme, *targets, "archlock.strategy", strategy, "archlock.source_queries", "15"
    )
    benchmark = open_benchmark(config)
    prepared = run(config, toy_ranker)
    result = finish(config, benchmark, prepared.search)
    assert json.loads(json.dumps(result)) == result
    for figures in (result, result["s"]):
        cell = tuple(figures["cell"])
        assert figures["arch"] == benchmark.space.to_str(cell)
        assert figures["source_val"] == benchmark.accuracy(cell, task="class_scene", split="val")
        assert figures["source_test"] == benchmark.accuracy(cell, task="class_scene", split="test")
        assert figures["targets"] == {
            task: benchmark.accuracy(cell, task=task, split="test") for task in ("normal", "autoencoder")
        }
        assert 0 < figures["source_queries"] <= 15
    assert result["cell"] == list(prepared.search.best().arch)
    assert (result["scheme"], result["source"], result["seed"]) == (scheme, "class_scene", 0)
    assert "MADE UP" in result["notes"][0]
    if scheme == "s":
        assert {key: result[key] for key in result["s"]} == result["s"]


def test_timings_are_no_part_of_a_result():
    assert wall_times(preparation=0.1234, search=0.5678) == {"seconds_preparation": 0.123, "seconds": 0.568}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_result_is_compared_with_what_scheme_s_finds(toy_config, toy_ranker, strategy):
    keys = ("archlock.strategy", strategy, "search.epochs", "30")
    config, config_s = toy_config(*keys), toy_config(*keys, "archlock.scheme", "s")
    benchmark = open_benchmark(config)
    prepared = run(config, toy_ranker)
    result = finish(config, benchmark, prepared.search)
    prepared_s = run(config_s, toy_ranker)
    result_s = finish(config_s, benchmark, prepared_s.search)
    assert result["s"] == result_s["s"]


def test_without_named_targets_all_others_are_reported(toy_config):
    config = toy_config("archlock.target", "")
    assert report_targets(config, ("normal", "class_scene", "jigsaw")) == ("normal", "jigsaw")
    assert report_targets(toy_config(), ("normal", "class_scene", "jigsaw")) == ("normal",)


@pytest.mark.parametrize(
    ("strategy", "kind"),
    [("", BayesianSearch), ("bayesian", BayesianSearch), ("evolution", RegularizedEvolution),
     ("exhaustive", ExhaustiveSearch)],
)  # fmt: skip
def test_a_seed_gives_the_same_search_and_another_seed_another(toy_config, strategy, kind):
    keys = ("archlock.strategy", strategy, "search.epochs", "30")
    first, again, other = (run(toy_config("seed", seed, *keys)).search for seed in ("0", "0", "1"))
    assert type(first) is kind
    assert first.history == again.history
    assert first.history != other.history


def test_each_purpose_draws_its_own_numbers():
    """So that more simulated targets, say, do not change the opponents or the search."""
    draws = {
        purpose: tuple(stream(seed, purpose).random(3))
        for seed in (0, 1)
        for purpose in ("search", "opponents", "targets", "reference")
    }
    assert len(set(draws.values())) == 4
    assert stream(0, "search").random() == stream(0, "search").random()
    assert stream(0, "search").random() != stream(1, "search").random()


def test_more_simulated_targets_do_not_change_the_newcomers(ranked_config, toy_ranker):
    few, many = (
        run(ranked_config("archlock.n_targets", n, "search.population_size", "15"), toy_ranker).search
        for n in ("1", "9")
    )
    assert [e.arch for e in few.history] == [e.arch for e in many.history]
    assert [e.fitness for e in few.history] != [e.fitness for e in many.history]


def test_the_lock_gives_up_no_more_of_the_source_than_allowed(toy_config, toy_ranker):
    """And what it gives up it puts to use: it is fitter, by the ranker's word, than what scheme S finds."""
    budget = 3.0
    config = toy_config(
        "archlock.scheme", "tk", "archlock.target", "autoencoder", "archlock.source_budget_pct", str(budget),
        "archlock.strategy", "exhaustive", "archlock.source_queries", "200",
    )  # fmt: skip
    prepared = run(config)
    result = finish(config, open_benchmark(config), prepared.search)
    assert result["source_val"] >= (1 - budget / 100) * max(prepared.search.oracle.known.values())
    fitness_s, _ = prepared.search.fitness.evaluate(np.array([result["s"]["cell"]]))
    assert result["fitness"] > fitness_s[0]


def test_a_run_on_real_tables(shared_data: Path, ranked_config):
    """NAS-Bench-201, with a ranker trained on the tables of both spaces."""
    config = ranked_config(
        "search_space", "nasbench201", "dataset", "cifar10", "archlock.target", "cifar100",
        "archlock.tables", str(shared_data), "archlock.scheme", "tk",
    )  # fmt: skip
    prepared = run(config)
    assert {name.split("/")[0] for name in prepared.ranker.info.tasks} == {"nasbench201", "transbench101_micro"}
    result = finish(config, open_benchmark(config), prepared.search)
    assert result["notes"] == []
    assert 10 < result["targets"]["cifar100"] < 74
    assert result["s"]["source_val"] >= result["source_val"] * 0.9


# -- how it searches, and what for -------------------------------------------------------------------------------------


def test_by_default_a_search_of_cells_is_bayesian_where_it_can_be(toy_config, macro_tables, digit_images):
    macro = ("search_space", "transbench101_macro", "archlock.tables", str(macro_tables))
    folder = ("dataset", str(digit_images["low"]), "archlock.tables", "", "archlock.target", "")
    for expected, *overrides in (
        ("bayesian",),
        ("bayesian", "archlock.source_queries", "1"),
        ("evolution", "archlock.source_queries", "0"),
        ("evolution", *macro),
        ("exhaustive", *folder),
        ("exhaustive", *folder, "archlock.train_top", "3"),
    ):
        config = toy_config(*overrides)
        assert strategy_of(config, open_benchmark(config)).name == expected
        for strategy in ("evolution", "exhaustive"):  # as it is told
            config = toy_config(*overrides, "archlock.strategy", strategy)
            assert strategy_of(config, open_benchmark(config)).name == strategy


def test_what_is_bayesian_has_no_ranker(toy_config, toy_ranker):
    for config in (toy_config(), toy_config("archlock.scheme", "tk"), toy_config("archlock.scheme", "s")):
        assert prepared_by(config, toy_ranker).ranker is None


@pytest.mark.parametrize("scheme", ["tk", "tu"])
def test_macro_architectures_are_no_cells(toy_config, macro_tables, scheme):
    keys = (
        "search_space",
        "transbench101_macro",
        "archlock.tables",
        str(macro_tables),
        "archlock.strategy",
        "bayesian",
    )
    with pytest.raises(ConfigError, match="features of a cell, which transbench101_macro does not have; choose evol"):
        prepared_by(toy_config(*keys, "archlock.scheme", scheme))
    search = run(toy_config(*keys, "archlock.scheme", "s", "search.epochs", "30")).search  # nothing of cells is asked
    assert len(search.history) == 30


def test_images_without_a_trained_candidate_teach_a_bayesian_search_nothing(toy_config, digit_images):
    keys = ("dataset", str(digit_images["low"]), "archlock.tables", "", "archlock.target", "")
    with pytest.raises(ConfigError, match="learns from accuracies.* --train-top, or choose exhaustive"):
        prepared_by(toy_config(*keys, "archlock.strategy", "bayesian"))
    search = prepared_by(toy_config(*keys, "archlock.strategy", "bayesian", "archlock.train_top", "4")).search
    assert search.oracle.max_queries == 4


@pytest.mark.parametrize(("queries", "epochs", "made"), [("40", "30", 30), ("25", "30", 25), ("1", "30", 1)])
def test_a_bayesian_search_plans_with_the_look_ups_that_its_steps_allow(toy_config, queries, epochs, made):
    config = toy_config("archlock.source_queries", queries, "search.epochs", epochs)
    search = run(config).search
    assert search.oracle.max_queries == search.oracle.queries == len(search.history) == made
    assert search.is_finished


def test_scheme_s_gives_no_source_accuracy_up(toy_config):
    for scheme, expected in (("s", 0.0), ("tk", 5.0), ("tu", 5.0)):
        search = prepared_by(toy_config("archlock.source_budget_pct", "5", "archlock.scheme", scheme)).search
        assert search.settings.source_budget_pct == expected


MICRO_TASKS = ("class_scene", "class_object", "normal", "autoencoder")


@pytest.mark.parametrize(
    ("space", "scheme", "target", "further"),
    [
        ("transbench101_micro", "tk", "normal", ("class_object", "autoencoder")),
        ("transbench101_micro", "tk", "normal,class_object", ("autoencoder",)),
        ("transbench101_micro", "tk", "normal,class_object,autoencoder", ()),
        ("transbench101_micro", "tu", "normal", ()),  # all tasks are on the same images
        ("transbench101_micro", "tu", "", ()),
        ("nasbench201", "tk", "cifar100", ("ImageNet16-120",)),
        ("nasbench201", "tu", "cifar100", ("ImageNet16-120",)),
        ("nasbench201", "tu", "ImageNet16-120", ("cifar100",)),
        ("nasbench201", "tu", "", ()),
        ("nasbench201", "tu", "cifar100,ImageNet16-120", ()),
    ],
)
def test_tasks_that_a_search_may_learn_from(toy_config, toy_nasbench201, space, scheme, target, further):
    keys = ["archlock.scheme", scheme, "archlock.target", target, "search_space", space]
    if space == "nasbench201":
        keys += ["dataset", "cifar10", "archlock.tables", str(toy_nasbench201)]
    config = toy_config(*keys)
    assert view_of(config).further_tasks == further


def view_of(config: Config) -> View:
    benchmark = open_benchmark(config)
    targets = report_targets(config, benchmark.tasks)
    return get_scheme(config.archlock.scheme).view(benchmark, config.dataset, targets, config)


def target_fitness(config: Config) -> np.ndarray:
    return get_scheme(config.archlock.scheme).expected_fitness(view_of(config), config)


def test_the_source_alone_says_nothing_of_targets(toy_config):
    np.testing.assert_array_equal(target_fitness(toy_config("archlock.scheme", "s")), np.zeros(870))


def test_an_unknown_target_is_expected_to_be_like_those_of_other_benchmarks(toy_config):
    expected = -TargetModel(TRANSBENCH101_MICRO, knows_other_tasks=False).predict(TRANSBENCH101_MICRO.distinct())
    np.testing.assert_array_equal(target_fitness(toy_config()), expected)


def test_an_unknown_target_on_other_images_is_also_expected_to_be_like_further_tasks(toy_config, toy_nasbench201):
    config = toy_config(
        "search_space", "nasbench201", "dataset", "cifar10", "archlock.target", "cifar100",
        "archlock.tables", str(toy_nasbench201),
    )  # fmt: skip
    archs, model = NASBENCH201.distinct(), TargetModel(NASBENCH201, knows_other_tasks=True)
    benchmark = open_benchmark(config)
    accuracy = [benchmark.accuracy(tuple(a), task="ImageNet16-120", split="val") for a in archs.tolist()]
    n_functions = len(archs) + 1  # the disconnected cell is one, too; made to be the worst
    percentile = (rankdata(accuracy) + 0.5) / n_functions
    # the mean over cells of one function is rounded, so equal functions may differ by half a rank
    np.testing.assert_allclose(target_fitness(config), -model.predict(archs, percentile), atol=0.01)


def expected_by_likeness(config: Config, targets: Sequence[str], further: Sequence[str]) -> np.ndarray:
    """The mean over targets of what the model says, each by further tasks weighed by their likeness to it."""
    space, benchmark = TRANSBENCH101_MICRO, open_benchmark(config)
    row = np.isin(cell_index(space.all()), cell_index(space.distinct()))
    percentile = np.stack([percentiles(space, benchmark.accuracies(task, "val"))[row] for task in further])
    scores = {t.task: t for t in knowledge.Knowledge(config).tables}
    weights = [similarity_weights(target, further, scores) for target in targets]
    model = TargetModel(space, knows_other_tasks=True)
    predicted = [model.predict(space.distinct(), np.array([w[t] for t in further]) @ percentile) for w in weights]
    return -np.mean(predicted, axis=0)


@pytest.mark.parametrize(
    ("source", "targets", "further"),
    [
        ("class_scene", ("normal",), ("class_object", "autoencoder")),
        ("class_scene", ("autoencoder",), ("class_object", "normal")),
        ("class_scene", ("normal", "autoencoder"), ("class_object",)),
        ("normal", ("class_scene",), ("class_object", "autoencoder")),
    ],
)
def test_known_targets_are_expected_to_be_like_further_tasks_as_they_are_alike(toy_config, source, targets, further):
    config = toy_config("archlock.scheme", "tk", "dataset", source, "archlock.target", ",".join(targets))
    np.testing.assert_allclose(target_fitness(config), expected_by_likeness(config, targets, further), atol=1e-9)


def test_a_bayesian_search_needs_no_zero_cost_file_for_an_unknown_target(toy_config, toy_tables, tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "transbench101_micro.csv.gz").write_bytes((toy_tables / "transbench101_micro.csv.gz").read_bytes())
    for scheme in ("s", "tu"):
        config = toy_config("archlock.tables", str(folder), "archlock.scheme", scheme)
        assert len(run(config).search.history) == 15


@pytest.mark.parametrize("scheme", ["tk", "tu"])
def test_a_bayesian_lock_gives_up_source_accuracy_for_fitness(toy_config, scheme):
    config = toy_config("archlock.scheme", scheme, "archlock.source_budget_pct", "3", "search.epochs", "60")
    prepared = run(config)
    result = finish(config, open_benchmark(config), prepared.search)
    assert result["source_queries"] == result["s"]["source_queries"] == 60
    assert 0.97 * max(prepared.search.oracle.known.values()) <= result["source_val"] < result["s"]["source_val"]
    of_function = dict(zip(cell_index(TRANSBENCH101_MICRO.distinct()).tolist(), target_fitness(config)))
    found, found_by_s = (
        of_function[cell_index(TRANSBENCH101_MICRO.representatives([r["cell"]]))[0]] for r in (result, result["s"])
    )
    assert result["fitness"] == found > found_by_s
    assert result["s"]["fitness"] == 0
    assert result["source_position"] is result["s"]["source_position"] is None


@pytest.mark.parametrize(
    ("space", "source", "target"),
    [("nasbench201", "cifar10", "cifar100"), ("transbench101_micro", "room_layout", "autoencoder")],
)
def test_a_bayesian_run_on_real_tables(shared_data: Path, toy_config, space, source, target):
    config = toy_config(
        "search_space", space, "dataset", source, "archlock.target", target, "archlock.tables", str(shared_data),
        "archlock.scheme", "tk", "search.epochs", "60",
    )  # fmt: skip
    benchmark = open_benchmark(config)
    search = run(config).search
    result = finish(config, benchmark, search)
    best = max(search.oracle.known.values())
    assert best - 0.02 * abs(best) <= result["source_val"] <= best
    assert result["targets"][target] == benchmark.accuracy(tuple(result["cell"]), task=target, split="test")
    assert result["s"]["source_val"] >= max(e.source_val for e in search.history[:20])  # where both begin


# -- the ranker's tasks ------------------------------------------------------------------------------------------------


def names(tables) -> list[str]:
    return [scores.task for scores in tables]


def test_tasks_to_train_on(toy_config):
    everything = ["class_scene", "class_object", "normal", "autoencoder"]
    tables, left_out = knowledge.Knowledge(toy_config()).training_tables()
    assert (names(tables), names(left_out)) == (everything, [])
    tables, left_out = knowledge.Knowledge(toy_config("archlock.leave_out", "normal,class_scene")).training_tables()
    assert (names(tables), names(left_out)) == (["class_object", "autoencoder"], ["class_scene", "normal"])
    tables, left_out = knowledge.Knowledge(toy_config("archlock.train_tasks", "normal")).training_tables()
    assert (names(tables), names(left_out)) == (["normal"], [])
    tables, _ = knowledge.Knowledge(toy_config(), hidden=["normal"]).training_tables()
    assert names(tables) == ["class_scene", "class_object", "autoencoder"]
    # a hidden task may be left out once more
    tables, left_out = knowledge.Knowledge(toy_config("archlock.leave_out", "normal"), ["normal"]).training_tables()
    assert (names(tables), names(left_out)) == (["class_scene", "class_object", "autoencoder"], [])


@pytest.mark.parametrize("key", ["archlock.train_tasks", "archlock.leave_out"])
def test_unknown_training_tasks_are_told_the_known_ones(toy_config, key):
    with pytest.raises(UnknownNameError, match="unknown task 'norml' in zero-cost files; .*did you mean 'normal'"):
        knowledge.Knowledge(toy_config(key, "norml")).training_tables()


def test_a_hidden_task_cannot_be_trained_on(toy_config):
    with pytest.raises(ConfigError, match="train_tasks names normal, a target"):
        knowledge.Knowledge(toy_config("archlock.train_tasks", "normal"), ["normal"]).training_tables()


def test_tasks_to_train_on_under_other_names(toy_config):
    keys = ("archlock.train_tasks", "Normal,class-scene,auto_encoder", "archlock.leave_out", "AutoEncoder")
    tables, left_out = knowledge.Knowledge(toy_config(*keys)).training_tables()
    assert (names(tables), names(left_out)) == (["class_scene", "normal"], ["autoencoder"])
    for name in ("Normal", "normal-valid", "normal~0-3"):
        with pytest.raises(ConfigError, match=f"train_tasks names {name}, a target"):
            knowledge.Knowledge(toy_config("archlock.train_tasks", name), ["normal"]).training_tables()


def test_leaving_every_task_out_is_refused(ranked_config):
    config = ranked_config("archlock.leave_out", "class_scene,class_object,normal,autoencoder")
    for scheme in ("s", "tk", "tu"):
        with pytest.raises(RankerError, match="no task is left to train the ranker on"):
            prepared_by(ranked_config("archlock.leave_out", config.archlock.leave_out, "archlock.scheme", scheme))


def test_voters_without_any_score_are_refused(ranked_config):
    with pytest.raises(
        ConfigError, match=r"none of zen, grasp has scores of transbench101_micro task class_scene; it has .*nwot"
    ):
        prepared_by(ranked_config("archlock.proxies", "zen,grasp:-1"))
    prepared_by(ranked_config("archlock.proxies", "zen,nwot"))  # the one votes alone


# -- zero-cost files ---------------------------------------------------------------------------------------------------


def zero_cost_with(tmp_path: Path, scores) -> tuple[str, str]:
    """Overrides that name a zero-cost file with this content."""
    path = tmp_path / "zc_transbench101_micro.json"
    path.write_text(json.dumps(scores), encoding="utf-8")
    return "archlock.zero_cost", str(path)


@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_a_zero_cost_file_without_the_source_is_refused(ranked_config, toy_zero_cost, tmp_path, scheme):
    without = zero_cost_with(tmp_path, {t: s for t, s in toy_zero_cost.items() if t != "class_scene"})
    message = "unknown task 'class_scene' in zero-cost files of transbench101_micro; known: "
    with pytest.raises(UnknownNameError, match=message):
        prepared_by(ranked_config(*without, "archlock.scheme", scheme))


@pytest.mark.parametrize("scheme", ["s", "tu"])
def test_a_zero_cost_file_of_the_target_alone_is_refused(ranked_config, toy_zero_cost, tmp_path, scheme):
    only = zero_cost_with(tmp_path, {"normal": toy_zero_cost["normal"]})
    with pytest.raises(RankerError, match="no task is left to train the ranker on"):
        prepared_by(ranked_config(*only, "archlock.scheme", scheme))


def test_tables_without_a_proxy_in_common_are_refused(ranked_config, toy_zero_cost, tmp_path):
    parts = {
        "class_scene": {cell: {"nwot": entry["nwot"]} for cell, entry in toy_zero_cost["class_scene"].items()},
        "class_object": {cell: {"jacov": entry["jacov"]} for cell, entry in toy_zero_cost["class_object"].items()},
    }
    with pytest.raises(EmbeddingError, match="no proxy in common"):
        prepared_by(ranked_config(*zero_cost_with(tmp_path, parts)))


def test_a_source_table_without_the_rankers_reference_cells_is_refused(
    ranked_config, toy_zero_cost, toy_ranker, tmp_path
):
    few = {"class_scene": dict(list(toy_zero_cost["class_scene"].items())[:50])}
    with pytest.raises(EmbeddingError, match="task 'class_scene' lacks .* reference cells of this ranker"):
        prepared_by(ranked_config(*zero_cost_with(tmp_path, few)), toy_ranker)


def test_files_of_the_whole_family_are_read(shared_data: Path, toy_config):
    config = toy_config("archlock.tables", str(shared_data))
    assert [path.name for path in knowledge.zero_cost_files(config)] == [
        "zc_nasbench201.json", "zc_transbench101_micro.json"
    ]  # fmt: skip


def test_missing_files_say_what_to_give_instead(toy_config, tmp_path):
    with pytest.raises(
        TableError, match="no zero-cost file such as zc_transbench101_micro.json in .*archlock.zero_cost"
    ):
        knowledge.zero_cost_files(toy_config("archlock.tables", str(tmp_path)))
    with pytest.raises(UnknownNameError, match="unknown zero-cost file 'scores.json'; known: zc_nasbench201.json"):
        _ = knowledge.Knowledge(toy_config("archlock.zero_cost", str(tmp_path / "scores.json"))).tables


# -- embeddings --------------------------------------------------------------------------------------------------------


@pytest.fixture
def embeddings(tmp_path) -> Path:
    """A folder of made-up embeddings of all four tasks, 6 numbers each."""
    rng = np.random.default_rng(0)
    for task in ("class_scene", "class_object", "normal", "autoencoder"):
        np.save(tmp_path / f"{task}.npy", rng.standard_normal(6))
    return tmp_path


def test_embeddings_may_come_from_files(ranked_config, embeddings):
    config = ranked_config("archlock.embedding", str(embeddings / "{task}.npy"), "archlock.scheme", "tk")
    prepared = run(config)
    assert prepared.ranker.info.embedding == "file"
    assert prepared.ranker.info.embedding_dim == 6
    before = [e.fitness for e in prepared.search.history]
    np.save(embeddings / "normal.npy", -np.load(embeddings / "normal.npy"))
    assert [e.fitness for e in run(config, prepared.ranker).search.history] != before


def test_with_a_ranker_and_embeddings_no_zero_cost_file_is_needed(ranked_config, toy_tables, embeddings, tmp_path):
    embedding = ("archlock.embedding", str(embeddings / "{task}.npy"))
    ranker = prepared_by(ranked_config(*embedding)).ranker
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "transbench101_micro.csv.gz").write_bytes((toy_tables / "transbench101_micro.csv.gz").read_bytes())
    config = ranked_config(*embedding, "archlock.tables", str(folder))
    assert len(run(config, ranker).search.history) == 15
    with pytest.raises(TableError, match="no zero-cost file"):
        prepared_by(ranked_config("archlock.tables", str(folder)))


def test_embeddings_of_different_sizes_are_refused(ranked_config, embeddings):
    config = ranked_config("archlock.embedding", str(embeddings / "{task}.npy"), "archlock.scheme", "tk")
    ranker = prepared_by(config).ranker
    np.save(embeddings / "normal.npy", np.ones(7))
    with pytest.raises(EmbeddingError, match="'normal'.* 7 numbers, .* trained with 6"):
        prepared_by(config, ranker)
    with pytest.raises(ConfigError, match=r"differ in size: \[6, 7\]"):
        prepared_by(config)
    np.save(embeddings / "class_scene.npy", np.ones(5))
    with pytest.raises(EmbeddingError, match="'class_scene'.* 5 numbers"):
        prepared_by(config, ranker)


def test_a_ranker_wants_the_kind_of_embedding_that_it_was_trained_with(ranked_config, embeddings, toy_ranker):
    from_files = ranked_config("archlock.embedding", str(embeddings / "{task}.npy"))
    with pytest.raises(ConfigError, match="trained with embedding proxies"):
        prepared_by(from_files, toy_ranker)
    with pytest.raises(ConfigError, match="set archlock.embedding"):
        prepared_by(ranked_config(), prepared_by(from_files).ranker)


def test_the_proxies_embedding_is_that_of_the_rankers_metadata(toy_config, toy_ranker):
    known = knowledge.Knowledge(toy_config())
    vector = known.embedding("normal", toy_ranker.info)
    info = toy_ranker.info
    expected = ProxyEmbedding(info.embedding_proxies, info.reference_cells).embed(
        next(scores for scores in known.tables if scores.task == "normal")
    )
    np.testing.assert_array_equal(vector, expected)
    assert len(info.reference_cells) == 32
    assert len(vector) == info.embedding_dim == 32 * len(info.embedding_proxies)


# -- the benchmark -----------------------------------------------------------------------------------------------------


def test_unknown_tasks_are_told_the_known_ones(toy_config):
    for overrides in (["dataset", "class_scen"], ["archlock.target", "normal,class_scen"]):
        with pytest.raises(UnknownNameError, match="unknown task 'class_scen'.*did you mean 'class_scene'"):
            open_benchmark(toy_config(*overrides))


def test_the_benchmark_is_that_of_the_tables(toy_config):
    benchmark = open_benchmark(toy_config())
    assert benchmark.tasks == ("class_scene", "class_object", "normal", "autoencoder")
    for split in SPLITS:
        assert 0 < benchmark.accuracy((3,) * 6, task="normal", split=split) < 100


def test_a_ranker_of_cells_cannot_rank_macro_architectures(ranked_config, toy_ranker, macro_tables):
    config = ranked_config("search_space", "transbench101_macro", "archlock.tables", str(macro_tables))
    with pytest.raises(RankerError, match="cannot rank transbench101_macro"):
        prepared_by(config, toy_ranker)


def test_macro_architectures_are_searched_with_a_ranker_of_their_own(toy_config, macro_tables):
    config = toy_config("search_space", "transbench101_macro", "archlock.tables", str(macro_tables))
    prepared = run(config)
    assert prepared.ranker.info.family == "macro"
    benchmark = open_benchmark(config)
    result = finish(config, benchmark, prepared.search)
    assert benchmark.space.from_str(result["arch"]) == tuple(result["cell"])


def test_a_named_ranker_is_asked(toy_config, toy_ranker_file):
    config = toy_config("archlock.ranker", str(toy_ranker_file))
    assert strategy_of(config, open_benchmark(config)).name == "evolution"
    prepared = prepare(config, open_benchmark(config))
    assert type(prepared.search) is RegularizedEvolution
    assert prepared.ranker is not None
