"""What a search, or the training of a ranker, may know of tasks: zero-cost scores, images, and embeddings of both.

A ``Knowledge`` reads nothing of the tasks that are hidden from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import data
from ..benchmarks.naslib_provider import naslib
from ..compute.seeding import stream
from ..config.keys import split_list
from ..config.sections import Config
from ..embedding.embedding_file import PLACEHOLDER, read_with_note
from ..embedding.proxy_embedding import ProxyEmbedding, choose_reference, shared_proxies
from ..errors import ConfigError, EmbeddingError, TableError, unknown
from ..proxies.zero_cost import ZeroCostScores, find_zero_cost, read_zero_cost, zero_cost_file_name
from ..spaces.known import SPACES, get_space
from ..spaces.space import SearchSpace
from ..tasks.names import is_image_folder, task_name, whole_task

if TYPE_CHECKING:
    from ..ranker.ranker import RankerInfo
    from ..tasks.labelled_images import LabelledImages


class Knowledge:
    """The zero-cost scores, images and embeddings that a scheme allows, read when first asked for."""

    def __init__(self, config: Config, hidden: Sequence[str] = ()) -> None:
        """Read nothing yet.

        Args:
            config: names the files.
            hidden: names of tasks whose scores, images and embeddings must not be read at all.
        """
        self._config = config
        self.hidden = tuple(hidden)

    # -- zero-cost scores ----------------------------------------------------------------------------------------------

    @cached_property
    def tables(self) -> list[ZeroCostScores]:
        """Zero-cost scores of every task that is not hidden."""
        return [
            scores
            for path in zero_cost_files(self._config)
            for scores in read_zero_cost(path, _space_of_file(path), self.hidden).values()
        ]

    def training_tables(self) -> tuple[list[ZeroCostScores], list[ZeroCostScores]]:
        """The tables to train a ranker on, by ``train_tasks`` and ``leave_out``, and those left out.

        With a task, those sampled from it are left out.
        """
        known = [t.task for t in self.tables]
        wanted = split_list(self._config.archlock.train_tasks) or tuple(known)
        left_out = split_list(self._config.archlock.leave_out)
        for task in (*wanted, *(t for t in left_out if t not in self.hidden)):
            if task in self.hidden:
                raise ConfigError(f"archlock.train_tasks names {task}, a target, which this scheme must not see")
            if task not in known:
                raise unknown("task", task, known, "zero-cost files")
        is_left_out = [t.task in left_out or whole_task(t.task) in left_out for t in self.tables]
        chosen = [t for t, out in zip(self.tables, is_left_out) if t.task in wanted and not out]
        return chosen, [t for t, out in zip(self.tables, is_left_out) if out]

    # -- embeddings ----------------------------------------------------------------------------------------------------

    def embedding(self, task: str, info: RankerInfo) -> np.ndarray:
        """The embedding of a task, made as the ranker was trained with.

        Raises:
            EmbeddingError, UnknownNameError.
            ConfigError: if the config asks for another kind of embedding.
        """
        kind = self._config.archlock.embedding or info.embedding
        if (kind == "proxies") != (info.embedding == "proxies"):
            raise ConfigError(
                f"this ranker was trained with embedding {info.embedding}: leave archlock.embedding empty"
                + (", or set it to .npy files" if info.embedding != "proxies" else "")
            )
        if kind == "proxies":
            tables = {t.task: t for t in self.tables if t.space.name == self._config.search_space}
            if task_name(task) not in tables:
                raise unknown("task", task_name(task), tables, f"zero-cost files of {self._config.search_space}")
            return ProxyEmbedding(info.embedding_proxies, info.reference_cells).embed(tables[task_name(task)])
        if kind == "file":
            raise ConfigError("this ranker was trained with embeddings from files: set archlock.embedding to them")
        vector, made_by = task_vector(self._config, kind, task, get_space(self._config.search_space))
        if len(vector) != info.embedding_dim:
            raise EmbeddingError(
                f"embedding of task {task!r}: it has {len(vector)} numbers, but this ranker was trained with "
                f"{info.embedding_dim}; use the probe network (archlock.probe) or the files it was trained with"
            )
        _check_method(task, made_by, info)
        return vector


def training_embeddings(config: Config, tables: Sequence[ZeroCostScores]) -> tuple[list[np.ndarray], dict[str, Any]]:
    """The embedding of the task of each table, and the fields of ``RankerInfo`` that say how they were made."""
    kind = config.archlock.embedding or "proxies"
    if kind == "proxies":
        reference = choose_reference(tables, config.archlock.reference_cells, stream(config.seed, "reference"))
        embedding = ProxyEmbedding(shared_proxies(tables), reference)
        made_from = {"embedding_proxies": embedding.proxies, "reference_cells": embedding.reference}
        vectors = [embedding.embed(t) for t in tables]
        return vectors, {"embedding": "proxies", "embedding_dim": embedding.dim, **made_from}
    if kind != "task2vec" and PLACEHOLDER not in kind and len(tables) > 1:
        raise ConfigError(
            f"archlock.embedding {kind} names one file for {len(tables)} tasks, so a ranker could not tell them apart: "
            "put {task} into it"
        )
    found = [task_vector(config, kind, t.task, t.space) for t in tables]
    vectors, notes = [vector for vector, _ in found], [note for _, note in found]
    sizes = {len(vector) for vector in vectors}
    if len(sizes) > 1:
        raise ConfigError(f"the embeddings {kind} differ in size: {sorted(sizes)}")
    for table, note in zip(tables, notes):
        if note != notes[0]:
            raise EmbeddingError(
                f"the embeddings {kind} were made in different ways: that of {tables[0].task} by {_way(notes[0])}, "
                f"that of {table.task} by {_way(note)}; make all of them with one method and probe ('archlock embed')"
            )
    about = {"embedding": "task2vec" if kind == "task2vec" else "file", "embedding_dim": sizes.pop()}
    return vectors, {**about, "embedding_made_by": notes[0]}


def _check_method(task: str, made_by: Mapping[str, str], info: RankerInfo) -> None:
    """Check that an embedding was made as those that a ranker was trained on, as far as both are known.

    Raises:
        EmbeddingError: if it was not.
    """
    # rankers of Task2Vec that were trained before this was noted know the only method there was
    wanted = info.embedding_made_by or ({"method": "montecarlo"} if info.embedding == "task2vec" else {})
    if made_by and any(made_by.get(key) != value for key, value in wanted.items()):
        raise EmbeddingError(
            f"embedding of task {task_name(task)!r}: it was made by {_way(made_by)}, but this ranker was trained on "
            f"those of {_way(wanted)}; make it again in that way ('archlock embed'), or train a ranker on such ones"
        )


def _way(made_by: Mapping[str, str]) -> str:
    """How an embedding was made, for a message; a probe's weights are told by the start of their digest."""
    return ", ".join(f"{key} {value[:24]}" for key, value in made_by.items()) or "an unknown method"


def task_vector(config: Config, kind: str, task: str, space: SearchSpace) -> tuple[np.ndarray, dict[str, str]]:
    """The embedding of a task, and how it was made, where that is known.

    It is Task2Vec of the task's images if ``kind`` is ``task2vec``, else what the file that ``kind`` names holds.
    """
    if kind != "task2vec":
        return read_with_note(kind, task_name(task))
    from ..embedding.probes import load_probe
    from ..embedding.task2vec import Task2VecSettings, cached_task2vec, made_by, ranker_input

    settings = Task2VecSettings(probe=config.archlock.probe)
    size = max(load_probe(settings.probe).size)
    return ranker_input(cached_task2vec(task_images(config, task, space, size), settings).vector), made_by(settings)


def task_images(config: Config, task: str, space: SearchSpace, size: int) -> LabelledImages:
    """The training images of a digits task, or all of a folder at ``size`` pixels a side.

    Raises:
        ImageError.
        ConfigError: for a task of another benchmark, whose images this package does not have.
    """
    if not is_image_folder(task) and not space.is_embedded:
        raise ConfigError(
            f"Task2Vec needs images, and those of {space.name} task {task!r} do not come with its benchmark: give a "
            "folder of images as dataset or archlock.target, or embeddings that 'archlock embed' wrote as "
            "archlock.embedding"
        )
    from ..tasks.read import read_task

    section = config.archlock
    return read_task(task, size, section.max_images, config.seed, section.skip_unreadable)


def zero_cost_files(config: Config) -> list[Path]:
    """The zero-cost files to read: the named files, or the files of the search space's family beside the tables.

    Raises: TableError: if there are none.
    """
    if config.archlock.zero_cost:
        return [Path(part) for part in split_list(config.archlock.zero_cost)]
    space = get_space(config.search_space)
    if space.is_embedded and not config.archlock.tables:
        return [data.checked_path(f"{zero_cost_file_name(space)}.gz")]
    folder = Path(config.archlock.tables) if config.archlock.tables else naslib().data_folder()
    found = [find_zero_cost(folder, other) for other in SPACES.values() if other.family == space.family]
    paths = [path for path in found if path is not None]
    if not paths:
        raise TableError(
            f"no zero-cost file such as {zero_cost_file_name(space)} in {folder}; name one "
            "with archlock.zero_cost, or a trained ranker and embeddings with archlock.ranker and archlock.embedding"
        )
    return paths


def _space_of_file(path: Path) -> SearchSpace:
    for space in SPACES.values():
        if path.name in (zero_cost_file_name(space), f"{zero_cost_file_name(space)}.gz"):
            return space
    raise unknown("zero-cost file", path.name, [zero_cost_file_name(s) for s in SPACES.values()])
