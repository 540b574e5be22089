"""Reading a configuration: from a YAML file and ``KEY VALUE`` overrides, or from a mapping.

A config works both for ``archlock search`` and for NASLib's runners. NASLib's loader reaches two levels and turns an
override into the type of the value that it replaces; so sections are one level deep, and no value is null.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UNPRINTABLE, ConfigError, named, nearest, shown
from ..store.reading import UnreadableError, read_yaml
from .keys import join_list, keys_of
from .naslib_keys import NASLIB_KEYS
from .sections import SECTIONS, Config

_LONGEST_LITERAL, _LONGEST_TEXT = 1000, 10_000  # characters
_HUGE = 1 << 63


def load_config(path: Path | None, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML file and apply overrides.

    Args:
        path: the file; None for the defaults alone.
        overrides: a key and its value in turn; a key is ``name`` or ``section.name``.

    Raises:
        ConfigError: if the file is not YAML, a key is doubled or unknown (the nearest right one is named), or a value
            is of the wrong type or out of range.
    """
    raw: Any = None
    if path is not None:
        try:
            raw = read_yaml(path)
        except UnreadableError as err:
            raise ConfigError(f"config file {path} {err}") from err
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise ConfigError(f"config file {path} must hold keys and values")
    if len(overrides) % 2:
        raise ConfigError(f"overrides come in pairs KEY VALUE; {shown(overrides[-1])} has no value")
    content = _nested(raw)
    for key, value in zip(overrides[::2], overrides[1::2]):
        place, section, name = _place(content, key)
        literal = _literal(value)
        # a number stays as it was typed where text is wanted: out_dir 2024_01 is not 202401
        place[name] = value if _is_text(section, name) and isinstance(literal, (bool, int, float)) else literal
    return _from_sections(content, strict=True)


def config_from(raw: Mapping[str, Any], strict: bool = True) -> Config:
    """Check a mapping, such as the keywords of a script or the config that NASLib's loader made.

    Args:
        raw: keys and values; a key of a section is inside it, or has its name in front:
            ``{"archlock": {"scheme": "tk"}}`` and ``{"archlock.scheme": "tk"}`` mean the same.
        strict: whether unknown keys outside our own sections are refused; NASLib itself ignores them.

    Raises:
        ConfigError: if a key is given twice or unknown, or a value is of the wrong type or out of range.
    """
    return _from_sections(_nested(raw), strict)


# -- keys and their sections -------------------------------------------------------------------------------------------


def _nested(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in which every key of a section is inside it, also the keys with a dot."""
    content = {key: dict(value) if isinstance(value, Mapping) else value for key, value in raw.items()}
    for key in raw:
        if not (isinstance(key, str) and "." in key):
            continue
        value = content.pop(key)
        place, section, name = _place(content, key)
        if name in place:
            raise ConfigError(f"{named(key)} is given twice, also in the section {named(section)}; leave one out")
        place[name] = value
    return content


def _place(content: dict[str, Any], key: str) -> tuple[dict[str, Any], str, str]:
    """Return where a key belongs: the mapping that holds it, the name of its section, and its own name."""
    section, _, name = key.rpartition(".")
    if not section:
        return content, "", key
    place = content.setdefault(section, {})
    if not isinstance(place, dict):
        raise ConfigError(f"{named(section)} is not a section, so {named(key)} cannot be set")
    return place, section, name


def _is_text(section: str, name: str) -> bool:
    """Whether a key holds text."""
    cls = {"": Config, **SECTIONS}.get(section)
    return cls is not None and name in keys_of(cls) and keys_of(cls)[name].is_text


def _from_sections(content: Mapping[str, Any], strict: bool) -> Config:
    if strict:
        _check_names(content, [*keys_of(Config), *SECTIONS], NASLIB_KEYS[""], "")
    values: dict[str, Any] = {name: content[name] for name in keys_of(Config) if name in content}
    for section, cls in SECTIONS.items():
        inside = content.get(section, {})
        if not isinstance(inside, Mapping):
            raise ConfigError(f"{section} must be a section with keys of its own, not {shown(inside)}")
        names, ignored = list(keys_of(cls)), NASLIB_KEYS.get(section, ())
        if strict or not ignored:
            _check_names(inside, names, ignored, f"{section}.")
        values[section] = _build(cls, {name: inside[name] for name in names if name in inside}, f"{section}.")
    config: Config = _build(Config, values, "")
    return config


def _check_names(raw: Mapping[str, Any], used: Iterable[str], ignored: Iterable[str], prefix: str) -> None:
    allowed = [*used, *ignored]
    for key in raw:
        if key not in allowed:
            hint = nearest(key, allowed) or f"; known: {', '.join(used)}"
            raise ConfigError(f"unknown key {prefix}{named(key)}{hint}")


# -- values and their types --------------------------------------------------------------------------------------------


def _build(cls: type, values: Mapping[str, Any], prefix: str) -> Any:
    """Return an instance whose values all have the types of the defaults."""
    defaults = cls()
    typed = {}
    for name, value in values.items():
        wanted = type(getattr(defaults, name))
        typed[name] = _converted(wanted, value)
        if not isinstance(typed[name], wanted) or (isinstance(value, bool) and wanted is not bool):
            raise ConfigError(f"{prefix}{name} must be of type {wanted.__name__}, not {shown(value)}")
        if wanted is int and abs(value) >= _HUGE:
            raise ConfigError(f"{prefix}{name} is out of range: {shown(value)}")
        if wanted is str and (len(typed[name]) > _LONGEST_TEXT or UNPRINTABLE.search(typed[name])):
            raise ConfigError(
                f"{prefix}{name} must be text on one line that can be printed, of at most {_LONGEST_TEXT} characters, "
                f"not {shown(value)}"
            )
    return cls(**typed)


def _converted(wanted: type, value: Any) -> Any:
    """Return the value in the wanted type if it has an equivalent there, else as it is.

    An integer is also a float, and a list of texts is also a text with commas (``join_list``).
    """
    try:
        if wanted is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        if wanted is str and type(value) in (int, float):
            return str(value)
    except (OverflowError, ValueError):  # an integer of hundreds of digits
        return value
    if wanted is str and isinstance(value, (tuple, list)):
        parts = [part if isinstance(part, (tuple, list)) else _converted(str, part) for part in value]
        texts = [part for part in parts if isinstance(part, str)]
        return join_list(texts) if len(texts) == len(parts) else value
    return value


def _literal(text: str) -> Any:
    """Return the number, boolean or string that the text stands for; it is never evaluated as code."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if len(text) > _LONGEST_LITERAL:
        return text
    try:
        with warnings.catch_warnings():  # Python warns about text that looks like a mistake in code
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # nested brackets raise the last two
        return text
