"""The names of tasks and of their splits. A config names a task of a benchmark, or the path of a folder of images."""

from __future__ import annotations

import os.path
import re
import unicodedata
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from ..errors import ConfigError
from ..spaces.known import SPACES

SPLITS = ("train", "val", "test")

SUBSET_MARK = "~"  # a task that is sampled from the classes of another task is called NAME~CLASSES

_KNOWN = frozenset(task for space in SPACES.values() for task in space.tasks)

_SEPARATORS = re.compile(r"[\s._-]+")
_SPLIT_WORDS = frozenset(("train", "training", "val", "valid", "validation", "dev", "test", "testing"))

# Task of a published benchmark -> its other spellings; all are in lower case and without separators.
_SPELLINGS = {
    "cifar10": ("cifar10train", "cifar10val", "cifar10valid"),
    "imagenet16120": ("imagenet16", "imgnet16", "imgnet16120"),
    "ninapro": ("ninaprodb5",),
    "scifar100": ("sphericalcifar100",),
    "svhn": (),
    "classscene": ("clsscene", "sceneclass", "sceneclassification", "classplaces"),
    "classobject": ("clsobject", "objectclass", "objectclassification"),
    "jigsaw": ("jigsawpuzzle",),
    "segmentsemantic": ("segsemantic", "semseg", "semanticsegment", "semanticseg", "semanticsegmentation"),
    "normal": ("normals", "surfacenormal", "surfacenormals"),
    "autoencoder": ("autoencode", "autoencoding"),
}
_N_CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet16120": 120, "ninapro": 18, "svhn": 10}
_PUBLISHED = {
    **{spelling: key for key, spellings in _SPELLINGS.items() for spelling in (key, *spellings)},
    **{key: key for key in (_SEPARATORS.sub("", task.casefold()) for task in _KNOWN)},
}


def is_image_folder(task: str) -> bool:
    """Whether a config means a folder of images by ``task``.

    It does if ``task`` is a path, or the name of a folder in the working directory and of no benchmark's task.
    """
    return os.sep in task or "/" in task or (task not in _KNOWN and task != "" and os.path.isdir(task))


def warn_of_folder(task: str) -> None:
    """Warn if a name that means a benchmark's task is that of a folder in the working directory, too."""
    if not is_image_folder(task) and os.path.isdir(task):
        warnings.warn(
            f"{task} means the task of a benchmark here, not the folder of that name; write ./{task} for the folder",
            stacklevel=1,  # the same place from wherever it is called, so that it is said once
        )


def whole_task(name: str) -> str:
    """The name of the task that a task was sampled from, or its own name.

    Both share data, so a search that must not see one of them must not see the other.
    """
    return name.partition(SUBSET_MARK)[0]


def task_name(task: str) -> str:
    """The name of a task in results and file names: for a folder, its own name without the path to it."""
    return os.path.basename(os.path.realpath(task)) if is_image_folder(task) else task


@lru_cache(maxsize=10_000)
def task_key(name: str) -> str:
    """What all names of one task have in common, so that two names are compared by it and never as they are.

    Neither upper case, separators and the form of Unicode count, nor the name of a split at the end: ``CIFAR-10`` and
    ``cifar10-valid`` are ``cifar10``. Tasks of published benchmarks have further spellings (``_SPELLINGS``). What a
    name says of the classes that a task was sampled from is kept as it is.
    """
    whole, mark, classes = name.partition(SUBSET_MARK)
    words = [word for word in _SEPARATORS.split(unicodedata.normalize("NFKC", whole).casefold()) if word]
    while len(words) > 1 and words[-1] in _SPLIT_WORDS:
        words.pop()
    return (_PUBLISHED.get("".join(words)) or "-".join(words) or whole) + mark + classes


def is_published(name: str) -> bool:
    """Whether a name is that of a task of a published benchmark; two such names mean one task or surely two."""
    return whole_task(task_key(name)) in _PUBLISHED


def n_published_classes(name: str) -> int:
    """The number of classes of a published data set of images; 0 if it is not known."""
    return _N_CLASSES.get(task_key(name), 0)


def same_task(name: str, names: Iterable[str]) -> str | None:
    """The first of ``names`` that means the same task as ``name``, or None."""
    return next((other for other in names if task_key(other) == task_key(name)), None)


class HiddenTasks(Collection[str]):
    """Tasks whose data must not be seen. Every name is in it that means data of one of them.

    Such a name means the same task, the task that it was sampled from, or another sample of that.
    """

    def __init__(self, names: Iterable[str], source: str = "") -> None:
        """Hide tasks.

        Args:
            names: the names of the tasks.
            source: the name of the task that is never hidden, because the owner has its data.
        """
        self._names = tuple(names)
        self._data = {whole_task(task_key(name)) for name in self._names}
        self._source = task_key(source)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        key = task_key(name)
        return key != self._source and whole_task(key) in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def check_names(tasks: Sequence[str]) -> None:
    """Check that no two tasks go by one name, under which their results and files would be one, too.

    Args:
        tasks: names of tasks, and paths of folders.
    Raises:
        ConfigError: if two do.
    """
    first: dict[str, str] = {}
    for task in tasks:
        key = task_key(task_name(task))
        if key in first:
            raise ConfigError(
                f"{first[key]} and {task} go by the same name, {task_name(task)}; leave one out, or rename a folder"
            )
        first[key] = task
