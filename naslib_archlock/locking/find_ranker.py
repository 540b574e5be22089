"""The ranker of a search: the one that the configuration names, one in the box, or one that is trained now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import data
from ..compute.devices import find_device
from ..config.sections import Config
from ..errors import ConfigError, RankerError
from ..proxies.votes import Votes, parse_proxies
from ..proxies.zero_cost import ZeroCostScores
from ..spaces.known import DIGITS, get_space
from ..tasks.names import is_image_folder
from .knowledge import Knowledge, training_embeddings
from .schemes import get_scheme

if TYPE_CHECKING:
    from ..ranker.ranker import Ranker
    from ..ranker.training import Progress, TrainReport


def train_on_scores(
    config: Config,
    tables: Sequence[ZeroCostScores],
    left_out: Sequence[ZeroCostScores],
    progress: Progress | None,
    begin: Callable[[], Path] | None = None,
) -> tuple[Ranker, TrainReport]:
    """Train a ranker on the votes of ``tables``; ``left_out`` are only reported on.

    Args:
        begin: called when all has been read; returns the file for the state of the training. Others: as
            ``train_ranker`` takes.
    """
    from ..compute.versions import library_versions
    from ..ranker.ranker import RankerInfo
    from ..ranker.training import TrainingTask, train_ranker

    section = config.archlock
    voters = parse_proxies(section.proxies)
    for scores in (*tables, *left_out):
        if not any(proxy in scores.scores for proxy in voters):
            raise ConfigError(
                f"archlock.proxies: none of {', '.join(voters)} has scores of {scores.space.name} task {scores.task}; "
                f"it has {', '.join(scores.scores) or 'none'}"
            )
    if not tables:
        raise RankerError("no task is left to train the ranker on; give more zero-cost files, or leave fewer out")
    vectors, embedding_info = training_embeddings(config, [*tables, *left_out])
    info = RankerInfo(
        family=get_space(config.search_space).family,
        model=section.ranker_model,
        model_settings=section.model_settings,
        tasks=tuple(f"{t.space.name}/{t.task}" for t in tables),
        proxies=voters,
        versions=library_versions(),
        **embedding_info,
    )
    tasks = [
        TrainingTask(f"{t.space.name}/{t.task}", t.space, t.cells, vector, Votes.of(t, voters))
        for t, vector in zip((*tables, *left_out), vectors)
    ]
    return train_ranker(
        tasks[: len(tables)],
        info,
        section.train_settings,
        config.seed,
        tasks[len(tables) :],
        section.held_out_cells,
        progress,
        find_device(section.device),
        begin() if begin else None,
    )


def find_ranker(
    config: Config,
    knowledge: Knowledge,
    progress: Progress | None = None,
    begin: Callable[[], Path] | None = None,
) -> Ranker:
    """The ranker that the config names, else one in the box that may be used, else one that is trained now.

    Those in the box know Task2Vec embeddings of images, so they serve the digits tasks and folders of images; a config
    that says anything about training gets a ranker of its own. Raises: RankerError and what training raises.
    """
    from ..ranker.ranker import Ranker

    section = config.archlock
    if section.ranker:
        ranker = Ranker.load(Path(section.ranker))
        objection = knowledge.objection_to(ranker.info, f"the ranker {section.ranker}")
        if objection and get_scheme(section.scheme).locks:
            raise objection
        return ranker
    has_images = is_image_folder(config.dataset) or get_space(config.search_space).is_embedded
    if has_images and not section.trains_its_own_way and section.embedding in ("", "task2vec"):
        for ranker in rankers_in_the_box():
            if not ranker.seen_among(knowledge.hidden) and not knowledge.objection_to(ranker.info, "the package"):
                return ranker
    if is_image_folder(config.dataset) and not section.zero_cost:
        raise RankerError(
            "none of the rankers in the box may be used here, and a folder of images has no zero-cost scores to train "
            "one on: compute some with 'archlock proxies' and name the file with archlock.zero_cost"
        )
    return train_on_scores(config, *knowledge.training_tables(), progress, begin)[0]


def rankers_in_the_box() -> Iterator[Ranker]:
    """The rankers that come with the package: of all digits tasks, and of all but one for each of them."""
    from ..ranker.ranker import Ranker

    for name in box_names():
        yield Ranker.load(data.checked_path(name))


def box_names() -> list[str]:
    """Their files in the package's data."""
    return ["rankers/all.safetensors", *(f"rankers/without-{task}.safetensors" for task in DIGITS.tasks)]
