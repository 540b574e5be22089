"""``archlock proxies``: mistakes that it refuses before it computes anything."""

from __future__ import annotations

import pytest

from naslib_archlock.commands import main as cli


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--jobs", "0"], "'0' must be an integer of at least 1"),
        (["--jobs=--1"], "'--1' must be an integer of at least 1"),
        (["--seed", "-1"], "'-1' must be an integer of at least 0"),
        (["--cells", "many"], "'many' must be an integer of at least 2"),
        (["--cells", "871"], "has 870 distinct architectures, fewer than the 871 asked for"),
        (["--image-size", "10"], "must be a multiple of 4"),
        (["--proxies", "nwt"], "did you mean 'nwot'?"),
        (["--probe", "resnet5"], "did you mean 'resnet50'?"),
        (
            ["--subsets", "1", "--subset-classes", "6"],
            "a subset of 6 classes cannot be taken from task 'low', which has 5",
        ),
    ],
)
def test_mistakes_in_asking_for_proxies(digit_images, tmp_path, capsys, args, message):
    """The command notices all of them before it computes anything, with or without NASLib."""
    command = ["proxies", "--out", str(tmp_path / "out"), *args, str(digit_images["low"])]
    assert cli.main(command) == 2
    assert message in capsys.readouterr().err
    assert not [path for path in tmp_path.rglob("*.json") if path.name != "status.json"]
