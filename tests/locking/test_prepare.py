from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from preparing import prepared_by, run
from scipy.stats import rankdata

from naslib_archlock.compute.seeding import stream
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.errors import ConfigError, RankerError, UnknownNameError
from naslib_archlock.locking import knowledge
from naslib_archlock.locking.prepare import open_benchmark, prepare, report_targets, strategy_of
from naslib_archlock.locking.result import finish
from naslib_archlock.locking.schemes import get_scheme
from naslib_archlock.locking.view import View
from naslib_archlock.proxies.similarity import similarity_weights
from naslib_archlock.spaces.cells import cell_index
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MICRO
from naslib_archlock.strategies.bayesian import BayesianSearch
from naslib_archlock.strategies.evolution import RegularizedEvolution
from naslib_archlock.strategies.exhaustive import ExhaustiveSearch
from naslib_archlock.strategies.target_model import TargetModel, percentiles
from naslib_archlock.tasks.names import SPLITS

pytestmark = pytest.mark.usefixtures("fast_training")


# -- a whole run -------------------------------------------------------------------------------------------------------


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
    """For example, more simulated targets must not change the opponents or the search."""
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
    """It also uses what it gives up: by the ranker's estimate, it is fitter than the cell of scheme S."""
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


def test_by_default_a_search_is_bayesian_where_it_can_be(toy_config, macro_tables, digit_images):
    macro = ("search_space", "transbench101_macro", "archlock.tables", str(macro_tables))
    folder = ("dataset", str(digit_images["low"]), "archlock.tables", "", "archlock.target", "")
    for expected, *overrides in (
        ("bayesian",),
        ("bayesian", "archlock.source_queries", "1"),
        ("evolution", "archlock.source_queries", "0"),
        ("bayesian", *macro),
        ("bayesian", *folder),
        ("exhaustive", *folder, "archlock.source_queries", "0"),
    ):
        config = toy_config(*overrides)
        assert strategy_of(config, open_benchmark(config)).name == expected
        for strategy in ("evolution", "exhaustive"):  # the strategies that the config names
            config = toy_config(*overrides, "archlock.strategy", strategy)
            assert strategy_of(config, open_benchmark(config)).name == strategy


def test_what_is_bayesian_has_no_ranker(toy_config, toy_ranker):
    for config in (toy_config(), toy_config("archlock.scheme", "tk"), toy_config("archlock.scheme", "s")):
        assert prepared_by(config, toy_ranker).ranker is None


@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_macro_architectures_are_searched_without_a_ranker(toy_config, macro_tables, scheme):
    keys = ("search_space", "transbench101_macro", "archlock.tables", str(macro_tables), "search.epochs", "30")
    prepared = run(toy_config(*keys, "archlock.scheme", scheme))
    assert prepared.ranker is None
    assert len(prepared.search.history) == 30


def test_the_search_of_the_paper_cannot_judge_by_the_worst_target(toy_config):
    keys = ("archlock.scheme", "tk", "archlock.target", "all", "archlock.targets_by", "worst")
    with pytest.raises(ConfigError, match="strategy paper counts the defeats on all targets together"):
        run(toy_config(*keys, "archlock.strategy", "paper", "archlock.source_floor", "1"))
    run(toy_config(*keys, "archlock.strategy", "bayesian"))


def test_accuracies_on_a_target_are_looked_up_by_the_bayesian_strategy_alone(toy_config):
    keys = ("archlock.scheme", "tk", "archlock.target_queries", "5", "archlock.source_budget_pct", "10")
    with pytest.raises(ConfigError, match="strategy evolution looks up no accuracies of a target: use bayesian"):
        prepared_by(toy_config(*keys, "archlock.strategy", "evolution"))
    assert run(toy_config(*keys)).search.target_queries == 5


def test_a_lock_against_fine_tuning_needs_a_lock_a_target_model_and_such_figures(toy_config):
    with pytest.raises(ConfigError, match="lock_on transfer says what a lock is against, and scheme s makes none"):
        toy_config("archlock.scheme", "s", "archlock.lock_on", "transfer")
    transfer = ("archlock.scheme", "tk", "archlock.lock_on", "transfer")
    domains = ("search_space", "digits_domains", "dataset", "plain", "archlock.target", "bold", *transfer)
    with pytest.raises(ConfigError, match="strategy evolution goes by a ranker, which knows nothing of fine-tuned"):
        prepared_by(load_config(None, [*domains, "archlock.strategy", "evolution"]))
    assert isinstance(prepared_by(load_config(None, domains)).search, BayesianSearch)
    with pytest.raises(UnknownNameError, match="has no figures of networks pretrained on.*SOURCE>TASK/SPLIT"):
        run(toy_config(*transfer, "archlock.target_queries", "5"))


def test_a_named_ranker_is_not_left_out_without_a_word(toy_config, toy_ranker_file):
    ranker = ("archlock.ranker", str(toy_ranker_file))
    for keys in (
        ("archlock.scheme", "tk", "archlock.target_queries", "5"),
        ("archlock.source_budget_percentile", "5"),
    ):
        with pytest.raises(ConfigError, match="strategy evolution .* bayesian"):
            prepared_by(toy_config(*ranker, *keys))


def test_a_budget_in_percentiles_is_kept_by_the_bayesian_strategy_alone(toy_config):
    keys = ("archlock.source_budget_percentile", "5")
    with pytest.raises(ConfigError, match="strategy exhaustive cannot keep to archlock.source_budget_percentile"):
        prepared_by(toy_config(*keys, "archlock.strategy", "exhaustive"))
    assert prepared_by(toy_config(*keys)).search.settings.source_budget_percentile == 5


def test_all_is_every_task_but_the_source(toy_config):
    config = toy_config("archlock.scheme", "tk", "archlock.target", "all")
    benchmark = open_benchmark(config)
    assert report_targets(config, benchmark.tasks) == ("class_object", "normal", "autoencoder")
    result = finish(config, benchmark, run(config).search)
    found = result["target_percentiles"]
    assert list(found) == ["class_object", "normal", "autoencoder"]
    assert result["mean_target_percentile"] == pytest.approx(np.mean(list(found.values())))
    assert result["worst_target_percentile"] == max(found.values())
    assert result["limit_mean_percentile"] <= result["limit_worst_percentile"]
    assert result["limit_worst_percentile"] >= max(result["limit_percentiles"].values())
    with pytest.raises(ConfigError, match="target all means all tasks but the source, and the benchmark has no other"):
        report_targets(config, [config.dataset])


def test_images_without_a_trained_candidate_teach_a_bayesian_search_nothing(toy_config, digit_images):
    keys = ("dataset", str(digit_images["low"]), "archlock.tables", "", "archlock.target", "")
    with pytest.raises(ConfigError, match="source_queries is 0; allow some, or choose"):
        toy_config(*keys, "archlock.strategy", "bayesian", "archlock.source_queries", "0")
    search = prepared_by(toy_config(*keys, "archlock.strategy", "bayesian", "archlock.source_queries", "4")).search
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
        ("transbench101_micro", "tu", "normal", ()),  # all tasks have the same images
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
    n_functions = len(archs) + 1  # the disconnected cell is also a function, and is set to be the worst
    percentile = (rankdata(accuracy) + 0.5) / n_functions
    # The mean over cells of one function is rounded, so the ranks of equal functions may differ by 0.5.
    np.testing.assert_allclose(target_fitness(config), -model.predict(archs, percentile), atol=0.01)


def expected_by_likeness(config: Config, targets: Sequence[str], further: Sequence[str]) -> np.ndarray:
    """The mean over targets of the model's predictions; further tasks are weighted by similarity to the target."""
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
    assert result["s"]["source_val"] >= max(e.source_val for e in search.history[:20])  # both begin with these


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
    keys = ("search_space", "transbench101_macro", "archlock.tables", str(macro_tables))
    config = toy_config(*keys, "archlock.strategy", "evolution")
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
