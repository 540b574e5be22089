"""Commands with bad input end with exit code 2 and one line that says what is wrong, and change or write no file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_results import STUDY

from experiments.bad_input.targets import TARGETS, outcome, state_of
from naslib_archlock.commands.main import main

pytestmark = pytest.mark.slow

Refused = Callable[..., str]

LONG = "x" * 300  # longer than a file name may be
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi")
)
DEEP, DIGITS = "[" * 5000, "9" * 5000


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """The folder of the user's files."""
    (tmp_path / "given").mkdir()
    return tmp_path / "given"


@pytest.fixture
def refused(given: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Refused:
    """A function that runs a command which must fail, and returns its message."""

    def run(*argv: Any) -> str:
        before = state_of(given)
        capfd.readouterr()
        code = main([str(arg) for arg in argv])
        out, err = capfd.readouterr()
        assert (code, out) == (2, ""), err
        check_message(argv[0], err)
        assert state_of(given) == before
        check_no_result(tmp_path / "out")
        return err

    return run


def check_message(command: str, err: str) -> None:
    # a word that looks like an option is answered by the parser, below its line on the usage
    message = re.fullmatch(rf"(?:usage: archlock [^\n]+\n)?archlock(?: {command})?: ([^\n]+)\n", err)
    assert message, err
    assert len(err) < 2000
    assert message[1].isprintable()


def check_no_result(out: Path) -> None:
    """Check that ``out`` holds no result; a run may write its config first, to find out whether it can write."""
    assert {path.name for path in out.rglob("*") if path.is_file()} <= {"config.yaml"}


@pytest.fixture
def args(toy_args: list[str]) -> list[str]:
    """Overrides of a search that reads zero-cost scores or a ranker."""
    return [*toy_args, "archlock.strategy", "evolution"]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# -- configs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    ["seed: 1\nseed: 2", "[]", "0", "'x'", f"{BOMB}dataset: *i", "a: &a [*a]", f"seed: {DIGITS}", f"seed: {DEEP}",
     "dataset: 2024-01-01", "dataset: 2024-13-01", "1: x", "null: x", "? [a]\n: 1", 'dataset: "a/\\0"',
     'out_dir: "\\ud800"', "archlock: {trade_off: .nan}", f"archlock: {{trade_off: {':'.join(['1'] * 400)}.5}}",
     "archlock: {hidden: [[1]]}", f"archlock: {{hidden: [{'1,' * 5000}1]}}", "search: {epochs: 1000000000}",
     f"audit: {{seeds: 0x{'f' * 5000}}}", "search: !!python/object/apply:os.getcwd []", b"\xff", b"seed: 1\0",
     b"x" * 300_000, f"dataset: {'x/' * 50_000}"],
    ids=lambda value: "",
)  # fmt: skip
def test_config_files(refused, given, content):
    refused("search", "--config-file", write(given / "c.yaml", content))


@pytest.mark.parametrize(
    "overrides",
    [["seed"], ["seed", "9**9**9"], ["seed", DIGITS], ["seed", "-" + DEEP], ["seed", "'\\d'"], ["seed", "1if 1else 2"],
     ["search.epochs", "1e9"], ["search.epochs", "1000000000"], ["archlock.trade_off", "9" * 400], [LONG, "1"],
     ["archlock.trade_off", "nan"], ["out_dir", "a\nb"], ["archlock.proxies", "nwot," * 50_000], ["archlock", "1"],
     ["archlock.hidden", "1," * 5000 + "1"], ["archlock.scheme.x", "1"], ["", "1"], [".", "1"],
     ["archlock.target", "[None]"], ["archlock.device", "cuda:" + DIGITS], ["search_space", "x" * 100_000]],
    ids=lambda value: "",
)  # fmt: skip
def test_overrides(refused, overrides):
    refused("search", "search_space", "digits", "dataset", "digit", *overrides)


@pytest.mark.parametrize(
    "argv",
    [["search", "archlock.tables", LONG], ["search", "dataset", f"{LONG}/"], ["search", "dataset", f"{LONG}/x"],
     ["search", "out_dir", LONG, "search_space", "digits", "dataset", "digit"], ["search", "--config-file", LONG],
     ["compare", LONG], ["report", LONG], ["export", LONG, "--out", "o"],
     ["export", LONG, "--out", "o", "--space", "digits"], ["embed", f"{LONG}/", "--out", "o"], ["naslib", LONG]],
    ids=lambda value: "",
)  # fmt: skip
def test_names_that_are_too_long(refused, given, monkeypatch, argv):
    monkeypatch.chdir(given.parent)
    refused(*argv)


# -- data --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tables", "packed tables"])
def test_tables(refused, given, name):
    for content in TARGETS[name].nasty:
        suffix = ".csv.gz" if "packed" in name else ".csv"
        write(given / f"transbench101_macro{suffix}", content)
        refused("search", "search_space", "transbench101_macro", "dataset", "normal", "archlock.tables", given)


@pytest.mark.parametrize(
    "content",
    ["", DEEP, f'{{"normal": {DIGITS}}}', '{"\\u0000": {}}', f'{{"t": {{"{"(" * 90}": {{}}}}}}', "[]", b"\xff"],
    ids=lambda value: "",
)  # fmt: skip
def test_zero_cost_files(refused, given, args, content):
    path = write(given / "zc_transbench101_micro.json", content)
    refused("search", *args, "archlock.zero_cost", path)
    refused("train-ranker", "--out", given.parent / "out" / "r.safetensors", *args, "archlock.zero_cost", path)


def test_rankers(refused, given, args):
    for content in TARGETS["ranker files"].nasty[:12]:
        refused("search", *args, "archlock.ranker", write(given / "r.safetensors", content))
    refused("search", *args, "archlock.ranker", given)


def test_embeddings(refused, given, args):
    for numbers in ([np.nan, 1], [0, 0], [1e300, 1], [[1, 2]], [1e-300, 0]):
        np.save(given / "e.npy", np.array(numbers))
        refused("train-ranker", "--out", given.parent / "out" / "r", *args, "archlock.embedding", given / "e.npy")
    for content in (b"", b"\x93NUMPY\x01\x00\xff\xff", b"\x93NUMPY\x01\x00\x05\x00((((\n"):
        write(given / "e.npy", content)
        refused("train-ranker", "--out", given.parent / "out" / "r", *args, "archlock.embedding", given / "e.npy")


def test_image_folders(refused, given):
    target = TARGETS["image folders"]
    for i, folder in enumerate(target.nasty[::2]):
        if outcome(target, folder).verdict == "accepted":  # the fault is not in the pixels
            continue
        (given / str(i)).mkdir()
        path, _ = target.place(folder, given / str(i))
        refused("embed", f"{path}/", "--out", given.parent / "out")
    os.mkfifo(path / "a" / "pipe.png")
    assert "it is no file" in refused("embed", f"{path}/", "--out", given.parent / "out")


# -- studies, their results, runs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [("seeds: 3", "seeds: 3\nseeds: 3"), ("seeds: 3", f"seeds: 0x{'f' * 5000}"), ("seeds: 3", f"seeds: {DEEP}"),
     ("seeds: 3", f"{BOMB}seeds: *i"), ("budgets: [2, 5]", f"budgets: [{':'.join(['1'] * 400)}.5]"),
     ("name: simple", f"name: {'x' * 100_000}"), ("{method: random}", "{method: [random]}"),
     ("{scheme: s}", "{scheme: {s: 1}}"), ("{scheme: s}", f"{{hidden: [{'1,' * 5000}1]}}")],
    ids=lambda value: "",
)  # fmt: skip
def test_studies(refused, given, old, new):
    assert old in STUDY
    path = write(given / "study.yaml", STUDY.replace(old, new))
    refused("compare", path, "--out", given.parent / "out")
    refused("report", given, "--out", given.parent / "out")


def test_results(refused, given):
    write(given / "study.yaml", STUDY)
    for content in TARGETS["results of studies"].nasty:
        write(given / "results.csv", content)
        refused("report", given, "--out", given.parent / "out")


def test_runs_to_export(refused, given):
    for result, config in (
        (b"", b""), (b"[]", b"dataset: x"), (DEEP.encode(), b"dataset: x"), (b'{"search_space": ["digits"]}', b"x: 1"),
        (b'{"search_space": "digits", "arch": 3}', b"dataset: x"), (b'{"search_space": "digits"}', BOMB.encode()),
    ):  # fmt: skip
        write(given / "result.json", result)
        write(given / "config.yaml", config)
        refused("export", given, "--out", given.parent / "out")


@pytest.mark.parametrize("arch", ["", "x" * 100_000, "|nor_conv_3x3~\u0660|", "64-41414-9_99_999", "\x1b[2J"])
def test_architectures_to_export(refused, given, arch):
    refused("export", arch, "--space", "digits", "--out", given.parent / "out")


# -- in a process ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["bomb", "image", "table"])
def test_processes(given, tmp_path, child_environment, what):
    """Run the command as a process, so that the test also sees the output of C libraries."""
    if what == "bomb":
        argv = ["search", "--config-file", write(given / "c.yaml", f"{BOMB}dataset: *i")]
    elif what == "image":
        target = TARGETS["image folders"]
        path, _ = target.place(next(f for f in target.nasty if "a/tags.tif" in f.content), given)
        argv = ["embed", f"{path}/", "--out", tmp_path / "out"]
    else:
        write(given / "transbench101_macro.csv", b"arch,a/val,a/test\nx,1,2\n")
        argv = ["search", "search_space", "transbench101_macro", "dataset", "a", "archlock.tables", given]
    before = state_of(given)
    command = [sys.executable, "-m", "naslib_archlock", *map(str, argv)]
    done = subprocess.run(command, cwd=tmp_path, env=child_environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    check_message(str(argv[0]), done.stderr)
    assert state_of(given) == before
    check_no_result(tmp_path / "out")
