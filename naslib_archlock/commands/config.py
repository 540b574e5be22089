"""``archlock config``: the configs that come with the package, and what every key means."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from .printing import result_line

EXAMPLES = (
    "archlock config --list",
    "archlock config nasbench201",
    "archlock config --keys",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = "Without a name, the configs are listed. To change one, write a copy of your own: archlock init."
    what = parser.add_mutually_exclusive_group()
    what.add_argument("name", nargs="?", default="", metavar="NAME", help="print this config")
    what.add_argument("--list", action="store_true", help="list the configs of the package, one a line")
    what.add_argument("--keys", action="store_true", help="describe every key: default, allowed values, meaning")


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Print the list of configs, one config, or all keys."""
    from ..config.packaged import about_config, packaged_config, packaged_configs
    from ..config.reference import all_keys, keys_as_text

    if args.keys:
        print(keys_as_text())
        keys = all_keys()
        result_line(f"{len(keys)} keys")
        return {"keys": keys}
    if args.name:
        text = packaged_config(args.name).read_text(encoding="utf-8")
        result_line(text.rstrip())
        return {"name": args.name, "text": text}
    about = {name: about_config(path) for name, path in packaged_configs().items()}
    width = max(map(len, about))
    result_line("\n".join(f"{name:<{width}}  {sentence}" for name, sentence in about.items()))
    return {"configs": about}
