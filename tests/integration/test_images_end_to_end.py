"""A folder of images through all commands: proxies, train-ranker, search, export, and training the result."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from naslib_archlock.commands.main import main
from naslib_archlock.proxies.zero_cost import read_zero_cost
from naslib_archlock.ranker.ranker import Ranker
from naslib_archlock.spaces.known import TRANSBENCH101_MICRO
from naslib_archlock.tasks.image_folder import read_image_folder


@pytest.fixture(scope="module")
def scored(naslib, digit_images, tmp_path_factory) -> Path:
    """The output of ``archlock proxies`` for two folders and a sampled task of each."""
    out = tmp_path_factory.mktemp("scored")
    folders = [str(digit_images["low"]), str(digit_images["shapes"])]
    options = ["--cells", "8", "--proxies", "nwot,params,snip", "--image-size", "8", "--batch-size", "8"]
    assert main(["proxies", "--out", str(out), *options, "--subsets", "1", "--jobs", "1", *folders]) == 0
    return out


def test_one_table_and_an_embedding_of_every_task(scored):
    tables = read_zero_cost(scored / "zc_transbench101_micro.json", TRANSBENCH101_MICRO)
    names = list(tables)
    assert [name.partition("~")[0] for name in names] == ["low", "low", "shapes", "shapes"]
    assert sum("~" in name for name in names) == 2
    for table in tables.values():
        assert len(table.cells) == 8
        assert all(np.isfinite(table.scores[proxy]).all() for proxy in ("nwot", "params", "snip"))
    assert {path.stem for path in scored.glob("*.npy")} == set(names)
    assert not (scored / "parts").exists()


def test_an_existing_table_is_not_replaced_unasked(scored, digit_images, capsys):
    before = (scored / "zc_transbench101_micro.json").read_bytes()
    assert main(["proxies", "--out", str(scored), str(digit_images["low"])]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (scored / "zc_transbench101_micro.json").read_bytes() == before


def test_from_images_to_a_network_that_trains(scored, digit_images, tmp_path, fast_training, capsys):
    source, embedding = str(digit_images["low"]), f"{scored}/{{task}}.npy"
    ranker = tmp_path / "ranker.safetensors"
    keys = ["search_space", "transbench101_micro", "archlock.embedding", embedding, "archlock.held_out_cells", "0"]
    table = ["archlock.zero_cost", str(scored / "zc_transbench101_micro.json"), "archlock.proxies", "nwot,params,snip"]
    assert main(["train-ranker", "--out", str(ranker), *keys, *table]) == 0
    info = Ranker.load(ranker).info
    assert info.embedding == "file"
    assert info.command.startswith("archlock train-ranker search_space transbench101_micro")

    run = ["dataset", source, "archlock.ranker", str(ranker), "archlock.source_queries", "0"]
    run += ["out_dir", str(tmp_path / "run")]
    assert main(["search", "--json", *keys, *run]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = tmp_path / "run" / "transbench101_micro" / "low" / "archlock" / "tu" / "0"

    out = tmp_path / "network"
    assert main(["export", str(found), "--out", str(out), "--image-size", "8"]) == 0
    assert result["arch"] in capsys.readouterr().out
    images = read_image_folder(Path(source), 8)
    network = torch.jit.load(str(out / "network.pt"))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    torch.manual_seed(0)
    losses = []
    for _ in range(12):
        rows = torch.randperm(len(images))[:32]
        loss = images.loss(network(images.images[rows]), images.targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert network(images.images[:3]).shape == (3, 5)  # export counted the five classes
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


def test_a_ranker_trained_on_part_of_the_target_is_refused(scored, digit_images, tmp_path, fast_training, capsys):
    """A task sampled from the target's classes shares the target's data."""
    keys = ["search_space", "transbench101_micro", "archlock.embedding", f"{scored}/{{task}}.npy"]
    table = ["archlock.zero_cost", str(scored / "zc_transbench101_micro.json"), "archlock.proxies", "nwot,params,snip"]
    ranker = tmp_path / "ranker.safetensors"
    part = next(path.stem for path in scored.glob("shapes~*.npy"))
    more = ["archlock.train_tasks", f"low,{part}", "archlock.held_out_cells", "0"]
    assert main(["train-ranker", "--out", str(ranker), *keys, *table, *more]) == 0
    run = ["dataset", str(digit_images["low"]), "archlock.target", str(digit_images["shapes"])]
    run += ["archlock.source_queries", "0"]
    args = ["search", *keys, *run, "archlock.ranker", str(ranker), "out_dir", str(tmp_path)]
    assert main(args) == 2
    assert "trained on shapes, which the scheme must not have seen" in capsys.readouterr().err
    # If the search trains a ranker itself, it leaves out the target and the task sampled from it.
    assert main(["search", *keys, *table, *run, "archlock.held_out_cells", "0", "out_dir", str(tmp_path)]) == 0
    trained = Ranker.load(tmp_path / "transbench101_micro/low/archlock/tu/0/ranker.safetensors").info.tasks
    assert {task.partition("/")[2].partition("~")[0] for task in trained} == {"low"}


def test_export_of_a_string(naslib, tmp_path):
    out = str(tmp_path / "n")
    string = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|skip_connect~2|"
    assert main(["export", string, "--space", "digits", "--classes", "3", "--out", out]) == 0
    assert torch.jit.load(f"{out}/network.pt")(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
