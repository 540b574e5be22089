"""Every kind of ranker model must pass these tests; they run on all kinds, and on one that a test adds."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import another_kind
import numpy as np
import pytest
import safetensors
import torch
from random_networks import DIM, make_model, sample, vectors

from naslib_archlock.errors import RankerError, UnknownNameError
from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.locking.result import finish
from naslib_archlock.proxies.votes import Votes
from naslib_archlock.proxies.zero_cost import ZeroCostScores
from naslib_archlock.ranker import pair_model
from naslib_archlock.ranker.model_kinds import build_model, model_class, model_kinds
from naslib_archlock.ranker.pair_model import PairModel, PlainContest, rows_of
from naslib_archlock.ranker.ranker import Ranker, RankerInfo
from naslib_archlock.ranker.score_model import ScoreModel
from naslib_archlock.ranker.train_settings import TrainSettings
from naslib_archlock.ranker.training import TrainingTask, train_ranker
from naslib_archlock.spaces.cells import one_hot
from naslib_archlock.spaces.known import NASBENCH201
from naslib_archlock.store import checkpoint
from naslib_archlock.testing.ranker_contract import random_model


@pytest.fixture(params=[*model_kinds(), another_kind.NAME])
def kind(request, monkeypatch, tmp_path) -> str:
    if request.param == another_kind.NAME:
        another_kind.add_kind(monkeypatch, tmp_path / "kinds")
    return request.param


def make(kind: str, seed: int = 0, **settings: Any) -> PairModel:
    """A model with random weights that are large enough for its logits to differ."""
    model = random_model(kind, DIM, np.random.default_rng(seed), **settings)
    for parameter in model.parameters():
        parameter.mul_(2)
    return model


def info_of(kind: str, **settings: Any) -> RankerInfo:
    return RankerInfo("cell", "file", DIM, kind, settings, ("nasbench201/t",), {"nwot": 1.0})


def one_by_one(model: PairModel, cells: np.ndarray, tasks: np.ndarray, opponents: np.ndarray) -> np.ndarray:
    """The mean of the network's own answers to each pair, ``t x n``."""
    a, b = (torch.from_numpy(one_hot(codes)) for codes in (cells, opponents))
    logits = [[[model(x[None], y[None], t[None]) for y in b] for x in a] for t in torch.from_numpy(tasks).float()]
    return torch.tensor(logits, dtype=torch.float64).sigmoid().mean(dim=2).numpy()


def training_task() -> TrainingTask:
    """A task whose votes are a linear function of the cell."""
    cells = sample(150)
    scores = {"nwot": one_hot(cells) @ np.random.default_rng(1).standard_normal(30)}
    votes = Votes.of(ZeroCostScores(NASBENCH201, "t", cells, scores), {"nwot": 1.0})
    return TrainingTask("nasbench201/t", NASBENCH201, cells, vectors(1)[0], votes)


# -- every kind --------------------------------------------------------------------------------------------------------


def test_swapping_a_pair_negates_the_logit(kind):
    model = make(kind)
    a, b = (torch.from_numpy(one_hot(sample(50, seed))) for seed in (1, 2))
    task = torch.from_numpy(vectors(50)).float()
    forth, back = model(a, b, task), model(b, a, task)
    assert forth.shape == (50,)
    assert torch.equal(forth, -back)
    assert forth.std() > 0.01


@pytest.mark.parametrize("block", [1, 30])
def test_blocks_are_equal_to_one_comparison_at_a_time(monkeypatch, kind, block):
    monkeypatch.setattr(pair_model, "_BLOCK", block)
    model, cells, opponents, tasks = make(kind), sample(13, 1), sample(11, 2), vectors(3)
    cells = cells[[*range(13), 4, 0]]  # some cells occur twice
    expected = one_by_one(model, cells, tasks, opponents)
    assert expected.std() > 0.01
    for contest in (model.contest(tasks, opponents), PlainContest(model, tasks, opponents)):
        rates = contest.win_rates(cells)
        assert rates.dtype == np.float64
        np.testing.assert_allclose(rates, expected, atol=1e-6)
    of_all = one_by_one(model, opponents, tasks, opponents)
    np.testing.assert_allclose(model.win_rates_of_all(tasks, opponents), of_all, atol=1e-6)


def test_projected_cells_can_be_picked(kind):
    model, cells = make(kind), torch.from_numpy(one_hot(sample(9)))
    rows = np.array([3, 3, 0, 8])
    task = model.project_task(torch.from_numpy(vectors(4)).float())
    projected = model.project(cells)
    picked = model.compare(rows_of(projected, rows), rows_of(projected, rows[::-1].copy()), task)
    torch.testing.assert_close(
        picked, model(cells[rows], cells[rows[::-1].copy()], torch.from_numpy(vectors(4)).float())
    )


def test_a_file_keeps_win_rates_and_settings(kind, tmp_path):
    ranker = Ranker(make(kind), info_of(kind))
    assert (ranker.info.model, ranker.info.model_settings) == (kind, ranker.model.settings)
    ranker.save(tmp_path / "one.safetensors")
    loaded = Ranker.load(tmp_path / "one.safetensors")
    assert type(loaded.model) is type(ranker.model)
    assert loaded.info == ranker.info
    arguments = sample(20), vectors(3), sample(9)
    assert loaded.win_rates(*arguments).tobytes() == ranker.win_rates(*arguments).tobytes()
    assert loaded.win_rates_of_all(*arguments[:2]).tobytes() == ranker.win_rates_of_all(*arguments[:2]).tobytes()
    loaded.save(tmp_path / "two.safetensors")
    assert (tmp_path / "two.safetensors").read_bytes() == (tmp_path / "one.safetensors").read_bytes()
    with safetensors.safe_open(str(tmp_path / "one.safetensors"), framework="np") as f:
        about = json.loads(f.metadata()["naslib_archlock.ranker/3"])["about"]
    assert (about["model"], about["model_settings"]) == (kind, ranker.model.settings)


def test_settings_are_complete_and_build_the_same_model(kind):
    model = make(kind)
    assert json.loads(json.dumps(model.settings)) == model.settings
    again = build_model(kind, DIM, model.settings)
    assert again.settings == model.settings
    shapes, shapes_again = ({n: w.shape for n, w in m.state_dict().items()} for m in (model, again))
    assert shapes == shapes_again


def test_a_seed_trains_the_same_weights_also_when_training_was_killed(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    settings = TrainSettings(epochs=2, steps_per_epoch=10, batch_size=64)

    def kill(step: int, loss: float) -> None:
        if step == 7:
            raise KeyboardInterrupt

    def trained(**options: Any) -> bytes:
        return train_ranker([training_task()], info_of(kind), settings, 3, **options)[0].to_bytes()

    whole = trained()
    assert trained() == whole
    if issubclass(model_class(kind), ScoreModel):
        return  # it is fitted in one go, so there is nothing to go on from
    with pytest.raises(KeyboardInterrupt):
        trained(checkpoint=tmp_path / "checkpoint", progress=kill)
    steps = []
    assert trained(checkpoint=tmp_path / "checkpoint", progress=lambda step, loss: steps.append(step)) == whole
    assert steps == list(range(7, 20))


def test_training_learns_what_a_kind_can_learn(kind):
    task = training_task()
    settings = TrainSettings(epochs=8, steps_per_epoch=20, batch_size=256)
    _, report = train_ranker([task], info_of(kind), settings, 0, left_out=[replace(task, name="again")])
    assert report.left_out_tasks["again"] > 0.85


def test_generators_are_left_alone(kind):
    model = make(kind)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    model.contest(vectors(2), sample(5)).win_rates(sample(5))
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), np.random.get_state()[1].tolist())


def test_settings_are_integers_within_limits():
    pair_model.check_integers(1, n_tasks=(4, 4))
    for wrong in (0, 5, True, "2", 2.0):
        with pytest.raises(RankerError, match="n_tasks=.* must be an integer from 1 to 4"):
            pair_model.check_integers(1, n_tasks=(wrong, 4))


# -- the plain contest -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("antisymmetric", [True, False])
def test_the_plain_contest_agrees_with_the_fast_one(antisymmetric):
    model, cells, opponents, tasks = make_model(antisymmetric), sample(200, 1), sample(64, 2), vectors(3)
    plain, fast = (c.win_rates(cells) for c in (PlainContest(model, tasks, opponents), model.contest(tasks, opponents)))
    np.testing.assert_allclose(plain, fast, atol=1e-6)


def test_the_plain_contest_has_the_same_bytes_on_any_number_of_threads():
    before, rates = torch.get_num_threads(), []
    try:
        for n_threads in (1, 3):
            torch.set_num_threads(n_threads)
            rates.append(PlainContest(make_model(), vectors(2), sample(50)).win_rates(sample(300)).tobytes())
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert rates[0] == rates[1]


# -- one file is enough ------------------------------------------------------------------------------------------------


def test_a_kind_in_one_file_is_trained_and_used_in_a_search_by_the_config(
    monkeypatch, tmp_path, ranked_config, fast_training
):
    another_kind.add_kind(monkeypatch, tmp_path / "kinds")
    config = ranked_config("archlock.ranker_model", "bilinear", "archlock.hidden", "128,64,32,16")
    benchmark = open_benchmark(config)
    prepared = prepare(config, benchmark)
    assert prepared.ranker is not None
    assert type(prepared.ranker.model).__name__ == "PairBilinear"
    assert prepared.ranker.info.model_settings == {"rank": 8}
    for _ in range(config.search.epochs):
        prepared.search.step()
    result = finish(config, benchmark, prepared.search)

    prepared.ranker.save(tmp_path / "ranker.safetensors")
    again = prepare(ranked_config("archlock.ranker", str(tmp_path / "ranker.safetensors")), benchmark)
    assert again.ranker is not None
    assert again.ranker.info == prepared.ranker.info
    for _ in range(config.search.epochs):
        again.search.step()
    assert again.search.history == prepared.search.history
    assert result["arch"] == benchmark.space.to_str(again.search.best().arch)


def test_a_setting_that_a_kind_does_not_have_is_refused(monkeypatch, tmp_path, ranked_config, fast_training):
    another_kind.add_kind(monkeypatch, tmp_path / "kinds")
    config = ranked_config("archlock.ranker_model", "bilinear", "archlock.hidden", "32,16")
    with pytest.raises(UnknownNameError, match="unknown setting 'hidden' in ranker model 'bilinear'; known: rank"):
        prepare(config, open_benchmark(config))
