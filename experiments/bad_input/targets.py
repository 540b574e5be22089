"""Every kind of input that a user can give: how to draw inputs, most of them bad, and which reader gets them.

An input has one of three outcomes (``outcome``). A good input is accepted, and the value read must match it. A bad
input is refused with an ``ArchLockError`` in one readable line that names the input. Anything else is a bug of this
project. No input may change a file.
"""

from __future__ import annotations

import contextlib
import copy
import csv
import functools
import gzip
import io
import json
import os
import reprlib
import signal
import stat
import struct
import tempfile
import time
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import safetensors.numpy
import torch
from PIL import Image

from experiments.bad_input.mutations import (
    JSON_VALUES,
    STRANGE_TEXT,
    YAML_VALUES,
    Raw,
    mutated_bytes,
    mutated_text,
    mutated_tree,
    some,
    to_json,
    to_yaml,
)  # fmt: skip
from naslib_archlock import data
from naslib_archlock.benchmarks.table import read_table
from naslib_archlock.commands.export import found_by_run
from naslib_archlock.config.audit_section import AuditSection
from naslib_archlock.config.load import config_from, load_config
from naslib_archlock.config.sections import ArchLockSection, Config, NaslibSearchSection
from naslib_archlock.embedding.embedding_file import embedding_bytes, read_embedding
from naslib_archlock.errors import ArchLockError
from naslib_archlock.proxies.votes import parse_proxies
from naslib_archlock.proxies.zero_cost import PROXIES, encode_zero_cost, read_zero_cost, zero_cost_file_name
from naslib_archlock.ranker.models.mlp import PairMLP
from naslib_archlock.ranker.ranker import Ranker, RankerInfo
from naslib_archlock.ranker.train_settings import parse_widths
from naslib_archlock.spaces.known import DIGITS, SPACES, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO, get_space
from naslib_archlock.store import weights
from naslib_archlock.studies.study import load_study
from naslib_archlock.studies.study_results import SCHEMA, read_results, to_csv
from naslib_archlock.tasks.image_folder import read_image_folder
from naslib_archlock.tasks.names import HiddenTasks

LONGEST = 2000  # the most characters of a message


@dataclass(frozen=True)
class Target:
    """One kind of input.

    Attributes:
        name: its name.
        draw: draws an input.
        make_nasty: makes ``nasty``.
        place: puts an input into an empty folder, and returns the argument of ``read``.
        read: the function that a command calls.
        check: raises if the value read is wrong; it gets the value, the argument of ``read``, and a folder for files.
        called: a text that every message must contain, to name the input.
    """

    name: str
    draw: Callable[[Random], Any]
    make_nasty: Callable[[], tuple[Any, ...]]
    place: Callable[[Any, Path], Any]
    read: Callable[[Any], Any]
    check: Callable[[Any, Any, Path], None]
    called: str = ""

    @functools.cached_property
    def nasty(self) -> tuple[Any, ...]:
        """Further inputs, each written by hand for something that could go wrong."""
        return self.make_nasty()


class Outcome(NamedTuple):
    """What happened with one input.

    Attributes:
        verdict: accepted, refused or bug.
        what: the class of the error.
        message: the message of the error, or the traceback.
        seconds: processor time.
    """

    verdict: str
    what: str
    message: str
    seconds: float


class Hang(BaseException):
    """An input took too long. It is not an Exception, so that no reader catches it."""


def _traceback(err: BaseException) -> str:
    return "".join(traceback.format_exception(type(err), err, err.__traceback__))[-LONGEST:]


def outcome(target: Target, given: Any, limit_s: float = 0) -> Outcome:
    """Try one input in a folder of its own; if ``limit_s`` is not 0, an input that takes longer is a bug."""
    with tempfile.TemporaryDirectory() as top:
        folder, scratch = Path(top) / "given", Path(top) / "scratch"
        folder.mkdir()
        scratch.mkdir()
        argument = target.place(given, folder)
        before = state_of(folder)
        printed, start = io.StringIO(), time.process_time()
        with _watched(printed, limit_s) as caught:
            try:
                value = target.read(argument)
                target.check(value, argument, scratch)
                verdict, what, message = "accepted", "", ""
            except ArchLockError as err:
                verdict, what, message = "refused", type(err).__name__, str(err)
                if unclear(message, target.called):
                    verdict, message = "bug", f"the message {unclear(message, target.called)}: {message[:LONGEST]!r}"
            except (Exception, Hang) as err:
                verdict, what, message = "bug", type(err).__name__, _traceback(err)
        seconds = time.process_time() - start
        if caught or printed.getvalue():
            leaks = [str(warning.message) for warning in caught] + [printed.getvalue()]
            verdict, what, message = "bug", "leak", f"warned or printed: {leaks}"[:LONGEST]
        if state_of(folder) != before:
            verdict, what, message = "bug", "changed files", str(sorted(set(state_of(folder)) ^ set(before)))
    return Outcome(verdict, what, message, seconds)


@contextlib.contextmanager
def _watched(printed: io.StringIO, limit_s: float) -> Iterator[list[warnings.WarningMessage]]:
    def stop(*_: Any) -> None:
        raise Hang(f"more than {limit_s:g} s")

    with contextlib.ExitStack() as stack:
        if limit_s:
            previous = signal.signal(signal.SIGALRM, stop)
            stack.callback(signal.signal, signal.SIGALRM, previous)
            signal.setitimer(signal.ITIMER_REAL, limit_s)
            stack.callback(signal.setitimer, signal.ITIMER_REAL, 0)
        stack.enter_context(contextlib.redirect_stdout(printed))
        stack.enter_context(contextlib.redirect_stderr(printed))
        caught = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", r"(\d+ (unreadable images in|images of|pictures in)|the deep images in) ")
        yield caught


def unclear(message: str, called: str) -> str:
    """What is wrong with a message, or an empty string."""
    if len(message) > LONGEST:
        return f"has {len(message)} characters"
    if not message.isprintable():
        return "cannot be printed on one line"
    if called not in message:
        return f"does not name {called}"
    return "says nothing" if len(message.split()) < 4 else ""


def state_of(folder: Path) -> list[tuple[Any, ...]]:
    """The files in a folder, with their content and times."""
    found = []
    for name in sorted(str(path) for path in [folder, *folder.rglob("*")]):
        info = os.lstat(name)
        content: Any = None
        if stat.S_ISLNK(info.st_mode):
            content = os.readlink(name)
        elif stat.S_ISREG(info.st_mode):
            content = zlib.crc32(Path(name).read_bytes())
        found.append((name, info.st_mode, info.st_size, info.st_mtime_ns, content))
    return found


def _same(found: Any, expected: Any) -> None:
    if found != expected:
        raise AssertionError(f"{reprlib.repr(found)} is not {reprlib.repr(expected)}")


def _file(name: str) -> Callable[[bytes, Path], Path]:
    """A ``place`` that writes bytes to a file."""

    def place(content: bytes, folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return place


def _as_given(given: Any, folder: Path) -> Any:
    return given


# -- cells -------------------------------------------------------------------------------------------------------------


def _draw_cell_text(rng: Random) -> tuple[str, str]:
    space = some(rng, list(SPACES.values()))
    if rng.randrange(8) == 0:
        return space.name, some(rng, STRANGE_TEXT)
    archs = space.all()
    return space.name, mutated_text(rng, space.to_str(tuple(archs[rng.randrange(len(archs))].tolist())))


def _check_cell(arch: Any, given: tuple[str, Any], _: Path) -> None:
    space = get_space(given[0])
    _same(space.to_str(arch), given[1])
    _same(space.from_naslib(space.to_naslib(arch)), arch)
    _same(arch in set(map(tuple, space.all().tolist())), True)


_CODES: tuple[Any, ...] = (
    0, 1, 2, 3, 4, 5, -1, 2**63, 10**400, 1.0, 0.5, True, None, "1", "٣", float("nan"), float("inf"), 1j, [], [1], (),
    {}, b"1", np.int64(1), np.float32(1), np.nan, np.ones(2), "x" * 100_000,
)  # fmt: skip


def _draw_indices(rng: Random) -> tuple[str, Any]:
    codes: Any = [rng.randrange(5) for _ in range(6 if rng.randrange(4) else rng.randrange(9))]
    for _ in range(rng.randrange(3)):
        if codes:
            codes[rng.randrange(len(codes))] = some(rng, _CODES)
    form = some(rng, (list, tuple, set, str, "dict", "array", "value"))
    with contextlib.suppress(TypeError, ValueError):  # some codes do not fit in some forms
        if form == "dict":
            codes = dict(enumerate(codes))
        elif form == "array":
            codes = np.array(codes)
        elif form == "value":
            codes = some(rng, _CODES)
        else:
            codes = form(codes)
    return some(rng, list(SPACES)), codes


def _check_indices(arch: Any, given: tuple[str, Any], _: Path) -> None:
    _same(get_space(given[0]).to_naslib(arch), tuple(int(code) for code in given[1]))
    _same({type(code) for code in arch}, {int})


# -- configs -----------------------------------------------------------------------------------------------------------

_GOOD_CONFIG: dict[str, Any] = {
    "seed": 1, "optimizer": "archlock", "search_space": "digits", "dataset": "digit", "out_dir": "run",
    "archlock": {
        "scheme": "tk", "target": "jigsaw", "trade_off": 0.5, "source_budget_pct": 2.0, "source_queries": 100,
        "proxies": "nwot,params:2", "hidden": "32,16", "strategy": "", "cosine": 0.9, "leave_out": ["noise", "edges"],
        "skip_unreadable": False, "device": "cpu", "embedding": "e/{task}.npy", "ranker": "", "opponents": 64,
    },
    "audit": {"seeds": 2, "fractions": "1,10", "learning_rates": "0.01", "widths": [8, 16], "epochs": 3},
    "search": {"epochs": 20, "population_size": 10, "sample_size": 5, "learning_rate": 0.1},
    "evaluation": {},
}  # fmt: skip
_KEYS = (
    *(name for name in Config.__dataclass_fields__),
    *(f"archlock.{name}" for name in ArchLockSection.__dataclass_fields__),
    *(f"search.{name}" for name in NaslibSearchSection.__dataclass_fields__),
    *(f"audit.{name}" for name in AuditSection.__dataclass_fields__),
    "search.learning_rate", "archlock", "archlock.", ".seed", "archlock.scheme.x", "a.b.c", "", ".", "seed ", "sede",
)  # fmt: skip

_BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi")
)
_MERGE_BOMB = "a: &a {k: 1}\n" + "".join(
    f"{b}: &{b} {{<<: [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]}}\n" for a, b in zip("abcdefgh", "bcdefghi")
)
_CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}]\n" for i in range(9000))
_NASTY_YAML = (
    *(text.encode() for text in (
        "", " ", "\n", "#", "---", "--- \n--- \n", "[]", "0", "false", "''", "null", "x", "- 1", "\ufeffseed: 1",
        "seed: 1\r\nsearch: {epochs: 3}\r\n", "seed: 1\nseed: 2", "{seed: 1, 'seed': 2}", "1: x", "null: x", ".nan: x",
        "[1]: x", "? {a: b}\n: x", "? [a, [b]]\n: 1", "true: x", "2024-01-01: x", f"{'k' * 1000}: 1",
        "out_dir: 2024-01-01", "out_dir: a\\0b", 'out_dir: "a\\0b"', 'out_dir: "\\ud800"', 'dataset: "a/\\0"',
        'dataset: "a\\nb"', "out_dir: |\n  a\n  b\n", f"out_dir: {'x' * 200_000}", f"dataset: {'x/' * 100_000}",
        f"seed: {'9' * 5000}", f"seed: 0x{'f' * 5000}", f"seed: {':'.join(['1'] * 3000)}", "seed: 1e3",
        f"archlock: {{trade_off: {'9' * 400}}}", f"archlock: {{trade_off: {':'.join(['1'] * 400)}.5}}",
        f"archlock: {{source_queries: 0x{'f' * 5000}}}", f"archlock: {{max_images: 0x{'f' * 5000}}}",
        "search: {epochs: 1000000000}", f"search: {{epochs: 0x{'f' * 50}}}", f"archlock: {{hidden: [{'1,' * 50000}1]}}",
        "archlock: {hidden: [[1, 2], 3]}", "archlock: {target: [null]}", "archlock: {target: [true]}",
        f"archlock: {{target: [{'9' * 5000}]}}", f"archlock: {{proxies: '{'nwot,' * 40000}'}}", "archlock: [scheme]",
        f"archlock:\n  target: *i\n{_BOMB}", f"{_BOMB}archlock: {{target: *i}}", f"{_BOMB}archlock: *i", _MERGE_BOMB,
        f"{_BOMB}dataset: *i", f"{_BOMB}? *i\n: 1", _CHAIN, f"{_CHAIN}dataset: *a9000", "a: &a [*a]", "a: &a {b: *a}",
        "&a {? *a : 1}", "dataset: &a [x, *a]", "a: &a {<<: *a}", "{" * 5000, "[" * 100_000, "- " * 5000, "? " * 5000,
        "a:\n" * 2, "!!python/object/apply:os.system ['true']", "!!python/tuple [1]", "!!map x", "!!seq x", "!!omap x",
        "? !!omap [a: 1]\n: 1", "%TAG ! x\n--- 1", "%YAML 2.0\n---\nseed: 1", "*a", "&a", "&a &b x", "seed: 2024-13-45",
        "seed: 0001-01-01T00:00:00+23:59", "a: !!timestamp 9999-12-31T23:59:59-23:59", "!!binary '\u00e9'",
        "a: !!int ''",
        "".join(f"k{i}: 1\n" for i in range(20_000)), "".join(f"- {i}\n" for i in range(20_000)),
        "seed: " + "'" * 50_000, '"' + "\\x41" * 50_000 + '"', "a: " + "!" * 50_000, "&" * 100_000, "#" * 200_000,
        "a: >\n" + "  b\n\n" * 40_000, "a b\n" * 60_000, "seed: 1 " * 30_000, "\n" * 200_000, " " * 200_000 + "x",
    )),
    b"\x00", b"seed: 1\x00", b"\xff\xfes\x00e\x00e\x00d\x00", b"seed: \xff", b"\xed\xa0\x80: 1", b"\x1f\x8b\x08\x00",
    b"x" * 300_000, b"\xef\xbb\xbf\xef\xbb\xbfseed: 1", b"PK\x03\x04",
)  # fmt: skip


def _draw_yaml(tree: Any, rng: Random) -> bytes:
    text = to_yaml(mutated_tree(rng, tree, YAML_VALUES))
    return mutated_bytes(rng, text) if rng.randrange(4) == 0 else text


def _check_config(config: Config, _: Any, scratch: Path) -> None:
    (scratch / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    _same(load_config(scratch / "config.yaml"), replace(config, audit=AuditSection()))  # audit is not written
    _same(all(map(np.isfinite, config.audit.fraction_list + config.audit.learning_rate_list)), True)
    os.fsencode(config.save)
    _same((config.search_settings.population_size, "\0" in str(config.save)), (config.search.population_size, False))
    _same(0 < len(config.archlock.model_settings.get("hidden", [1])) < 100, True)


def _draw_overrides(rng: Random) -> list[str]:
    parts: list[str] = []
    for _ in range(rng.randrange(4) + 1):
        value = some(rng, STRANGE_TEXT) if rng.randrange(3) else mutated_text(rng, some(rng, ("1", "nwot:2", "(1, 2)")))
        parts += [some(rng, _KEYS) if rng.randrange(8) else mutated_text(rng, some(rng, _KEYS)), value]
    return parts[: len(parts) - (rng.randrange(10) == 0)]


_PYTHON_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, float("nan"), 10**400, 1 << 70, "", "x", "\0", "\ud800", [], [1], [[1]], [None], (), (1,),
    {}, {"a": 1}, {1: 2}, b"x", {1}, 1j, object, range(3), np.float64(1), np.int64(1), np.array([1]), "x" * 100_000,
)  # fmt: skip


def _draw_mapping(rng: Random) -> Any:
    """A config like one from NASLib's loader, with values that YAML can hold and values that it cannot."""
    raw = copy.deepcopy(_GOOD_CONFIG)
    for _ in range(rng.randrange(3) + 1):
        place = raw
        if rng.randrange(3):
            section = some(rng, ("archlock", "search", "audit"))
            place = raw[section] if isinstance(raw[section], dict) else raw
        key = some(rng, [*place, "x", 1, None, (1, 2)])
        place[key] = some(rng, _PYTHON_VALUES)
    return raw


def _nested() -> Any:
    value: Any = "x"
    for _ in range(100):
        value = [value] * 9
    return value


# -- tables ------------------------------------------------------------------------------------------------------------

_TABLE_SPACE = TRANSBENCH101_MACRO  # the smallest search space


@functools.lru_cache(maxsize=1)
def _good_table() -> list[list[str]]:
    rng = np.random.default_rng(0)
    archs = [_TABLE_SPACE.to_str(tuple(arch)) for arch in _TABLE_SPACE.all().tolist()]
    figures = rng.random((len(archs), 3)).round(3)
    columns = ["arch", "normal/val", "normal/test", "normal/train", "note"]
    return [columns, *([arch, *map(str, row), "x"] for arch, row in zip(archs, figures.tolist()))]


_FIELDS = (
    *STRANGE_TEXT, "arch", "normal/val", "a/val", "/val", "/", "a/b/test", " a/val", "a\nb/val", "64-1234-basic",
)  # fmt: skip


def _draw_table(rng: Random) -> bytes:
    rows = list(_good_table())
    for _ in range(rng.randrange(3)):
        at = some(rng, (0, 0, 1, len(rows) - 1, rng.randrange(len(rows))))
        at = min(at, len(rows) - 1)
        row, kind = list(rows[at]), rng.randrange(7)
        field = rng.randrange(len(row)) if row else 0
        if kind < 3 and row:
            row[field] = some(rng, _FIELDS) if kind else mutated_text(rng, row[field])
        elif kind == 3:
            del row[field:]
        elif kind == 4:
            row += row[field:]
        elif kind == 5:
            rows[at] = some(rng, rows)
            continue
        elif kind == 6:
            rows[at : at + some(rng, (1, 1, 10, 10_000))] = []
            rows = rows or [[]]
            continue
        rows[at] = row
    return _drawn_csv(rng, rows)


def _drawn_csv(rng: Random, rows: list[list[str]]) -> bytes:
    text, instead = io.StringIO(), "\ue000"  # stands for NUL, which the csv writer of Python 3.10 refuses
    writable = [[field.replace("\0", instead) for field in row] for row in rows]
    csv.writer(text, lineterminator=some(rng, ("\n", "\n", "\r\n", "\r"))).writerows(writable)
    raw = text.getvalue().replace(instead, "\0").encode("utf-8", "surrogatepass")
    return mutated_bytes(rng, raw) if rng.randrange(3) == 0 else raw


def _draw_packed_table(rng: Random) -> bytes:
    raw = gzip.compress(_draw_table(rng), compresslevel=1, mtime=0)
    return mutated_bytes(rng, raw) if rng.randrange(2) else raw


def _packed(rng: Random, raw: bytes) -> bytes:
    return mutated_bytes(rng, gzip.compress(raw, compresslevel=1, mtime=0))


def _gzip_bomb() -> bytes:
    """A file that unpacks to a quarter of a gigabyte of zeros."""
    block = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = [block.compress(bytes(1 << 24)) for _ in range(16)]
    return b"".join([*out, block.flush()])


def _check_table(table: Any, _: Path, scratch: Path) -> None:
    columns = [f"{task}/{split}" for task in table.tasks for split in ("val", "test")]
    rows = [["arch", *columns]]
    for arch in map(tuple, _TABLE_SPACE.all().tolist()):
        figures = [
            table.accuracy(arch, task=name.rpartition("/")[0], split=name.rpartition("/")[2]) for name in columns
        ]
        rows.append([_TABLE_SPACE.to_str(arch), *map(repr, figures)])
    path = scratch / f"{_TABLE_SPACE.name}.csv"
    with path.open("w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows(rows)
    again = read_table(path, _TABLE_SPACE)
    _same(again.tasks, table.tasks)
    _same(all(np.isfinite(float(figure)) for row in rows[1:] for figure in row[1:]), True)
    arch = tuple(_TABLE_SPACE.all()[7].tolist())
    for task in table.tasks:
        _same(again.accuracy(arch, task=task, split="val"), table.accuracy(arch, task=task, split="val"))


# -- zero-cost scores --------------------------------------------------------------------------------------------------


def _good_scores() -> dict[str, Any]:
    cells = [str(tuple(map(int, cell))) for cell in TRANSBENCH101_MICRO.all()[::900]]
    return {
        task: {
            cell: {**{p: {"score": 0.5 * i + k, "time": 0.1} for k, p in enumerate(PROXIES[:3])}, "val_accuracy": 50.0}
            for i, cell in enumerate(cells)
        }
        for task in ("normal", "class_scene")
    }


def _draw_scores(rng: Random) -> bytes:
    text = to_json(mutated_tree(rng, _good_scores(), JSON_VALUES))
    return mutated_bytes(rng, text) if rng.randrange(4) == 0 else text


def _check_scores(tables: Any, _: Path, scratch: Path) -> None:
    path = scratch / zero_cost_file_name(TRANSBENCH101_MICRO)
    path.write_bytes(encode_zero_cost(tables.values(), compressed=False))
    again = read_zero_cost(path, TRANSBENCH101_MICRO)
    _same(list(again), list(tables))
    for task, table in tables.items():
        _same(again[task].cells.tolist(), table.cells.tolist())
        for proxy in PROXIES:
            ranks = table.ranks(proxy)
            _same(bool(((ranks >= 1) | np.isnan(ranks)).all()), True)
            np.testing.assert_array_equal(again[task].ranks(proxy), ranks)


# -- rankers -----------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def _good_ranker() -> bytes:
    info = RankerInfo(
        "cell", "proxies", 4, "mlp", {}, ("nasbench201/cifar10",), {"nwot": 1.0}, ("nwot", "params"),
        ((0, 1, 2, 3, 0, 1), (1, 1, 2, 3, 0, 1)), {"epochs": 3}, {}, {"numpy": "2"}, "archlock train-ranker",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        Ranker(PairMLP(4, (8, 4), True), info).save(Path(folder) / "r.safetensors")
        return (Path(folder) / "r.safetensors").read_bytes()


def _parts(raw: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file as a tree, with its JSON parsed, and the bytes of the weights."""
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    header["__metadata__"] = {key: _parsed(value) for key, value in header["__metadata__"].items()}
    return header, raw[8 + size :]


def _parsed(text: str) -> Any:
    with contextlib.suppress(ValueError):
        return json.loads(text)
    return text


def _joined(header: Any, weights: bytes, rng: Random | None = None) -> bytes:
    if isinstance(header, dict) and isinstance(header.get("__metadata__"), dict):
        about = {
            k: v if isinstance(v, str) else to_json(v).decode("utf-8", "replace")
            for k, v in header["__metadata__"].items()
        }
        header = {**header, "__metadata__": about}
    text = to_json(header)
    size = len(text) if rng is None or rng.randrange(8) else some(rng, (0, 1, 2**63, 2**64 - 1, 10**8, len(text) - 1))
    return size.to_bytes(8, "little") + text + weights


_RANKER_VALUES = (
    *JSON_VALUES, '"F64"', '"BF16"', '"I64"', '"U8"', '"BOOL"', "[1000000000]", "[4096, 4096, 4096]", "[8, 0]", "[0]",
    "[1000000000000, 1000000000000]", "[0, 1099511627776]", "[-1, 4]", "[18446744073709551615]", '[[0, 1, 2, 3, 0, 9]]',
    '{"nwot": 0}', '{"nwot": NaN}', '{"x": 1}', '["x"]', '"macro"', '"task2vec"', '"abc"',
)  # fmt: skip
_HUGE = (
    {"model_settings": {"hidden": [4096, 4096, 4096]}}, {"model_settings": {"hidden": [10**9]}},
    {"embedding_dim": 10**12}, {"embedding_dim": 10**9},
)  # fmt: skip


def _sealed(raw: bytes) -> bytes:
    """The same ranker file with a correct checksum, if it can be read; otherwise only the checksum would be tested."""
    with contextlib.suppress(Exception):
        size = int.from_bytes(raw[:8], "little")
        ((key, text),) = json.loads(raw[8 : 8 + size])["__metadata__"].items()
        tensors = {name: torch.from_numpy(array) for name, array in safetensors.numpy.load(raw).items()}
        return weights.encode(tensors, key, json.loads(text)["about"])
    return raw


def _draw_ranker(rng: Random) -> bytes:
    raw = _good_ranker()
    kind = rng.randrange(4)
    if kind == 0:
        return mutated_bytes(rng, raw)
    header, numbers = _parts(raw)
    if kind == 1:
        return _sealed(_joined(mutated_tree(rng, header, _RANKER_VALUES), numbers, rng))
    if kind == 2:
        weight = np.frombuffer(numbers, dtype="<f4").copy()
        weight[rng.randrange(len(weight))] = some(rng, (np.nan, np.inf, -np.inf, 3e38, 1e10, -1e4, 1e-40, 0.0, -0.0))
        return _sealed(_joined(header, weight.tobytes(), rng))
    key = next(iter(header["__metadata__"]))
    header["__metadata__"][key]["about"] = mutated_tree(rng, header["__metadata__"][key]["about"], _RANKER_VALUES)
    return _sealed(_joined(header, numbers, rng))


def _ranker_with(**about: Any) -> bytes:
    header, numbers = _parts(_good_ranker())
    key = next(iter(header["__metadata__"]))
    header["__metadata__"][key]["about"].update(about)
    return _sealed(_joined(header, numbers))


def _check_ranker(ranker: Ranker, _: Path, scratch: Path) -> None:
    cells, tasks = DIGITS.all()[:40], np.random.default_rng(0).standard_normal((2, ranker.info.embedding_dim))
    if ranker.info.family == "cell" and ranker.info.embedding_dim < 10_000:
        rates = ranker.win_rates(cells, tasks, cells)
        _same(bool(((rates >= 0) & (rates <= 1)).all()), True)
    for space in SPACES.values():
        with contextlib.suppress(ArchLockError):
            ranker.check_space(space)
    ranker.seen_among(HiddenTasks(["cifar10"]))
    ranker.save(scratch / "r.safetensors")
    _same(Ranker.load(scratch / "r.safetensors").info, ranker.info)


# -- embeddings --------------------------------------------------------------------------------------------------------


def _npy(header: str, body: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    size = struct.pack("<H" if version == (1, 0) else "<I", len(header) + 1)
    return b"\x93NUMPY" + bytes(version) + size + header.encode("latin1") + b"\n" + body


def _header(descr: str = "'<f8'", shape: str = "(4,)", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


_DESCR = (
    "'<f8'", "'>f8'", "'<f4'", "'<f2'", "'<i8'", "'|u1'", "'|b1'", "'|O'", "'<c16'", "'<U4'", "'|S8'", "'<M8[s]'",
    "'V8'",
    "[('a', '<f8')]", "'x'", "3", "None", "[]", "('<f8', (2,))", "'<f16'", "'<f8,<f8'", "'<m8'", "'f1000000000'", "''",
    "[('a', '|O')]", "'<U0'", "'|V0'", "{'a': 1}", "('<f8', (1000000000000,))", "'|S1000000000'",
)  # fmt: skip
_SHAPES = (
    "(4,)", "(4)", "4", "(2, 2)", "()", "(0,)", "(-4,)", "(1000000000000,)", "(3,)", "(4.0,)", "('4',)", "(True,)",
    "(4, 1000000000000, 0)", "(10**12,)", "None", "[4]", "(4L,)", "(" * 50 + "4" + ",)" * 50, "(" + "9" * 5000 + ",)",
    "(4, 1)", "(1, 4)", "(4," + "1," * 70 + ")", "(" * 200, "(-1,)", "(9223372036854775808,)", "(4,) if 1else 2",
    "__import__('os')",
)  # fmt: skip
_NUMBERS = (
    0.0, 1.0, -1.0, 0.5, np.nan, np.inf, -np.inf, 1e300, -1e300, 1e20, 1e15, 1e-15, 1e-300, 5e-324, 1e38, -0.0,
)  # fmt: skip


def _draw_embedding(rng: Random) -> bytes:
    body = np.array([some(rng, _NUMBERS) for _ in range(4)]).tobytes()
    kind = rng.randrange(4)
    if kind == 0:
        return _npy(_header(), body)
    if kind == 1:
        raw = _npy(_header(some(rng, _DESCR), some(rng, _SHAPES), some(rng, ("False", "True", "1", "None"))), body)
    elif kind == 2:
        raw = _npy(mutated_text(rng, _header()).encode("latin1", "replace").decode("latin1")[:60_000], body)
    else:
        raw = _npy(_header(), np.ones(4).tobytes())
    return mutated_bytes(rng, raw) if rng.randrange(2) else raw


def _check_embedding(vector: np.ndarray, argument: Any, scratch: Path) -> None:
    _same((vector.ndim, vector.dtype, bool(np.isfinite(vector).all())), (1, np.dtype(np.float64), True))
    single = vector.astype(np.float32)
    length = np.linalg.norm(single)
    _same(bool(0 < length < np.inf and np.isclose(np.linalg.norm(single / length), 1, rtol=1e-3)), True)
    (scratch / "e.npy").write_bytes(embedding_bytes(vector))
    _same(read_embedding(str(scratch / "e.npy"), "normal").tolist(), vector.tolist())


# -- folders of images -------------------------------------------------------------------------------------------------

PIPE, FOLDER = object(), object()


class Link(str):
    """The path that a symbolic link points to."""


@functools.lru_cache(maxsize=1)
def _good_images() -> dict[str, bytes]:
    """One image of every format and kind; the key is the ending of the file name."""
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "words"
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    kinds: list[tuple[str, Image.Image, dict[str, Any]]] = [
        ("rgb.png", rgb, {}), ("grey.png", rgb.convert("L"), {}), ("alpha.png", rgb.convert("RGBA"), {}),
        ("la.png", rgb.convert("LA"), {}), ("palette.png", palette, {"transparency": 0}), ("bits.png",
        rgb.convert("1"), {}),
        ("deep.png", Image.fromarray(rng.integers(0, 65536, (9, 7), dtype=np.uint16)), {}), ("exif.png", rgb,
        {"exif": exif}),
        ("x.jpg", rgb, {}), ("exif.jpg", rgb, {"exif": exif}), ("cmyk.jpeg", rgb.convert("CMYK"), {}),
        ("progressive.jpg", rgb, {"progressive": True}), ("x.bmp", rgb, {}), ("palette.bmp", palette, {}), ("x.gif",
        rgb, {}),
        ("frames.gif", palette, {"save_all": True, "append_images": [palette, palette]}), ("x.ppm", rgb, {}),
        ("x.pgm", rgb.convert("L"), {}), ("raw.tif", rgb, {}), ("exif.tiff", rgb, {"exif": exif}),
    ]  # fmt: skip
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        kinds.append((f"{compression}.tif", rgb, {"compression": compression}))
    kinds.append(("group4.tif", rgb.convert("1"), {"compression": "group4"}))
    if "WEBP" in Image.registered_extensions().values():
        kinds += [("x.webp", rgb, {}), ("lossless.webp", rgb.convert("RGBA"), {"lossless": True, "exif": exif})]
    images = {}
    for name, image, options in kinds:
        out, suffix = io.BytesIO(), Path(f"x.{name.rpartition('.')[2]}").suffix
        with contextlib.suppress(OSError, KeyError):  # this Pillow lacks libtiff or libwebp
            image.save(out, Image.registered_extensions()[suffix], **options)
            images[name] = out.getvalue()
    return images


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return start + b"".join(chunks) + _chunk(b"IEND", b"")


def _nasty_images() -> dict[str, bytes]:
    zeros = zlib.compress(bytes(1 << 26), 9)
    return {
        "bomb.png": _png(60_000, 60_000, _chunk(b"IDAT", zeros)),
        "large.png": _png(9_000, 9_000, _chunk(b"IDAT", zeros)),  # the data are cut short
        "empty.png": _png(0, 0, _chunk(b"IDAT", zlib.compress(b""))),
        "thin.png": _png(1, 20_000_000, _chunk(b"IDAT", zeros)),
        "words.png": _png(1, 1, _chunk(b"zTXt", b"a\0\0" + zeros), _chunk(b"IDAT", zlib.compress(b"\0\0"))),
        "words2.png": _png(1, 1, _chunk(b"iTXt", b"a\0\1\0\0\0" + zeros), _chunk(b"IDAT", zlib.compress(b"\0\0"))),
        "profile.png": _png(1, 1, _chunk(b"iCCP", b"a\0\0" + zeros), _chunk(b"IDAT", zlib.compress(b"\0\0"))),
        "exif.png": _png(1, 1, _chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"), _chunk(b"IDAT", zlib.compress(b"\0\0"))),
        "huge.ppm": b"P6 1000000000 1000000000 255\n\0", "huge.pgm": b"P5\n65000 65000\n255\n\0",
        "text.pgm": b"P2 2 2 9 x",
        "digits.pgm": b"P5 " + b"9" * 5000 + b" 1 255\n", "zero.ppm": b"P6 0 0 255\n",
        "comment.ppm": b"P6 #" + b"x" * 70_000,
        "huge.bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 2**30, -(2**30), 1, 24, 0, 0, 0, 0, 0, 0),
        "huge.gif": b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x01\0\0;",
        "tags.tif": b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 256, 4, 0xFFFFFFFF, 8) * 100,
        "loop.tif": b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 256, 4, 1, 1) + b"\x08\0\0\0",
        "eps.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "svg.png": b"<svg/>", "none.jpg": b"",
        "text.jpg": b"no image", "half.jpg": b"\xff\xd8\xff\xe0\0\x10JFIF",
        "markers.jpg": b"\xff\xd8" + b"\xff\xe1\0\2" * 20_000,
        "psd.png": b"8BPS\0\1", "webp.webp": b"RIFF\xff\xff\xff\xffWEBPVP8X\n\0\0\0" + b"\xff" * 10,
        "fli.gif": b"\0\0\0\0\x11\xaf",
    }  # fmt: skip


def _small_folder() -> dict[str, Any]:
    images = _good_images()
    return {
        "a/0.png": images["rgb.png"],
        "a/1.jpg": images["x.jpg"],
        "b/0.gif": images["x.gif"],
        "b/1.bmp": images["x.bmp"],
    }


class Folder(NamedTuple):
    """A folder: the content of each file by its path, and the options to read it with."""

    content: dict[str, Any]
    skip_unreadable: bool = False
    max_images: int = 0
    size: int = 8
    name: str = "photos"


def _draw_folder(rng: Random) -> Folder:
    content, images = _small_folder(), _good_images()
    for i in range(rng.randrange(3)):
        name = some(rng, list(images))
        content[f"a/{i + 2}{name}"] = images[name]
    for _ in range(rng.randrange(3)):
        key, kind = some(rng, list(content) or ["a/x.png"]), rng.randrange(8)
        if kind < 4 and isinstance(content.get(key), bytes):
            content[key] = mutated_bytes(rng, content[key])
        elif kind == 4:
            content.pop(key, None)
        elif kind == 5:
            content[f"{key.rpartition('/')[0]}/{some(rng, _NAMES)}"] = some(rng, list(images.values()))
        elif kind == 6:
            content[some(rng, _NAMES).strip("/") + some(rng, ("", "/0.png", "/x/0.png"))] = some(
                rng, list(images.values())
            )
        else:
            content[key] = some(rng, _NO_FILES)
    skip, number = bool(rng.randrange(2)), some(rng, (0, 0, 4, 5, 1, 100))
    return Folder(
        content, skip, number, some(rng, (8, 8, 1, 33)), some(rng, ("photos", "photos", "photos~1", "a\nb", "\udcff"))
    )


_NO_FILES = (PIPE, FOLDER, *map(Link, ("nowhere", "..", ".", "/dev/zero", "/dev/null", "1.jpg", "x")))
_NAMES = (
    ".hidden.png", "__MACOSX", "train", "Val", "x.PNG", "x.txt", "\udcff.png", "a\nb.png", "\x1b[2J.png", "é.png", "c",
    "~",
    "x" * 250 + ".png", " .png", "-.png", "{task}.png", "a/b/c/d/e/f/0.png", "Thumbs.db", "x.png.part", "test",
)  # fmt: skip


def _place_folder(given: Folder, folder: Path) -> tuple[Path, Folder]:
    top = folder / given.name
    top.mkdir()
    for name, content in given.content.items():
        path = top / name
        with contextlib.suppress(OSError):  # a file has the name of a folder, or the other way round
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Link):
                os.symlink(content, path)
            elif content is PIPE:
                os.mkfifo(path)
            elif content is FOLDER:
                path.mkdir()
            else:
                path.write_bytes(content)
    return top, given


def _read_folder(argument: tuple[Path, Folder]) -> Any:
    top, given = argument
    return read_image_folder(top, given.size, given.max_images, 0, given.skip_unreadable)


def _check_folder(images: Any, argument: tuple[Path, Folder], _: Path) -> None:
    n, (_, given) = len(images.images), argument
    _same(tuple(images.images.shape), (n, 3, given.size, given.size))
    _same(bool(((images.images >= 0) & (images.images <= 1)).all()), True)
    _same(set(images.targets.tolist()), set(range(images.n_classes)))
    _same((images.n_classes >= 2, given.max_images in (0, n) or n <= given.max_images), (True, True))
    images.name.encode("utf-8")
    _same(images.name.isprintable(), True)


# -- studies, their results, runs --------------------------------------------------------------------------------------

_GOOD_STUDY: dict[str, Any] = {
    "name": "small", "about": "Two searches beside two rules.", "source_queries": 50, "budgets": [2, 5.5], "seeds": 3,
    "reference": "S", "compare_with": "few", "spaces": {"digits": ["digit -> jigsaw", "digit->edges"],
    "nasbench201": "all"},
    "methods": {
        "S": {"scheme": "s"}, "TU": {"scheme": "tu", "trade_off": 1, "hidden": "8,4"},
        "few": {"method": "fewest_weights"},
        "random": {"method": "random"}, "best": {"method": "oracle"},
    },
    "notes": ["Made up."],
}  # fmt: skip


def _nasty_studies() -> tuple[bytes, ...]:
    return (
        *_NASTY_YAML,
        *(to_yaml(tree) for tree in (
            {**_GOOD_STUDY, "source_queries": 10**30}, {**_GOOD_STUDY, "seeds": Raw("0x" + "f" * 5000)},
            {**_GOOD_STUDY, "methods": Raw(f"{{S: {{hidden: [{'1,' * 20_000}1]}}}}")}, {**_GOOD_STUDY,
            "name": "x" * 100_000},
            {**_GOOD_STUDY, "budgets": list(range(5000))}, {**_GOOD_STUDY,
            "methods": {"x" * 100_000: {"method": "random"}}},
            {**_GOOD_STUDY, "methods": {**_GOOD_STUDY["methods"], "S": {"scheme": Raw("0x" + "f" * 5000)}}},
            {**_GOOD_STUDY, "methods": {**_GOOD_STUDY["methods"], "S": {"method": ["random"]}}},
            {**_GOOD_STUDY, "methods": {f"m{i}": {"trade_off": i} for i in range(3000)}},
            {**_GOOD_STUDY, "methods": {**_GOOD_STUDY["methods"], "rs": {"method": "naslib", "optimizer": ["rs"]}}},
            {**_GOOD_STUDY, "spaces": {"digits": [f"digit -> {i}" for i in range(5000)]}}, {**_GOOD_STUDY,
            "reference": {}},
        )),
    )  # fmt: skip


def _check_study(study: Any, _: Path, scratch: Path) -> None:
    (scratch / "study.yaml").write_text(study.to_yaml(), encoding="utf-8")
    _same(load_study(scratch / "study.yaml"), study)


def _good_results() -> list[list[str]]:
    row = {
        "space": "digits", "source": "digit", "target": "jigsaw", "budget_pct": "2.0", "method": "S", "seed": "0",
        "arch": DIGITS.to_str((3, 3, 0, 1, 3, 1)), "lock_score": "0.5", "lock_score_top5": "0.4",
        "is_within_budget": "True",
        "source_loss_pct": "1.5", "source_test": "95.0", "target_test": "60.0",
        "source_percentile": "99.0", "target_percentile": "40.0", "source_test_percentile": "98.0",
        "target_test_percentile": "41.0", "limit_percentile": "20.0", "source_queries": "200", "target_queries": "0",
        "seconds": "0.5",
    }  # fmt: skip
    return [list(SCHEMA), *([*({**row, "seed": str(seed)}).values()] for seed in range(4))]


def _draw_results(rng: Random) -> bytes:
    rows = _good_results()
    for _ in range(rng.randrange(4)):
        row = some(rng, rows)
        if not row:
            continue
        field, kind = rng.randrange(len(row)), rng.randrange(6)
        if kind == 0:
            row[field] = mutated_text(rng, row[field])
        elif kind == 1:
            row[field] = some(
                rng, ("", "nan", "inf", "1e300", "1e16", "-1", "0x1", "9" * 400, "True", "true", "1.5", " 1", "1 ")
            )
        elif kind == 2:
            del row[field]
        elif kind == 3:
            row += some(rng, rows)[:2]
        elif kind == 4:
            row[field] = some(rng, STRANGE_TEXT)
        else:
            rows.append(list(row))
    return _drawn_csv(rng, rows)


def _check_results(frame: Any, _: Path, scratch: Path) -> None:
    (scratch / "results.csv").write_bytes(to_csv(frame).encode())
    again = read_results(scratch / "results.csv")
    _same(to_csv(again), to_csv(frame))
    _same(bool(np.isfinite(frame.select_dtypes("number").to_numpy()).all()), True)
    with np.errstate(all="raise"):
        frame.select_dtypes("number").astype(float).pow(2).mean()


_GOOD_RUN = (
    {"scheme": "tu", "search_space": "digits", "arch": DIGITS.to_str((3, 3, 0, 1, 3, 1)), "targets": {"jigsaw": 60.0}},
    {"dataset": "digit", "search_space": "digits", "archlock": {"scheme": "tu"}},
)


def _draw_run(rng: Random) -> tuple[bytes, bytes]:
    result, config = _GOOD_RUN
    which = rng.randrange(3)
    raw = to_json(mutated_tree(rng, result, JSON_VALUES) if which != 1 else result)
    return mutated_bytes(rng, raw) if rng.randrange(5) == 0 else raw, to_yaml(config) if which == 0 else _draw_yaml(
        config, rng
    )


def _place_run(given: tuple[bytes, bytes], folder: Path) -> Path:
    (folder / "result.json").write_bytes(given[0])
    (folder / "config.yaml").write_bytes(given[1])
    return folder


def _check_run(found: Any, *_: Any) -> None:
    space, arch, *about_images = found
    _same(space.from_str(space.to_str(arch)), arch)
    _same([type(n) is int and n >= 0 for n in about_images], [True] * 3)


# -- lists on a line ---------------------------------------------------------------------------------------------------


def _draw_line(good: tuple[str, ...], rng: Random) -> str:
    return mutated_text(rng, some(rng, good)) if rng.randrange(4) else some(rng, STRANGE_TEXT)


def _check_proxies(weights: Any, *_: Any) -> None:
    _same(parse_proxies(",".join(f"{name}:{weight!r}" for name, weight in weights.items())), weights)
    _same(all(np.isfinite(weight) and weight for weight in weights.values()), True)


def _check_layers(widths: Any, *_: Any) -> None:
    _same(parse_widths("layers", ",".join(map(str, widths))), widths)


# -- files of the package ----------------------------------------------------------------------------------------------


def _draw_package(rng: Random) -> tuple[bytes, bytes]:
    content, sums = b"weights", b"9a1c7b6d\nx  y\n"
    return mutated_bytes(rng, content), mutated_bytes(rng, sums)


def _place_package(given: tuple[bytes, bytes], folder: Path) -> Path:
    (folder / "digits.csv.gz").write_bytes(given[0])
    (folder / "SHA256SUMS").write_bytes(given[1])
    return folder


def _read_package(folder: Path) -> Path:
    with mock.patch.object(data, "FOLDER", folder):
        return data.checked_path("digits.csv.gz")


def _check_package(*_: Any) -> None:
    raise AssertionError("a file without a checksum was accepted")


# ----------------------------------------------------------------------------------------------------------------------

_ZERO_COST = zero_cost_file_name(TRANSBENCH101_MICRO)
_NASTY_SCORES = (
    *(value.encode("utf-8", "surrogatepass") for value in JSON_VALUES), b"", b"\x00", b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    *(f'{{"t": {{{json.dumps(key)}: {{"nwot": {{"score": 1}}}}}}}}'.encode() for key in (
        *STRANGE_TEXT, "(0, 0, 0, 0, 0, 0)", "(0,0,0,0,0,0,)", "(" * 5000, "[0] * 10**10",
        "(0, 0, 0, 0, 0, 0) " * 1000)),
    *(f'{{{json.dumps(task)}: {{"(0, 0, 0, 0, 0, 0)": {{}}}}}}'.encode() for task in STRANGE_TEXT),
    *(f'{{"t": {{"(0, 0, 0, 0, 0, 0)": {{"nwot": {{"score": {v}}}}}}}}}'.encode("utf-8",
    "surrogatepass") for v in JSON_VALUES),
)  # fmt: skip

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("cell strings", _draw_cell_text, lambda: tuple((s, t) for s in SPACES for t in STRANGE_TEXT), _as_given,
               lambda given: get_space(given[0]).from_str(given[1]), _check_cell),
        Target("op indices", _draw_indices, lambda: tuple((s, v) for s in SPACES for v in _CODES), _as_given,
               lambda given: get_space(given[0]).from_naslib(given[1]), _check_indices),
        Target("config files", functools.partial(_draw_yaml, _GOOD_CONFIG), lambda: _NASTY_YAML, _file("c.yaml"),
               load_config,
               _check_config),
        Target("overrides", _draw_overrides, lambda: tuple([key, text] for key in _KEYS for text in STRANGE_TEXT),
               _as_given,
               lambda given: load_config(None, given), _check_config),
        Target("NASLib's configs", _draw_mapping, lambda: ({}, {"archlock": {"target": _nested()}},
               {"archlock": _nested()}),
               _as_given, lambda given: config_from(given, strict=False), _check_config),
        Target("tables", _draw_table, lambda: (b"", b"arch", b"arch,a/val,a/test\n", b"\n" * 100_000,
               b"arch," + b",".join(b"%d/val" % i for i in range(100_000)) + b"\n" * 100_000, b"a" * 200_000),
               _file(f"{_TABLE_SPACE.name}.csv"), lambda path: read_table(path, _TABLE_SPACE), _check_table,
               f"{_TABLE_SPACE.name}.csv"),
        Target("packed tables", _draw_packed_table, lambda: (b"", b"\x1f\x8b", _gzip_bomb()),
               _file(f"{_TABLE_SPACE.name}.csv.gz"),
               lambda path: read_table(path, _TABLE_SPACE), _check_table, f"{_TABLE_SPACE.name}.csv.gz"),
        Target("zero-cost files", _draw_scores, lambda: _NASTY_SCORES, _file(_ZERO_COST),
               lambda path: read_zero_cost(path, TRANSBENCH101_MICRO), _check_scores, _ZERO_COST),
        Target("packed zero-cost files", lambda rng: _packed(rng, to_json(_good_scores())),
               lambda: (_gzip_bomb(),), _file(f"{_ZERO_COST}.gz"), lambda path: read_zero_cost(path,
               TRANSBENCH101_MICRO),
               _check_scores, f"{_ZERO_COST}.gz"),
        Target("ranker files", _draw_ranker, lambda: (b"", *(_ranker_with(**about) for about in _HUGE),
               *(_joined(Raw(value), b"") for value in JSON_VALUES)), _file("r.safetensors"),
               Ranker.load, _check_ranker, "r.safetensors"),
        Target("embeddings", _draw_embedding, lambda: (
               *(_npy(_header(d, s), np.ones(4).tobytes()) for d in _DESCR for s in _SHAPES),
               *(_npy(text[:60_000].encode("latin1", "replace").decode("latin1")) for text in STRANGE_TEXT)),
               lambda raw, folder: str(_file("e.npy")(raw, folder)), lambda path: read_embedding(path, "normal"),
               _check_embedding, "e.npy"),
        Target("image folders", _draw_folder, lambda: tuple(
               Folder({**_small_folder(), f"a/{name}": raw}, skip) for name, raw in _nasty_images().items()
               for skip in (False, True)), _place_folder, _read_folder, _check_folder),
        Target("studies", functools.partial(_draw_yaml, _GOOD_STUDY), _nasty_studies, _file("s.yaml"), load_study,
               _check_study, "s.yaml"),
        Target("results of studies", _draw_results, lambda: (b"", b"\n", b"\x00", b"a,b\n1,2,3\n", b'"' * 9, b"\xff"),
               _file("results.csv"), read_results, _check_results, "results.csv"),
        Target("runs to export", _draw_run, lambda: tuple((to_json(_GOOD_RUN[0]), raw) for raw in _NASTY_YAML),
               _place_run,
               found_by_run, _check_run),
        Target("voters", functools.partial(_draw_line, ("nwot,jacov:2,grasp:-1", "params")), lambda: STRANGE_TEXT,
               _as_given,
               parse_proxies, _check_proxies),
        Target("layers", functools.partial(_draw_line, ("128,64,32,16", "8")), lambda: STRANGE_TEXT, _as_given,
               functools.partial(parse_widths, "layers"), _check_layers),
        Target("files of the package", _draw_package, lambda: ((b"", b""), (b"x", b"\xff" * 100)), _place_package,
               _read_package, _check_package, "digits.csv.gz"),
    )
}  # fmt: skip
