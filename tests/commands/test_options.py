"""Options that several commands share. ``tests/compute/test_cluster.py`` asks for clusters through the commands."""

from __future__ import annotations

import argparse

import pytest

from naslib_archlock.commands import options
from naslib_archlock.commands.main import parse
from naslib_archlock.commands.options import at_least, config_path, workers_of
from naslib_archlock.compute.parts import LocalProcesses
from naslib_archlock.config.packaged import packaged_config
from naslib_archlock.errors import ConfigError, UnknownNameError


def parsed(*argv: str) -> argparse.Namespace:
    """Options of a command that computes and reads images, as both kinds are added."""
    parser = argparse.ArgumentParser()
    options.add_jobs_option(parser, "default 2")
    options.add_cluster_options(parser)
    options.add_image_options(parser)
    return parser.parse_args(argv)


@pytest.mark.parametrize(("low", "text", "value"), [(1, "1", 1), (0, "0", 0), (2, "007", 7), (-3, "-2", -2)])
def test_an_integer_of_at_least_so_much_is_taken(low, text, value):
    assert at_least(low)(text) == value


@pytest.mark.parametrize(
    ("low", "text"),
    [(1, "0"), (0, "-1"), (2, "1"), (1, "1.5"), (1, "1e3"), (1, ""), (1, "-"), (1, "--1"), (1, "1_0"), (1, "²")],
)
def test_whatever_else_is_told_what_it_must_be(low, text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' must be an integer of at least {low}"):
        at_least(low)(text)


def test_options_that_are_not_given_have_the_defaults_of_the_help():
    args = parsed()
    assert (args.jobs, args.backend, args.scheduler) == (None, "local", "")
    assert (args.probe, args.probe_weights, args.max_images) == ("digits", "", 2000)
    assert (args.seed, args.skip_unreadable) == (0, False)


def test_a_command_with_a_config_takes_overrides():
    parser = argparse.ArgumentParser()
    options.add_config_options(parser)
    args = parser.parse_args([])
    assert (args.overrides, args.config, args.config_file) == ([], "", None)


@pytest.mark.parametrize(("argv", "n"), [((), 5), (("--jobs", "3"), 3), (("--backend", "local", "--jobs", "1"), 1)])
def test_without_a_cluster_processes_of_this_machine_work(argv, n):
    assert workers_of(parsed(*argv), default_jobs=5) == LocalProcesses(n)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--scheduler", "tcp://x:1"), "--scheduler tcp://x:1 is for a Dask cluster: add --backend dask"),
        (("--backend", "dask"), "needs the address of a scheduler: --scheduler tcp://HOST:PORT"),
        (("--backend", "dask", "--scheduler", "tcp://x:1", "--jobs", "2"), "--jobs is for processes on this machine"),
    ],
)
def test_options_that_contradict_each_other_are_refused_before_a_cluster_is_looked_for(argv, message):
    with pytest.raises(ConfigError, match=message):
        workers_of(parsed(*argv), default_jobs=1)


@pytest.mark.parametrize("argv", [("--backend", "spark"), ("--jobs", "0"), ("--max-images", "0"), ("--seed", "x")])
def test_impossible_values_end_the_command(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        parsed(*argv)
    assert stop.value.code == 2
    assert argv[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        ([], "digits"),
        (["dataset", "jigsaw"], "digits"),
        (["--config", "nasbench201"], "nasbench201"),
        (["--config", "nasbench201", "search_space", "digits"], "nasbench201"),
        (["search_space", "nasbench201"], None),
    ],
)
def test_the_config_of_a_search(argv, name):
    assert config_path(parse(["search", *argv])) == (name and packaged_config(name))


def test_a_command_without_a_default_uses_the_defaults_of_the_keys():
    assert config_path(parse(["train-ranker", "--out", "x"])) is None


def test_a_config_is_named_once(capsys):
    with pytest.raises(SystemExit):
        parse(["search", "--config", "digits", "--config-file", "x.yaml"])
    assert "not allowed with argument" in capsys.readouterr().err
    with pytest.raises(UnknownNameError, match="a file of your own is given with --config-file"):
        config_path(parse(["search", "--config", "mine.yaml"]))
