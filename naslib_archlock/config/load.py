"""Reading a configuration: from a YAML file and ``KEY VALUE`` overrides, or from a mapping.

A config works both for ``archlock search`` and for NASLib's runners. NASLib's loader reaches two levels and turns an
override into the type of the value that it replaces; so sections are one level deep, and no value is null.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UNPRINTABLE, ConfigError, closest, named, nearest, shown
from ..store.reading import UnreadableError, Written, read_yaml
from .keys import Key, join_list, keys_of, with_home
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
            raw = read_yaml(path, as_written=True)
        except UnreadableError as err:
            raise ConfigError(f"config file {path} {err}") from err
        if raw is None or raw == {}:
            raise ConfigError(f"config file {path} is empty: give it search_space and dataset, or leave it out")
        if not isinstance(raw, dict):
            raise ConfigError(f"config file {path} must hold keys and values")
    content = _nested(raw or {})
    for key, value in _pairs(overrides):
        place, name = _place(content, key)
        place[name] = _override(value)
    return _from_sections(content, strict=True)


def _pairs(overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield keys and values. Raises: ConfigError: if they are no pairs, or written as ``KEY=VALUE``."""
    for key in overrides[::2]:
        name, equals, value = key.partition("=")
        if equals:
            raise ConfigError(f"overrides come in pairs KEY VALUE: write {named(name)} {named(value)}, without '='")
    if len(overrides) % 2:
        raise ConfigError(f"overrides come in pairs KEY VALUE; {shown(overrides[-1])} has no value")
    yield from zip(overrides[::2], overrides[1::2])


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
        place, name = _place(content, key)
        if name in place:
            section = key.rpartition(".")[0]
            raise ConfigError(f"{named(key)} is given twice, also in the section {named(section)}; leave one out")
        place[name] = value
    return content


def _place(content: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """Return where a key belongs: the mapping that holds it, and its name there."""
    section, _, name = key.rpartition(".")
    if not section:
        return content, key
    place = content.setdefault(section, {})
    if not isinstance(place, dict):
        raise ConfigError(f"{named(section)} is not a section, so {named(key)} cannot be set")
    return place, name


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
            hint = _elsewhere(key, cutoff=1) or nearest(key, allowed) or _elsewhere(key)
            raise ConfigError(f"unknown key {prefix}{named(key)}{hint or '; known: ' + ', '.join(used)}")


def _elsewhere(key: Any, cutoff: float = 0.75) -> str:
    """A hint for a key that stands in another section under this name, or one that is as near as ``cutoff``."""
    names = full_names(key, cutoff)
    return f"; did you mean {' or '.join(map(repr, names))}?" if names else ""


def full_names(key: Any, cutoff: float = 1) -> list[str]:
    """The full names of the keys that have a name, in all sections; those of the nearest name if ``cutoff`` allows."""
    places: dict[str, list[str]] = {}
    for section, cls in (("", Config), *SECTIONS.items()):
        for name in keys_of(cls):
            full = f"{section}.{name}" if section else name
            places.setdefault(name, []).append(full)
            places.setdefault(full, []).append(full)
    return list(dict.fromkeys(places.get(closest(key, places, cutoff) or "", [])))


# -- values and their types --------------------------------------------------------------------------------------------


def _build(cls: type, values: Mapping[str, Any], prefix: str) -> Any:
    """Return an instance whose values all have the types of the defaults."""
    keys, defaults = keys_of(cls), cls()
    typed = {}
    for name, value in values.items():
        wanted = type(getattr(defaults, name))
        typed[name] = value = _converted(wanted, _plain(keys[name], value) if name in keys else value)
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            advice = _advice(wanted, value)
            raise ConfigError(f"{prefix}{name} must be of type {wanted.__name__}, not {shown(value)}{advice}")
        if wanted is int and abs(value) >= _HUGE:
            raise ConfigError(f"{prefix}{name} is out of range: {shown(value)}")
        if wanted is str and (len(typed[name]) > _LONGEST_TEXT or UNPRINTABLE.search(typed[name])):
            raise ConfigError(
                f"{prefix}{name} must be text on one line that can be printed, of at most {_LONGEST_TEXT} characters, "
                f"not {shown(value)}"
            )
        if name in keys and keys[name].holds_paths:
            typed[name] = with_home(typed[name])
    return cls(**typed)


def _plain(declared: Key, value: Any) -> Any:
    """Return a value in place of the text that a file or an override gives for it.

    Text stays as it was written where text is wanted: ``out_dir: 2024_01`` is not 202401. Numbers are read as Python
    reads them, so that 1e-3 is one, and 0755 and 12:30, which YAML takes for 493 and 750, are none.
    """
    if isinstance(value, (list, tuple)):
        # no key takes lists of lists, which may hold themselves
        return [_plain_scalar(declared, part) for part in value]
    return _plain_scalar(declared, value)


def _plain_scalar(declared: Key, value: Any) -> Any:
    if not isinstance(value, Written):
        return value
    if declared.is_text:
        return None if value.value is None else str(value)
    return value.value if isinstance(declared.default, bool) else _literal(value)


def _advice(wanted: type, value: Any) -> str:
    """Return what to do about a value of a wrong type; empty if that is plain."""
    if wanted is str and value is None:
        return "; leave the key out, or put the text in quotes"
    if wanted in (int, float) and isinstance(value, str):
        number = _literal(value)
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            return f"; write {number!r}, without quotes"
        if any(character.isdigit() for character in value):
            return "; write a plain number, without leading zeros, colons or units"
    return ""


def naslib_values(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file that was read as written in the values that NASLib's loader gives.

    Our own keys of text stay as they were written, and in paths a leading ``~`` is the home folder. All other values
    are those of YAML.
    """
    return _yaml_values(Config, raw)


def _yaml_values(cls: type | None, raw: Mapping[str, Any]) -> dict[str, Any]:
    keys = keys_of(cls) if cls else {}
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if isinstance(value, Mapping):
            values[name] = _yaml_values(SECTIONS.get(name) if cls is Config else None, value)
        elif name in keys and keys[name].is_text and isinstance(value, Written) and value.value is not None:
            values[name] = with_home(value) if keys[name].holds_paths else str(value)
        else:
            values[name] = _yaml_value(value)
    return values


def _yaml_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_yaml_values(None, part) if isinstance(part, Mapping) else _yaml_value(part) for part in value]
    return value.value if isinstance(value, Written) else value


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


def _override(text: str) -> Any:
    """Return the value of an override: a list or a text in quotes as Python reads it, everything else as written."""
    literal = _literal(text)
    is_spelt_out = isinstance(literal, str) or (isinstance(literal, (list, tuple)) and text.lstrip()[:1] in ("[", "("))
    return literal if is_spelt_out else Written(text, literal)


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
