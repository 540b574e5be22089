"""The files that come with the package, each with its checksum: the embedded benchmark, its zero-cost scores, a probe
network, and trained rankers. ``experiments/digits_benchmark`` holds the commands that made them.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import TableError
from ..store.digests import file_digest
from ..store.files import make_folder, write_bytes, write_text

FOLDER = Path(__file__).parent
_SUMS = "SHA256SUMS"


def checked_path(name: str) -> Path:
    """The path of a file of the package whose content is what was published.

    Raises: TableError: if it is missing, or differs from its checksum.
    """
    path = FOLDER / name
    try:
        found = file_digest(path)
    except OSError as err:
        raise TableError(f"{path}, a file of this package, cannot be read ({err}); install the package again") from err
    if found != _sums(FOLDER).get(name):
        raise TableError(f"{path}, a file of this package, differs from its checksum; install the package again")
    return path


def published() -> list[str]:
    """The files that have a checksum."""
    return list(_sums(FOLDER))


def publish(name: str, data: bytes, folder: Path = FOLDER) -> Path:
    """Write a file of the package and its checksum. Raises: OutputError."""
    path = folder / name
    make_folder(path.parent)
    write_bytes(path, data)
    sums = {**_sums(folder), name: file_digest(path)}
    write_text(folder / _SUMS, "".join(f"{value}  {key}\n" for key, value in sorted(sums.items())))
    return path


def _sums(folder: Path) -> dict[str, str]:
    """File name -> SHA-256, from a file as ``sha256sum`` writes it."""
    try:
        lines = (folder / _SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return {name: value for value, _, name in (line.partition("  ") for line in lines)}
