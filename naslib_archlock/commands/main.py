"""The command ``archlock``: it finds the command that was asked for, runs it, and reports what went wrong.

Only the module of that command is imported, so that help is quick.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

from .. import __version__
from ..errors import ArchLockError, named, nearest, one_line, shown
from .help_text import describe
from .interrupts import no_interrupt_lost
from .printing import printed, warnings_in_one_line
from .streams import guarded_streams

USER_ERROR = 2
INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C stopped
PIPE_CLOSED = 141  # what a shell reports for a command that a closed pipe stopped
_MATPLOTLIB = {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")  # torch has no class of its own for these


class Command(NamedTuple):
    """A command: its name, one line for the help, and the module in this folder that carries it out."""

    name: str
    summary: str
    module: str


COMMANDS = (
    Command("search", "find a locked architecture", "search"),
    Command("train-ranker", "train a binary ranker on zero-cost scores", "train_ranker"),
    Command("audit", "train what a search found, and attack it on the targets", "audit"),
    Command("proxies", "compute NASLib's zero-cost scores of sampled cells on tasks, to train a ranker on", "proxies"),
    Command("embed", "write the Task2Vec embeddings of tasks, and how far apart they are", "embed"),
    Command("export", "write the network of an architecture, untrained, as files that need only torch", "export"),
    Command("compare", "run a study: methods x task pairs x source budgets x seeds", "compare"),
    Command("report", "make the page of a run, or pages, tables and plots of a study", "report"),
    Command("data", "list, check, convert and fetch the files of public benchmarks", "benchmark_data"),
    Command("status", "show how far runs, audits, studies and scores are, and how they go on", "status"),
    Command("config", "list the configs of the package, print one, or describe every key", "config"),
    Command("init", "write a commented config or study to start from", "init"),
    Command("completion", "print a script that makes a shell complete commands, options and keys", "completion"),
    Command("naslib", "run a NASLib runner script with archlock known to it", "naslib"),
    Command("doctor", "show what is installed and found, and what to do about the rest", "doctor"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command to its end, whatever happens to the streams that it prints to.

    Args:
        argv: the command and its arguments; by default the command line.

    Returns:
        The exit code: 0, 2 for an error that was said in one line, 130 after Ctrl-C, 141 if all went well but nobody
        read stdout to its end.
    """
    argv = sys.argv[1:] if argv is None else argv
    command = _asked_for(argv)
    foreign = command == "naslib"  # it runs a script, which may colour what it prints, and draws as the user says
    with guarded_streams(escaped=not foreign) as stdout, no_interrupt_lost():
        with nullcontext() if foreign else _users_matplotlib_unread():
            code = _run(argv, command)
        stdout.flush()
        if code or stdout.error is None:
            return code
        if stdout.pipe_is_closed:
            return PIPE_CLOSED
        return _fail(
            command, f"stdout cannot be written ({stdout.error.strerror}); the files of the command are complete"
        )


def _run(argv: Sequence[str], command: str) -> int:
    """Parse the command line and run the command. What a user or the machine can cause becomes one line on stderr."""
    after_interrupt = ""
    try:
        args = parse(argv)
        after_interrupt = args.after_interrupt
        with _shown(args), warnings_in_one_line(command):
            about = args.run(args)
        if args.json:
            print(json.dumps(_finite(about)))
        return int(args.exit_code)
    except SystemExit as stop:
        if isinstance(stop.code, int) or stop.code is None:
            return stop.code or 0
        raise  # a runner script says why it ends
    except ArchLockError as err:
        return _fail(command, str(err))
    except OSError as err:
        about = f"{err.filename}: {err.strerror}" if err.filename is not None else str(err) or type(err).__name__
        return _fail(command, about)
    except UnicodeError as err:
        return _fail(command, f"a file or a name is in another encoding than expected; use UTF-8 for both ({err})")
    except RecursionError:
        return _fail(command, "what was given is nested more deeply than Python can follow; give less of it")
    except (MemoryError, RuntimeError) as err:
        if not (isinstance(err, MemoryError) or any(said in str(err) for said in _NO_MEMORY)):
            raise
        details = f" ({err})" if str(err) else ""
        return _fail(command, f"there is not enough memory; give less at once, or fewer --jobs{details}")
    except KeyboardInterrupt:
        _say(command, f"interrupted{after_interrupt}")
        return INTERRUPTED


@contextmanager
def _shown(args: argparse.Namespace) -> Iterator[None]:
    """In the block, print what the options ask for."""
    from ..compute.messages import messages_shown

    with printed(args.json, args.quiet), messages_shown(args.quiet, args.verbose):
        yield


def _finite(value: Any) -> Any:
    """What JSON can hold in place of a value: null for NaN and infinities, for which JSON has no words."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _fail(command: str, message: str) -> int:
    _say(command, message)
    return USER_ERROR


def _say(command: str, message: str) -> None:
    print(f"{f'archlock {command}'.rstrip()}: {one_line(message)}", file=sys.stderr)


def _asked_for(argv: Sequence[str]) -> str:
    return next((arg for arg in argv if not arg.startswith("-")), "")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line, and exit with a message if it is not one.

    Returns:
        The arguments of the command: its name as ``command``, its function as ``run``, how much it is to print as
        ``json``, ``quiet`` and ``verbose``, a hint as ``after_interrupt``, the words of the command line as ``typed``,
        the exit code, which the command may set, as ``exit_code``, and ``overrides`` if it takes ``KEY VALUE`` pairs.
    """
    asked_for = _asked_for(argv)
    parser, options = _build_parser(asked_for)
    names = [command.name for command in COMMANDS]
    if asked_for and asked_for not in names:
        parser.error(f"unknown command {shown(asked_for)}{nearest(asked_for, names) or ': ' + ', '.join(names)}")
    args, extras = parser.parse_known_args(argv)
    hint = f"see archlock {args.command} --help"
    for option, value in zip(extras, [*extras[1:], ""]):
        if option.startswith("-") and not _is_number(option):
            word = _key_instead(option, value) if "overrides" in args else ""
            parser.error(f"unknown option {named(option)}{word or nearest(option.partition('=')[0], options)}; {hint}")
    if "overrides" in args:
        args.overrides = extras
    elif extras:
        parser.error(f"unexpected {extras[0]!r}; {hint}")
    if args.quiet and args.verbose:
        parser.error("--quiet and --verbose contradict each other: give one of the two")
    args.typed = ["archlock", *argv]
    return args


def _key_instead(option: str, value: str) -> str:
    """A hint for an unknown option, such as ``--seed=3``, that is a key of the config; empty if it is none.

    Args:
        option: the option, with a value of its own or without.
        value: what follows the option.
    """
    from ..config.load import full_names

    name, _, own = option.lstrip("-").partition("=")
    found = full_names(name.replace("-", "_"))
    return f"; keys of the config are given without dashes: {found[0]} {own or value or 'VALUE'}" if found else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
        return True
    except ValueError:
        return False


def _build_parser(asked_for: str) -> tuple[argparse.ArgumentParser, list[str]]:
    """Return a parser that knows the names of all commands, and the arguments of the one that was asked for.

    The second result holds the options of that command.
    """
    options: list[str] = []
    parser, parsers = main_parser()
    for command in COMMANDS:
        of_command = parsers.add_parser(command.name, help=command.summary)
        if command.name == asked_for:
            add_command(of_command, command)
            options = [option for action in of_command._actions for option in action.option_strings]
    parser.set_defaults(json=False, quiet=False, verbose=False, after_interrupt="", exit_code=0)
    return parser, options


def main_parser() -> tuple[argparse.ArgumentParser, argparse._SubParsersAction[argparse.ArgumentParser]]:
    """Return the parser of ``archlock``, and what takes the parsers of its commands."""
    parser = argparse.ArgumentParser(
        prog="archlock",
        description="Find architectures that are good at one task and a poor start for others.",
        epilog="archlock COMMAND --help describes a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"archlock {__version__}")
    return parser, parser.add_subparsers(dest="command", required=True, metavar="COMMAND")


def add_command(parser: argparse.ArgumentParser, command: Command) -> None:
    """Fill the parser of a command: its own arguments, those of all commands, and its help with examples."""
    module = importlib.import_module(f".{command.module}", __package__)
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout, all else on stderr")
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="print the result in one line, and errors, but no more"
    )
    describe(parser, command.summary, module.EXAMPLES)


@contextmanager
def _users_matplotlib_unread() -> Iterator[None]:
    """Keep the user's settings from matplotlib while it is imported: one that it does not know stops it."""
    before = {name: os.environ.get(name) for name in _MATPLOTLIB}
    os.environ.update(_MATPLOTLIB)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
