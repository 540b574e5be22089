"""``archlock data``: the files of public benchmarks. It lists, checks, converts and fetches them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, NaslibError, TableError, named, unknown
from .options import path

if TYPE_CHECKING:
    from ..benchmarks.benchmark_files import BenchmarkFile
    from ..benchmarks.conversion import Converted
    from ..spaces.space import SearchSpace

EXAMPLES = (
    "archlock data list nasbench201",
    "archlock data check",
    "archlock data convert nasbench201 --to tables --out tables",
)
_NOT_PUBLISHED = "not published"
_SOMETHING_IS_WRONG = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions, each with its options."""
    parser.epilog = "Without an action, it lists the files of all search spaces. archlock data ACTION --help says more."
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    _add_list(actions.add_parser("list", help="which files a search space needs, where they are, how to get them"))
    _add_check(actions.add_parser("check", help="read the files that are there, and check what they hold"))
    _add_convert(actions.add_parser("convert", help="turn NASLib's files into plain tables, or the other way"))
    _add_fetch(actions.add_parser("fetch", help="download a file; a download that broke off goes on"))


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("space", nargs="?", metavar="SPACE", help="a search space (default: all)")
    _add_dir(parser, "where the files are looked for")
    _add_json(parser)


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.description = "The exit code is 2 if a file is damaged, or lacks tasks."
    parser.add_argument("space", nargs="?", metavar="SPACE", help="a search space (default: all)")
    _add_dir(parser, "where the files are, NASLib's or plain tables")
    _add_tasks(parser, "the tasks that are needed")
    _add_json(parser)


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Example: archlock data convert nasbench201 --to tables --out tables; then archlock search search_space "
        "nasbench201 dataset cifar10 archlock.tables tables"
    )
    parser.add_argument("spaces", nargs="+", metavar="SPACE", help="a search space of NASLib")
    parser.add_argument("--to", choices=("tables", "naslib"), required=True, help="what to make")
    parser.add_argument(
        "--from", dest="source", type=path, metavar="DIR", help="where the files are (NASLib's: its data folder)"
    )
    parser.add_argument(
        "--out", type=path, metavar="DIR", help="where the new files go (NASLib's: its data folder by default)"
    )
    _add_tasks(parser, "the tasks to convert")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    _add_json(parser)


def _add_fetch(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(after_interrupt="; what has arrived is kept, and the same command goes on")
    parser.add_argument("what", metavar="NAME|URL", help="a file of 'archlock data list', or an address with https")
    _add_dir(parser, "where the file goes")
    parser.add_argument("--sha256", default="", metavar="HEX", help="the SHA-256 that the file must have")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    _add_json(parser)


def _add_dir(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--dir", type=path, metavar="DIR", help=f"{what} (default: NASLib's data folder)")


def _add_tasks(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--tasks", default="", metavar="LIST", help=f"{what}, with commas (default: all)")


def _add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``, which may stand before an action, as for every command, and behind it."""
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Carry out the action."""
    actions = {None: _list, "list": _list, "check": _check, "convert": _convert, "fetch": _fetch}
    return actions[args.action](args)


# -- what several actions need -----------------------------------------------------------------------------------------


def _folder(given: Path | None) -> Path:
    """The folder that was given, else NASLib's data folder. Raises: NaslibError."""
    from ..benchmarks.naslib_provider import naslib

    if given is not None:
        return given
    try:
        return naslib().data_folder()
    except NaslibError as err:
        raise NaslibError(f"there is no default for the folder, so name one with an option. {err}") from err


def _spaces(names: Sequence[str]) -> list[SearchSpace]:
    """The search spaces of these names, or all. Raises: UnknownNameError."""
    from ..spaces.known import SPACES, get_space

    return [get_space(name) for name in dict.fromkeys(names)] or list(SPACES.values())


def _tasks(text: str) -> list[str]:
    """The names in a list with commas."""
    return [name for part in text.split(",") if (name := part.strip())]


# -- list --------------------------------------------------------------------------------------------------------------


def _list(args: argparse.Namespace) -> Mapping[str, Any]:
    from ..benchmarks.benchmark_files import FILES

    given, name = getattr(args, "dir", None), getattr(args, "space", None)
    spaces = _spaces([name] if name else [])
    try:
        folder = _folder(given)
        print(f"The files are looked for in {folder}")
    except NaslibError as err:
        folder = Path("naslib/data")
        print(f"No folder to look in: {err}")
    records = {space.name: _list_space(space, folder) for space in spaces}
    if not any(file.url for file in FILES):
        print(
            "\nNo file has an address that it can be fetched from by its name: the authors offer all of them on Google "
            "Drive.\nIf you know another place, 'archlock data fetch URL --sha256 HEX' downloads from there."
        )
    return {"folder": str(folder), "spaces": records}


def _list_space(space: SearchSpace, folder: Path) -> list[dict[str, Any]]:
    """Print the files of a search space, and return them."""
    from ..benchmarks.benchmark_files import files_of
    from ..benchmarks.tabular import embedded_file

    print(f"\n{space.name}: {len(space.all()):,} architectures, tasks {', '.join(space.tasks)}")
    if space.is_embedded:
        file = embedded_file(space)
        print(f"  there    {file.name}: comes with the package")
        return [{"name": file.name, "path": str(file), "is_there": file.is_file()}]
    records = [_list_file(file, folder) for file in files_of(space)]
    print(
        f"  A search needs the accuracies on its tasks; the paper's method also needs the zero-cost scores.\n  Instead "
        f"of NASLib's files, a plain table does: {space.name}.csv or .csv.gz in a folder that archlock.tables names."
    )
    return records


def _list_file(file: BenchmarkFile, folder: Path) -> dict[str, Any]:
    """Print what is known about a file, and return it."""
    here = folder / file.name
    is_there = here.is_file()
    here_mb = f"{here.stat().st_size / 1e6:.1f} MB here; " if is_there else ""
    print(f"  {'there' if is_there else 'missing':<8} {file.name}: {file.holds}")
    print(
        f"           {here_mb}{file.benchmark}, licence {file.licence or 'not known'}, size "
        f"{file.size or _NOT_PUBLISHED}, SHA-256 {file.sha256 or _NOT_PUBLISHED}"
    )
    print(f"           {file.page}")
    print(f"           source of these facts: {file.said_by}")
    if file.remark:
        print(f"           {file.remark}")
    if not is_there:
        print(f"           -> {file.how_to_get(folder)}")
    return {**asdict(file), "path": str(here), "is_there": is_there, "how_to_get": file.how_to_get(folder)}


# -- check -------------------------------------------------------------------------------------------------------------


def _check(args: argparse.Namespace) -> Mapping[str, Any]:
    from ..benchmarks.file_checks import OK, check_embedded, check_files
    from ..tasks.names import same_task

    spaces, tasks, folder = _spaces([args.space] if args.space else []), _tasks(args.tasks), _folder(args.dir)
    known = list(dict.fromkeys(task for space in spaces for task in space.tasks))
    for task in tasks:
        if same_task(task, known) is None:
            raise unknown("task", task, known)
    checks = []
    for space in spaces:
        for check in [check_embedded(space)] if space.is_embedded else check_files(space, folder, tasks):
            checks.append(check)
            print(f"{check.state:<12} {check.path.name} ({check.space})\n             {check.detail}")
            if check.sha256:
                print(f"             SHA-256 {check.sha256}")
            if check.advice:
                print(f"             -> {check.advice}")
    if not checks:
        raise TableError(f"there is no benchmark file in {folder}; 'archlock data list' says which belong there")
    wrong = [check for check in checks if check.state != OK]
    if wrong:
        print(f"archlock data: {len(wrong)} of {len(checks)} checks found damage, or a lack of tasks", file=sys.stderr)
        args.exit_code = _SOMETHING_IS_WRONG
    return {"folder": str(folder), "files": [{**asdict(check), "path": str(check.path)} for check in checks]}


# -- convert -----------------------------------------------------------------------------------------------------------


def _convert(args: argparse.Namespace) -> Mapping[str, Any]:
    from ..benchmarks.conversion import to_naslib, to_tables
    from ..store.files import make_folder, write_bytes

    spaces, tasks = _spaces(args.spaces), _tasks(args.tasks)
    if args.to == "tables":
        if args.out is None:
            raise ConfigError("name the folder for the tables with --out DIR")
        source, out, convert = _folder(args.source), args.out, to_tables
    else:
        if args.source is None:
            raise ConfigError("name the folder that holds the tables with --from DIR")
        source, out, convert = args.source, _folder(args.out), to_naslib
    made = convert(spaces, source, tasks)
    make_folder(out)
    _check_places(made, out, args.overwrite)
    for name, content in made.files.items():
        write_bytes(out / name, content)
        print(f"{out / name}: {len(content) / 1e6:.1f} MB")
    _add_notes(made, out)
    for remark in made.remarks:
        print(f"Note: {remark}")
    return {"files": [str(out / name) for name in made.files], "remarks": made.remarks}


def _check_places(made: Converted, out: Path, overwrite: bool) -> None:
    """Raises: OutputError: if a file would be replaced, or would not be read because of another one."""
    from ..errors import OutputError
    from ..store.files import check_free

    for name in made.files:
        check_free(out / name, overwrite)
        plain = out / name.removesuffix(".gz")
        if name.endswith(".gz") and plain.exists():
            raise OutputError(
                f"{plain} exists, and would be read in place of {name}; remove it, or choose another --out"
            )


def _add_notes(made: Converted, out: Path) -> None:
    """Add what must be said with the figures to the note that is printed with them."""
    from ..benchmarks.table import NOTE, notes_beside
    from ..store.files import write_text

    said = notes_beside(out)
    new = [note for note in made.notes if not any(note in text for text in said)]
    if new:
        write_text(out / NOTE, "\n".join([*said, *new]) + "\n")


# -- fetch -------------------------------------------------------------------------------------------------------------


def _fetch(args: argparse.Namespace) -> Mapping[str, Any]:
    from tqdm import tqdm

    from ..store.digests import file_digest
    from ..store.download import download
    from ..store.files import check_free, make_folder

    sha256 = args.sha256.lower()
    if sha256 and (len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef")):
        raise ConfigError(f"--sha256 {named(args.sha256)} must be 64 hexadecimal digits, as sha256sum prints them")
    folder = _folder(args.dir)
    url, name, published = _source(args.what, folder)
    target, sha256 = folder / name, sha256 or published
    if sha256 and target.is_file() and file_digest(target) == sha256:
        print(f"{target} is there already, and has this SHA-256")
    else:
        check_free(target, args.overwrite)
        make_folder(folder)
        with tqdm(
            desc=name, unit="B", unit_scale=True, leave=False, disable=not sys.stderr.isatty(), total=None
        ) as bar:

            def progress(there: int, total: int) -> None:
                bar.total = total or None
                bar.update(there - bar.n)

            download(url, target, sha256, progress)
        print(f"{target}: {target.stat().st_size / 1e6:.1f} MB; 'archlock data check --dir {folder}' reads it")
    found = sha256 or file_digest(target)
    print(f"SHA-256 {found}")
    return {"path": str(target), "url": url, "bytes": target.stat().st_size, "sha256": found}


def _source(what: str, folder: Path) -> tuple[str, str, str]:
    """The address of a file, its name, and its SHA-256 if it is published.

    Args:
        what: The name of a known file, or an address.
        folder: Where the file is to be.

    Raises:
        UnknownNameError, DownloadError: If it cannot be fetched; the text says what to do instead.
        ConfigError: If an address does not end in the name of a file.
    """
    from urllib.parse import unquote, urlsplit

    from ..benchmarks import benchmark_files
    from ..errors import DownloadError
    from ..store.download import check_address
    from ..store.files import is_file_name

    if "://" not in what:
        known = {file.name: file for file in benchmark_files.FILES}
        if what not in known:
            raise unknown("file", what, known)
        file = known[what]
        if not file.url:
            raise DownloadError(
                f"{what} is offered on Google Drive alone, which lets only browsers and gdown in: "
                f"{file.how_to_get(folder)}{'; ' * bool(file.remark)}{file.remark}"
            )
        return file.url, file.name, file.sha256
    check_address(what)
    parts = urlsplit(what)
    if parts.hostname in ("drive.google.com", "docs.google.com"):
        raise DownloadError(
            f"{named(what)} is on Google Drive, which lets only browsers and gdown in: open it in a browser, or "
            "pip install gdown, and give the address to gdown --fuzzy"
        )
    name = unquote(parts.path.rpartition("/")[2])
    if not is_file_name(name):
        raise ConfigError(f"the address {named(what)} must end in the name of a file")
    return what, name, ""
