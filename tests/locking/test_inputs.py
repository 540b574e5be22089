"""What a run reads, as digests; ``tests/locking/test_run_folder.py`` tests what a change leads to."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from watched import Watched

from naslib_archlock.benchmarks.table import TableBenchmark
from naslib_archlock.config.load import load_config
from naslib_archlock.locking.inputs import digests, input_digests, measured_digests
from naslib_archlock.locking.prepare import open_benchmark
from naslib_archlock.spaces.known import DIGITS


@pytest.mark.parametrize("scheme", ["s", "tu", "tk"])
def test_the_inputs_hold_the_source_and_files_but_no_accuracy_of_a_target(toy_tables, tmp_path, scheme):
    keys = ["search_space", "transbench101_micro", "dataset", "class_scene", "archlock.tables", str(toy_tables)]
    keys += ["archlock.target", "normal", "archlock.scheme", scheme]
    config = load_config(None, [*keys, "out_dir", str(tmp_path)])
    benchmark = Watched(open_benchmark(config))
    assert {"task class_scene", "file zc_transbench101_micro.json"} <= set(input_digests(config, benchmark))
    assert {split for _, _, split in benchmark.asked} == {"val"}
    assert "normal" not in {task for _, task, _ in benchmark.asked}


def test_a_changed_figure_changes_the_digest_of_its_task_and_split_alone():
    rng = np.random.default_rng(0)
    columns = {f"{task}/{split}": rng.uniform(20, 90, 4096) for task in ("mine", "yours") for split in ("val", "test")}
    one = TableBenchmark(DIGITS, DIGITS.all(), columns, "one")
    columns = {name: values.copy() for name, values in columns.items()}
    columns["mine/val"][100] += 0.001
    other = TableBenchmark(DIGITS, DIGITS.all(), columns, "other")
    assert one.digest("mine", "val") != other.digest("mine", "val")
    assert one.digest("mine", "test") == other.digest("mine", "test")
    assert one.digest("yours", "val", "test") == other.digest("yours", "val", "test")


def test_a_changed_image_changes_the_digest_of_its_folder(digit_images, tmp_path):
    shutil.copytree(digit_images["low"], tmp_path / "low")
    keys = ["search_space", "transbench101_micro", "dataset", str(tmp_path / "low"), "archlock.image_size", "8"]
    keys += ["archlock.source_queries", "0"]
    config = load_config(None, [*keys, "archlock.target", str(digit_images["high"])])
    before = input_digests(config, open_benchmark(config))
    assert list(before) == ["task low"]  # the target is hidden, and its images are not read
    assert measured_digests(config, open_benchmark(config)) == {}  # no network is trained
    first = next((tmp_path / "low").rglob("*.png"))
    first.write_bytes(next((digit_images["low"] / "4").glob("*.png")).read_bytes())
    assert input_digests(config, open_benchmark(config)) != before


def test_the_weights_of_a_probe_are_an_input(digit_images, tmp_path):
    keys = ["search_space", "transbench101_micro", "dataset", str(digit_images["low"]), "archlock.image_size", "8"]
    keys += ["archlock.probe", "resnet50", "archlock.probe_weights", str(tmp_path / "w.pth")]
    found = []
    for content in ("a", "b"):
        (tmp_path / "w.pth").write_text(content)
        config = load_config(None, keys)
        found.append(input_digests(config, open_benchmark(config)))
    assert found[0]["task low"] == found[1]["task low"]
    assert found[0]["file w.pth"] != found[1]["file w.pth"]


def test_a_file_that_is_missing_has_an_empty_digest(tmp_path):
    (tmp_path / "here").write_text("content")
    (name, content), (_, none) = digests([tmp_path / "here", tmp_path / "gone"])
    assert (name, len(content), none) == ("here", 16, "")
