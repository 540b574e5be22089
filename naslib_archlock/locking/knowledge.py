"""The data on tasks that a search, or the training of a ranker, may use: zero-cost scores, images and embeddings.

A ``Knowledge`` reads nothing that belongs to a hidden task.

The vectors of this module:

* ``vector``, ``e``: the embedding of one task; all tasks of a ranker share the length ``e``, its ``embedding_dim``.
  With embedding ``proxies``, ``e`` is the number of proxies times the number of reference cells; with ``task2vec``,
  the number of filters of the probe network; with ``file``, the length of the vectors in the files;
* ``vectors``: a list with the embedding of each training table, in the order of ``tables``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from ..proxies.zero_cost import ZeroCostFile, ZeroCostScores, find_zero_cost, zero_cost_file_name
from ..spaces.known import SPACES, get_space
from ..spaces.space import SearchSpace
from ..tasks.names import HiddenTasks, is_image_folder, task_key, task_name, whole_task
from .strangers import refusal, strange_to, strangers_among

if TYPE_CHECKING:
    from ..ranker.ranker import RankerInfo
    from ..tasks.labelled_images import LabelledImages


class Knowledge:
    """The zero-cost scores and embeddings that a scheme allows; files are read when first asked for."""

    def __init__(
        self, config: Config, hidden: Sequence[str] = (), benchmark_tasks: Sequence[str] | None = None
    ) -> None:
        """Read nothing yet.

        Args:
            config: the configuration, which names the files.
            hidden: the names of the tasks whose scores, images and embeddings must not be read.
            benchmark_tasks: all tasks of the benchmark; None if its names are those of folders of images, which are
                also the names that ``archlock proxies`` writes.
        """
        self._config = config
        self._benchmark_tasks = benchmark_tasks
        self.hidden = HiddenTasks(hidden, task_name(config.dataset))

    # -- zero-cost scores ----------------------------------------------------------------------------------------------

    @cached_property
    def _files(self) -> list[tuple[ZeroCostFile, list[ZeroCostScores]]]:
        """The zero-cost files, and the scores of those tasks of each that are not hidden."""
        files = [ZeroCostFile(path, _space_of_file(path)) for path in zero_cost_files(self._config)]
        found = [(file, [file.scores(task) for task in file.tasks if task not in self.hidden]) for file in files]
        _check_no_doubles(found)
        return found

    @property
    def tables(self) -> list[ZeroCostScores]:
        """Zero-cost scores of every task that is not hidden."""
        return [scores for _, of_file in self._files for scores in of_file]

    def scores_of(self, task: str) -> ZeroCostScores | None:
        """The zero-cost scores of a task in the search space, or None if there are none or they are hidden."""
        key, space = task_key(task_name(task)), self._config.search_space
        return next((t for t in self.tables if t.space.name == space and task_key(t.task) == key), None)

    def training_tables(self) -> tuple[list[ZeroCostScores], list[ZeroCostScores]]:
        """The tables to train a ranker on, and the tables that are left out; ``train_tasks`` and ``leave_out`` decide.

        If a task is left out, so are all tasks that were sampled from it.

        Raises:
            ConfigError: if a hidden task is named, or may be among the tables under a name that nobody can match.
            UnknownNameError: if no file has a named task.
        """
        section, tables = self._config.archlock, self.tables
        named, left_out = split_list(section.train_tasks), split_list(section.leave_out)
        keys = {task_key(t.task) for t in tables}
        for task in (*named, *(t for t in left_out if t not in self.hidden)):
            if task in self.hidden:
                raise ConfigError(f"archlock.train_tasks names {task}, a target, which this scheme must not see")
            if task_key(task) not in keys:
                raise unknown("task", task, [t.task for t in tables], "zero-cost files")
        wanted, unwanted = {task_key(t) for t in named} or keys, {task_key(t) for t in left_out}
        is_left_out = [bool({key, whole_task(key)} & unwanted) for key in (task_key(t.task) for t in tables)]
        chosen = [t for t, out in zip(tables, is_left_out) if task_key(t.task) in wanted and not out]
        self.check_named(self.hidden, chosen)
        return chosen, [t for t, out in zip(tables, is_left_out) if out]

    def check_named(self, targets: Iterable[str], tables: Sequence[ZeroCostScores]) -> None:
        """Check that no target can be among the tables under another name.

        Raises:
            ConfigError: if no file has a target, and the benchmark lacks one of the tables.
        """
        held = [name for file, _ in self._files for name in file.tasks]
        missing = [target for target in targets if not any(name in HiddenTasks([target]) for name in held)]
        strangers = self._strangers((t.space.name, t.task) for t in tables)
        if missing and strangers:
            paths = " or ".join(str(file.path) for file, _ in self._files)
            raise refusal(missing, strangers, paths, self._config.search_space)

    def objection_to(self, info: RankerInfo, where: str) -> ConfigError | None:
        """The error for a ranker that may have seen a hidden task under another name, or None.

        It may have if the benchmark lacks a task that the ranker was trained on, unless the name of the hidden task
        says that it is another one, or the training left the hidden task out.

        Args:
            info: says what the ranker was trained on.
            where: what the message calls the ranker.
        """
        left_out = [name.partition("/")[2] for name in info.accuracy.get("left_out_tasks", ())]
        strangers = self._strangers((name.partition("/")[0], name.partition("/")[2]) for name in info.tasks)
        for target in self.hidden:
            doubtful = strange_to(target, strangers)
            if doubtful and not any(name in HiddenTasks([target]) for name in left_out):
                return refusal([target], doubtful, where, self._config.search_space)
        return None

    def _strangers(self, tasks: Iterable[tuple[str, str]]) -> list[str]:
        """The tasks that neither the benchmark has nor ``train_tasks`` names. Args: tasks: space and name of each."""
        if self._benchmark_tasks is None:
            return []
        known = (*self._benchmark_tasks, *split_list(self._config.archlock.train_tasks))
        return strangers_among(tasks, self._config.search_space, known)

    # -- embeddings ----------------------------------------------------------------------------------------------------

    def embedding(self, task: str, info: RankerInfo) -> np.ndarray:
        """The embedding of a task, computed as in the training of the ranker; ``e`` float64.

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
            scores, space = self.scores_of(task), self._config.search_space
            if scores is None:
                known = [t.task for t in self.tables if t.space.name == space]
                raise unknown("task", task_name(task), known, f"zero-cost files of {space}")
            return ProxyEmbedding(info.embedding_proxies, info.reference_cells).embed(scores)
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
    """The embedding of each table's task, and the fields of ``RankerInfo`` that say how they were computed."""
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
    from ..embedding.task2vec import Task2VecSettings, cached_task2vec, made_by, probe_of, ranker_input

    settings = Task2VecSettings(config.archlock.probe, config.archlock.probe_weights)
    size = max(probe_of(settings).size)
    return ranker_input(cached_task2vec(task_images(config, task, space, size), settings).vector), made_by(settings)


def task_images(config: Config, task: str, space: SearchSpace, size: int) -> LabelledImages:
    """The training images of a digits task, or all images of a folder, at ``size`` pixels a side.

    Raises:
        ImageError.
        ConfigError: for a task of another benchmark, because this package does not have its images.
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
    """The zero-cost files to read: the named files, or else the files of the search space's family beside the tables.

    Raises: TableError: if there are none.
    """
    if config.archlock.zero_cost:
        return [Path(part) for part in split_list(config.archlock.zero_cost)]
    space = get_space(config.search_space)
    if space.is_embedded and not config.archlock.tables:
        packed = f"{zero_cost_file_name(space)}.gz"
        return [data.checked_path(packed)] if packed in data.published() else []
    folder = Path(config.archlock.tables) if config.archlock.tables else naslib().data_folder()
    found = [find_zero_cost(folder, other) for other in SPACES.values() if other.family == space.family]
    paths = [path for path in found if path is not None]
    if not paths:
        raise TableError(
            f"no zero-cost file such as {zero_cost_file_name(space)} in {folder}; name one "
            "with archlock.zero_cost, or a trained ranker and embeddings with archlock.ranker and archlock.embedding"
        )
    return paths


def _check_no_doubles(files: Sequence[tuple[ZeroCostFile, list[ZeroCostScores]]]) -> None:
    """Raises: TableError: if two sets of scores are of one task and one search space."""
    first: dict[tuple[str, str], str] = {}
    for file, of_file in files:
        for scores in of_file:
            here, key = f"{scores.task} in {file.path}", (scores.space.name, task_key(scores.task))
            if key in first:
                raise TableError(
                    f"two sets of zero-cost scores of {scores.space.name} are of one task: {first[key]}, and {here}; "
                    "leave one out, or rename the task if it is another one"
                )
            first[key] = here


def _space_of_file(path: Path) -> SearchSpace:
    for space in SPACES.values():
        if path.name in (zero_cost_file_name(space), f"{zero_cost_file_name(space)}.gz"):
            return space
    raise unknown("zero-cost file", path.name, [zero_cost_file_name(s) for s in SPACES.values()])
