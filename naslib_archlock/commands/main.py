"""The command ``archlock``. Heavy imports wait until a command needs them, so that help is quick."""

from __future__ import annotations

import argparse
import errno
import importlib
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import ArchLockError
from .workers import add_cluster_options

INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C stopped

_OVERRIDES = "KEY VALUE pairs after the options override the file, e.g. seed 1 archlock.scheme tk"
_TASK_HELP = "a folder of images with one sub-folder a class"


def _at_least(low: int) -> Callable[[str], int]:
    """A type of options: an integer that is not below ``low``."""

    def parse(text: str) -> int:
        if not text.lstrip("-").isdecimal() or int(text) < low:
            raise argparse.ArgumentTypeError(f"{text!r} must be an integer of at least {low}")
        return int(text)

    return parse


def build_parser() -> argparse.ArgumentParser:
    """The command line: subcommands, NASLib's ``--config-file`` and trailing ``KEY VALUE`` overrides."""
    parser = argparse.ArgumentParser(
        prog="archlock", description="Find architectures that are good at one task and useless for others."
    )
    parser.add_argument("--version", action="version", version=f"archlock {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _add_search, _add_train_ranker, _add_audit, _add_proxies, _add_embed, _add_export, _add_compare, _add_report,
        _add_naslib, _add_doctor,
    ):  # fmt: skip
        add(commands)
    return parser


def _add_search(commands: Any) -> None:
    search = commands.add_parser(
        "search", help="find a locked architecture", epilog=_OVERRIDES,
        usage="archlock search [--config-file FILE] [--json] [--resume] [--overwrite] [--train-top K] "
        "[--skip-unreadable] [KEY VALUE ...]",
    )  # fmt: skip
    _add_configured(search)
    search.add_argument("--resume", action="store_true", help="continue the interrupted run in the output folder")
    search.add_argument("--overwrite", action="store_true", help="replace another run's result in the output folder")
    search.add_argument(
        "--train-top",
        type=_at_least(1),
        metavar="K",
        help="where dataset is a folder: train K candidates on the source",
    )
    search.add_argument("--skip-unreadable", action="store_true", help="leave out images that cannot be read")


def _add_train_ranker(commands: Any) -> None:
    train = commands.add_parser(
        "train-ranker", help="train a binary ranker on zero-cost scores", epilog=_OVERRIDES,
        usage="archlock train-ranker --out FILE [--config-file FILE] [--json] [--overwrite] [KEY VALUE ...]",
    )  # fmt: skip
    _add_configured(train)
    train.add_argument("--out", type=Path, required=True, metavar="FILE", help="safetensors file to write")
    train.add_argument("--overwrite", action="store_true", help="replace the file if it exists")


def _add_audit(commands: Any) -> None:
    audit = commands.add_parser(
        "audit", help="train what a search found, and attack it on the targets",
        usage="archlock audit [--config-file FILE] [--out DIR] [--jobs N] [--json] [KEY VALUE ...]",
        epilog=f"{_OVERRIDES}. The search is made first where its result is not there. Without a config: the embedded "
        "benchmark, source digit. An interrupted audit goes on when the same command is given again.",
    )  # fmt: skip
    _add_configured(audit)
    audit.add_argument("--out", type=Path, metavar="DIR", help="folder (default: audit in the run's folder)")
    audit.add_argument(
        "--jobs", type=_at_least(1), metavar="N", help="processes at once (default: one a core; on a GPU one)"
    )


def _add_configured(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config-file", type=Path, metavar="FILE", help="YAML file, as for NASLib's runners")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line of stdout")


def _add_proxies(commands: Any) -> None:
    proxies = commands.add_parser(
        "proxies", help="compute NASLib's zero-cost scores of sampled cells on tasks, to train a ranker on",
        epilog="An interrupted run goes on when the same command is given again.",
    )  # fmt: skip
    proxies.add_argument("tasks", nargs="+", metavar="TASK", help=f"{_TASK_HELP}, or a dataset that NASLib loads")
    proxies.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the table and embeddings")
    proxies.add_argument("--space", default="transbench101_micro", help="search space (default transbench101_micro)")
    proxies.add_argument(
        "--cells", type=_at_least(2), default=100, help="cells to score, the same on all tasks (default 100)"
    )
    proxies.add_argument("--proxies", default="", metavar="LIST", help="with commas (default: all 13 of NASLib)")
    proxies.add_argument(
        "--subsets", type=_at_least(0), default=0, metavar="K", help="also draw K tasks a folder from its classes"
    )
    proxies.add_argument(
        "--subset-classes", type=_at_least(0), default=0, metavar="N", help="classes of each (default: half)"
    )
    proxies.add_argument(
        "--batch-size", type=_at_least(1), default=32, help="images that a network is judged by (default 32)"
    )
    proxies.add_argument("--jobs", type=_at_least(1), metavar="N", help="processes at once (default 2)")
    add_cluster_options(proxies)
    proxies.add_argument("--image-size", type=_at_least(1), default=16, metavar="PIXELS", help="a side (default 16)")
    proxies.add_argument("--overwrite", action="store_true", help="replace the table if it exists")
    _add_image_options(proxies)


def _add_embed(commands: Any) -> None:
    embed = commands.add_parser("embed", help="write the Task2Vec embeddings of tasks, and how far apart they are")
    embed.add_argument("tasks", nargs="+", metavar="TASK", help=f"{_TASK_HELP}, or a digits task")
    embed.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for TASK.npy")
    embed.add_argument("--method", default="montecarlo", help="of the Fisher information: montecarlo or variational")
    _add_image_options(embed)


def _add_image_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--probe", default="digits", help="probe network: digits (default), resnet50, resnet34, timm:NAME"
    )
    parser.add_argument("--max-images", type=_at_least(1), default=2000, help="of a folder (default 2000)")
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out images that cannot be read")
    parser.add_argument("--seed", type=_at_least(0), default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line of stdout")


def _add_export(commands: Any) -> None:
    export = commands.add_parser("export", help="write NASLib's network of a found cell, ready to train")
    export.add_argument("found", metavar="RUN|ARCH", help="the folder of a search's result, or an architecture string")
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    export.add_argument("--space", default="", help="search space of an architecture string")
    export.add_argument(
        "--classes", type=_at_least(2), default=0, help="outputs (default: the classes of the run's own images)"
    )
    export.add_argument("--channels", type=_at_least(1), default=3, help="of an image (default 3)")
    export.add_argument("--image-size", type=_at_least(1), default=32, metavar="PIXELS", help="a side (default 32)")
    export.add_argument("--format", default="torchscript", help="torchscript (default) or torch.export")
    export.add_argument("--seed", type=_at_least(0), default=0, help="of the initial weights")


def _add_compare(commands: Any) -> None:
    compare = commands.add_parser(
        "compare", help="run a study: methods x task pairs x source budgets x seeds",
        epilog="An interrupted study goes on when the same command is given again.",
    )  # fmt: skip
    compare.add_argument("study", type=Path, metavar="STUDY.yaml", help="the grid (see experiments/)")
    compare.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (default run/NAME)")
    compare.add_argument(
        "--tables", default="", metavar="DIR", help="folder of plain tables and zc_*.json files (default: NASLib's own)"
    )
    compare.add_argument("--jobs", type=_at_least(1), metavar="N", help="processes at once (default: one a core)")
    add_cluster_options(compare)
    compare.add_argument("--seeds", type=_at_least(1), metavar="N", help="so many instead of the study's")
    compare.add_argument("--json", action="store_true", help="print one JSON object as the last line of stdout")


def _add_report(commands: Any) -> None:
    report = commands.add_parser("report", help="make tables, plots and pages of the results of a study")
    report.add_argument("results", type=Path, metavar="DIR", help="folder that 'archlock compare' wrote")
    report.add_argument("--out", type=Path, metavar="DIR", help="folder for the report (default: the same)")
    report.add_argument("--json", action="store_true", help="print one JSON object as the last line of stdout")


def _add_naslib(commands: Any) -> None:
    naslib = commands.add_parser("naslib", help="run a NASLib runner script with archlock known to it")
    naslib.add_argument("runner", type=Path, metavar="RUNNER", help="for example naslib/runners/nas/runner.py")
    naslib.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on to the script")


def _add_doctor(commands: Any) -> None:
    doctor = commands.add_parser("doctor", help="show what is installed and found, and what to do about the rest")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")


# Command -> the module and the function that carry it out, imported when it is called.
_RUN = {
    "search": ("search", "run_search"),
    "train-ranker": ("train_ranker", "run_train_ranker"),
    "audit": ("audit", "run_audit_command"),
    "proxies": ("proxies", "run_proxies"),
    "embed": ("embed", "run_embed"),
    "export": ("export", "run_export"),
    "compare": ("compare", "run_compare"),
    "report": ("report", "run_report"),
    "naslib": (".plugin.launcher", "run_launcher"),
    "doctor": ("doctor", "run_doctor"),
}
_WITH_OVERRIDES = ("search", "train-ranker", "audit")


@contextmanager
def _warnings_for_people(command: str) -> Iterator[None]:
    """Print what this package warns of as one line, without the place in the code."""
    original = warnings.formatwarning

    def one_line(message: Any, category: Any, filename: str, *rest: Any, **named: Any) -> str:
        ours = category is UserWarning and Path(filename).is_relative_to(Path(__file__).parents[1])
        return f"archlock {command}: {message}\n" if ours else original(message, category, filename, *rest, **named)

    warnings.formatwarning = one_line
    try:
        yield
    finally:
        warnings.formatwarning = original


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code: 0, 2 for a user's error, 130 after Ctrl-C."""
    parser = build_parser()
    args, extras = parser.parse_known_args(argv)
    if args.command in _WITH_OVERRIDES:
        options = [extra for extra in extras if extra.startswith("--")]
        if options:
            parser.error(f"unknown option {options[0]}; see archlock {args.command} --help")
        args.overrides = extras
    elif extras:
        parser.error(f"unexpected {extras[0]!r}; see archlock {args.command} --help")
    module, function = _RUN[args.command]
    try:
        run = getattr(importlib.import_module(f".{module}", __package__), function)
        with _warnings_for_people(args.command):
            code: int = run(args)
        return code
    except ArchLockError as err:
        print(f"archlock {args.command}: {err}", file=sys.stderr)
        return 2
    except OSError as err:
        if err.errno != errno.ENAMETOOLONG:
            raise
        # of any path of an option or a config: pathlib raises it already when it is asked whether there is such a file
        print(f"archlock {args.command}: {str(err.filename)[:100]}...: {err.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"archlock {args.command}: interrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
