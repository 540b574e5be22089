"""Folders of a user's images: from the command line to the result, without NASLib."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from naslib_archlock.commands.main import main
from naslib_archlock.config.load import load_config
from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.ranker.ranker import Ranker

pytestmark = pytest.mark.usefixtures("own_cache", "few_steps")


def search(out: Path, folder: Path, *more: str) -> list[str]:
    keys = [
        "search_space",
        "transbench101_micro",
        "dataset",
        str(folder),
        "out_dir",
        str(out),
        "archlock.image_size",
        "12",
        "archlock.source_queries",
        "0",
    ]
    return ["search", "--json", *keys, *more]


def result_of(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_lock_for_own_images_without_a_table(digit_images, tmp_path, capsys):
    assert main(search(tmp_path, digit_images["low"])) == 0
    out, prose = capsys.readouterr()
    said = "No table holds accuracies of these images, and no network was trained, as archlock.source_queries is 0"
    assert said in " ".join(prose.split())
    result = json.loads(out)
    assert result["source"] == "low"
    assert (result["source_val"], result["source_queries"], result["targets"]) == (None, 0, {})
    assert result["s"]["source_position"] == 1
    assert 1 < result["source_position"] <= 0.1 * result["n_distinct"] + 1  # with rounding
    folder = tmp_path / "transbench101_micro" / "low" / "archlock" / "tu" / "0"
    assert {p.name for p in folder.iterdir()} == {
        "result.json",
        "config.yaml",
        "timings.json",
        "history.csv",
        "cell.png",
        "search.png",
        "ranker.safetensors",
        "run.json",
    }
    assert len(Ranker.load(folder / "ranker.safetensors").info.tasks) == 6  # the shipped ranker of all digits tasks


def test_candidates_are_trained_on_the_source_and_the_result_is_measured(digit_images, tmp_path, capsys):
    target = str(digit_images["high"])
    args = search(tmp_path, digit_images["low"], "--train-top", "4", "archlock.scheme", "tk", "archlock.target", target)
    assert main(args) == 0
    result = result_of(capsys)
    assert 1 <= result["source_queries"] <= 4
    assert 20 < result["source_val"] <= 100
    assert set(result["targets"]) == {"high"}
    assert 0 <= result["targets"]["high"] <= 100
    for of_one in (result, result["s"]):
        for figure in ("source_val", "source_test"):
            low, high = of_one["intervals"][figure]
            assert low <= of_one[figure] <= high
        assert set(of_one["intervals"]["targets"]) == {"high"}
    assert result["s"]["source_val"] >= result["source_val"]  # S chooses among all networks that were trained
    assert any("validation images, so one image is" in note for note in result["notes"])


def test_trained_candidates_may_teach_a_bayesian_search(digit_images, tmp_path, capsys):
    args = search(tmp_path, digit_images["low"], "archlock.source_queries", "3")
    assert main(args) == 0
    result = result_of(capsys)
    assert (result["source_queries"], result["source_position"]) == (3, None)
    assert 20 < result["source_val"] <= 100
    folder = tmp_path / "transbench101_micro" / "low" / "archlock" / "tu" / "0"
    files = {
        "result.json", "config.yaml", "timings.json", "history.csv", "cell.png", "search.png", "run.json",
        "status.json",
    }  # fmt: skip
    assert {p.name for p in folder.iterdir()} == files


def test_without_trained_candidates_a_bayesian_search_has_nothing_to_learn_from(digit_images, tmp_path, capsys):
    assert main([*search(tmp_path, digit_images["low"]), "archlock.strategy", "bayesian"]) == 2
    err = capsys.readouterr().err
    assert "archlock.source_queries is 0" in err
    assert len(err.splitlines()) == 1


def test_the_same_images_give_the_same_result(digit_images, tmp_path, capsys):
    results = []
    for out in ("a", "b"):
        assert main(search(tmp_path / out, digit_images["low"], "--train-top", "2")) == 0
        result = result_of(capsys)
        results.append({k: v for k, v in result.items() if not k.startswith("seconds")})
    assert results[0] == results[1]


def test_the_unknown_target_is_not_read(digit_images, tmp_path):
    """In TU, the target's folder need not be readable before the end."""
    keys = search(tmp_path, digit_images["low"], "archlock.target", str(tmp_path / "nowhere"))[2:]
    config = load_config(None, keys)
    first = prepare(config, open_benchmark(config)).search
    first.step()
    config = load_config(None, [*keys, "archlock.target", str(digit_images["high"])])
    second = prepare(config, open_benchmark(config)).search
    second.step()
    assert first.history == second.history


def test_a_known_target_is_read(digit_images, tmp_path):
    histories = []
    for target in ("high", "shapes"):
        more = ["archlock.scheme", "tk", "archlock.target", str(digit_images[target])]
        config = load_config(None, search(tmp_path, digit_images["low"], *more)[2:])
        one = prepare(config, open_benchmark(config)).search
        one.step()
        histories.append(one.history)
    assert histories[0] != histories[1]


def test_a_known_target_of_the_same_images_is_said(digit_images, tmp_path):
    shutil.copytree(digit_images["low"], tmp_path / "again")
    more = ["archlock.scheme", "tk", "archlock.target", str(tmp_path / "again")]
    config = load_config(None, search(tmp_path, digit_images["low"], *more)[2:])
    with pytest.warns(UserWarning, match="the source low and the target again are the same"):
        prepare(config, open_benchmark(config))


# -- bad input: exit code 2, one line that says what to do, and nothing written ----------------------------------------


def damaged(folder: Path, copy: Path) -> Path:
    shutil.copytree(folder, copy)
    (sorted((copy / "0").iterdir())[0]).write_bytes(b"no image")
    return copy


@pytest.mark.parametrize("command", ["search", "embed"])
@pytest.mark.parametrize("case", ["missing", "no classes", "one class", "no images", "one image", "unreadable"])
def test_bad_folders(digit_images, tmp_path, capsys, command, case):
    folder = tmp_path / "bad"
    expected = {
        "missing": "bad", "no classes": "sub-folder", "one class": "class", "no images": "images",
        "one image": "at least 2", "unreadable": "--skip-unreadable",
    }[case]  # fmt: skip
    if case == "unreadable":
        damaged(digit_images["low"], folder)
    elif case != "missing":
        folder.mkdir()
        for name, n in {
            "no classes": {},
            "one class": {"a": 3},
            "no images": {"a": 0, "b": 0},
            "one image": {"a": 3, "b": 1},
        }[case].items():
            (folder / name).mkdir()
            for i in range(n):
                Image.fromarray(np.full((8, 8), i, dtype=np.uint8)).save(folder / name / f"{i}.png")
    out = tmp_path / "out"
    args = search(out, folder) if command == "search" else ["embed", "--out", str(out), str(folder)]
    assert main(args) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"archlock {command}: ")
    assert expected in err
    assert not list(out.rglob("*.npy"))
    assert not list(out.rglob("result.json"))


def test_a_search_that_trains_nothing_needs_few_images(tmp_path, capsys):
    """The images are only embedded then, so that none need to be left to validate and to test on."""
    for i in range(20):
        path = tmp_path / "few" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 200, (12, 12), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    assert main(search(tmp_path / "out", tmp_path / "few")) == 0
    assert result_of(capsys)["source_val"] is None
    assert main(search(tmp_path / "trained", tmp_path / "few", "--train-top", "2")) == 2
    assert "few has too few images to train, validate and test on: 20" in capsys.readouterr().err


def test_unreadable_images_are_skipped_when_asked_for(digit_images, tmp_path, capsys):
    folder = damaged(digit_images["low"], tmp_path / "bad")
    with pytest.warns(UserWarning, match="left out"):
        assert main([*search(tmp_path / "out", folder), "--skip-unreadable"]) == 0
    with pytest.warns(UserWarning, match="left out"):
        assert main(["embed", "--out", str(tmp_path / "e"), "--skip-unreadable", str(folder)]) == 0


def test_a_space_with_ops_that_the_ranker_in_the_box_has_never_seen(digit_images, tmp_path, capsys):
    assert main([*search(tmp_path, digit_images["low"]), "search_space", "nasbench201"]) == 2
    assert "has never seen all ops of nasbench201" in capsys.readouterr().err


def test_training_keys_without_anything_to_train_on(digit_images, tmp_path, capsys):
    assert main([*search(tmp_path, digit_images["low"]), "archlock.proxies", "nwot"]) == 2
    assert "archlock proxies" in capsys.readouterr().err


def test_a_target_that_is_no_folder(digit_images, tmp_path, capsys):
    assert main([*search(tmp_path, digit_images["low"]), "archlock.target", "cifar10"]) == 2
    assert "must be one, too" in capsys.readouterr().err


def test_a_look_up_can_be_of_a_network_that_was_trained_on_the_source_first(digit_images, tmp_path, capsys):
    keys = ["--train-top", "3", "archlock.scheme", "tk", "archlock.target", str(digit_images["shapes"])]
    keys += ["archlock.target_queries", "2", "archlock.source_budget_pct", "100", "archlock.lock_on", "transfer"]
    assert main(search(tmp_path, digit_images["low"], *keys)) == 0
    out, prose = capsys.readouterr()
    result = json.loads(out)
    assert result["target_queries"] == 2
    assert list(result["fine_tuned"]) == list(result["s"]["fine_tuned"]) == ["shapes"]
    assert prose.count("on low, then on shapes") >= 2
    assert "trained on low, then on" in prose


def test_a_lock_against_fine_tuning_on_an_unknown_target(digit_images, tmp_path, capsys):
    """The target model learns from the transfer benchmark, and nothing is trained on the target but for the report."""
    keys = ["--train-top", "3", "archlock.scheme", "tu", "archlock.target", str(digit_images["shapes"])]
    assert main(search(tmp_path, digit_images["low"], *keys, "archlock.lock_on", "transfer")) == 0
    out, prose = capsys.readouterr()
    result = json.loads(out)
    assert (result["source_queries"], result["target_queries"]) == (3, 0)
    assert list(result["fine_tuned"]) == ["shapes"]
    assert prose.count("on low, then on shapes") <= 2  # the cells found and of scheme S


def test_a_look_up_of_a_target_trains_a_network_on_it(digit_images, tmp_path, capsys):
    keys = ["--train-top", "3", "archlock.scheme", "tk", "archlock.target", str(digit_images["shapes"])]
    keys += ["archlock.target_queries", "2", "archlock.source_budget_pct", "100"]  # all three lie within the budget
    assert main(search(tmp_path, digit_images["low"], *keys)) == 0
    out, prose = capsys.readouterr()
    result = json.loads(out)
    assert (result["source_queries"], result["target_queries"]) == (3, 2)
    assert (result["s"]["source_queries"], result["s"]["target_queries"]) == (3, 0)
    assert prose.count("on shapes") >= 2
