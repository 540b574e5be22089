"""How a key of the configuration is declared: once, with its default, its allowed values, its meaning and its roles.

A key is a field of a frozen dataclass, and ``key`` puts the declaration into the metadata of that field. The checks of
values, every list of keys that belong together, and ``docs/config.md`` follow from it, so a new key is entered nowhere
else.
"""

from __future__ import annotations

import csv
import os.path
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields
from enum import Enum
from math import inf
from typing import Any, TypeVar

from ..errors import ConfigError, shown, unknown

T = TypeVar("T")


class Role(Enum):
    """What a key is for, with the title that the reference page gives to it.

    A key of several roles is described under its first one.
    """

    RUN = "The run"
    LOCK = "What to lock"
    SEARCH = "How to search"
    DATA = "Files to read"  # a result depends on the content of these files, not on their names
    IMAGES = "Images of your own"
    TRAINING = "Training of the ranker"  # with one of these keys changed, no ready-made ranker will do
    EMBEDDING = "Task embeddings"
    DEVICE = "Device"
    AUDIT = "Transfer audit"


@dataclass(frozen=True)
class Key:
    """The declaration of a key.

    Attributes:
        default: the value of a config that does not set the key; every other value has the same type.
        meaning: what the key does, in sentences for the reference page.
        roles: what the key is for; the first one is the main one.
        low, high: the least and the greatest number that is allowed.
        choices: the only values that are allowed beside the default; empty if the key is not a choice among names. A
            registry is kept as it is, so that names that are registered later are known.
        holds_paths: whether the text is a path, or a list of paths with commas, in which a leading ``~`` is the home
            folder.
    """

    default: Any
    meaning: str
    roles: tuple[Role, ...]
    low: float = -inf
    high: float = inf
    choices: Collection[str] = ()
    holds_paths: bool = False

    @property
    def is_text(self) -> bool:
        """Whether the key holds text."""
        return isinstance(self.default, str)


def key(
    default: T,
    meaning: str,
    role: Role,
    *more_roles: Role,
    low: float = -inf,
    high: float = inf,
    choices: Collection[str] = (),
    holds_paths: bool = False,
) -> T:
    """Declare a key as a field of a dataclass; ``Key`` describes the arguments."""
    declared = Key(default, meaning, (role, *more_roles), low, high, choices, holds_paths)
    return field(default=default, metadata={"key": declared})


def keys_of(section: Any) -> dict[str, Key]:
    """Return the declared keys by name, in order.

    Args:
        section: a dataclass whose fields are keys, or an instance of it; fields that are sections are left out.
    """
    return {f.name: f.metadata["key"] for f in fields(section) if "key" in f.metadata}


def names_with(section: Any, *roles: Role) -> tuple[str, ...]:
    """Return the names of the keys that have at least one of the roles, in order.

    Args:
        section: a dataclass whose fields are keys, or an instance of it.
        roles: the roles to look for.
    """
    return tuple(name for name, declared in keys_of(section).items() if set(roles) & set(declared.roles))


def check_values(section: Any, prefix: str, must: str = "lie in [{low}, {high}]") -> None:
    """Check every value of a section against the declaration of its key.

    Args:
        section: an instance of a dataclass whose fields are keys.
        prefix: what a message puts before the name of a key, for example ``archlock.``.
        must: how a message describes the range of a number.

    Raises:
        UnknownNameError: if a value is none of the choices.
        ConfigError: if a number is out of range.
    """
    for name, declared in keys_of(section).items():
        value = getattr(section, name)
        if declared.choices and value != declared.default and value not in declared.choices:
            raise unknown(f"{prefix}{name}", value, declared.choices)
        if not declared.is_text and not declared.low <= value <= declared.high:  # NaN is not in any range
            allowed = must.format(low=declared.low, high=declared.high)
            raise ConfigError(f"{prefix}{name}={shown(value)} must {allowed}")


def split_list(text: str) -> tuple[str, ...]:
    """Return the parts of a list with commas, without blanks around them; ``join_list`` makes such a text.

    A part in double quotes may hold commas.
    """
    (parts,) = list(csv.reader([str(text)], skipinitialspace=True)) or [[]]
    return tuple(part.strip() for part in parts if part.strip())


def join_list(parts: Iterable[str]) -> str:
    """Return a list as one text; a part that holds a comma or a quote is put into double quotes."""
    return ",".join('"' + part.replace('"', '""') + '"' if {",", '"'} & {*part} else part for part in parts)


def with_home(text: str) -> str:
    """Return a path, or a list of paths with commas, in which a leading ``~`` of each is the home folder."""
    return ",".join(map(_part_with_home, text.split(",")))


def _part_with_home(part: str) -> str:
    bare = part.strip(' "')
    return part.strip().replace(bare, os.path.expanduser(bare), 1) if bare.startswith("~") else part
