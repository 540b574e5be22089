"""The commands of the README can be given one after the other, in one folder."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from naslib_archlock.commands.main import main

REPO = Path(__file__).resolve().parents[1]
# Other settings of the same commands, so that they take seconds. The last value of an option or a key counts.
SHORTER = {
    "search": "archlock.image_size 12 search.epochs 20",
    "audit": "--jobs 1 archlock.image_size 12 audit.epochs 1 audit.seeds 1 audit.fractions 100",
    "train-ranker": "archlock.hidden 16",
    "proxies": "--cells 30 --proxies nwot,params --image-size 8 --batch-size 4 --subsets 1 --jobs 1",
    "embed": "",
    "export": "--image-size 16",
    "doctor": "",
}
# These take minutes or need a GPU, and have tests of their own: the whole audit, and an audit at full size.
LEFT_OUT = (r"archlock audit$", r"archlock.device cuda")


def commands() -> list[list[str]]:
    """The commands of the README that ``SHORTER`` knows, in order."""
    text = (REPO / "README.md").read_text(encoding="utf-8")
    found = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            command = line.partition(" #")[0].strip()
            if command.startswith("$ archlock ") and not any(re.search(part, command) for part in LEFT_OUT):
                found.append(shlex.split(command)[2:])
    return [argv for argv in found if argv[0] in SHORTER]


def test_the_readme_has_the_commands_that_are_tried_here():
    assert len(commands()) >= 14
    assert {argv[0] for argv in commands()} == set(SHORTER)


@pytest.mark.slow
@pytest.mark.naslib
@pytest.mark.usefixtures("fast_training", "few_steps")
def test_each_command_runs_after_all_the_others(tmp_path, digit_images, monkeypatch, capsys):
    """The whole list is given twice, so that each command meets what every other one has left."""
    for name, images in {"mine": "low", "theirs": "high", "flowers": "low", "cars": "shapes"}.items():
        shutil.copytree(digit_images[images], tmp_path / "photos" / name)
    (tmp_path / "naslib_archlock").symlink_to(REPO / "naslib_archlock")
    monkeypatch.chdir(tmp_path)
    for again in (False, True):
        for argv in commands():
            # a file that cost hours is only replaced when the user says so
            replace = ["--overwrite"] if again and argv[0] in ("train-ranker", "proxies") else []
            code = main([argv[0], *replace, *argv[1:], *shlex.split(SHORTER[argv[0]])])
            assert code == 0, f"{shlex.join(argv)}\n{capsys.readouterr().err}"
