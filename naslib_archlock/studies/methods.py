"""The methods that a study compares. Each picks architectures for a source task and counts its look-ups.

``KINDS`` holds them by name. A search may look up a few accuracies. Methods that read whole tables know the source
accuracy of every architecture, and ``ceiling`` and ``oracle`` know the target's accuracies as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..benchmarks.lock_score import SOURCE_RULES, TARGET_RULES, LockScale, WithinBudget
from ..benchmarks.naslib_provider import naslib
from ..compute.versions import library_versions
from ..config.keys import Role, keys_of, names_with
from ..config.load import config_from
from ..config.sections import ArchLockSection, Config, NaslibSearchSection
from ..errors import RankerError, StudyError, unknown
from ..locking.final_pick import final_pick
from ..locking.find_ranker import find_ranker
from ..locking.inputs import digests, files_read
from ..locking.knowledge import Knowledge
from ..locking.prepare import prepare, run, strategy_of
from ..locking.schemes import SCHEMES, get_scheme
from ..ranker.ranker import Ranker
from ..spaces.cells import Cell
from ..spaces.known import get_space
from ..store.digests import digest
from ..store.files import make_folder
from ..strategies.strategy import RANKS
from . import two_stage
from .jobs import N_PICKS, Job, Kind, Picks, first_distinct
from .two_stage import TwoStage

# -- ArchLock ----------------------------------------------------------------------------------------------------------

_SEARCH_KEYS = names_with(NaslibSearchSection, Role.SEARCH)
SET_BY_STUDY = {
    "target": "spaces",
    "source_budget_pct": "budgets",
    "source_budget_percentile": "budgets, which are in % of the best accuracy",
    "source_queries": "source_queries",
    "tables": "option --tables",
    "device": "own rule, which is cpu, for the same results everywhere",
}
# The keys that a ranker depends on. If a key names files, their content counts in its place (``digests``).
_OF_RANKER = {*names_with(ArchLockSection, Role.TRAINING, Role.EMBEDDING, Role.DEVICE)} - {
    *names_with(ArchLockSection, Role.DATA)
}


class ArchLock(Kind):
    """The search of this package; its options are keys of the config's sections ``archlock`` and ``search``.

    By default it makes as many steps as it may make look-ups.
    """

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raises also: what ``config_from`` raises."""
        for key, where in SET_BY_STUDY.items():
            if key in options:
                raise StudyError(f"{key} is set by the study's {where}; leave it out of the method")
        known = [name for name in keys_of(ArchLockSection) if name not in SET_BY_STUDY]
        self._check_names(options, [*known, *_SEARCH_KEYS])
        _config(options, {"dataset": "source"}, {"target": "target"})

    def about_options(self) -> str:
        return "keys of a config, see below"

    def settings(self, job: Job) -> dict[str, Any]:
        """The resolved config and digests of the files that it reads. A changed default is then a changed setting."""
        config = config_of(job)
        section = {key: value for key, value in asdict(config.archlock).items() if key not in SET_BY_STUDY}
        settings = {
            "kind": self.name,
            "options": {**section, "search": asdict(config.search)},
            "source_queries": job.source_queries,
            "files": digests(files_read(config)),
        }
        if self.ranker_file(job) is not None:
            settings["training"] = asdict(config.archlock.train_settings)
        return settings

    def ranker_file(self, job: Job) -> Path | None:
        config = config_of(job)
        if config.archlock.ranker or strategy_of(config, job.benchmark).fitness != RANKS:
            return None
        depends_on = {
            "family": get_space(config.search_space).family,
            "hidden": _hidden(config),
            "seed": config.seed,
            "section": {k: v for k, v in asdict(config.archlock).items() if k in _OF_RANKER},
            "training": asdict(config.archlock.train_settings),
            "files": digests(files_read(config)),
            "versions": library_versions(),
        }
        return job.rankers / f"{digest(depends_on)[:16]}.safetensors"

    def train_ranker(self, job: Job) -> None:
        """Train the ranker of a job and keep it. Raises: OutputError, and what training raises."""
        path, config = self.ranker_file(job), config_of(job)
        if path is not None:
            ranker = find_ranker(config, Knowledge(config, _hidden(config), job.benchmark.tasks))
            make_folder(path.parent)
            ranker.save(path)

    def ranker(self, job: Job) -> Ranker | None:
        """The ranker of the job, trained now if its file is missing or damaged; None if the job trains none."""
        path = self.ranker_file(job)
        if path is None:
            return None
        try:
            return Ranker.load(path)
        except RankerError:
            self.train_ranker(job)
            return Ranker.load(path)


def config_of(job: Job) -> Config:
    """The config of a job of kind ``archlock``. Raises: ConfigError."""
    base = {"seed": job.seed, "search_space": job.benchmark.space.name, "dataset": job.source}
    section: dict[str, Any] = {"target": job.target, "tables": job.tables, "device": "cpu"}
    section["source_queries"] = job.source_queries
    if job.budget_pct is not None:
        section["source_budget_pct"] = job.budget_pct
    return _config(job.options, base, section)


def _config(options: Mapping[str, Any], base: Mapping[str, Any], section: Mapping[str, Any]) -> Config:
    """The config of a method's options, of top-level keys, and of keys of the section ``archlock``."""
    search = {key: value for key, value in options.items() if key in _SEARCH_KEYS}
    if section.get("source_queries"):
        search.setdefault("epochs", section["source_queries"])
    own = {key: value for key, value in options.items() if key not in _SEARCH_KEYS}
    return config_from({**base, "search": search, "archlock": {**own, **section}})


def _hidden(config: Config) -> list[str]:
    """The tasks that the ranker must not be trained on."""
    return list(get_scheme(config.archlock.scheme).hidden(config.archlock.targets))


def _pick_by_search(job: Job) -> Picks:
    config = config_of(job)
    search = prepare(config, job.benchmark, ARCHLOCK.ranker(job)).search
    run(search, config.search.epochs)
    chosen, leaked = final_pick(config, job.benchmark, search)
    best_first = [chosen.arch, *(evaluated.arch for evaluated in search.top(len(search.history)))]
    return Picks(first_distinct(job.benchmark.space, best_first), search.oracle.queries, search.target_queries + leaked)


def _source_accuracies(job: Job) -> Mapping[Cell, float]:
    """All source accuracies that a search under scheme S looks up."""
    config = config_of(replace(job, options={"scheme": "s"}, budget_pct=None))
    return run(prepare(config, job.benchmark).search, config.search.epochs).oracle.known


# -- from whole tables -------------------------------------------------------------------------------------------------


def _pick_by_source(rule: str, job: Job) -> Picks:
    known = _within_budget(job)
    return Picks(known.least(SOURCE_RULES[rule](known), N_PICKS), len(known.archs))


def _pick_by_target(rule: str, job: Job) -> Picks:
    assert job.target is not None and job.budget_pct is not None  # these kinds use target and budget
    known = LockScale(job.benchmark, job.source, job.target, job.budget_pct)
    return Picks(known.least(TARGET_RULES[rule](known), N_PICKS), len(known.archs), int(known.within.sum()))


def _pick_at_random(job: Job) -> Picks:
    known = _within_budget(job)
    return Picks(known.random(N_PICKS, job.generator(job.source, job.budget_pct)), len(known.archs))


def _within_budget(job: Job) -> WithinBudget:
    assert job.budget_pct is not None  # these kinds use the budget
    return WithinBudget(job.benchmark, job.source, job.budget_pct)


# -- of modules that are imported when they are used -------------------------------------------------------------------


@dataclass(frozen=True)
class Imported(Kind):
    """A kind that needs a package which is not always installed.

    Attributes:
        load: imports the function that picks, and fails with an error for users where it cannot.
    """

    load: Callable[[], Callable[[Job], Picks]] | None = None

    def check_here(self) -> None:
        assert self.load is not None  # a field needs a default here, because the fields of ``Kind`` have defaults
        self.load()


def _nsga2() -> Callable[[Job], Picks]:
    from .nsga2 import pick

    return pick


def _naslib_optimizers() -> Callable[[Job], Picks]:
    return naslib().optimizer_picks()


def _pick_with(load: Callable[[], Callable[[Job], Picks]], job: Job) -> Picks:
    return load()(job)


# ----------------------------------------------------------------------------------------------------------------------

_KNOWS = "knows every source accuracy"

ARCHLOCK = ArchLock("archlock", "the search of this package", _pick_by_search)

_BY_SOURCE = {
    "fewest_weights": "the one with the fewest convolution weights",
    "fewest_flops": "the one with the fewest FLOPs",
    "least_accurate": "the least accurate one on the source",
    "most_accurate": "the most accurate one on the source",
}
_BY_TARGET = {
    "ceiling": "the worst one on the target, by validation accuracy",
    "oracle": "the worst one on the target, by test accuracy: the best lock there is",
}

_ALL = (
    ARCHLOCK,
    Kind("random", f"a random architecture within the budget; {_KNOWS}", _pick_at_random, uses_target=False),
    *(
        Kind(
            rule,
            f"{about}, within the budget; {_KNOWS}",
            partial(_pick_by_source, rule),
            uses_target=False,
            is_random=False,
        )
        for rule, about in _BY_SOURCE.items()
    ),
    *(
        Kind(rule, f"{about}, within the budget", partial(_pick_by_target, rule), is_random=False)
        for rule, about in _BY_TARGET.items()
    ),
    Imported(
        "naslib",
        "an optimizer of NASLib on source accuracy",
        partial(_pick_with, _naslib_optimizers),
        uses_target=False,
        uses_budget=False,
        options={"optimizer": ("rs", "re", "ls", "bananas", "npenas")},
        load=_naslib_optimizers,
    ),
    TwoStage(
        "two_stage",
        "scheme S, then the target accuracies of random architectures within the budget that it looked up",
        partial(two_stage.pick, _source_accuracies),
    ),
    TwoStage(
        "random_search",
        "random architectures on the source, then the target accuracies of random ones within the budget",
        partial(two_stage.pick, two_stage.random_search),
    ),
    Imported(
        "nsga2",
        "NSGA-II on source and target accuracy",
        partial(_pick_with, _nsga2),
        load=_nsga2,
    ),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}


def kind_of(name: str, options: Mapping[str, Any]) -> Kind:
    """The kind of a method with these options. Raises: UnknownNameError."""
    if name not in KINDS:
        raise unknown("method", name, KINDS)
    kind = KINDS[name]
    name_of_scheme = options.get("scheme")
    scheme = SCHEMES.get(name_of_scheme) if isinstance(name_of_scheme, str) else None
    if kind is ARCHLOCK and scheme and not scheme.locks:
        return replace(kind, uses_budget=False)  # a scheme that does not lock gives nothing up, whatever the budget is
    return kind
