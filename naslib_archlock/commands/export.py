"""``archlock export``: write the network of an architecture, trained or ready to train, as files for torch alone."""

from __future__ import annotations

import argparse
import os.path
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ArchLockError, ConfigError, NaslibError, shown
from .options import at_least, home_expanded, path
from .printing import result_line

if TYPE_CHECKING:
    from ..networks.network_files import Export
    from ..spaces.cells import Cell
    from ..spaces.space import SearchSpace

EXAMPLES = (
    "archlock export run/digits/digit/archlock/tu/0 --out network",
    "archlock export run/transbench101_micro/mine/archlock/tu/0 --trained --out network  # of a folder of images",
    "archlock export '|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|' "
    "--space nasbench201 --classes 10 --out network",
)
OWN, NASLIB = "own", "naslib"


class Found(NamedTuple):
    """An architecture, and what is known about the images that it is for; 0 stands for what is not known."""

    space: SearchSpace
    arch: Cell
    n_classes: int = 0
    in_channels: int = 0
    image_size: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = (
        "The weights are those of an untrained network, unless --trained is given. The number of classes, the channels "
        "and the size of an image are read from the run where its source is a folder that is still there, a digits "
        "task, or a known data set."
    )
    parser.add_argument(
        "found",
        type=home_expanded,
        metavar="RUN|ARCH",
        help="the folder of a search's result, or an architecture string",
    )
    parser.add_argument("--out", type=path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--trained",
        action="store_true",
        help="of a run on a folder of images: train the network on the source as the search did, and write it",
    )
    parser.add_argument("--space", default="", metavar="NAME", help="search space of an architecture string")
    parser.add_argument("--classes", type=at_least(2), default=0, metavar="N", help="outputs (default: as in the run)")
    parser.add_argument("--channels", type=at_least(1), metavar="N", help="of an image (default: as in the run, or 3)")
    parser.add_argument(
        "--image-size", type=at_least(1), metavar="PIXELS", help="a side (default: as in the run, or 32)"
    )
    parser.add_argument(
        "--network",
        choices=(OWN, NASLIB),
        help="whose network: this package's own, with 16, 32 and 64 channels and five cells a stage, or NASLib's "
        "(default where NASLib is found)",
    )
    parser.add_argument("--format", default="torchscript", metavar="NAME", help="torchscript (default) or torch.export")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the initial weights (default 0)")


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Write the network of an architecture: its weights, a module that needs only torch, and a program that uses it."""
    return _export_trained(args) if args.trained else _export_untrained(args)


def _export_untrained(args: argparse.Namespace) -> Mapping[str, Any]:
    from ..networks.network_files import Export
    from ..networks.own_export import export_own_network
    from ..plugin.network_export import export_network
    from ..spaces.known import get_space

    found = found_by_run(Path(args.found)) if Path(args.found).is_dir() else named(args)
    n_classes = args.classes or found.n_classes
    if n_classes < 2:
        raise ConfigError("the number of classes is not known here: give --classes")
    network = args.network or (NASLIB if _has_naslib() else OWN)
    space = found.space
    if network == NASLIB:
        space = get_space(space.naslib_network or space.name)  # a space without a network is refused with its own name
    export = Export(
        space,
        found.arch,
        n_classes,
        args.channels or found.in_channels or 3,
        args.image_size or found.image_size or 32,
        seed=args.seed,
        fmt=args.format,
    )
    paths = (export_network if network == NASLIB else export_own_network)(export, args.out)
    whose = "NASLib's network" if network == NASLIB else "this package's own network"
    return _written(export, network, f"{whose} of {space.to_str(found.arch)}, untrained", args.out, paths)


def _export_trained(args: argparse.Namespace) -> Mapping[str, Any]:
    """Train the network that a search found as the search did, and write it."""
    from ..benchmarks.trained import TrainedBenchmark
    from ..config.load import load_config
    from ..locking.prepare import open_benchmark
    from ..networks.network_files import Export
    from ..networks.own_export import export_trained_network
    from ..tasks.names import task_name

    given = [name for name in ("space", "classes", "channels", "image_size", "seed") if getattr(args, name)]
    if given or args.network == NASLIB:
        names = " and ".join(f"--{name.replace('_', '-')}" for name in given) or f"--network {NASLIB}"
        raise ConfigError(f"--trained writes the network that the search trained, so leave out {names}")
    folder = Path(args.found)
    if not folder.is_dir():
        raise ConfigError(f"--trained needs the folder of a search's result, and {shown(args.found)} is none")
    found = found_by_run(folder)
    config = load_config(folder / "config.yaml")
    benchmark = open_benchmark(config)
    if not isinstance(benchmark, TrainedBenchmark):
        raise ConfigError(
            f"--trained needs a run whose source is a folder of images, and here it is {task_name(config.dataset)}: "
            "leave it out, and train the exported network"
        )
    export = Export(
        found.space,
        found.arch,
        found.n_classes,
        found.in_channels,
        found.image_size,
        task=task_name(config.dataset),
        seed=config.seed,
        fmt=args.format,
        classes=benchmark.classes(config.dataset),
    )
    network, figures = benchmark.trained_network(found.arch, config.dataset)
    test, n_test = figures["test"][0], benchmark.n_images(config.dataset, "test")
    paths = export_trained_network(export, args.out, network, test_accuracy=test)
    of = f"the network of {found.space.to_str(found.arch)}, trained on {export.task}"
    said = f"{of}: {test:.2f}% of {n_test} test images"
    return {**_written(export, OWN, said, args.out, paths), "test_accuracy": test}


def _written(export: Export, network: str, said: str, out: Path, paths: Sequence[Path]) -> dict[str, Any]:
    """Print what was written, and how to use it; returns the same in JSON types."""
    from ..networks.network_files import PROGRAM

    print(
        f"{said}; {export.n_classes} classes, {export.in_channels} x {export.image_size} x {export.image_size} pixels"
    )
    print(f"\nuse it:  cd {shlex.quote(str(out))} && python {PROGRAM} IMAGE\n\n{export.program()}")
    result_line(f"written to {out}: {', '.join(p.name for p in paths)}")
    return {
        "out": str(out),
        "files": [p.name for p in paths],
        "network": network,
        "arch": export.space.to_str(export.cell),
        "classes": export.n_classes,
        "channels": export.in_channels,
        "image_size": export.image_size,
    }


def _has_naslib() -> bool:
    from ..plugin.compat import naslib_home

    try:
        return naslib_home().is_dir()
    except NaslibError:
        return False


def named(args: argparse.Namespace) -> Found:
    """The architecture that the options name.

    Raises:
        ConfigError: if ``--space`` is not given.
        UnknownNameError, CellError: if the space does not exist, or does not contain the architecture.
    """
    from ..spaces.known import get_space

    if not args.space:
        raise ConfigError(f"{shown(args.found)} is no folder of a run; for an architecture string, give --space, too")
    space = get_space(args.space)
    return Found(space, space.from_str(args.found))


def found_by_run(folder: Path) -> Found:
    """The architecture that a search found, and what is known about the images of its source.

    Raises:
        ConfigError: if the folder does not hold a result.
    """
    from ..locking.run_folder import read_result
    from ..spaces.known import get_space
    from ..store.reading import UnreadableError, read_yaml

    try:
        result = read_result(folder)
        config = read_yaml(folder / "config.yaml")  # also one of an earlier version, whose keys have changed
        space = get_space(result["search_space"])
        arch, dataset = space.from_str(result["arch"]), config["dataset"]
        if not isinstance(dataset, str):
            raise TypeError(f"its dataset is {shown(dataset)}")
    except (UnreadableError, ArchLockError, LookupError, TypeError) as err:
        raise ConfigError(f"{folder} does not hold the result of 'archlock search' ({err})") from err
    section = config.get("archlock")
    size = section.get("image_size") if isinstance(section, dict) else None
    return Found(space, arch, *_about_images(space, dataset, size if type(size) is int and size > 0 else 0))


def _about_images(space: SearchSpace, task: str, folder_size: int) -> tuple[int, int, int]:
    """The number of classes of a task, the channels of its images, and their size in pixels; 0 where it is not known.

    Args:
        space: of a run; its benchmark may share names of tasks with another one.
        task: the source of the run.
        folder_size: the size to which the run resized the images of a folder; 0 if it is not known.
    """
    from ..tasks.embedded import embedded_task
    from ..tasks.image_folder import class_names
    from ..tasks.names import is_image_folder, n_published_classes

    if is_image_folder(task):
        return (len(class_names(Path(task))) if os.path.isdir(task) else 0), 3, folder_size
    if space.is_embedded and task in space.tasks:
        images = embedded_task(task)["train"]
        return images.n_classes, images.images.shape[1], images.images.shape[2]
    return n_published_classes(task), 0, 0
