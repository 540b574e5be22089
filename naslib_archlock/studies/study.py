"""A study: a small YAML file that spans a grid of methods, search spaces, task pairs, source budgets and seeds."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ..benchmarks.benchmark import FROM_SCRATCH
from ..errors import ArchLockError, StudyError, named, nearest, shown, unknown
from ..spaces.known import get_space
from ..store.reading import UnreadableError, read_yaml
from ..tasks.names import same_task, task_key
from .jobs import Kind
from .methods import kind_of

ALL = "all"
_MOST_SEEDS = 10_000
_MOST_QUERIES = 1_000_000  # no search space has more than 15,625 cells
_ARROW = "->"


class Pair(NamedTuple):
    """A source and a target task."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source} {_ARROW} {self.target}"


class Place(NamedTuple):
    """One place of the grid, which is one row of the results."""

    space: str
    pair: Pair
    budget_pct: float
    method: str
    seed: int


class Run(NamedTuple):
    """One run of a method; target and budget are None for a method that does not use them."""

    method: str
    space: str
    source: str
    target: str | None
    budget_pct: float | None
    seed: int

    def __str__(self) -> str:
        pair = self.source if self.target is None else str(Pair(self.source, self.target))
        budget = "" if self.budget_pct is None else f", budget {self.budget_pct:g}%"
        return f"{self.method} on {self.space}, {pair}{budget}, seed {self.seed}"


@dataclass(frozen=True)
class Method:
    """A kind of method (``methods.KINDS``) and its options."""

    kind_name: str = "archlock"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """The kind of method that carries it out."""
        return kind_of(self.kind_name, self.options)


def _key(holds: str, meaning: str, **default: Any) -> Any:
    """A field of ``Study``, with what the file holds under this key and what that means (``study_reference``)."""
    return field(metadata={"holds": holds, "meaning": meaning}, **default)


@dataclass(frozen=True)
class Study:
    """A checked study. Its fields are the keys of the file; ``spaces`` has None where the file has ``all``."""

    name: str = _key(
        "letters, digits and any of `_ . -`", "The name of the study, and of its output folder `run/NAME`."
    )
    about: str = _key("text", "The question that the study answers. The report begins with it.")
    reference: str = _key(
        "the label of a method",
        "The method that target drops are measured against. Usually it is the search for source accuracy alone, "
        "`{scheme: s}`.",
    )
    compare_with: str = _key("the label of a method", "The method that paired tests compare all others with.")
    spaces: Mapping[str, tuple[Pair, ...] | None] = _key(
        "search space: `all`, or a list of pairs `[a -> b, ...]`",
        "The search spaces, and the pairs of source and target task in each. `all` means every pair of tasks that the "
        "benchmark has.",
    )
    methods: Mapping[str, Method] = _key(
        "label: `{method: NAME, option: value, ...}`",
        "The methods to compare, each under a label of your own. The method is `archlock` where none is named.",
    )
    source_queries: int = _key(
        f"an integer from 0 to {_MOST_QUERIES:,}",
        "The look-ups of source validation accuracy that each method may make. Rules that read whole tables do not "
        "count.",
        default=200,
    )
    budgets: tuple[float, ...] = _key(
        "a list of numbers from 0 to 100",
        "The source budgets: how much source validation accuracy may be given up, in % of the best one. The study is "
        "made for each.",
        default=(2.0, 5.0),
    )
    seeds: int = _key(
        f"an integer from 1 to {_MOST_SEEDS:,}",
        "The number of seeds: 0, 1, 2, ... A method without randomness is run once.",
        default=10,
    )
    meaning: str = _key(
        "text", "What the figures of the benchmarks mean. `archlock compare` writes this key.", default=FROM_SCRATCH
    )
    notes: tuple[str, ...] = _key(
        "a list of texts",
        "What a reader must know about the benchmarks. `archlock compare` writes this key.",
        default=(),
    )

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", self.name):
            raise StudyError(f"name {shown(self.name)} must be one of a folder: letters, digits and any of _ . -")
        if not 0 <= self.source_queries <= _MOST_QUERIES:
            raise StudyError(f"source_queries={shown(self.source_queries)} must lie in [0, {_MOST_QUERIES}]")
        if not 1 <= self.seeds <= _MOST_SEEDS:
            raise StudyError(f"seeds={shown(self.seeds)} must lie in [1, {_MOST_SEEDS}]")
        _check_budgets(self.budgets)
        if not self.methods:
            raise StudyError("methods must name at least one method")
        for role in ("reference", "compare_with"):
            if getattr(self, role) not in self.methods:
                raise unknown(f"{role} method", getattr(self, role), self.methods, "methods")
        if not self.spaces:
            raise StudyError("spaces must name at least one search space")
        for space, pairs in self.spaces.items():
            _check_pairs(space, pairs)
        self._check_methods()

    def _check_methods(self) -> None:
        first: dict[str, str] = {}
        for label, method in self.methods.items():
            try:
                method.kind.check_options(method.options)
            except ArchLockError as err:
                raise StudyError(f"method {shown(label)}: {err}") from err
            same = first.setdefault(repr((method.kind_name, sorted(method.options.items()))), label)
            if same != label:
                raise StudyError(f"methods {shown(same)} and {shown(label)} are the same; leave one out")

    def resolved(self, tasks: Mapping[str, Sequence[str]]) -> Study:
        """The same study with ``all`` spelt out. Args: tasks: search space -> the tasks that its benchmark has.

        Raises: StudyError: if a benchmark lacks a task, or has too few for a pair.
        """
        spaces = {}
        for space, pairs in self.spaces.items():
            if pairs is None:
                pairs = tuple(itertools.starmap(Pair, itertools.permutations(tasks[space], 2)))
                if not pairs:
                    raise StudyError(f"the benchmark of {space} has only {', '.join(tasks[space])}, so no task pair")
            for task in itertools.chain.from_iterable(pairs):
                if task not in tasks[space]:
                    its_name = same_task(task, tasks[space])
                    if its_name is not None:
                        raise StudyError(
                            f"the benchmark of {space} that is here names {task!r} otherwise: {its_name!r}"
                        )
                    raise StudyError(str(unknown("task", task, tasks[space], f"the benchmark of {space} that is here")))
            spaces[space] = pairs
        return replace(self, spaces=spaces)

    def grid(self) -> Iterator[Place]:
        """Every row of a resolved study's results, in order. A method without randomness has one seed, 0."""
        for space, pairs in self.spaces.items():
            for pair, budget, (label, method) in itertools.product(pairs or (), self.budgets, self.methods.items()):
                for seed in range(self.seeds if method.kind.is_random else 1):
                    yield Place(space, pair, budget, label, seed)

    def run_at(self, place: Place) -> Run:
        """The run whose picks are scored at a place of the grid."""
        kind = self.methods[place.method].kind
        return Run(
            place.method,
            place.space,
            place.pair.source,
            place.pair.target if kind.uses_target else None,
            place.budget_pct if kind.uses_budget else None,
            place.seed,
        )

    def runs(self) -> list[Run]:
        """What a resolved study has to run, each run once."""
        return list(dict.fromkeys(map(self.run_at, self.grid())))

    def to_yaml(self) -> str:
        """A file that ``load_study`` reads back as the same study."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        content["spaces"] = {
            space: ALL if pairs is None else [str(pair) for pair in pairs] for space, pairs in self.spaces.items()
        }
        content["methods"] = {
            label: {"method": method.kind_name, **method.options} for label, method in self.methods.items()
        }
        content.update(budgets=list(self.budgets), notes=list(self.notes))
        order = ("name", "about", "source_queries", "budgets", "seeds", "reference", "compare_with", "spaces")
        # the file of a study of from-scratch figures leaves the meaning out, so that older files stay as they are
        meaning = ("meaning",) if self.meaning != FROM_SCRATCH else ()
        ordered = {key: content[key] for key in (*order, "methods", *meaning, "notes")}
        return yaml.safe_dump(ordered, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)


def _check_budgets(budgets: Sequence[float]) -> None:
    if not budgets:
        raise StudyError("budgets must hold at least one source budget in %")
    for budget in budgets:
        if not 0 <= budget <= 100:  # this refuses NaN, too
            raise StudyError(f"budgets: {budget} must lie in [0, 100] %")
        if budgets.count(budget) > 1:
            raise StudyError(f"budgets: {budget:g} occurs {budgets.count(budget)} times")


def _check_pairs(space: str, pairs: tuple[Pair, ...] | None) -> None:
    known = get_space(space).tasks
    if pairs is None:
        return
    if not pairs:
        raise StudyError(f"spaces: {space} needs at least one pair, or {ALL}")
    for pair in pairs:
        for task in pair:
            if same_task(task, known) is None:
                raise unknown("task", task, known, f"search space {space}, pair {pair}")
        if task_key(pair.source) == task_key(pair.target):
            raise StudyError(f"spaces: {space}, pair {pair}: the source cannot be its own target")
        if pairs.count(pair) > 1:
            raise StudyError(f"spaces: {space}, pair {pair} occurs {pairs.count(pair)} times")


# -- from YAML ---------------------------------------------------------------------------------------------------------


def load_study(path: Path) -> Study:
    """Read and check a study.

    Raises:
        StudyError: if the file cannot be read or is not YAML, a key is doubled or unknown (the nearest right one is
            named), a value is of the wrong type or out of range, a pair, budget or method is doubled or impossible.
    """
    try:
        raw = read_yaml(path)
    except UnreadableError as err:
        raise StudyError(f"study {path} {err}") from err
    try:
        return study_from(raw)
    except ArchLockError as err:
        raise StudyError(f"study {path}: {err}") from err


def study_from(raw: Any) -> Study:
    """Check what a YAML file holds. Raises: ArchLockError."""
    content = _mapping({} if raw is None else raw, "a study")
    known = [f.name for f in fields(Study)]
    for key in content:
        if key not in known:
            raise StudyError(f"unknown key {shown(key)}{nearest(key, known) or '; known: ' + ', '.join(known)}")
    missing = [key for key in ("name", "about", "reference", "compare_with", "spaces", "methods") if key not in content]
    if missing:
        word = "key" if len(missing) == 1 else "keys"
        raise StudyError(f"the {word} {', '.join(map(repr, missing))} {'is' if len(missing) == 1 else 'are'} missing")
    values: dict[str, Any] = {}
    for key in ("name", "reference", "compare_with"):
        values[key] = _text(content[key], key)
    values["about"] = _prose(content["about"], "about")
    if "meaning" in content:
        values["meaning"] = _prose(content["meaning"], "meaning")
    for key in ("source_queries", "seeds"):
        if key in content:
            values[key] = _integer(content[key], key)
    if "budgets" in content:
        values["budgets"] = tuple(_number(item, "budgets") for item in _list(content["budgets"], "budgets"))
    if "notes" in content:
        values["notes"] = tuple(_prose(item, "notes") for item in _list(content["notes"], "notes"))
    values["spaces"] = {
        space: _pairs(pairs, f"spaces: {named(space)}")
        for space, pairs in _mapping(content["spaces"], "spaces").items()
    }
    values["methods"] = {
        label: _method(options, f"method {shown(label)}")
        for label, options in _mapping(content["methods"], "methods").items()
    }
    return Study(**values)


def _method(raw: Any, where: str) -> Method:
    options = _mapping(raw, where)
    return Method(_text(options.get("method", Method.kind_name), f"{where}: method"), _without(options, "method"))


def _without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def _pairs(raw: Any, where: str) -> tuple[Pair, ...] | None:
    if raw == ALL:
        return None
    if not isinstance(raw, list):
        raise StudyError(f"{where} must be {ALL}, or a list of pairs like [a {_ARROW} b], not {shown(raw)}")
    pairs = []
    for item in raw:
        parts = [part.strip() for part in item.split(_ARROW)] if isinstance(item, str) else []
        if len(parts) != 2 or not all(parts):
            raise StudyError(f"{where}: {shown(item)} is not a pair like 'a {_ARROW} b'")
        pairs.append(Pair(*parts))
    return tuple(pairs)


def _mapping(raw: Any, where: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise StudyError(f"{where} must hold keys and values, not {shown(raw)}")
    for key in raw:
        _text(key, f"{where}: the key {shown(key)}")
    return raw


def _list(raw: Any, where: str) -> list[Any]:
    if not isinstance(raw, list):
        raise StudyError(f"{where} must be a list, not {shown(raw)}")
    return raw


def _text(raw: Any, where: str) -> str:
    """Text on one line; YAML reads words such as ``no`` and numbers as something else."""
    if not isinstance(raw, str):
        raise StudyError(f"{where} must be text, not {shown(raw)}; put it in quotes")
    if not raw.strip() or raw != raw.strip() or not raw.isprintable():
        raise StudyError(f"{where} must be text on one line, without blanks around it, not {shown(raw)}")
    return raw


def _prose(raw: Any, where: str) -> str:
    """Text of any number of lines, joined into one line."""
    return _text(" ".join(raw.split()) if isinstance(raw, str) else raw, where)


def _integer(raw: Any, where: str) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise StudyError(f"{where} must be an integer, not {shown(raw)}")
    return raw


def _number(raw: Any, where: str) -> float:
    if not isinstance(raw, (int, float)) or isinstance(raw, bool):
        raise StudyError(f"{where} must hold numbers, not {shown(raw)}")
    try:
        return float(raw)
    except OverflowError as err:
        raise StudyError(f"{where}: {shown(raw)} is too large") from err
