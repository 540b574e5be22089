"""The architectures that the methods of a study chose at one task pair, as a table and as drawings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from ..errors import CellError, StudyError
from ..spaces.cells import Cell
from ..spaces.known import get_space
from ..spaces.space import SearchSpace
from .architecture import Panel, architecture_figure
from .pictures import svg
from .tables import choices_table

_PAIR = ["source", "target"]


@dataclass(frozen=True)
class Drawing:
    """One architecture, drawn: the methods that chose it, and the same in words for who does not see it."""

    methods: str
    in_words: str
    svg: bytes


@dataclass(frozen=True)
class Choices:
    """What each method chose at one task pair.

    Attributes:
        caption: which pair, and what is shown of it.
        table: a row a method, as text.
        figure: the different architectures side by side.
        drawings: the same one by one, because a phone has no room for several side by side.
    """

    caption: str
    table: pd.DataFrame
    figure: Figure
    drawings: list[Drawing]


def study_choices(rows: pd.DataFrame, pairs: pd.DataFrame) -> Choices:
    """What the methods chose at the typical pair of one space and source budget.

    Args:
        rows: of the frame of ``study_results``.
        pairs: of ``Statistics.pairs``.
    Raises:
        StudyError: if the results name an architecture that the space does not have.
    """
    source, target = typical_pair(pairs)
    space = get_space(rows["space"].iloc[0])
    here = rows[(rows["source"] == source) & (rows["target"] == target)]
    chosen = choices(here, pairs["method"].unique(), space)
    panels = [Panel(", ".join(same["method"]), same["cell"].iloc[0]) for _, same in chosen.groupby("arch", sort=False)]
    return Choices(
        caption=f"What each method chose for the source {source} and the target {target}, with most of its seeds. Of "
        "all task pairs, this one has the median lock score, as the mean over methods.",
        table=choices_table(chosen),
        figure=architecture_figure(space, panels),
        drawings=[
            Drawing(
                panel.title, _in_words(space, panel.arch), svg(architecture_figure(space, [panel._replace(title="")]))
            )
            for panel in panels
        ],
    )


def typical_pair(pairs: pd.DataFrame) -> tuple[str, str]:
    """The source and target whose lock score, the mean over methods, is the median of all pairs."""
    means = pairs.groupby(_PAIR)["lock_score"].mean().sort_values(kind="stable")
    source, target = means.index[(len(means) - 1) // 2]
    return str(source), str(target)


def choices(rows: pd.DataFrame, methods: Iterable[str], space: SearchSpace) -> pd.DataFrame:
    """The architecture that most seeds of each method chose; of several, the one of the lowest seed.

    Args:
        rows: of the frame of ``study_results``, of one pair and budget.
        methods: the order to list them in; one without a row here is left out.
    Returns:
        columns method, arch, cell (its codes), in_words, n_same (seeds that chose it), n_seeds, lock_score,
        is_within_budget, source_test, target_test.
    """
    found = []
    for method in methods:
        here = rows[rows["method"] == method].sort_values("seed")
        if here.empty:
            continue
        times = here["arch"].map(here["arch"].value_counts())
        first = here.loc[times.idxmax()]
        cell = _cell(space, first["arch"])
        found.append(
            {
                **first[["method", "arch", "lock_score", "is_within_budget", "source_test", "target_test"]],
                "cell": cell,
                "in_words": _in_words(space, cell),
                "n_same": int(times.max()),
                "n_seeds": len(here),
            }
        )
    return pd.DataFrame(found)


def _cell(space: SearchSpace, arch: str) -> Cell:
    """Raises: StudyError: if the space does not have the architecture."""
    try:
        return space.from_str(arch)
    except CellError as err:
        raise StudyError(f"the results name an architecture that {space.name} does not have: {err}") from err


def _in_words(space: SearchSpace, cell: Cell) -> str:
    return "; ".join(space.draw(cell).splitlines())
