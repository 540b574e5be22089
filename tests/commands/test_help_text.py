from __future__ import annotations

import argparse

from naslib_archlock.commands.help_text import describe

EXAMPLES = ("archlock thing --out " + "long" * 40, "archlock thing  # 100%")


def described(monkeypatch, overrides: bool) -> str:
    monkeypatch.setenv("COLUMNS", "60")
    parser = argparse.ArgumentParser(prog="archlock thing", epilog="A note. " * 20)
    parser.add_argument("--out")
    if overrides:
        parser.set_defaults(overrides=[])
    describe(parser, "do a thing to 100% of the things that are given on the command line", EXAMPLES)
    return parser.format_help()


def test_prose_is_wrapped_and_each_example_has_a_line(monkeypatch):
    text = described(monkeypatch, overrides=False)
    assert "\nDo a thing to 100% of the things that are given on the\ncommand line.\n" in text
    assert text.endswith("\nexamples:\n  " + "\n  ".join(EXAMPLES) + "\n")
    assert max(len(line) for line in text.splitlines() if "long" not in line) <= 60
    assert text.startswith("usage: archlock thing [-h] [--out OUT]\n")


def test_a_command_with_a_config_says_that_it_takes_keys(monkeypatch):
    assert described(monkeypatch, overrides=True).startswith("usage: archlock thing [-h] [--out OUT] [KEY VALUE ...]\n")
