"""Configuration: NASLib's keys and the sections ``archlock`` and ``audit``, from YAML and ``KEY VALUE`` overrides.

A config works both for ``archlock search`` and for NASLib's runners, whose loader reaches two levels and turns
overrides into the type of the value that they replace; so the sections are one level deep and have no nulls.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from ..compute.devices import check_device_name
from ..errors import UNPRINTABLE, ConfigError, named, nearest, shown, unknown
from ..proxies.votes import parse_proxies
from ..ranker.model_kinds import model_kinds
from ..ranker.train_settings import MODEL_PRESETS, OPTIMIZERS, PRESETS, TrainSettings, parse_widths
from ..search.base import STRATEGIES, SearchSettings
from ..search.rank_fitness import SCHEMES
from ..spaces.known import get_space
from ..store.files import is_file_name
from ..store.reading import UnreadableError, read_yaml
from ..tasks.names import task_name
from .audit_section import AuditSection

_LONGEST_LITERAL, _LONGEST_TEXT = 1000, 10_000  # characters
_HUGE = 1 << 63
_MOST = 1_000_000  # steps, look-ups, members: no search space has more than 15,625 cells


@dataclass(frozen=True)
class ArchLockSection:
    """The section ``archlock`` of a config; an empty string means "not given"."""

    # what to lock
    scheme: str = "tu"  # s (source only), tk (target known), tu (target unknown)
    target: str = ""  # task, or several with commas; in s and tu only reported on, by default all other tasks
    trade_off: float = 0.5  # the paper's lambda: how much a source rank weighs against a target rank (not in bayesian)
    source_budget_pct: float = 2.0  # source accuracy that may be given up, in % of the best seen
    source_queries: int = 200  # at most so many look-ups of source accuracy; 0: the ranker alone decides
    source_top_pct: float = 10.0  # without look-ups: only cells among the best so many % by source rank
    # how to search
    strategy: str = ""  # bayesian, evolution (the paper's), exhaustive; by default bayesian, evolution with a ranker
    screening: int = 20  # random cells that the ranker chooses a newcomer from
    opponents: int = 128  # cells that the ranker compares every cell with
    n_targets: int = 10  # simulated targets (tu)
    cosine: float = 0.9  # their cosine similarity to the source
    # where data is
    tables: str = ""  # folder of plain tables; by default NASLib's own files, or the embedded benchmark
    zero_cost: str = ""  # zc_<space>.json files with commas; by default those beside the tables, or NASLib's
    # own images, where dataset and target are folders
    image_size: int = 32  # pixels a side that images are brought to (a probe has a size of its own)
    max_images: int = 2000  # of a folder, drawn evenly from its classes
    skip_unreadable: bool = False  # leave out images that cannot be read
    train_top: int = 0  # train so many candidates on the source, in place of look-ups
    # the ranker
    ranker: str = ""  # a trained one; by default the one in the box where it may be used, else one is trained now
    embedding: str = ""  # proxies, task2vec, or a path to .npy files with {task} in it; by default the ranker's
    probe: str = "digits"  # of task2vec: the one in the box, resnet50, resnet34, or timm:NAME
    reference_cells: int = 64  # that the proxies embedding reads
    proxies: str = "nwot,jacov,params,flops,l2_norm,synflow"  # the voters, each NAME or NAME:WEIGHT
    train_tasks: str = ""  # only these; by default all that the scheme allows
    leave_out: str = ""  # tasks not to train on
    held_out_cells: float = 0.1  # share of the cells not to train on, to report the accuracy on
    preset: str = "default"  # or paper
    ranker_model: str = "mlp"  # the kind of its network: a file of ranker/models
    hidden: str = "128,64,32,16"  # widths of the network's layers
    ranker_optimizer: str = "adam"  # or sgd
    device: str = "auto"  # to train it (and audits) on: a GPU where there is one, else the CPU; or cpu, cuda:1

    def __post_init__(self) -> None:
        for name, known in (
            ("scheme", SCHEMES), ("preset", PRESETS), ("ranker_optimizer", OPTIMIZERS), ("ranker_model", model_kinds()),
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise unknown(f"archlock.{name}", getattr(self, name), known)
        for name, low, high in (
            ("trade_off", 0, 1e6), ("source_budget_pct", 0, 100), ("source_queries", 0, _MOST),
            ("source_top_pct", 0, 100), ("screening", 1, 870), ("opponents", 1, 870), ("n_targets", 1, 10_000),
            ("cosine", -1, 1), ("image_size", 8, 1024), ("max_images", 4, 1_000_000_000), ("train_top", 0, 870),
            ("reference_cells", 2, 4930), ("held_out_cells", 0, 0.9),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:  # not so for NaN either
                raise ConfigError(f"archlock.{name}={shown(getattr(self, name))} must lie in [{low}, {high}]")
        if self.strategy:
            self._check_strategy()
        parse_proxies(self.proxies)
        parse_widths("archlock.hidden", self.hidden)
        check_device_name(self.device)
        if self.scheme == "tk" and not self.target:
            raise ConfigError("archlock.scheme tk needs archlock.target: the task, or tasks, to lock out")

    def _check_strategy(self) -> None:
        if self.strategy not in STRATEGIES:
            raise unknown("archlock.strategy", self.strategy, STRATEGIES)
        if self.strategy == "bayesian" and self.source_queries == 0:
            raise ConfigError(
                "archlock.strategy bayesian learns from look-ups of source accuracy, but archlock.source_queries is 0; "
                "allow some, or choose evolution or exhaustive"
            )

    @property
    def targets(self) -> tuple[str, ...]:
        """The named targets."""
        return split_list(self.target)

    @property
    def trains_its_own_way(self) -> bool:
        """Whether a key about training a ranker was set, so that no ready one will do."""
        keys = ("tables", "zero_cost", "reference_cells", "proxies", "train_tasks", "leave_out", "held_out_cells",
                "preset", "ranker_model", "hidden", "ranker_optimizer")  # fmt: skip
        defaults = {f.name: f.default for f in fields(self)}
        return any(getattr(self, key) != defaults[key] for key in keys)

    @property
    def train_settings(self) -> TrainSettings:
        """How to train a ranker: the preset with the optimizer asked for."""
        return replace(PRESETS[self.preset], optimizer=self.ranker_optimizer)

    @property
    def model_settings(self) -> dict[str, Any]:
        """Settings of the ranker's network, in JSON types: those of the preset, and the layers if they were set.

        The kind of network has defaults for the others; it refuses a setting that it does not have.
        """
        settings = dict(MODEL_PRESETS[self.preset])
        if self.hidden != type(self).hidden:
            settings["hidden"] = list(parse_widths("archlock.hidden", self.hidden))
        return settings


@dataclass(frozen=True)
class NaslibSearchSection:
    """The keys of NASLib's section ``search`` that are used here."""

    epochs: int = 200  # steps: look-ups in bayesian; in evolution population_size newcomers, then children
    population_size: int = 10
    sample_size: int = 10
    checkpoint_freq: int = 1000

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if not 1 <= value <= _MOST:
                raise ConfigError(f"search.{f.name}={shown(value)} must be at least 1 and at most {_MOST}")


@dataclass(frozen=True)
class Config:
    """A checked configuration. ``dataset`` is the source task: one of a benchmark, or a folder of images."""

    seed: int = 0
    optimizer: str = "archlock"
    search_space: str = "nasbench201"
    dataset: str = "cifar10"
    out_dir: str = "run"
    search: NaslibSearchSection = field(default_factory=NaslibSearchSection)
    archlock: ArchLockSection = field(default_factory=ArchLockSection)
    audit: AuditSection = field(default_factory=AuditSection)

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:  # what NASLib can seed NumPy with
            raise ConfigError(f"seed={shown(self.seed)} must lie in [0, {2**32 - 1}]")
        get_space(self.search_space)
        if not is_file_name(self.optimizer):
            raise ConfigError(f"optimizer {self.optimizer!r} names an output folder: a plain name, without / or \\")
        if "\0" in self.dataset or not is_file_name(task_name(self.dataset)):
            raise ConfigError(f"dataset {self.dataset!r} names an output folder, and so needs a plain name of its own")
        if self.dataset in self.archlock.targets:
            raise ConfigError(
                f"archlock.target names {named(self.dataset)}, which is the source (dataset); name other tasks"
            )

    @property
    def search_settings(self) -> SearchSettings:
        """How to search."""
        return SearchSettings(
            self.search.population_size,
            self.search.sample_size,
            self.archlock.screening,
            # scheme S gives nothing up: of the cells looked up, it chooses the best on the source
            self.archlock.source_budget_pct if self.archlock.scheme != "s" else 0.0,
            self.archlock.source_top_pct,
        )

    @property
    def save(self) -> Path:
        """The run's folder, laid out as NASLib does."""
        parts = (self.search_space, task_name(self.dataset), self.optimizer, self.archlock.scheme, str(self.seed))
        return Path(self.out_dir).joinpath(*parts)

    def to_yaml(self) -> str:
        """The resolved configuration of a search, which ``load_config`` and NASLib read back."""
        of_search = {name: value for name, value in asdict(self).items() if name != "audit"}
        return yaml.safe_dump(of_search, sort_keys=False)


# Keys that NASLib's runners need in the same file. They mean nothing here, but a misspelt one is still caught.
_NASLIB_KEYS = (
    "config_id", "evaluation", "predictor", "experiment_type", "uniform_random", "test_size", "train_size_single",
    "train_size_list", "fidelity_single", "fidelity_list", "max_hpo_time", "hparams_from_file", "batch_size",
    "train_portion", "cutout", "cutout_length", "cutout_prob", "data_size", "num_workers", "gpu", "save",
    "eval_only", "resume", "model_path", "data", "save_arch_weights", "plot_arch_weights",
)  # fmt: skip
_NASLIB_SEARCH_KEYS = (
    "seed", "budgets", "fidelity", "predictor_type", "num_init", "k", "num_ensemble", "acq_fn_type",
    "acq_fn_optimization", "encoding_type", "num_arches_to_mutate", "max_mutations", "num_candidates", "batch_size",
    "data_size", "cutout", "cutout_length", "cutout_prob", "train_portion", "debug_predictor", "use_zc_api",
    "zc", "zc_names", "zc_only", "zc_ensemble", "load_labeled", "gpu", "learning_rate", "learning_rate_min", "momentum",
    "weight_decay", "grad_clip", "warm_start_epochs", "unrolled", "arch_learning_rate", "arch_weight_decay",
    "output_weights", "tau_max", "tau_min", "instantenous", "drop_path_prob",
)  # fmt: skip


def split_list(text: str) -> tuple[str, ...]:
    """The parts of a list with commas, without blanks."""
    return tuple(part.strip() for part in str(text).split(",") if part.strip())


def load_config(path: Path | None, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML file and apply ``KEY VALUE`` overrides; a key is ``name`` or ``section.name``.

    Raises: ConfigError: if the file is not YAML, a key is doubled or unknown (the nearest right one is named), or a
        value is of the wrong type or out of range.
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
    for key, value in zip(overrides[::2], overrides[1::2]):
        section, _, name = key.rpartition(".")
        place = raw.setdefault(section, {}) if section else raw
        if not isinstance(place, dict):
            raise ConfigError(f"{named(section)} is not a section, so {named(key)} cannot be set")
        literal = _literal(value)
        # a number stays as it was typed where text is wanted: out_dir 2024_01 is not 202401
        place[name] = value if _is_text(section, name) and isinstance(literal, (bool, int, float)) else literal
    return config_from(raw)


def _is_text(section: str, name: str) -> bool:
    """Whether a key holds text."""
    sections = {"": Config, "search": NaslibSearchSection, "archlock": ArchLockSection, "audit": AuditSection}
    return section in sections and any(f.name == name and f.type == "str" for f in fields(sections[section]))


def config_from(raw: Mapping[str, Any], strict: bool = True) -> Config:
    """Check a mapping, such as the config that NASLib's loader made.

    Args: strict: also refuse unknown keys outside the sections that are ours, which NASLib itself lets pass.
    Raises: ConfigError.
    """
    known = [f.name for f in fields(Config)]
    if strict:
        _check_keys(raw, known, _NASLIB_KEYS, "")
    values: dict[str, Any] = {name: raw[name] for name in known if name in raw}
    sections: tuple[tuple[str, type, Iterable[str]], ...] = (
        ("search", NaslibSearchSection, _NASLIB_SEARCH_KEYS),
        ("archlock", ArchLockSection, ()),
        ("audit", AuditSection, ()),
    )
    for section, cls, ignored in sections:
        content = values.pop(section, {})
        if not isinstance(content, Mapping):
            raise ConfigError(f"{section} must be a section with keys of its own, not {shown(content)}")
        names = [f.name for f in fields(cls)]
        if strict or section != "search":
            _check_keys(content, names, ignored, f"{section}.")
        values[section] = _build(cls, {n: content[n] for n in names if n in content}, f"{section}.")
    config: Config = _build(Config, values, "")
    return config


def _check_keys(raw: Mapping[str, Any], used: Iterable[str], ignored: Iterable[str], prefix: str) -> None:
    allowed = [*used, *ignored]
    for key in raw:
        if key not in allowed:
            hint = nearest(key, allowed) or f"; known: {', '.join(used)}"
            raise ConfigError(f"unknown key {prefix}{named(key)}{hint}")


def _build(cls: type, values: Mapping[str, Any], prefix: str) -> Any:
    """An instance with every value brought to its default's type."""
    defaults = cls()
    typed = {}
    for name, value in values.items():
        wanted = type(getattr(defaults, name))
        typed[name] = _brought_to(wanted, value)
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


def _brought_to(wanted: type, value: Any) -> Any:
    """A value in the type that is wanted, if it has one: an integer is also a float, text may be a list."""
    try:
        if wanted is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        if wanted is str and type(value) in (int, float):
            return str(value)
    except (OverflowError, ValueError):  # an integer of hundreds of digits
        return value
    if wanted is str and isinstance(value, (tuple, list)):
        parts = [part if isinstance(part, (tuple, list)) else _brought_to(str, part) for part in value]
        return ",".join(map(str, parts)) if all(isinstance(part, str) for part in parts) else value
    return value


def _literal(text: str) -> Any:
    """A number, boolean or string from the command line, never evaluated as code."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if len(text) > _LONGEST_LITERAL:
        return text
    try:
        with warnings.catch_warnings():  # Python warns of text that looks like unhappy code
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # the last two: of nested brackets
        return text
