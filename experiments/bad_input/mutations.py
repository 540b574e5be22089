"""Makes bad input from good input, by changes to bytes, to text, and to trees of keys and values.

Every function takes a ``random.Random``. It may be Python's with a seed, or one from hypothesis, which can then shrink.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import yaml

# Texts to put in place of a value in YAML and JSON: some are invalid there, some have another meaning, some are huge.
_BOTH = (
    "", "0", "1", "-1", "0.5", "1e9", "1000000000", "1e999", "-0.0", "9" * 5000, "-" + "9" * 400, "null", "true",
    "false", "[]", "{}", "[[]]", "[1]", '["a"]', '{"a": 1}', '{"a": 1, "a": 2}', '""', '" "', '"\\ud800"', '"\\u0000"',
    '"\\n"', '"a\\nb"', '"\u202etxt"', '"' + "x" * 10_000 + '"', "[" * 500 + "]" * 500, "[" * 5000, '{"a":' * 5000,
    '"../../x"', '"/dev/null"', '"é"', '"nan"', '"1e3"', '"(0, 0, 0, 0, 0, 0)"', "9007199254740993",
)  # fmt: skip
YAML_VALUES = (
    *_BOTH, "~", "no", "Yes", ".nan", ".inf", "-.inf", "0x" + "f" * 5000, "0o17", "1_000", "12:30:45",
    ":".join(["1"] * 400), ":".join(["1"] * 400) + ".5", "2024-01-01", "2024-13-45", "0001-01-01T00:00:00+23:59",
    "2024-01-01t00:00:00+99:99", "!!python/object/apply:os.getcwd []", "!!python/name:os.system", "!!set {a, b}",
    "!!omap [a: 1, a: 2]", "!!pairs [a: 1]", "!!binary aGk=", "!!binary x", "!!float x", "!!int ''", "!!bool x",
    "!!timestamp x", "!!null x", "!!str [1]", "!!map x", "!!seq {a: 1}", "!x y", "&a [*a]", "&a {b: *a}", "*a",
    "[&b x, *b]", "{? [1] : 2}", "{1: 2}", "{null: 1}", "{<<: 3}", "{<<: [3]}", "<<", "=", "- 1", "? a", "| x", ">",
    "'", '"', "@a", "`", "%YAML 9.9", "---", "...", "#", "\t", "\u2028", "\ufeff", "\x85", "{a: b: c}", "{=: 1}",
)  # fmt: skip
JSON_VALUES = (*_BOTH, "NaN", "-Infinity", "Infinity", "-1e8", "1E400", "01", "+1", "'a'", "undefined", "[1,]")

_BYTES = (
    b"\x00", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\r", b"\n\n", b"\x1a", b"\x1b[2J", b"\xed\xa0\x80",
    b"\xe2\x80\xae", b"'", b'"', b",", b":", b"\t", b"-", b"[", b"{", b"}", b"9" * 5000, b"nan", b"inf", b"1e999",
    b"-1", b"\xd9\xa3", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"A" * 70_000,
)  # fmt: skip

STRANGE_TEXT = (
    "", " ", "\x00", "\n", "a\nb", "\ud800", "\u202e", "é", "٣", "\uff11", "²", "nan", "inf", "-inf", "1e999", "1e9",
    "-1", "0", "1.0", "1_0", "007", "0x10", "0x" + "f" * 5000, "9" * 5000, "9**9**9", "9" * 400, "True", "None", "[]",
    "{}", "()", "(1,)", "[1, [2]]", "{'a': 1}", "b'x'", "1j", "'\\d'", "'\\N'", "f''", "1if 1else 2", "0or 1", "...",
    "__import__('os')", "lambda: 1", "(" * 90 + ")" * 90, "[" * 5000, "-" * 5000 + "1", "x" * 100_000, "a,b", ",",
    ",,", "{task}", "../../x", "/", ".", "~", "a/\x00", "/dev/null", "/dev/zero", "1," * 5000 + "1", "\x1b[2J",
    "'", '"',
)  # fmt: skip


def some(rng: Random, items: Sequence[Any]) -> Any:
    """One of ``items``."""
    return items[rng.randrange(len(items))]


def mutated_bytes(rng: Random, raw: bytes) -> bytes:
    """Make one to four changes: flip a bit, remove, repeat, move or overwrite a part, or cut off the rest."""
    for _ in range(rng.randrange(4) + 1):
        a = rng.randrange(len(raw) + 1)
        b = min(len(raw), a + some(rng, (1, 1, 2, 4, 16, 256)))
        part = raw[a:b]
        kind = rng.randrange(8)
        if kind == 0:
            raw = raw[:a] + bytes(byte ^ 1 << rng.randrange(8) for byte in part[:1]) + raw[a + 1 :]
        elif kind == 1:
            raw = raw[:a] + raw[b:]
        elif kind == 2:
            raw = raw[:a] + part + part + raw[b:]
        elif kind == 3:
            c = rng.randrange(len(raw) + 1)
            raw = raw[:a] + raw[c : c + len(part)] + raw[b:]
        elif kind == 4:
            raw = raw[:a]
        else:
            raw = raw[:a] + some(rng, _BYTES) + raw[b if kind == 5 else a :]
    return raw


def mutated_text(rng: Random, text: str) -> str:
    """Make one to three such changes to text, and insert text that a reader may take for something else."""
    for _ in range(rng.randrange(3) + 1):
        a = rng.randrange(len(text) + 1)
        b = min(len(text), a + rng.randrange(4))
        kind = rng.randrange(6)
        middle = {0: "", 1: 2 * text[a:b], 2: chr(rng.randrange(0x110000))}.get(kind)
        if kind == 3:
            c = rng.randrange(len(text) + 1)
            middle = text[c : c + 3]
        text = text[:a] + (some(rng, STRANGE_TEXT) if middle is None else middle) + text[b if kind < 5 else a :]
    return text


# -- trees -------------------------------------------------------------------------------------------------------------


class Raw(str):
    """Text that is written into a tree unchanged, even if it is not valid there."""


def mutated_tree(rng: Random, tree: Any, values: Sequence[str]) -> Any:
    """Make one to three changes to a tree: replace, remove, swap or nest a value, or rename a key."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.randrange(3) + 1):
        place, key = _some_place(rng, tree)
        if place is None:
            return Raw(some(rng, values))
        kind = rng.randrange(8)
        if kind == 0:
            del place[key]
        elif kind == 1 and isinstance(place, dict):
            place[Raw(some(rng, values)) if rng.randrange(2) else mutated_text(rng, str(key))] = place.pop(key)
        elif kind == 2:
            other, at = _some_place(rng, tree)
            place[key], other[at] = copy.deepcopy(other[at]), copy.deepcopy(place[key])
        elif kind == 3:
            place[key] = [place[key]] if rng.randrange(2) else {"a": place[key]}
        elif kind == 4 and isinstance(place[key], str) and not isinstance(place[key], Raw):
            place[key] = mutated_text(rng, place[key])
        else:
            place[key] = Raw(some(rng, values))
    return tree


def _some_place(rng: Random, tree: Any) -> tuple[Any, Any]:
    """A random container in the tree and a key of it; None if the tree has no filled container."""
    found: tuple[Any, Any] = (None, None)
    while isinstance(tree, (dict, list)) and tree:
        found = tree, some(rng, list(tree) if isinstance(tree, dict) else range(len(tree)))
        tree = tree[found[1]]
        if rng.randrange(3) == 0:
            break
    return found


def to_yaml(tree: Any) -> bytes:
    return _written(tree, lambda t: yaml.safe_dump(t, sort_keys=False, allow_unicode=False, width=10**6))


def to_json(tree: Any) -> bytes:
    return _written(tree, json.dumps, quotes='"')


def _written(tree: Any, dump: Callable[[Any], str], quotes: str = "") -> bytes:
    """The text of a tree, with every ``Raw`` unchanged."""
    raw: list[str] = []

    def plain(node: Any) -> Any:
        if isinstance(node, Raw):
            raw.append(str(node))
            return f"RAW{len(raw) - 1:04}"
        if isinstance(node, dict):
            return {plain(key): plain(value) for key, value in node.items()}
        return [plain(item) for item in node] if isinstance(node, list) else node

    text = dump(plain(tree))
    for i, value in enumerate(raw):
        text = text.replace(f"{quotes}RAW{i:04}{quotes}", value)
    return text.encode("utf-8", "surrogatepass")
