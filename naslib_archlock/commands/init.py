"""``archlock init``: write a commented config or study, which a user then changes."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .options import home_expanded, path
from .printing import result_line

EXAMPLES = (
    "archlock init space nasbench201",
    "archlock init folder photos/mine photos/theirs --out mine.yaml",
    "archlock init study --out study.yaml",
)
_KINDS = {
    "space": "a config for a search space",
    "folder": "a config for images of your own",
    "study": "a study, which compares methods",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = (
        "space NAME writes a copy of a packaged config (archlock config --list; default digits). folder SOURCE [TARGET "
        "...] checks folders of images, and writes a config for them; with targets, the scheme is tk. study writes "
        "a small study that runs in seconds."
    )
    kinds = ", ".join(f"{kind}: {about}" for kind, about in _KINDS.items())
    parser.add_argument("kind", choices=tuple(_KINDS), help=kinds)
    parser.add_argument("names", nargs="*", type=home_expanded, metavar="NAME", help="of the space, or of the folders")
    parser.add_argument("--out", type=path, metavar="FILE", help="default: archlock.yaml, or study.yaml for a study")
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it exists")


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Write the file, and say how to run it."""
    from ..store.files import write_new
    from ..studies.example_study import example_study

    out: Path = args.out or Path("study.yaml" if args.kind == "study" else "archlock.yaml")
    if args.kind == "study":
        if args.names:
            raise ConfigError(f"a study takes no name: leave out {shlex.join(args.names)}")
        text, command = example_study(), "compare"
    else:
        text = _of_space(args.names, out) if args.kind == "space" else _of_folders(args.names, out)
        command = "search --config-file"
    write_new(out, text.encode("utf-8"), args.overwrite)
    command = f"archlock {command} {shlex.quote(str(out))}"
    result_line(f"written to {out}")
    print(f"run it:  {command}")
    return {"out": str(out), "command": command}


def _of_space(names: Sequence[str], out: Path) -> str:
    from ..config.packaged import own_copy

    if len(names) > 1:
        raise ConfigError(f"a config is for one space: leave out {shlex.join(names[1:])}")
    return own_copy(names[0] if names else "digits", out, {})


def _of_folders(names: Sequence[str], out: Path) -> str:
    """The config of folders of images, the source first. Raises: ImageError: if one of them is no such folder."""
    from ..config.packaged import own_copy
    from ..tasks.image_folder import image_files

    if not names:
        raise ConfigError("name your folder of images, which has one sub-folder a class: archlock init folder FOLDER")
    source, *targets = [str(Path(name).absolute()) for name in names]
    known: dict[str, str | list[str]] = {"scheme": "tk", "target": targets} if targets else {}
    text = own_copy("images", out, {"dataset": source, **known})
    found = {folder: image_files(Path(folder))[0] for folder in (source, *targets)}
    for folder, classes in found.items():
        print(f"{folder}: {len(classes)} classes, {sum(map(len, classes.values()))} images")
    return text
