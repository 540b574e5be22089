"""``archlock completion``: a script that makes a shell complete what is typed after ``archlock``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from .printing import result_line

SHELLS = ("bash", "zsh", "fish", "tcsh")
EXAMPLES = (
    "archlock completion bash > ~/.local/share/bash-completion/completions/archlock",
    "archlock completion zsh > ~/.zsh/completions/_archlock  # a folder of $fpath",
    "archlock completion fish > ~/.config/fish/completions/archlock.fish",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = "A new shell reads the script. It completes commands, options, files, names of configs, and keys."
    parser.add_argument("shell", choices=SHELLS, help="the shell that reads the script")


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Print the script."""
    import shtab

    script = shtab.complete(full_parser(), args.shell)
    result_line(script)
    return {"shell": args.shell, "script": script}


def full_parser() -> argparse.ArgumentParser:
    """A parser with the arguments of all commands, and with what completes each of them."""
    import shtab

    from ..config.packaged import packaged_configs
    from ..config.reference import all_keys
    from .main import COMMANDS, add_command, main_parser

    parser, parsers = main_parser()
    paths = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY, "RUNNER": shtab.FILE, "STUDY.yaml": shtab.FILE}
    for command in COMMANDS:
        of_command = parsers.add_parser(command.name, help=command.summary)
        add_command(of_command, command)
        for action in of_command._actions:
            if action.dest == "config" or (command.name, action.dest) == ("config", "name"):
                action.choices = list(packaged_configs())
            elif action.metavar in paths:
                action.complete = paths[str(action.metavar)]  # type: ignore[attr-defined]
        if of_command.get_default("overrides") is not None:
            keys = [key["key"] for key in all_keys()]
            of_command.add_argument("overrides", nargs="*", choices=keys, metavar="KEY", help="of the config")
    return parser
