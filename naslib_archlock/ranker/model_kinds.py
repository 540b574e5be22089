"""The kinds of ranker models, by name.

A kind is one file in the folder ``models`` that defines one subclass of ``PairModel``; the name of the file is the name
of the kind. The folder is listed whenever a name is looked up, so a new file needs no other edit. Listing imports
neither the kinds nor torch, because a config is checked by the names alone.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RankerError, shown, unknown
from . import models

if TYPE_CHECKING:
    from .pair_model import PairModel


def model_kinds() -> list[str]:
    """The names of all kinds, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(models.__path__) if not module.name.startswith("_"))


class _Kinds(Collection[str]):
    """The names of all kinds, as they are when it is asked."""

    def __contains__(self, name: object) -> bool:
        return name in model_kinds()

    def __iter__(self) -> Iterator[str]:
        return iter(model_kinds())

    def __len__(self) -> int:
        return len(model_kinds())


MODEL_KINDS = _Kinds()


def add_model_folder(folder: Path) -> None:
    """Find kinds in another folder too. If two folders hold the same name, the folder added first is used."""
    if str(folder) not in models.__path__:
        models.__path__.append(str(folder))


def model_class(kind: str) -> type[PairModel]:
    """The class of a kind.

    Raises:
        UnknownNameError: if no file has that name.
        RankerError: if the file does not define exactly one class.
    """
    from .pair_model import PairModel

    if kind not in model_kinds():
        raise unknown("ranker model", kind, model_kinds())
    module = importlib.import_module(f"{models.__name__}.{kind}")
    defined = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, PairModel) and value.__module__ == module.__name__
    ]
    if len(defined) != 1:
        raise RankerError(
            f"{module.__file__} defines {len(defined)} subclasses of PairModel; a kind of ranker model is a file with "
            "exactly one"
        )
    return defined[0]


def build_model(kind: str, embedding_dim: int, settings: Mapping[str, Any], family: str = "cell") -> PairModel:
    """A model with random weights.

    Args:
        kind: the name of the kind.
        embedding_dim: the size of a task embedding.
        settings: settings of the kind, in JSON types; the kind has a default for each that is not given.
        family: the family of search spaces, for kinds that have a setting of this name.

    Raises:
        UnknownNameError: if the kind, or a setting of it, does not exist.
        RankerError: if the file of the kind does not define exactly one class, or the kind cannot read the family.
        ConfigError, TypeError: if a setting is out of range or of the wrong type.
    """
    cls = model_class(kind)
    known = list(inspect.signature(cls).parameters)[1:]  # the first is embedding_dim
    for name in settings:
        if name not in known:
            raise unknown("setting", name, known, f"ranker model {kind!r}")
    if "family" in known:
        settings = {"family": family, **settings}
        if settings["family"] != family:
            raise RankerError(f"a model of the family {shown(settings['family'])} cannot rank the family {family!r}")
    return cls(embedding_dim, **settings)
