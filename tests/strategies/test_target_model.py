from __future__ import annotations

import importlib.util
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr
from sklearn.linear_model import Ridge

from naslib_archlock import data
from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.digits_benchmark import digits_benchmark
from naslib_archlock.benchmarks.domains_benchmark import domains_benchmark
from naslib_archlock.benchmarks.source_oracle import budget_floor
from naslib_archlock.benchmarks.table import TableBenchmark, find_table, read_table
from naslib_archlock.errors import ConfigError, TableError
from naslib_archlock.spaces.cell_features import FEATURES, features
from naslib_archlock.spaces.cells import cell_index
from naslib_archlock.spaces.known import DIGITS, DIGITS_DOMAINS, NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.spaces.space import SearchSpace
from naslib_archlock.strategies import target_model
from naslib_archlock.strategies.target_model import (
    BUDGET_PCT,
    COLUMNS,
    Moments,
    TargetModel,
    encode_moments,
    features_of,
    knows_further_tasks,
    moments,
    other_tasks,
    percentiles,
    populations,
    read_moments,
    transfer_moments,
)

CELL_SPACES = (NASBENCH201, TRANSBENCH101_MICRO, DIGITS)
BUILDER = Path(__file__).parents[2] / "experiments" / "target_model" / "build.py"


class MadeUp(Benchmark):
    """A benchmark with given accuracies that counts its queries."""

    def __init__(self, space: SearchSpace, val: dict[str, np.ndarray]) -> None:
        """Store ``val``: task -> validation accuracies of ``space.all()``; other splits have the opposite sign."""
        self.space, self.tasks, self._val = space, tuple(val), val
        self._row = dict(zip(cell_index(space.all()).tolist(), range(len(space.all()))))
        self.asked: set[tuple[str, str]] = set()

    def accuracy(self, arch, *, task, split, pretrained_on=None):
        self.asked.add((task, split))
        value = self._val[task][self._row[int(cell_index(arch)[0])]]
        return float(value if split == "val" else -value)


def of_functions(space: SearchSpace, seed: int, noise: float = 0.0) -> np.ndarray:
    """A random number for each function, plus noise between its cells, in the order of ``space.all()``."""
    rng = np.random.default_rng(seed)
    function = cell_index(space.representatives(space.all()))
    return rng.uniform(10, 90, 5**6)[function] + noise * rng.standard_normal(len(function))


def made_up(seed: int = 0, n_tasks: int = 4, noise: float = 0.0) -> MadeUp:
    """Tasks that reward structure, each in another way."""
    space, rng = TRANSBENCH101_MICRO, np.random.default_rng(seed)
    scaled = features(space.all()) - features(space.all()).mean(axis=0)
    common = rng.standard_normal(len(FEATURES))
    val = {
        f"task{i}": 400 + scaled @ (common + rng.standard_normal(len(FEATURES))) + of_functions(space, i, noise) / 20
        for i in range(n_tasks)
    }
    return MadeUp(space, val)


def weights_of(benchmark: Benchmark, seed: int = 0) -> dict[tuple[str, str], float]:
    """A random weight of each task for each target."""
    rng = np.random.default_rng(seed)
    return {pair: rng.uniform(0.1, 1) for pair in itertools.permutations(benchmark.tasks, 2)}


# -- percentiles -------------------------------------------------------------------------------------------------------


def percentiles_of(benchmark: Benchmark, task: str) -> np.ndarray:
    return percentiles(benchmark.space, benchmark.accuracies(task, "val"))


def test_percentiles_by_brute_force():
    space = TRANSBENCH101_MICRO
    benchmark = MadeUp(space, {"task": of_functions(space, 0, noise=5)})
    values: dict[int, list[float]] = {}
    function = cell_index(space.representatives(space.all())).tolist()
    for name, arch in zip(function, space.all().tolist()):
        values.setdefault(name, []).append(benchmark.accuracy(tuple(arch), task="task", split="val"))
    mean = {name: np.mean(v) for name, v in values.items()}
    below = {name: sum(other < m for other in mean.values()) for name, m in mean.items()}
    expected = [(below[name] + 0.5) / len(mean) for name in function]
    np.testing.assert_allclose(percentiles_of(benchmark, "task"), expected)
    assert benchmark.asked == {("task", "val")}


@pytest.mark.parametrize("space", [TRANSBENCH101_MICRO, NASBENCH201])
def test_percentiles_lie_between_0_and_1_and_any_growing_function_of_accuracy_has_the_same(space):
    values = of_functions(space, 1)
    found = percentiles_of(MadeUp(space, {"task": values}), "task")
    assert 0 < found.min() < 0.002
    assert 0.998 < found.max() < 1
    function = cell_index(space.representatives(space.all()))
    assert found[np.unique(function, return_index=True)[1]].mean() == pytest.approx(0.5)
    np.testing.assert_allclose(percentiles_of(MadeUp(space, {"task": np.exp(values / 30)}), "task"), found)
    np.testing.assert_allclose(percentiles_of(MadeUp(space, {"task": -1 / values}), "task"), found)  # negative metric
    np.testing.assert_allclose(percentiles_of(MadeUp(space, {"task": -values}), "task"), 1 - found)


def test_equal_functions_share_a_percentile_and_equal_accuracies_too():
    space = TRANSBENCH101_MICRO
    found = percentiles_of(MadeUp(space, {"task": of_functions(space, 2, noise=5)}), "task")
    function = cell_index(space.representatives(space.all()))
    assert len(np.unique(np.column_stack([function, found]), axis=0)) == len(np.unique(function))
    for value in (8.0, 0.1):  # the mean of numbers 0.1 depends on how many they are
        constant = percentiles_of(MadeUp(space, {"task": np.full(4096, value)}), "task")
        np.testing.assert_allclose(constant, 0.5)


def test_the_mean_over_tasks_is_weighted():
    percentile = {"a": np.array([0.1, 0.9]), "b": np.array([0.5, 0.5]), "c": np.array([0.9, 0.2])}
    np.testing.assert_allclose(other_tasks(percentile, {"a": 1.0}), percentile["a"])
    np.testing.assert_allclose(other_tasks(percentile, {"a": 1.0, "c": 1.0}), [0.5, 0.55])
    np.testing.assert_allclose(other_tasks(percentile, {"a": 6.0, "c": 2.0}), [0.3, 0.725])
    np.testing.assert_allclose(other_tasks(percentile, {"a": 0.75, "c": 0.25}), [0.3, 0.725])


# -- moments, and the regression made of them --------------------------------------------------------------------------


def populations_by_hand(benchmark: Benchmark, weights) -> list[tuple[str, str, np.ndarray, np.ndarray]]:
    """The source, target, columns and labels of each population."""
    space = benchmark.space
    archs = space.distinct()
    reference = features(NASBENCH201.distinct())
    row = {index: i for i, index in enumerate(cell_index(space.all()).tolist())}
    rows = [row[index] for index in cell_index(archs).tolist()]
    percentile = {task: percentiles_of(benchmark, task)[rows] for task in benchmark.tasks}
    found = []
    for source, target in itertools.permutations(benchmark.tasks, 2):
        further = [task for task in benchmark.tasks if task not in (source, target)]
        total = sum(weights[task, target] for task in further)
        mean = sum(weights[task, target] / total * percentile[task] for task in further)
        columns = np.column_stack([(features(archs) - reference.mean(axis=0)) / reference.std(axis=0), mean])
        columns[:, -1] = (columns[:, -1] - 0.5) * 12**0.5
        val = np.array([benchmark.accuracy(tuple(a), task=source, split="val") for a in archs.tolist()])
        within = val >= budget_floor(val.max(), BUDGET_PCT)
        if within.sum() < 30:
            within = val >= np.sort(val)[-30]
        logarithm = np.log((rankdata(percentile[target][within]) - 0.5) / within.sum())
        label = (logarithm - logarithm.mean()) / logarithm.std()
        found.append((source, target, columns[within], label))
    return found


def test_populations_by_hand():
    benchmark = made_up()
    weights = weights_of(benchmark)
    by_hand = populations_by_hand(benchmark, weights)
    assert len({len(label) for *_, label in by_hand}) > 1
    for found, (source, target, columns, label) in zip_equal(populations(benchmark, weights), by_hand):
        assert (found.source, found.target) == (source, target)
        np.testing.assert_allclose(found.columns, columns)
        np.testing.assert_allclose(found.label, label)
        row = benchmark.space.distinct()[found.rows]
        np.testing.assert_allclose(np.corrcoef(found.columns[:, 3], features(row)[:, 3])[0, 1], 1)
    assert {split for _, split in benchmark.asked} == {"val"}


def zip_equal(a: Iterable[Any], b: Iterable[Any]) -> list[tuple[Any, Any]]:
    a, b = list(a), list(b)
    assert len(a) == len(b)
    return list(zip(a, b))


def test_a_small_population_is_widened():
    """If fewer than 30 functions are within the budget, the population holds the best 30 on the source."""
    space = TRANSBENCH101_MICRO
    steep = of_functions(space, 0) ** 3
    benchmark = MadeUp(
        space, {"steep": steep, "flat": 50 + of_functions(space, 1) / 100, "more": of_functions(space, 2)}
    )
    found = {(p.source, p.target): p for p in populations(benchmark, weights_of(benchmark))}
    archs = space.distinct()
    on_steep = np.array([benchmark.accuracy(tuple(a), task="steep", split="val") for a in archs.tolist()])
    assert (on_steep >= 0.98 * on_steep.max()).sum() < 30
    np.testing.assert_array_equal(found["steep", "flat"].rows, np.sort(np.argsort(-on_steep)[:30]))
    assert len(found["flat", "steep"].rows) == len(archs)


def test_moments_are_those_of_all_populations():
    """Each population is centred and has the same weight."""
    benchmark = made_up()
    weights = weights_of(benchmark)
    found = moments(benchmark, weights)
    gram, label = np.zeros((len(COLUMNS), len(COLUMNS))), np.zeros(len(COLUMNS))
    for _, _, x, y in populations_by_hand(benchmark, weights):
        gram += np.cov(x.T, bias=True)
        label += np.array([np.cov(column, y, bias=True)[0, 1] for column in x.T])
    np.testing.assert_allclose(found.gram, gram, atol=1e-8)
    np.testing.assert_allclose(found.label, label, atol=1e-8)
    assert {split for _, split in benchmark.asked} == {"val"}


@pytest.mark.parametrize("knows", [False, True])
def test_the_regression_is_scikit_learns(knows, monkeypatch):
    """scikit-learn fits all populations of all benchmarks, centred and weighted by one over their size."""
    benchmarks = {"digits": made_up(0), "transbench101_micro": made_up(1, n_tasks=3, noise=3)}
    weights = {name: weights_of(b) for name, b in benchmarks.items()}
    taught = {name: moments(b, weights[name]) for name, b in benchmarks.items()}
    monkeypatch.setattr(target_model, "read_moments", lambda: taught)
    model = TargetModel(NASBENCH201, knows)

    everything = [p for name, b in benchmarks.items() for p in populations_by_hand(b, weights[name])]
    x = np.concatenate([x - x.mean(axis=0) for _, _, x, _ in everything])
    y = np.concatenate([y - y.mean() for *_, y in everything])
    weight = np.concatenate([np.full(len(y), 1 / len(y)) for *_, y in everything])
    expected = Ridge(alpha=target_model._RIDGE, fit_intercept=False).fit(
        x if knows else x[:, :-1], y, sample_weight=weight
    )
    np.testing.assert_allclose(model.coefficients, expected.coef_, rtol=1e-6, atol=1e-8)


def test_moments_add_up():
    a, b = (moments(made_up(seed, n_tasks=3), weights_of(made_up(seed, n_tasks=3))) for seed in (0, 1))
    np.testing.assert_array_equal((a + b).gram, a.gram + b.gram)
    np.testing.assert_array_equal((a + b).label, a.label + b.label)


def test_what_unit_a_target_is_measured_in_does_not_matter():
    """Only ranks count, also below 0. The unit of a source does matter, because a budget is in % of its best."""
    benchmark = made_up()
    weights = weights_of(benchmark)
    other_unit = MadeUp(benchmark.space, {t: v if t != "task1" else v / 50 - 9 for t, v in benchmark._val.items()})
    pairs = zip_equal(populations(benchmark, weights), populations(other_unit, weights))
    for one, other in [(a, b) for a, b in pairs if a.source != "task1"]:
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_allclose(one.columns, other.columns)
        np.testing.assert_allclose(one.label, other.label)
    assert any(len(a.rows) != len(b.rows) for a, b in pairs if a.source == "task1")


def test_a_model_for_networks_without_cells_uses_what_they_share_with_cells():
    space = TRANSBENCH101_MACRO
    model = TargetModel(space, False)
    assert [COLUMNS[i] for i in model.used] == list(features_of(space)) == ["log_flops", "least_depth"]
    of_cells = TargetModel(DIGITS, False)
    assert [COLUMNS[i] for i in of_cells.used] == list(FEATURES)
    archs = space.all()
    values = space.features(archs, ["log_flops", "least_depth"])
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    np.testing.assert_allclose(model.predict(archs), scaled @ model.coefficients)
    assert model.coefficients[0] > 0 > model.coefficients[1]
    assert knows_further_tasks(DIGITS)
    assert not knows_further_tasks(space)


# -- what comes with the package ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    """``experiments/target_model/build.py``."""
    spec = importlib.util.spec_from_file_location("build_target_model", BUILDER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_entry(benchmark: Benchmark, builder: ModuleType, folder: Path) -> None:
    """Check that the entry of the file equals this benchmark's rounded moments."""
    found = moments(benchmark, builder.all_weights(benchmark, folder))
    kept = read_moments()[benchmark.space.name]
    np.testing.assert_allclose(kept.gram, found.gram, atol=2e-6)
    np.testing.assert_allclose(kept.label, found.label, atol=2e-6)
    raw = json.loads(data.checked_path(target_model.FILE).read_text())
    assert raw["benchmarks"][benchmark.space.name]["tasks"] == list(benchmark.tasks)


def test_the_embedded_benchmark_taught_what_the_file_says(builder, tmp_path):
    check_entry(digits_benchmark(), builder, tmp_path)


@pytest.mark.parametrize("space", [NASBENCH201, TRANSBENCH101_MICRO])
def test_the_real_tables_taught_what_the_file_says(builder, shared_data, space):
    check_entry(read_table(find_table(shared_data, space), space), builder, shared_data)


def test_the_file_holds_every_benchmark_of_cells_and_the_columns_of_now():
    raw = json.loads(data.checked_path(target_model.FILE).read_text())
    assert raw["columns"] == list(COLUMNS)
    assert list(COLUMNS) == [*FEATURES, target_model.OTHER_TASKS]
    kept = read_moments()
    assert set(kept) == {space.name for space in CELL_SPACES}
    for taught in kept.values():
        assert taught.gram.shape == (len(COLUMNS), len(COLUMNS))
        assert taught.label.shape == (len(COLUMNS),)
        np.testing.assert_array_equal(taught.gram, taught.gram.T)
        assert np.linalg.eigvalsh(taught.gram).min() > -1e-3  # moments are positive semidefinite, except for rounding


def test_what_is_written_reads_back_the_same(tmp_path, monkeypatch):
    kept = read_moments()
    encoded = encode_moments(kept)
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    data.publish(target_model.FILE, encoded, tmp_path)
    again = read_moments()
    assert set(again) == set(kept)
    assert kept["nasbench201"].tasks == again["nasbench201"].tasks == ("cifar10", "cifar100", "ImageNet16-120")
    for name in kept:
        np.testing.assert_array_equal(again[name].gram, kept[name].gram)
        np.testing.assert_array_equal(again[name].label, kept[name].label)


@pytest.mark.parametrize("content", [None, b"", b'{"columns": []}'])
def test_a_missing_or_damaged_file_is_named(tmp_path, monkeypatch, content):
    data.publish(target_model.FILE, b"as published", tmp_path)
    path = tmp_path / target_model.FILE
    path.unlink() if content is None else path.write_bytes(content)
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    with pytest.raises(TableError, match=f"{target_model.FILE}, a file of this package, .*install the package again"):
        TargetModel(NASBENCH201, False)


@pytest.mark.parametrize("knows", [False, True])
@pytest.mark.parametrize("space", CELL_SPACES)
def test_a_model_never_depends_on_what_the_spaces_own_benchmark_taught(space, knows, monkeypatch):
    kept = read_moments()
    before = TargetModel(space, knows).coefficients
    d = len(COLUMNS)
    for changed in CELL_SPACES:
        spoilt = {**kept, changed.name: Moments(np.full((d, d), np.nan), np.full(d, np.nan))}
        monkeypatch.setattr(target_model, "read_moments", lambda spoilt=spoilt: spoilt)
        after = TargetModel(space, knows).coefficients
        if changed is space:
            np.testing.assert_array_equal(after, before)
        else:
            assert np.isnan(after).all()
    monkeypatch.setattr(target_model, "read_moments", lambda: {n: m for n, m in kept.items() if n != space.name})
    np.testing.assert_array_equal(TargetModel(space, knows).coefficients, before)


# -- predictions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", CELL_SPACES)
def test_a_prediction_is_linear_in_the_percentile_on_further_tasks(space):
    model, cells = TargetModel(space, True), space.distinct()[::7]
    low, middle, high = (model.predict(cells, np.full(len(cells), level)) for level in (0.1, 0.5, 0.9))
    np.testing.assert_allclose(middle, (low + high) / 2, atol=1e-9)
    assert (high > low).all()  # a cell that is good on further tasks should be good on one more


@pytest.mark.parametrize("knows", [False, True])
def test_equal_functions_have_the_same_prediction_and_each_cell_its_own(knows):
    model, cells = TargetModel(NASBENCH201, knows), NASBENCH201.all()[::37]
    percentile = np.full(len(cells), 0.7) if knows else None
    found = model.predict(cells, percentile)
    assert found.shape == (len(cells),)
    np.testing.assert_array_equal(model.predict(NASBENCH201.representatives(cells), percentile), found)
    one = model.predict(cells[5:6], percentile[5:6] if knows else None)
    np.testing.assert_allclose(one, found[5:6], rtol=1e-9)


def test_what_is_taught_is_learnt(monkeypatch):
    """If all tasks of the other benchmark reward the same property, the model expects this task to reward it, too."""
    space, archs = TRANSBENCH101_MICRO, NASBENCH201.distinct()
    for wanted in (FEATURES.index("log_weights"), FEATURES.index("skip")):
        want = features(space.all())[:, wanted]
        other = MadeUp(space, {f"t{i}": 50 + want + of_functions(space, i) / 1000 for i in range(3)})
        monkeypatch.setattr(target_model, "BUDGET_PCT", 100.0)  # every cell is within the budget
        taught = moments(other, weights_of(other))
        monkeypatch.setattr(target_model, "read_moments", lambda taught=taught: {"transbench101_micro": taught})
        without_pooling = archs[(archs < 4).all(axis=1)]
        predicted = TargetModel(NASBENCH201, False).predict(without_pooling)
        assert spearmanr(predicted, features(without_pooling)[:, wanted])[0] > 0.9


def test_what_other_benchmarks_taught_holds_on_the_embedded_one():
    check_correlation(digits_benchmark())


@pytest.mark.parametrize("space", [NASBENCH201, TRANSBENCH101_MICRO])
def test_what_other_benchmarks_taught_holds_on_real_tables(shared_data, space):
    check_correlation(read_table(find_table(shared_data, space), space))


def check_correlation(benchmark: TableBenchmark) -> None:
    """Check that cells within a source budget with better predictions are mostly better on the target."""
    space = benchmark.space
    archs = space.distinct()
    predicted = TargetModel(space, False).predict(archs)
    val = {
        task: np.array([benchmark.accuracy(tuple(a), task=task, split="val") for a in archs.tolist()])
        for task in benchmark.tasks
    }
    found = []
    for source, target in itertools.permutations(benchmark.tasks, 2):
        within = val[source] >= budget_floor(val[source].max(), 5.0)
        if within.sum() >= 30:
            found.append(spearmanr(predicted[within], val[target][within])[0])
    assert np.mean(found) > 0.2
    assert np.mean(np.array(found) > 0) > 0.7


@pytest.mark.parametrize(
    ("space", "same_images"), [(TRANSBENCH101_MACRO, TRANSBENCH101_MICRO), (DIGITS_DOMAINS, DIGITS)]
)
def test_a_model_never_depends_on_other_networks_on_the_images_of_its_tasks(space, same_images, monkeypatch):
    kept, d = read_moments(), len(COLUMNS)
    before = TargetModel(space, False).coefficients
    spoilt = {**kept, same_images.name: Moments(np.full((d, d), np.nan), np.full(d, np.nan))}
    monkeypatch.setattr(target_model, "read_moments", lambda: spoilt)
    np.testing.assert_array_equal(TargetModel(space, False).coefficients, before)
    monkeypatch.setattr(target_model, "read_moments", lambda: {**spoilt, "nasbench201": spoilt[same_images.name]})
    assert np.isnan(TargetModel(space, False).coefficients).all()


def test_a_benchmark_that_has_a_target_teaches_nothing():
    """Its moments hold the target's accuracies. A space's own tasks are others, whatever those of others are called."""
    default = TargetModel(TRANSBENCH101_MICRO, False).coefficients
    for target in ("normal", "jigsaw", "autoencoder", "photos/mine"):
        np.testing.assert_array_equal(
            TargetModel(TRANSBENCH101_MICRO, False, targets=[target]).coefficients, default, err_msg=target
        )
    for target in ("cifar10", "CIFAR-100", "cifar10-valid", "photos/imagenet16", "cifar10~0-3"):
        assert (TargetModel(TRANSBENCH101_MICRO, False, targets=[target]).coefficients != default).all(), target
    with pytest.raises(ConfigError, match=r"all benchmarks .* have a target \(autoencoder\)"):
        TargetModel(NASBENCH201, False, targets=["autoencoder"])


def test_the_transfer_benchmark_has_populations_of_all_pairs():
    benchmark, weights = domains_benchmark(), dict.fromkeys(itertools.permutations(DIGITS_DOMAINS.tasks, 2), 1.0)
    found = zip_equal(populations(benchmark, weights, of_transfer=True), populations(benchmark, weights))
    n_pairs = 0
    for of_transfer, from_scratch in found:
        assert (of_transfer.source, of_transfer.target) == (from_scratch.source, from_scratch.target)
        kept = np.isin(from_scratch.rows, of_transfer.rows)
        assert kept.mean() > 0.9
        np.testing.assert_array_equal(of_transfer.columns, from_scratch.columns[kept])
        pair = {"task": of_transfer.target, "split": "val", "pretrained_on": of_transfer.source}
        accuracy = [benchmark.accuracy(tuple(c), **pair) for c in DIGITS_DOMAINS.distinct()[of_transfer.rows].tolist()]
        np.testing.assert_array_equal(np.argsort(accuracy, kind="stable"), np.argsort(of_transfer.label, kind="stable"))
        n_pairs += 1
    assert n_pairs == 20


def test_pairs_with_the_source_or_a_target_of_the_search_teach_nothing_of_transfer():
    six, twenty = (transfer_moments(space, ("plain", "noisy")) for space in (DIGITS_DOMAINS, NASBENCH201))
    n_used = len(features_of(DIGITS_DOMAINS))
    assert six.tasks == ("faint", "outline", "bold")
    assert np.trace(twenty.gram[:n_used, :n_used]) > 2 * np.trace(six.gram[:n_used, :n_used])
    with pytest.raises(ConfigError, match="no pair of the transfer benchmark is left .*name fewer in archlock.target"):
        transfer_moments(DIGITS_DOMAINS, ("plain", "noisy", "faint", "outline"))
    with pytest.raises(ConfigError, match="no pair of the transfer benchmark is left"):  # the images are the same
        transfer_moments(DIGITS, ("digit", "jigsaw"))


def test_what_the_transfer_benchmark_teaches_holds_on_pairs_that_it_was_not_learnt_from():
    """Locks are predicted better than by chance, on average over pairs."""
    benchmark, found = domains_benchmark(), []
    for of_pair in populations(benchmark, dict.fromkeys(itertools.permutations(benchmark.tasks, 2), 1.0), True):
        learnt_from = transfer_moments(DIGITS_DOMAINS, (of_pair.source, of_pair.target))
        predicted = TargetModel(DIGITS_DOMAINS, False, learnt_from=learnt_from).predict(DIGITS_DOMAINS.distinct())
        found.append(spearmanr(predicted[of_pair.rows], of_pair.label)[0])
    assert np.mean(found) > 0.1
