"""What ``archlock export`` does."""

from __future__ import annotations

import argparse
import os.path
from pathlib import Path

from ..errors import ArchLockError, ConfigError, shown
from ..spaces.cells import Cell
from ..spaces.known import get_space
from ..spaces.space import SearchSpace
from ..store.reading import UnreadableError, parse_json, read_regular, read_yaml
from ..tasks.names import is_image_folder


def run_export(args: argparse.Namespace) -> int:
    """Write NASLib's network of a cell: weights, a module that needs only torch, and what it is."""
    from ..plugin.network_export import export_network

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
    return 0


def named(args: argparse.Namespace) -> tuple[SearchSpace, Cell, int]:
    """The architecture of an official string."""
    if not args.space:
        raise ConfigError(f"{shown(args.found)} is no folder of a run; for an architecture string, give --space, too")
    space = get_space(args.space)
    return space, space.from_str(args.found), 0


def found_by_run(folder: Path) -> tuple[SearchSpace, Cell, int]:
    """What a search found, and the number of classes where its source was a folder that is still there."""
    try:
        result = parse_json(read_regular(folder / "result.json"))
        config = read_yaml(folder / "config.yaml")
        space = get_space(result["search_space"])
        arch, dataset = space.from_str(result["arch"]), config["dataset"]
        if not isinstance(dataset, str):
            raise TypeError(f"its dataset is {shown(dataset)}")
    except (UnreadableError, ArchLockError, LookupError, TypeError) as err:
        raise ConfigError(f"{folder} does not hold the result of 'archlock search' ({err})") from err
    if not (is_image_folder(dataset) and os.path.isdir(dataset)):
        return space, arch, 0
    from ..tasks.image_folder import class_names

    return space, arch, len(class_names(Path(dataset)))
