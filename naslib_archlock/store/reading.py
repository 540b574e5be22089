"""Files that users give, read within limits.

Parsers raise errors of many kinds, and a small file can ask for any amount of memory: by aliases of aliases, or by
gigabytes of zeros in a megabyte of gzip. In this module all of that is one error, an ``UnreadableError``. The caller
puts its text behind the name of the file.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import warnings
import zlib
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from ..errors import shown

_BLOCK = 1 << 20
_LARGEST_TEXT = (
    1 << 18
)  # bytes of a YAML file; PyYAML takes a second to read so many, and seconds if they are one long number
_MOST_NODES, _MOST_LEVELS = 100_000, 50  # limits of a YAML file when its aliases are written out
_MOST_CHARACTERS = 1_000_000
MOST_BYTES = 1 << 28  # of a table, a JSON file or an array, unpacked; real ones have a few million bytes
_MOST_UNPACKED, _MOST_RATIO = (
    16 << 20,
    200,
)  # bytes, and a multiple of the packed size; real tables unpack to at most 10 times their size


class UnreadableError(Exception):
    """What is wrong with a file, to be put behind its name: ``cannot be read (...)``, ``is not YAML (...)``."""


def plain_or_packed(path: Path) -> Path | None:
    """The file of this name, else the one of this name and ``.gz``, else None. A warning says it if both are there."""
    packed = path.with_name(f"{path.name}.gz")
    present = [found for found in (path, packed) if os.path.lexists(found)]
    if len(present) > 1:
        warnings.warn(f"{path} is read, and {packed.name} beside it is not; remove one of the two", stacklevel=2)
    return present[0] if present else None


def check_regular(path: Path, most_bytes: int = MOST_BYTES) -> None:
    """Check that reading a file ends: no pipe, no device, no more bytes than ``most_bytes``.

    Raises: OSError: if there is no such file; UnreadableError.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):  # reading a pipe would block, and reading a device would never end
        raise UnreadableError("cannot be read (it is no file)")
    if found.st_size > most_bytes:
        raise _too_large(f"has {found.st_size:,} bytes", most_bytes)


def _too_large(what: str, most_bytes: int) -> UnreadableError:
    return UnreadableError(f"is too large (it {what}, and at most {most_bytes:,} are read)")


def regular_bytes(path: Path) -> bytes:
    """The content of a file as it is. Raises: as ``check_regular``."""
    check_regular(path)
    return path.read_bytes()


def read_regular(path: Path) -> bytes:
    """The content of a file, unpacked if its name ends in ``.gz``. Raises: UnreadableError."""
    try:
        raw = regular_bytes(path)
        return _unpacked(raw) if path.suffix == ".gz" else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as err:
        raise UnreadableError(f"cannot be read (it is cut short or not gzip: {err})") from err
    except (OSError, ValueError) as err:  # a NUL in the name is a ValueError
        raise UnreadableError(f"cannot be read ({_reason(err)})") from err


def _unpacked(raw: bytes) -> bytes:
    most, size, blocks = max(_MOST_UNPACKED, _MOST_RATIO * len(raw)), 0, []
    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as f:
        while block := f.read(_BLOCK):
            blocks.append(block)
            size += len(block)
            if size > most:
                raise UnreadableError(f"cannot be read (it unpacks to more than {_MOST_RATIO} times its size)")
            if size > MOST_BYTES:
                raise _too_large("unpacks to more bytes", MOST_BYTES)
    return b"".join(blocks)


class Written(str):
    """The text of a plain scalar, as it stands in the file.

    Attributes:
        value: what YAML takes the text for: ``2024_01`` for the number 202401, ``no`` for false.
    """

    value: Any

    def __new__(cls, text: str, value: Any) -> Written:
        written = super().__new__(cls, text)
        written.value = value
        return written


def read_yaml(path: Path, as_written: bool = False) -> Any:
    """What a YAML file holds. Unlike PyYAML, it refuses equal keys.

    Args:
        path: the file.
        as_written: whether plain scalars are given as ``Written``, except in keys. Text in quotes is always ``str``.
    Raises:
        UnreadableError.
    """
    try:
        with path.open("rb") as f:  # a pipe is allowed, because a shell's <(command) is one
            raw = f.read(_LARGEST_TEXT + 1)
        if len(raw) > _LARGEST_TEXT:
            raise UnreadableError(f"is too large (more than {_LARGEST_TEXT:,} bytes: no config or study is)")
        return parse_yaml(raw.decode("utf-8"), as_written)
    except (OSError, ValueError) as err:  # bytes that are not UTF-8, or a NUL in the name, are a ValueError
        raise UnreadableError(f"cannot be read ({_reason(err)})") from err


def parse_yaml(text: str, as_written: bool = False) -> Any:
    """``read_yaml`` of text."""
    try:
        loader = (_WrittenLoader if as_written else _Loader)(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _measure(node, {})
        return loader.construct_document(node)
    except UnreadableError:
        raise
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        what = ", ".join(filter(None, (err.context, err.problem)))
        raise UnreadableError(f"is not YAML ({where}{what})") from err
    except (
        Exception
    ) as err:  # PyYAML does not wrap the errors of its parts, such as a date in month 13 or a number of 5,000 digits
        raise UnreadableError(f"is not YAML ({_reason(err)})") from err


class _Loader(yaml.SafeLoader):
    """A loader that refuses equal keys and deep nesting.

    PyYAML itself silently takes the last of two equal keys. It takes seconds to read hundreds of nested brackets, and
    fails at a thousand.
    """

    _level = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._level += 1
        if self._level > _MOST_LEVELS:
            raise UnreadableError("is not YAML that can be read (it is nested too deeply)")
        node = super().compose_node(parent, index)
        self._level -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue  # PyYAML raises an error of its own for this key
            if key in seen:
                problem = f"the key {shown(key)} occurs twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


class _WrittenLoader(_Loader):
    """A loader that gives the values of plain scalars as ``Written``."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        content = super().construct_mapping(node, deep)
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            content[key] = self._written(value_node, content[key])
        return content

    def construct_sequence(self, node: Any, deep: bool = False) -> Any:
        return [self._written(*pair) for pair in zip(node.value, super().construct_sequence(node, deep))]

    @staticmethod
    def _written(node: yaml.Node, value: Any) -> Any:
        is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
        return Written(node.value, value) if is_plain else value


def _measure(node: yaml.Node, known: dict[int, tuple[int, int, int] | None]) -> tuple[int, int, int]:
    """Count the nodes, characters and levels of a node when all its aliases are written out.

    Raises: UnreadableError: if they are too many, or it holds itself.
    """
    if id(node) in known:
        found = known[id(node)]
        if found is None:
            raise UnreadableError("is not YAML that can be read (an alias stands for what holds it)")
        return found
    known[id(node)] = None
    nodes, characters, levels = 1, 0, 1
    if isinstance(node, yaml.ScalarNode):
        characters = len(node.value)
    else:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
        for part in parts:
            of_part = _measure(part, known)
            nodes, characters, levels = nodes + of_part[0], characters + of_part[1], max(levels, of_part[2] + 1)
    if nodes > _MOST_NODES or characters > _MOST_CHARACTERS or levels > _MOST_LEVELS:
        raise UnreadableError("is not YAML that can be read (it holds too much, aliases written out)")
    known[id(node)] = nodes, characters, levels
    return nodes, characters, levels


def parse_json(raw: bytes) -> Any:
    """What a JSON file holds. Unlike Python, it refuses equal keys. Raises: UnreadableError."""
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as err:
        raise UnreadableError(f"cannot be read ({err})") from err
    except RecursionError as err:
        raise UnreadableError("is not JSON that can be read (it is nested too deeply)") from err
    except ValueError as err:  # an integer of 5,000 digits is a ValueError, too
        raise UnreadableError(f"is not valid JSON ({err})") from err


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises: UnreadableError: if two keys are equal."""
    found = dict(pairs)
    if len(found) < len(pairs):
        key = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise UnreadableError(f"is not valid JSON (the key {shown(key)} occurs twice in one object)")
    return found


def _reason(err: Exception) -> str:
    return str(getattr(err, "strerror", None) or err or type(err).__name__)
