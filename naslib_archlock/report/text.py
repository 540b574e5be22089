"""A result as text."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ..compute.intervals import difference_interval
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace

_WIDTH = 100
HOW_TO_READ = "Rank percentiles, by validation: 100 is the best architecture of the space on that task, 0 the worst."
INTERVALS = "In brackets: 95% intervals, from the number of images that each figure was measured on."


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells in aligned columns, the first one to the left and the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths)))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def summary(result: Mapping[str, Any], space: SearchSpace, meaning: str) -> str:
    """A finished run as text.

    Args:
        result: What ``pipeline.finish`` returned, with the run's ``pipeline.timings`` where they are known.
        space: The search space of the run.
        meaning: What the figures of its benchmark mean (``Benchmark.meaning``).
    """
    arch: Cell = tuple(result["cell"])
    costs = [f"{result['source_queries']} source look-ups"] if result["source_queries"] else []
    if result["target_queries"]:
        costs.append(f"{result['target_queries']} target look-ups")
    if "seconds" in result:
        costs.append(f"search {result['seconds']:.2f} s, preparation {result['seconds_preparation']:.2f} s")
    parts = [
        f"{result['search_space']}, source {result['source']}, scheme {result['scheme']}, seed {result['seed']}",
        textwrap.indent(space.draw(arch), "  "),
        f"  {result['arch']}   (canonical {arch})",
        *(
            _measured(result, meaning)
            if result["source_val"] is not None
            else [textwrap.fill(estimated(result), _WIDTH)]
        ),
        *(["; ".join(costs)] if costs else []),
        *(textwrap.fill(f"Note: {note}.", _WIDTH) for note in result["notes"]),
    ]
    return "\n".join(parts)


def _measured(result: Mapping[str, Any], meaning: str) -> list[str]:
    """All figures of a run whose networks were measured."""
    rows, notes = measured_rows(result), [textwrap.fill(meaning, _WIDTH)]
    fine_tuned = [table(some) for some in [fine_tuned_rows(result)] if some]
    if "intervals" in result:  # with intervals, the columns of several tasks do not fit a line
        return [table([list(row) for row in zip(*rows)]), INTERVALS, *fine_tuned, *notes]
    percentiles = percentile_rows(result)
    return [table(rows), *fine_tuned, *([table(percentiles), HOW_TO_READ] if percentiles else []), *notes]


def measured_rows(result: Mapping[str, Any]) -> list[list[str]]:
    """Accuracies, a column for each task and split, beside those of the architecture that scheme S finds."""
    targets = list(result["targets"])
    found, reference = _values(result, targets), _values(result["s"], targets)
    of_found, of_reference = _intervals(result, targets), _intervals(result["s"], targets)
    columns = [f"{result['source']} val", f"{result['source']} test", *(f"{task} test" for task in targets)]
    differences = [
        _number(x - y, x, sign="+") + _brackets(difference_interval(x, y, a, b) if a and b else None)
        for x, y, a, b in zip(found, reference, of_found, of_reference)
    ]
    return [
        ["", *columns],
        [f"found ({result['scheme']})", *(_number(x, x) + _brackets(a) for x, a in zip(found, of_found))],
        ["scheme S finds", *(_number(x, x) + _brackets(a) for x, a in zip(reference, of_reference))],
        ["difference", *differences],
    ]


def fine_tuned_rows(result: Mapping[str, Any]) -> list[list[str]]:
    """The figures of networks that were trained on the source first, where the search looked these up; else none."""
    if "fine_tuned" not in result:
        return []
    found, reference = result["fine_tuned"], result["s"]["fine_tuned"]
    return [
        [f"trained on {result['source']}, then on", *(f"{task} test" for task in found)],
        [f"found ({result['scheme']})", *(_number(x, x) for x in found.values())],
        ["scheme S finds", *(_number(x, x) for x in reference.values())],
        ["difference", *(_number(found[task] - reference[task], found[task], sign="+") for task in found)],
    ]


def percentile_rows(result: Mapping[str, Any]) -> list[list[str]]:
    """The paper's metric, by validation accuracy, where the benchmark knows every architecture; else none."""
    if result.get("source_percentile") is None:
        return []
    targets, reference = list(result["target_percentiles"]), result["s"]
    falls, limits = result["percentile_falls"], [result["limit_percentiles"][task] for task in targets]
    over_targets = []
    if len(targets) > 1:  # a lock for one target may be none for another
        over_targets = ["mean of targets", "worst target"]
        limits += [result["limit_mean_percentile"], result["limit_worst_percentile"]]
    blank = [""] * len(over_targets)
    return [
        ["rank percentile", result["source"], *targets, *over_targets],
        [f"found ({result['scheme']})", *(f"{x:.1f}" for x in _position(result, targets))],
        ["scheme S finds", *(f"{x:.1f}" for x in _position(reference, targets))],
        ["fall against S", "", *("-" if falls[task] is None else f"{falls[task]:.1f}%" for task in targets), *blank],
        ["lowest possible", "", *(f"{limit:.1f}" for limit in limits)],
    ]


def _position(result: Mapping[str, Any], targets: Sequence[str]) -> list[float]:
    """The percentile on the source and on each target; of several targets, also their mean and the highest."""
    over_targets = [result["mean_target_percentile"], result["worst_target_percentile"]] if len(targets) > 1 else []
    return [result["source_percentile"], *(result["target_percentiles"][task] for task in targets), *over_targets]


def estimated(result: Mapping[str, Any]) -> str:
    """The ranker's estimate, for a run that trained no network."""
    return (
        f"By the ranker, it is number {result['source_position']} of {result['n_distinct']} on {result['source']} "
        f"(what scheme S finds: {result['s']['source_position']}). No table holds accuracies of these images, and no "
        "network was trained, as archlock.source_queries is 0: with archlock.source_queries 20, the search trains "
        "networks, chooses within the source budget, and measures the result."
    )


def _values(result: Mapping[str, Any], targets: Sequence[str]) -> list[float]:
    return [result["source_val"], result["source_test"], *(result["targets"][task] for task in targets)]


def _intervals(result: Mapping[str, Any], targets: Sequence[str]) -> list[Sequence[float] | None]:
    """The interval of each figure; None where it is not known on how many images it was measured."""
    found = result.get("intervals")
    if not found:
        return [None] * (2 + len(targets))
    return [found["source_val"], found["source_test"], *(found["targets"][task] for task in targets)]


def _brackets(interval: Sequence[float] | None) -> str:
    return f" [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else ""


def _number(value: float, scale: float, sign: str = "") -> str:
    """Two decimals for percentages, four where the figures themselves are small (SSIM, losses)."""
    return f"{value:{sign}.{4 if abs(scale) < 2 else 2}f}"
