"""The predictor under NASLib's own ``PredictorEvaluator``, ``Ensemble``, ``Bananas`` and ``Npenas``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import another_kind
import numpy as np
import pytest

from naslib_archlock.errors import RankerError, UnknownNameError
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MICRO, get_space

N_TRAIN, N_TEST = 60, 40


class Arch:
    """The methods of a NASLib search space object that the predictor calls; a real object takes 0.1 s to build."""

    def __init__(self, space: str, op_indices: Any) -> None:
        self._space, self._op_indices = space, op_indices

    def get_type(self) -> str:
        return self._space

    def get_op_indices(self) -> Any:
        return self._op_indices


def archs(space: str, n: int, seed: int = 0) -> list[Arch]:
    cells = get_space(space).sample(n, np.random.default_rng(seed))
    return [Arch(space, get_space(space).to_naslib(cell)) for cell in cells]


def accuracies(made: list[Arch]) -> list[float]:
    """An accuracy that is easy to learn: convolutions increase it, and 3x3 convolutions more."""
    space = get_space(made[0].get_type())
    return [float(sum({2: 5, 3: 10}.get(op, 0) for op in space.from_naslib(a.get_op_indices()))) for a in made]


def predictor(**options: Any) -> Any:
    from naslib.predictors import BinaryRankPredictor

    return BinaryRankPredictor(**options)


def test_under_predictor_evaluator(naslib_config, dataset_apis):
    from naslib.defaults.predictor_evaluator import PredictorEvaluator
    from naslib.search_spaces import NasBench201SearchSpace
    from naslib.utils import set_seed

    config = naslib_config("nasbench201")
    config.experiment_type, config.test_size, config.train_size_single = "single", N_TEST, N_TRAIN
    config.train_size_list, config.fidelity_single, config.fidelity_list = [N_TRAIN], 5, [5]
    config.max_hpo_time, config.uniform_random = 0, 1
    set_seed(0)
    evaluator = PredictorEvaluator(predictor(), config=config)
    space = NasBench201SearchSpace()
    space.instantiate_model = False
    evaluator.adapt_search_space(space, load_labeled=False, dataset_api=dataset_apis["nasbench201"])
    result = evaluator.evaluate()[-1]
    assert result["kendalltau"] > 0.4
    assert np.isfinite([result[name] for name in ("mae", "rmse", "pearson", "spearman", "kt_1dec")]).all()
    assert result["train_size"] == N_TRAIN
    assert len(result["full_testpred"]) == N_TEST
    saved = json.loads((Path(config.save) / "errors.json").read_text())
    assert saved[-1]["kendalltau"] == result["kendalltau"]


@pytest.mark.parametrize("space", ["nasbench201", "transbench101_micro"])
def test_predictions_order_unseen_cells_in_the_unit_of_accuracy(space):
    from scipy.stats import kendalltau

    train, test = archs(space, 80), archs(space, 100, seed=1)
    made = predictor(ss_type=space)
    made.fit(train, accuracies(train))
    predicted = made.query(test)
    assert predicted.shape == (100,)
    assert predicted.dtype == np.float64
    spread = np.ptp(accuracies(train))
    assert min(accuracies(train)) - spread < predicted.min() < predicted.max() < max(accuracies(train)) + spread
    assert np.abs(predicted - accuracies(test)).mean() < spread / 8
    assert kendalltau(predicted, accuracies(test))[0] > 0.75


def test_the_seed_decides():
    train, test = archs("nasbench201", 30), archs("nasbench201", 20, seed=1)

    def predictions(seed: int) -> list[float]:
        made = predictor(ss_type="nasbench201", seed=seed)
        made.fit(train, accuracies(train))
        return made.query(test).tolist()

    assert predictions(0) == predictions(0)
    assert predictions(0) != predictions(1)


def test_the_kind_of_model_is_named(monkeypatch, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown ranker model 'bilinear'; known: .*mlp"):
        predictor(model="bilinear")
    another_kind.add_kind(monkeypatch, tmp_path)
    train, test = archs("nasbench201", 40), archs("nasbench201", 20, seed=1)
    found = []
    for options in ({"model": "mlp"}, {"model": "mlp", "model_settings": {"hidden": [8]}}, {"model": "bilinear"}):
        made = predictor(ss_type="nasbench201", **options)
        made.fit(train, accuracies(train))
        info = made._learnt.ranker.info
        found.append((info.model, info.model_settings))
        assert np.corrcoef(made.query(test), accuracies(test))[0, 1] > 0.6
    assert found == [
        ("mlp", {"hidden": [128, 64, 32, 16], "antisymmetric": True}),
        ("mlp", {"hidden": [8], "antisymmetric": True}),
        ("bilinear", {"rank": 8}),
    ]


def test_the_space_is_the_architectures_own_where_none_was_set():
    train = archs("transbench101_micro", 20)
    made = predictor()
    made.fit(train, accuracies(train))
    assert made.query(train[:3]).shape == (3,)
    assert made.query(np.array(train[:1], dtype=object)).shape == (1,)


def test_one_predictor_reads_a_cell_of_both_spaces_as_the_same():
    """NASLib's own encodings of the two spaces disagree."""
    train = archs("transbench101_micro", 40)
    made = predictor()
    made.fit(train, accuracies(train))
    cells = [TRANSBENCH101_MICRO.from_naslib(a.get_op_indices()) for a in archs("transbench101_micro", 10, seed=1)]
    predictions = [
        made.query([Arch(space.name, space.to_naslib(cell)) for cell in cells]).tolist()
        for space in (TRANSBENCH101_MICRO, NASBENCH201)
    ]
    assert predictions[0] == predictions[1]


@pytest.mark.parametrize("model", ["ensemble", "mlp"])
def test_degenerate_training_data(model):
    train = archs("nasbench201", 5)
    made = predictor(model=model)
    made.fit(train, [70.0] * 5)
    assert made.query(train).tolist() == [70.0] * 5
    for some, values in ((train[:1], [70.0]), (train, [70.0] * 4), ([], [])):
        with pytest.raises(RankerError, match="at least 2"):
            made.fit(some, values)
    with pytest.raises(RankerError, match="2 of the 5 accuracies to learn from are not finite"):
        made.fit(train, [70.0, float("nan"), 71.0, float("inf"), 72.0])


def test_two_architectures_are_enough():
    train = archs("nasbench201", 2)
    made = predictor()
    made.fit(train, [70.0, 80.0])
    low, high = made.query(train)
    assert low < high


def test_a_better_architecture_than_all_is_predicted_above_them():
    """Otherwise, all that are better would be equal, and a search could not choose among them."""
    train = sorted(archs("nasbench201", 60), key=lambda arch: accuracies([arch])[0])
    made = predictor()
    made.fit(train[:30], accuracies(train[:30]))
    best = made.query(train[45:])
    assert best.max() > max(accuracies(train[:30]))
    assert len(set(best.tolist())) == len(best)


def test_equal_accuracies_do_not_hide_the_order():
    train, test = archs("nasbench201", 40), archs("nasbench201", 30, seed=1)
    made = predictor()
    made.fit(train, [min(accuracy, 20.0) for accuracy in accuracies(train)])
    assert len(set(made.query(test).tolist())) == 30


def test_info_is_given_the_standard_deviations():
    train, test = archs("nasbench201", 40), archs("nasbench201", 30, seed=1)
    made, info = predictor(), {}
    made.fit(train, accuracies(train))
    predicted = made.query(test, info)
    assert info["std"].shape == predicted.shape
    errors = np.abs(predicted - accuracies(test))
    assert 0.3 * errors.mean() < info["std"].mean() < 5 * errors.mean()
    known = {}
    made.query(train, known)
    assert known["std"].mean() < info["std"].mean()
    network = predictor(model="mlp")
    network.fit(train, accuracies(train))
    with pytest.raises(RankerError, match="'mlp' gives no standard deviation"):
        network.query(test, {})


def test_zero_cost_scores_are_further_inputs():
    """Half of the accuracy is in a score that has nothing to do with the graph, and some of the scores are missing."""
    from scipy.stats import kendalltau

    rng = np.random.default_rng(0)
    train, test = archs("nasbench201", 120), archs("nasbench201", 60, seed=1)
    hidden = {arch: float(x) for arch, x in zip((*train, *test), rng.normal(size=180))}

    def true(of: list[Arch]) -> np.ndarray:
        return np.array(accuracies(of)) / 10 + 2 * np.array([hidden[arch] for arch in of])

    def scores(of: list[Arch]) -> list[dict[str, float]]:
        return [{"jacov": hidden[arch], "snip": -1e8} if i % 10 else {} for i, arch in enumerate(of)]

    taus = []
    for with_scores in (False, True):
        made = predictor()
        if with_scores:
            made.set_pre_computations(xtrain_zc_info={"zero_cost_scores": scores(train)})
        made.fit(train, true(train))
        given = [{"zero_cost_scores": of_arch} for of_arch in scores(test)]
        taus.append(kendalltau(made.query(test, given if with_scores else None), true(test))[0])
    assert taus[1] > taus[0] + 0.1
    network = predictor(model="mlp")
    network.set_pre_computations(xtrain_zc_info={"zero_cost_scores": scores(train)})
    with pytest.raises(RankerError, match="'mlp' cannot read zero-cost scores"):
        network.fit(train, true(train))
    with pytest.raises(RankerError, match="zero-cost scores of 120 architectures came with 50"):
        made.fit(train[:50], true(train[:50]))


@pytest.mark.parametrize("n_members", [1, 2, 5])
def test_the_members_of_an_ensemble_have_the_mean_and_the_deviation_of_the_predictor(n_members):
    from naslib.predictors.ensemble import Ensemble

    train, test = archs("nasbench201", 30), archs("nasbench201", 20, seed=1)
    ensemble = Ensemble(num_ensemble=n_members, predictor_type="archlock", ss_type="nasbench201")
    ensemble.fit(train, accuracies(train))
    predicted = ensemble.query(test)
    assert predicted.shape == (n_members, 20)
    alone, info = predictor(ss_type="nasbench201"), {}
    alone.fit(train, accuracies(train))
    np.testing.assert_allclose(predicted.mean(axis=0), alone.query(test, info), rtol=1e-9)
    if n_members > 1:
        np.testing.assert_allclose(predicted.std(axis=0), info["std"], rtol=1e-9)


def test_a_further_copy_of_a_function_is_predicted_lower_by_a_standard_deviation():
    """Otherwise, a search would look up several copies of the function that it likes best."""
    from naslib.predictors.ensemble import Ensemble

    train = archs("nasbench201", 30)
    copies = [(3, 0, 0, 3, 0, 0), (3, 2, 0, 3, 0, 0), (3, 0, 3, 3, 0, 0)]  # dead edges differ
    assert len(np.unique(NASBENCH201.representatives(copies), axis=0)) == 1
    made = [Arch("nasbench201", NASBENCH201.to_naslib(cell)) for cell in copies]
    ensemble, alone, info = Ensemble(num_ensemble=2, predictor_type="archlock", ss_type="nasbench201"), predictor(), {}
    for fitted in (ensemble, alone):
        fitted.fit(train, accuracies(train))
    expected = alone.query(made, info)
    found = [float(ensemble.query([arch]).mean()) for arch in (*made, made[1])]
    np.testing.assert_allclose(found, expected[0] - info["std"][0] * np.array([0, 1, 2, 1]))
    ensemble.fit([*train, made[0]], [*accuracies(train), 20.0])  # one copy is known by then
    after, before = float(ensemble.query([made[2]]).mean()), {}
    alone.fit([*train, made[0]], [*accuracies(train), 20.0])
    assert after == pytest.approx(alone.query([made[2]], before)[0] - before["std"][0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Bananas", "Npenas"])
def test_in_naslibs_predictor_based_optimizers(name, naslib_config, dataset_apis):
    import naslib.optimizers
    from naslib.defaults.trainer import Trainer
    from naslib.search_spaces import NasBench201SearchSpace

    overrides = {
        "search.predictor_type": "archlock",
        "search.num_init": 6,
        "search.k": 3,
        "search.epochs": 9,
        "search.num_ensemble": 2,
        "search.num_candidates": 10,
    }
    config = naslib_config("nasbench201", *(part for pair in overrides.items() for part in pair))
    optimizer = getattr(naslib.optimizers, name)(config)
    space = NasBench201SearchSpace()
    space.instantiate_model = False  # no network is built, which saves a minute
    optimizer.adapt_search_space(space, dataset_api=dataset_apis["nasbench201"])
    trainer = Trainer(optimizer, config, lightweight_output=True)
    trainer.search()
    errors = json.loads((Path(config.save) / "errors.json").read_text())[1]
    assert len(errors["valid_acc"]) == 9
    assert max(errors["valid_acc"]) > 80
