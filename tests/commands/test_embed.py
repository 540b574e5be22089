"""``archlock embed``: files that rankers read, and how far tasks are apart."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from naslib_archlock import data
from naslib_archlock.commands.embed import distance_table
from naslib_archlock.config.load import load_config
from naslib_archlock.embedding.embedding_file import read_embedding
from naslib_archlock.embedding.task2vec import symmetric_distance
from naslib_archlock.locking.find_ranker import box_names
from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.ranker.ranker import Ranker

FEW = ("--max-images", "20")


def test_there_is_a_file_of_each_task_in_the_size_that_rankers_take(run, digit_images, tmp_path):
    folders = [digit_images[name] for name in ("low", "high")]
    code, out, prose = run("embed", "--out", tmp_path / "new" / "e", "--json", *FEW, *folders)
    assert code == 0
    assert sorted(os.listdir(tmp_path / "new" / "e")) == ["high.npy", "high.npy.json", "low.npy", "low.npy.json"]
    about = json.loads(out)
    assert (about["out"], about["tasks"]) == (str(tmp_path / "new" / "e"), ["low", "high"])
    assert list(about["seconds"]) == about["tasks"]
    assert "Task2Vec distances" in prose
    info = Ranker.load(data.checked_path(box_names()[0])).info
    for task in about["tasks"]:
        assert len(read_embedding(f"{tmp_path}/new/e/{{task}}.npy", task)) == info.embedding_dim


def test_a_search_by_the_file_is_the_search_by_the_images(run, digit_images, tmp_path):
    source = str(digit_images["low"])
    assert run("embed", "--out", tmp_path, *FEW, source).code == 0
    keys = ["search_space", "transbench101_micro", "dataset", source, "archlock.max_images", FEW[1]]
    by_file = ["archlock.embedding", f"{tmp_path}/{{task}}.npy", "archlock.ranker"]
    histories = []
    for more in ([], [*by_file, str(data.checked_path(box_names()[0]))]):
        config = load_config(None, [*keys, "archlock.opponents", "16", "archlock.source_queries", "0", *more])
        search = prepare(config, open_benchmark(config)).search
        search.step()
        histories.append(search.history)
    assert histories[0] == histories[1] != []


def test_what_was_embedded_before_is_read_from_the_cache(run, own_cache, digit_images, tmp_path):
    command = ("embed", *FEW, digit_images["shapes"], "--out")
    first, second = (run(*command, tmp_path / name) for name in "ab")
    assert "from 20 images, read from the cache" not in first.out
    assert "from 20 images, read from the cache" in second.out
    assert (tmp_path / "a" / "shapes.npy").read_bytes() == (tmp_path / "b" / "shapes.npy").read_bytes()


def test_one_task_is_at_no_distance_of_others(run, digit_images, tmp_path):
    code, out, _ = run("embed", *FEW, "--out", tmp_path, digit_images["shapes"])
    assert code == 0
    assert "distances" not in out
    assert not out.splitlines()[-1].startswith("{")  # JSON was not asked for


def test_the_distance_of_every_two_tasks_is_in_the_table():
    rng = np.random.default_rng(0)
    vectors = {name: rng.uniform(0.5, 1, 6) for name in ("one", "two", "three")}
    header, *rows = (line.split() for line in distance_table(vectors).splitlines())
    assert header == ["one", "two", "three"]
    for name, *distances in rows:
        expected = [symmetric_distance(vectors[name], other) for other in vectors.values()]
        assert [float(d) for d in distances] == pytest.approx(expected, abs=5e-4)
        assert distances[header.index(name)] == "0.000"
    assert [name for name, *_ in rows] == header


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--method", "montcarlo", "noise"], "did you mean 'montecarlo'"),
        (["--probe", "resnet5", "noise"], "did you mean 'resnet50'"),
        (["jigsw"], "did you mean 'jigsaw'"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(fails, tmp_path, argv, message):
    assert message in fails("embed", "--out", tmp_path / "out", *argv)
    assert not list(tmp_path.rglob("*.npy"))


def test_an_output_folder_that_cannot_be_made_is_named(fails, tmp_path):
    (tmp_path / "file").write_text("here")
    assert str(tmp_path / "file") in fails("embed", "--out", tmp_path / "file", "noise")
