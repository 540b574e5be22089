"""``archlock export``: write the network of an architecture."""

from __future__ import annotations

import argparse
import os.path
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ArchLockError, ConfigError, shown
from .options import at_least, home_expanded, path

if TYPE_CHECKING:
    from ..spaces.cells import Cell
    from ..spaces.space import SearchSpace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "found",
        type=home_expanded,
        metavar="RUN|ARCH",
        help="the folder of a search's result, or an architecture string",
    )
    parser.add_argument("--out", type=path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument("--space", default="", help="search space of an architecture string")
    parser.add_argument(
        "--classes", type=at_least(2), default=0, help="outputs (default: the classes of the run's own images)"
    )
    parser.add_argument("--channels", type=at_least(1), default=3, help="of an image (default 3)")
    parser.add_argument("--image-size", type=at_least(1), default=32, metavar="PIXELS", help="a side (default 32)")
    parser.add_argument("--format", default="torchscript", help="torchscript (default) or torch.export")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the initial weights")


def run(args: argparse.Namespace) -> None:
    """Write NASLib's network of a cell: its weights, a module that needs only torch, and a description."""
    from ..plugin.network_export import export_network
    from ..spaces.known import get_space

    space, arch, n_classes = found_by_run(Path(args.found)) if Path(args.found).is_dir() else named(args)
    n_classes = args.classes or n_classes
    if n_classes < 2:
        raise ConfigError("the number of classes is not known here: give --classes")
    paths = export_network(
        get_space(space.naslib_network or space.name),  # a space without a network is refused with its own name
        arch,
        args.out,
        n_classes=n_classes,
        in_channels=args.channels,
        image_size=args.image_size,
        seed=args.seed,
        fmt=args.format,
    )
    print(f"{space.to_str(arch)}, {n_classes} classes: written to {args.out}: {', '.join(p.name for p in paths)}")
    print(
        f"use it:  import torch; network = torch.jit.load('{args.out}/network.pt')"
        if args.format == "torchscript"
        else f"use it:  import torch; network = torch.export.load('{args.out}/network.pt2').module()"
    )


def named(args: argparse.Namespace) -> tuple[SearchSpace, Cell, int]:
    """The space and the architecture that the options name; 0 stands for an unknown number of classes.

    Raises:
        ConfigError: if ``--space`` is not given.
        UnknownNameError, CellError: if the space does not exist, or does not contain the architecture.
    """
    from ..spaces.known import get_space

    if not args.space:
        raise ConfigError(f"{shown(args.found)} is no folder of a run; for an architecture string, give --space, too")
    space = get_space(args.space)
    return space, space.from_str(args.found), 0


def found_by_run(folder: Path) -> tuple[SearchSpace, Cell, int]:
    """The space and the architecture that a search found, and the number of classes of its source.

    The number of classes is known if the source was a folder of images that still exists; otherwise it is 0.

    Raises:
        ConfigError: if the folder does not hold a result.
    """
    from ..locking.run_folder import read_result
    from ..spaces.known import get_space
    from ..store.reading import UnreadableError, read_yaml
    from ..tasks.names import is_image_folder

    try:
        result = read_result(folder)
        config = read_yaml(folder / "config.yaml")
        space = get_space(result["search_space"])
        arch, dataset = space.from_str(result["arch"]), config["dataset"]
        if not isinstance(dataset, str):
            raise TypeError(f"its dataset is {shown(dataset)}")
    except (UnreadableError, ArchLockError, LookupError, TypeError) as err:
        raise ConfigError(f"{folder} does not hold the result of 'archlock search' ({err})") from err
    if not (is_image_folder(dataset) and os.path.isdir(dataset)):
        return space, arch, 0
    from ..tasks.image_folder import class_names  # it imports torch

    return space, arch, len(class_names(Path(dataset)))
