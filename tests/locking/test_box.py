"""What comes with the package: which ranker a search gets, and what that ranker has seen."""

from __future__ import annotations

import json

import pytest

from naslib_archlock.commands.main import main
from naslib_archlock.config.load import load_config
from naslib_archlock.locking.find_ranker import rankers_in_the_box
from naslib_archlock.locking.prepare import Prepared, open_benchmark, prepare
from naslib_archlock.proxies.votes import parse_proxies
from naslib_archlock.proxies.zero_cost import ZeroCostFile
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.tasks import read

pytestmark = pytest.mark.usefixtures("own_cache")
DEFAULT_VOTERS = parse_proxies(load_config(None).archlock.proxies)


def prepared(*overrides: str) -> Prepared:
    """A search on ranks on the embedded benchmark."""
    strategy = ["archlock.strategy", "evolution"]
    config = load_config(None, ["search_space", "digits", "dataset", "digit", *strategy, *overrides])
    return prepare(config, open_benchmark(config))


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
    assert trained_on(prepared("archlock.target", target).ranker) == set(DIGITS.tasks) - {target}


def test_a_known_target_gets_the_ranker_of_all_tasks():
    ranker = prepared("archlock.scheme", "tk", "archlock.target", "noise,edges").ranker
    assert trained_on(ranker) == set(DIGITS.tasks)


@pytest.mark.usefixtures("fast_training")
def test_where_no_ranker_in_the_box_may_be_used_one_is_trained_on_what_is_left():
    assert trained_on(prepared("archlock.target", "noise,edges").ranker) == {
        "digit",
        "rotation",
        "jigsaw",
        "autoencoder",
    }
    assert trained_on(prepared().ranker) == {"digit"}  # all others are targets


@pytest.mark.usefixtures("fast_training")
@pytest.mark.parametrize(
    ("key", "value"),
    [("archlock.proxies", "nwot,params"), ("archlock.hidden", "16,8"), ("archlock.leave_out", "edges")],
)
def test_who_says_anything_about_training_gets_a_ranker_of_their_own(key, value):
    ranker = prepared("archlock.target", "noise", key, value).ranker
    assert "noise" not in trained_on(ranker)
    assert ranker.info.embedding == "proxies"


@pytest.mark.parametrize("strategy", ["bayesian", "evolution"])
@pytest.mark.parametrize("scheme", ["s", "tu"])
def test_the_images_and_scores_of_an_unknown_target_are_not_read(monkeypatch, scheme, strategy):
    real_task, real_scores, asked = read.digits_task, ZeroCostFile.scores, []

    def digits_task(task):
        asked.append(task)
        return real_task(task)

    def scores(file, task):
        assert task != "edges"
        return real_scores(file, task)

    monkeypatch.setattr(read, "digits_task", digits_task)
    monkeypatch.setattr(ZeroCostFile, "scores", scores)
    prepared("archlock.scheme", scheme, "archlock.target", "edges", "archlock.strategy", strategy).search.step()
    assert asked == (["digit"] if strategy == "evolution" else [])


def test_the_demo(tmp_path, capsys):
    """What ``make demo`` runs, on one target: a lock that was not seen in the making, measured beside that of S."""
    args = ["search", "--json", "search_space", "digits", "dataset", "digit", "archlock.target", "jigsaw"]
    assert main([*args, "out_dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    result = json.loads(out.splitlines()[-1])
    assert result["source_val"] >= 0.97 * result["s"]["source_val"]
    assert result["targets"]["jigsaw"] < result["s"]["targets"]["jigsaw"] - 5
    assert "means of three seeds" in " ".join(out.split())
    folder = tmp_path / "digits/digit/archlock/tu/0"
    assert {p.name for p in folder.iterdir()} == {
        "result.json",
        "config.yaml",
        "timings.json",
        "search.png",
        "lock.png",
    }  # no ranker
    assert (folder / "lock.png").read_bytes().startswith(b"\x89PNG")


def test_the_demo_with_the_ranker_in_the_box(tmp_path, capsys):
    """The same by the paper's search, which ranks."""
    args = ["search", "--json", "search_space", "digits", "dataset", "digit", "archlock.target", "jigsaw"]
    keys = ["archlock.strategy", "evolution", "search.epochs", "50", "out_dir", str(tmp_path)]
    assert main([*args, *keys]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["source_val"] >= 0.97 * result["s"]["source_val"]
    assert result["targets"]["jigsaw"] < result["s"]["targets"]["jigsaw"] - 5
    assert (tmp_path / "digits/digit/archlock/tu/0/ranker.safetensors").is_file()
