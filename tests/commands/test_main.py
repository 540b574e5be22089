"""The command line as a whole: help, usage, exit codes. No user's error ends in a traceback."""

from __future__ import annotations

import importlib
import json
import os
import shlex
import subprocess

import pytest
from commanding import COMMAND

from naslib_archlock import __version__
from naslib_archlock.commands import main
from naslib_archlock.commands.options import config_path
from naslib_archlock.compute.messages import LOGGER
from naslib_archlock.config.load import load_config


def test_the_version_and_the_help(run):
    assert run("--version") == (0, f"archlock {__version__}\n", "")
    for command in ("search", "train-ranker", "compare", "report", "naslib", "doctor"):
        assert command in run("--help").out
        assert run(command, "--help").code == 0
    assert "--resume" in run("search", "--help").out


@pytest.mark.parametrize(
    ("argv", "message"),
    [([], "COMMAND"), (["serch"], "serch"), (["search", "--resme"], "--resme"), (["search", "--x"], "--x"),
     (["train-ranker"], "--out"), (["doctor", "seed", "1"], "seed"), (["search", "--config-file"], "--config-file")],
)  # fmt: skip
def test_wrong_usage(run, argv, message):
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_real_process_reports_an_error_without_a_traceback(child_environment):
    done = subprocess.run(
        [*COMMAND, "search", "archlock.schem", "s"], env=child_environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "archlock search: unknown key archlock.schem; did you mean 'scheme'?\n"


def test_settings_of_matplotlib_that_it_does_not_know_stop_no_command(child, tmp_path):
    (tmp_path / "theirs").write_bytes(b"axes.facecolor: \xff")
    body = """\
from matplotlib.figure import Figure
from naslib_archlock.report.pictures import png
png(Figure())"""
    done = child(body, MPLBACKEND="qt4agg", MATPLOTLIBRC=str(tmp_path / "theirs"))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_users_settings_of_matplotlib_come_back(run, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "svg")
    monkeypatch.delenv("MATPLOTLIBRC", raising=False)
    assert run("--version").code == 0
    assert os.environ["MPLBACKEND"] == "svg"
    assert "MATPLOTLIBRC" not in os.environ


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (["serach"], "unknown command 'serach'; did you mean 'search'?"),
        (["trainranker"], "did you mean 'train-ranker'?"),
        (["zzz"], "unknown command 'zzz': search, train-ranker"),
        (["search", "scheme", "tk"], "unknown key scheme; did you mean 'archlock.scheme'?"),
        (["search", "schem", "tk"], "unknown key schem; did you mean 'archlock.scheme'?"),
        (["search", "epochs", "5"], "unknown key epochs; did you mean 'search.epochs' or 'audit.epochs'?"),
        (["search", "search.scheme", "s"], "unknown key search.scheme; did you mean 'archlock.scheme'?"),
        (["search", "archlock.seed", "3"], "unknown key archlock.seed; did you mean 'seed'?"),
        (["search", "seed=3"], "write seed 3, without '='"),
        (["search", "archlock.scheme=tk", "archlock.target=normal"], "write archlock.scheme tk, without '='"),
        (["search", "--seed", "3"], "unknown option --seed; keys of the config are given without dashes: seed 3;"),
        (["search", "--seed=3"], "keys of the config are given without dashes: seed 3;"),
        (["search", "--archlock.scheme", "tk"], "without dashes: archlock.scheme tk;"),
        (["search", "--source-queries", "5"], "without dashes: archlock.source_queries 5;"),
        (["search", "-seed", "3"], "without dashes: seed 3;"),
        (["search", "--seed"], "without dashes: seed VALUE;"),
        (["search", "--overwite"], "unknown option --overwite; did you mean '--overwrite'?"),
        (["report", "there", "--jsn"], "unknown option --jsn; did you mean '--json'?"),
    ],
)
def test_a_wrong_word_is_told_the_right_one(run, argv, hint):
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert hint in err


def test_each_command_has_examples_that_it_understands(monkeypatch, tmp_path):
    """Each names the command first; what stands behind # is a comment. Keys and values are those of a real config."""
    monkeypatch.chdir(tmp_path)
    for command in main.COMMANDS:
        module = importlib.import_module(f"naslib_archlock.commands.{command.module}")
        assert len(module.EXAMPLES) > 1, command.name
        for example in module.EXAMPLES:
            program, *argv = shlex.split(example.partition(" > ")[0], comments=True)
            assert (program, argv[0]) == ("archlock", command.name)
            args = main.parse(argv)
            if "overrides" in args and args.config_file is None:
                load_config(config_path(args), args.overrides)


@pytest.mark.parametrize("command", main.COMMANDS, ids=lambda command: command.name)
def test_each_help_says_what_the_command_does_and_shows_examples(run, command):
    out = run(command.name, "--help").out
    assert f"{command.summary[0].upper()}{command.summary[1:]}."[:40] in " ".join(out.split())
    for option in ("--json", "--quiet", "\nexamples:\n  archlock "):
        assert option in out
    if "--config-file FILE" in out:
        assert "[KEY VALUE ...]" in out


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (
            ["search", "search.epochs", "20", "archlock.source_queries", "20"],
            "written to run/digits/digit",
        ),
        (["doctor"], " ok, "),
        (["config", "--keys"], " keys"),
        (["init", "space"], "written to archlock.yaml"),
    ],
)
def test_quiet_leaves_the_result_line(run, monkeypatch, tmp_path, argv, line):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(argv[0], "--quiet", *argv[1:])
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert line in out


def test_quiet_with_json_prints_the_object_alone(run):
    code, out, err = run("config", "--list", "--quiet", "--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert "digits" in json.loads(out)["configs"]


def test_errors_are_printed_quietly(fails):
    assert "unknown key sede" in fails("search", "--quiet", "sede", "1")


def test_json_holds_no_numbers_that_it_has_no_words_for(run, monkeypatch):
    about = {"a": [1.0, float("nan")], "b": ({"c": float("inf")}, None, "text", True)}
    monkeypatch.setattr("naslib_archlock.commands.doctor.run", lambda args: print("prose") or about)
    code, out, err = run("doctor", "--json")
    assert (code, err) == (0, "prose\n")
    assert json.loads(out, parse_constant=pytest.fail) == {"a": [1.0, None], "b": [{"c": None}, None, "text", True]}


@pytest.mark.parametrize("command", ["proxies", "train-ranker", "audit"])
def test_who_interrupts_long_work_is_told_how_it_goes_on(run, monkeypatch, command):
    module = f"naslib_archlock.commands.{command.replace('-', '_')}.run"
    monkeypatch.setattr(module, lambda args: (_ for _ in ()).throw(KeyboardInterrupt))
    argv = {"proxies": ["x", "--out", "o"], "train-ranker": ["--out", "o"], "audit": []}[command]
    assert run(command, *argv) == (130, "", f"archlock {command}: interrupted; the same command goes on\n")


@pytest.mark.parametrize(
    "argv", [["embed", "x", "--out=~/e"], ["compare", "s", "--out=~/e"], ["proxies", "x", "--out=~/e"]]
)
def test_a_path_of_an_option_may_start_with_the_home_folder(monkeypatch, argv):
    monkeypatch.setenv("HOME", "/home/of/somebody")
    assert str(main.parse(argv).out) == "/home/of/somebody/e"
    assert main.parse(["embed", "~/photos", "~", "x~", "--out", "e"]).tasks[:3] == [
        "/home/of/somebody/photos", "/home/of/somebody", "x~"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "out", "err"),
    [([], "prose\n", "said\n"), (["-q"], "", ""), (["-v"], "prose\n", "said\n"), (["--json"], "{}\n", "prose\nsaid\n"),
     (["--json", "--quiet"], "{}\n", "")],
)  # fmt: skip
def test_a_command_says_as_much_as_was_asked_for(run, monkeypatch, tmp_path, options, out, err):
    monkeypatch.setattr("naslib_archlock.commands.embed.run", lambda args: print("prose") or LOGGER.info("said") or {})
    assert run("embed", "photos", "--out", tmp_path, *options) == (0, out, err)


def test_nobody_can_ask_for_silence_and_for_details(run, tmp_path):
    code, _, err = run("embed", "photos", "--out", tmp_path, "--quiet", "--verbose")
    assert code == 2
    assert "--quiet and --verbose contradict each other" in err
