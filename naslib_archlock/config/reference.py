"""The reference of all keys, written from their declarations: as a page, and as text for a terminal.

``python -m naslib_archlock.config.reference > docs/config.md`` writes the page, and a test keeps it equal to the code.
"""

from __future__ import annotations

import json
import textwrap
from math import inf
from typing import Any

from .keys import Key, Role, keys_of, names_with
from .sections import SECTIONS, Config

_INTRO = """\
# Keys of the configuration

<!-- Written by: python -m naslib_archlock.config.reference > docs/config.md -->

You find what each key of a search and of an audit means, its default, and what it allows. The
[glossary](glossary.md) explains words such as scheme, source budget and ranker. A *query* is a look-up.

A configuration is a YAML file of your own (`--config-file FILE`), or one that comes with the package (`--config NAME`).
`archlock config --list` lists those, and `archlock init` writes a copy for you to change. Every key has a default, so a
file holds only what differs. On the command line, `KEY VALUE` pairs after the options override the file. The name of a
key's section comes first, as in `archlock.scheme tk`. In Python, `al.search` and `al.load_config` take the same keys
([Python](guides/python.md)). `archlock config --keys` prints the keys in a terminal.

An empty text means "not given". Where a text is a list with commas, YAML may also hold a list. A misspelt key is an
error that names the nearest right one. Keys that only NASLib's runners need are allowed in the same file and mean
nothing to `archlock`.
"""
_NOTES = {
    Role.TRAINING: "If one of these keys is changed, a search uses no ranker that comes with the package. "
    "It trains one of its own, unless `ranker` names one.",
}


def reference() -> str:
    """Return the page, in Markdown."""
    sections = {"Top level": Config, **{f"Section `{name}`": cls for name, cls in SECTIONS.items()}}
    return "\n".join([_INTRO, *(f"## {title}\n\n{_section(cls)}" for title, cls in sections.items())])


def _section(cls: type) -> str:
    """Return a table of keys for each role, with its title unless there is only one."""
    roles = [role for role in Role if _names_under(cls, role)]
    if len(roles) == 1:
        return _table(cls, _names_under(cls, roles[0]))
    return "\n".join(f"### {role.value}\n\n{_group(cls, role)}" for role in roles)


def _group(cls: type, role: Role) -> str:
    """Return the table of the keys whose main role this is, with the note on the role."""
    names = _names_under(cls, role)
    if role not in _NOTES:
        return _table(cls, names)
    others = _listing([name for name in names_with(cls, role) if name not in names])
    return f"{_NOTES[role]}\n\n{_table(cls, names)}" + (f"\nThe same holds for {others}.\n" if others else "")


def _names_under(cls: type, role: Role) -> list[str]:
    """Return the names of the keys whose main role this is."""
    return [name for name, key in keys_of(cls).items() if key.roles[0] is role]


def _table(cls: type, names: list[str]) -> str:
    keys = keys_of(cls)
    rows = [f"| `{n}` | `{json.dumps(keys[n].default)}` | {_allowed(keys[n])} | {keys[n].meaning} |\n" for n in names]
    return "| Key | Default | Allowed | Meaning |\n|---|---|---|---|\n" + "".join(rows)


def _allowed(key: Key) -> str:
    """Return the values that a key takes, in words."""
    if key.choices:
        return _listing(tuple(key.choices))
    if key.is_text:
        return "text"
    if isinstance(key.default, bool):
        return "`true`, `false`"
    kind = "an integer" if isinstance(key.default, int) else "a number"
    return kind if (key.low, key.high) == (-inf, inf) else f"{kind} from {key.low:,.12g} to {key.high:,.12g}"


def all_keys() -> list[dict[str, Any]]:
    """Every key by its full name, with its section's title, its default, the values that it takes, and its meaning."""
    sections = (("", Config), *((f"{name}.", cls) for name, cls in SECTIONS.items()))
    return [
        {
            "key": f"{prefix}{name}",
            "about": role.value,
            "default": keys_of(cls)[name].default,
            "allowed": _allowed(keys_of(cls)[name]).replace("`", ""),
            "meaning": keys_of(cls)[name].meaning.replace("`", ""),
        }
        for prefix, cls in sections
        for role in Role
        for name in _names_under(cls, role)
    ]


def keys_as_text(width: int = 100) -> str:
    """Every key with its default, the values that it takes, and its meaning below it."""
    lines = []
    for key in all_keys():
        lines.append(f"{key['key']}  (default {json.dumps(key['default'])}; {key['allowed']})")
        lines.append(textwrap.fill(key["meaning"], width, initial_indent="    ", subsequent_indent="    "))
    return "\n".join(lines)


def _listing(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print(reference(), end="")
