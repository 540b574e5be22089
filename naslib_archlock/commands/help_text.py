"""The help of a command: what it does, how it is given, notes, and examples."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Sequence


def describe(parser: argparse.ArgumentParser, summary: str, examples: Sequence[str]) -> None:
    """Complete the help of a command whose arguments were added.

    Args:
        parser: of the command; its epilog, if it has one, holds notes.
        summary: what the command does, in a line without an end.
        examples: commands, each shown on a line of its own.
    """
    if parser.get_default("overrides") is not None:
        usage = parser.format_usage().partition(": ")[2].rstrip()
        parser.usage = f"{usage} [KEY VALUE ...]".replace("%", "%%")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter  # examples are not wrapped
    width = shutil.get_terminal_size().columns - 2
    parser.description = textwrap.fill(f"{summary[0].upper()}{summary[1:]}.", width)
    notes = [textwrap.fill(parser.epilog, width)] if parser.epilog else []
    parser.epilog = "\n\n".join([*notes, "\n  ".join(["examples:", *examples])])
