"""Which ranker a search gets: a named one, one that comes with the package, or one of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.errors import ConfigError, RankerError
from naslib_archlock.locking import find_ranker as module
from naslib_archlock.locking.find_ranker import find_ranker, rankers_in_the_box, train_on_scores
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.locking.prepare import report_targets
from naslib_archlock.locking.schemes import SCHEMES, get_scheme
from naslib_archlock.proxies.votes import parse_proxies
from naslib_archlock.ranker.ranker import Ranker
from naslib_archlock.spaces.known import DIGITS, get_space

pytestmark = pytest.mark.usefixtures("fast_training")
DEFAULT_VOTERS = parse_proxies(load_config(None).archlock.proxies)


def ranker_for(config: Config) -> Ranker:
    """The ranker of a search, which may know what the config's scheme allows."""
    targets = report_targets(config, get_space(config.search_space).tasks)
    return find_ranker(config, Knowledge(config, get_scheme(config.archlock.scheme).hidden(targets)))


def ranker_for_digits(*overrides: str) -> Ranker:
    return ranker_for(load_config(None, ["search_space", "digits", "dataset", "digit", *overrides]))


def trained_on(ranker) -> set[str]:
    return {task.partition("/")[2] for task in ranker.info.tasks}


def test_one_ranker_has_seen_all_tasks_and_one_all_but_each():
    rankers = list(rankers_in_the_box())
    assert [trained_on(r) for r in rankers] == [set(DIGITS.tasks), *(set(DIGITS.tasks) - {t} for t in DIGITS.tasks)]
    for ranker in rankers:
        assert (ranker.info.embedding, ranker.info.proxies) == ("task2vec", DEFAULT_VOTERS)
        assert ranker.info.command.startswith("archlock train-ranker search_space digits archlock.embedding task2vec")
        assert min(ranker.info.accuracy["unseen_cells"].values()) > 0.95


@pytest.mark.parametrize("target", [task for task in DIGITS.tasks if task != "digit"])
def test_an_unknown_target_gets_a_ranker_that_has_not_seen_it(target):
    assert trained_on(ranker_for_digits("archlock.target", target)) == set(DIGITS.tasks) - {target}


def test_a_known_target_gets_the_ranker_of_all_tasks():
    ranker = ranker_for_digits("archlock.scheme", "tk", "archlock.target", "noise,edges")
    assert trained_on(ranker) == set(DIGITS.tasks)


def test_where_no_ranker_in_the_box_may_be_used_one_is_trained_on_what_is_left():
    left = {"digit", "rotation", "jigsaw", "autoencoder"}
    assert trained_on(ranker_for_digits("archlock.target", "noise,edges")) == left
    assert trained_on(ranker_for_digits()) == {"digit"}  # all others are targets


@pytest.mark.parametrize(
    ("key", "value"),
    [("archlock.proxies", "nwot,params"), ("archlock.hidden", "16,8"), ("archlock.leave_out", "edges")],
)
def test_who_says_anything_about_training_gets_a_ranker_of_their_own(key, value):
    ranker = ranker_for_digits("archlock.target", "noise", key, value)
    assert "noise" not in trained_on(ranker)
    assert ranker.info.embedding == "proxies"


def test_a_named_ranker_is_taken_before_all_others(toy_ranker, toy_ranker_file, monkeypatch):
    monkeypatch.setattr(module, "rankers_in_the_box", lambda: pytest.fail("looked into the box"))
    config = load_config(None, ["search_space", "digits", "dataset", "digit", "archlock.ranker", str(toy_ranker_file)])
    assert find_ranker(config, Knowledge(config)).info == toy_ranker.info


def test_a_folder_of_images_without_scores_to_train_on_is_told_how_to_get_some(digit_images):
    keys = ["search_space", "transbench101_micro", "dataset", str(digit_images["low"]), "archlock.hidden", "16,8"]
    config = load_config(None, keys)
    with pytest.raises(RankerError, match="no zero-cost scores.*'archlock proxies'.*archlock.zero_cost"):
        find_ranker(config, Knowledge(config))


# -- training on scores ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_leaving_every_task_out_is_refused(ranked_config, scheme):
    config = ranked_config(
        "archlock.leave_out", "class_scene,class_object,normal,autoencoder", "archlock.scheme", scheme
    )
    with pytest.raises(RankerError, match="no task is left to train the ranker on"):
        ranker_for(config)


def test_voters_without_any_score_are_refused(ranked_config):
    with pytest.raises(
        ConfigError, match=r"none of zen, grasp has scores of transbench101_micro task class_scene; it has .*nwot"
    ):
        ranker_for(ranked_config("archlock.proxies", "zen,grasp:-1"))
    ranker_for(ranked_config("archlock.proxies", "zen,nwot"))  # the one votes alone


@pytest.mark.parametrize("scheme", ["s", "tu"])
def test_a_zero_cost_file_of_the_target_alone_is_refused(ranked_config, toy_zero_cost, tmp_path, scheme):
    path = tmp_path / "zc_transbench101_micro.json"
    path.write_text(json.dumps({"normal": toy_zero_cost["normal"]}), encoding="utf-8")
    with pytest.raises(RankerError, match="no task is left to train the ranker on"):
        ranker_for(ranked_config("archlock.zero_cost", str(path), "archlock.scheme", scheme))


def test_the_training_is_said_to_begin_when_all_has_been_read(ranked_config, tmp_path):
    """Only then may another run's files be replaced."""
    begun: list[Path] = []

    def begin() -> Path:
        begun.append(tmp_path / "checkpoint")
        return begun[0]

    config = ranked_config("archlock.proxies", "zen")
    with pytest.raises(ConfigError):
        find_ranker(config, Knowledge(config), begin=begin)
    assert begun == []
    config = ranked_config()
    find_ranker(config, Knowledge(config), begin=begin)
    assert begun == [tmp_path / "checkpoint"]


def test_a_ranker_says_what_it_was_trained_on(ranked_config):
    config = ranked_config("archlock.leave_out", "normal", "archlock.proxies", "nwot,jacov:0.5")
    ranker, report = train_on_scores(config, *Knowledge(config).training_tables(), progress=None)
    assert trained_on(ranker) == {"class_scene", "class_object", "autoencoder"}
    assert ranker.info.proxies == parse_proxies("nwot,jacov:0.5")
    assert (ranker.info.family, ranker.info.embedding) == ("cell", "proxies")
    assert list(report.left_out_tasks) == ["transbench101_micro/normal"]
