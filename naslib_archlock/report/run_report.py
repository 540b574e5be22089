"""What the page of one run says: words, tables of text, drawings and charts."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..audit.attacked_cells import FOUND, RANDOM, S
from ..audit.audit_results import IMAGES, TRANSFER, along
from ..benchmarks.benchmark import Benchmark
from ..benchmarks.source_oracle import budget_floor
from ..compute.intervals import difference_interval
from ..locking.schemes import get_scheme
from ..spaces.cells import Cell
from ..spaces.known import get_space
from ..spaces.metrics import TOP_1
from ..spaces.space import SearchSpace
from ..tasks.names import is_image_folder, n_published_classes
from .architecture import Panel, architecture_figure
from .audit_report import BUDGET_LABELS, LIMIT, audit_rows, axes_varied, cost_findings, findings, learning_curves
from .charts import Chart, Line, Point
from .finished_run import Run
from .pictures import svg
from .search_pictures import least_shown, left_out
from .tables import NONE
from .text import HOW_TO_READ, INTERVALS, estimated, fine_tuned_rows, measured_rows, percentile_rows

_SHOWN_ROWS = 400  # of the history, in the page; a search on ranks judges thousands
_LOCK_KEY = (
    ("other", "another architecture"),
    ("trained", "trained on the source only, at the lowest height"),
    ("told", "validation accuracy on the target, looked up"),
    ("floor", "least within the source budget"),
    ("s", "scheme S finds"),
    ("found", "found"),
)
_HISTORY_KEY = (
    ("within", "within the source budget"),
    ("other", "outside the budget"),
    ("best", "best so far"),
    ("floor", "least within the budget"),
    ("told", "also looked up on the target"),
    ("found", "found"),
)
_AUDIT_KEY = (
    *(("found", FOUND), ("s", S), ("other", RANDOM)),
    *(("solid", "strongest attack on the weights"), ("scratch", "from scratch"), ("band", "95% interval over seeds")),
)
_KINDS = {FOUND: "found", S: "s", RANDOM: "other"}


@dataclass(frozen=True)
class Audit:
    """What an audit of the run says: findings in words, one chart a target and budget, and the table of figures."""

    findings: list[str]
    charts: list[Chart]
    table: pd.DataFrame


@dataclass(frozen=True)
class RunReport:
    """The page of one run.

    Attributes:
        title, found: what was run, and in plain sentences what it found.
        drawing: the cell found, as an SVG file; ``drawn``, ``arch``: the same as text.
        tables: tables of text by their captions; ``how_to_read`` explains them.
        lock, lock_note: a chart a target, and what they leave out or why there are none.
        history, history_table, history_note: the same of what the search looked up, in order.
        audit: None where the folder holds none.
        steps: what to do next: words, and a command with the folder of this run.
        made: when, where and with what the run was made; ``config``: its YAML; ``notes``: caveats.
    """

    title: str
    found: list[str]
    drawing: bytes
    drawn: str
    arch: str
    tables: dict[str, pd.DataFrame]
    how_to_read: list[str]
    lock: list[Chart]
    lock_note: str
    history: list[Chart]
    history_table: pd.DataFrame
    history_note: str
    audit: Audit | None
    steps: list[tuple[str, str]]
    made: dict[str, str]
    config: str
    notes: list[str]


def run_report(run: Run) -> RunReport:
    """The page of a finished run."""
    result, space = run.result, get_space(run.result["search_space"])
    cell: Cell = tuple(result["cell"])
    title = f"{result['search_space']}, source {result['source']}, scheme {result['scheme'].upper()}"
    rows = _history_rows(run.history)
    measured = result["source_val"] is not None
    tables = _tables(result) if measured else {}
    how_to_read = [INTERVALS] if "intervals" in result else []
    if any("percentile" in caption for caption in tables):
        how_to_read.append(HOW_TO_READ)
    if run.benchmark:
        how_to_read.append(run.benchmark.meaning)
    lock, lock_note = _lock(run, rows)
    return RunReport(
        title=title,
        found=_found(result),
        drawing=svg(architecture_figure(space, [Panel(f"found by scheme {result['scheme'].upper()}", cell)])),
        drawn=space.draw(cell),
        arch=result["arch"],
        tables=tables,
        how_to_read=how_to_read,
        lock=lock,
        lock_note=lock_note,
        history=_history_charts(run, rows),
        history_table=_history_table(rows),
        history_note=_history_note(rows),
        audit=None if run.attacked is None else _audit(run.attacked),
        steps=_steps(run, space, measured),
        made={"seed": str(result["seed"]), **run.made},
        config=run.config.to_yaml(),
        notes=[f"{note}." for note in result["notes"]],
    )


# -- words and tables --------------------------------------------------------------------------------------------------


def _found(result: Mapping[str, Any]) -> list[str]:
    """In plain sentences, what the run found."""
    if result["source_val"] is None:
        return [estimated(result)]
    source, of_s = result["source"], result["s"]
    looked_up = f"{result['source_queries'] or 'no'} look-ups of accuracy on {source}"
    if result["target_queries"]:
        looked_up += f" and {result['target_queries']} on the targets"
    words = [f"After {looked_up}, scheme {result['scheme'].upper()} chose the architecture below."]
    if not get_scheme(result["scheme"]).locks:
        words.append("Scheme S looks for the most accurate architecture, and for no lock.")
        return words
    test = result["source_test"]
    words.append(
        f"On the source {source}, its test figure is {_figure(test)}: {_less(of_s['source_test'] - test, test)} that "
        "of the architecture that scheme S finds, which looks for accuracy alone."
    )
    differences = {task: of_s["targets"][task] - figure for task, figure in result["targets"].items()}
    if len(differences) <= 3:
        words += [_on_target(result, task) for task in differences]
    else:
        n_less = sum(lost > 0 for lost in differences.values())
        words.append(f"It is lower on {n_less} of {len(differences)} targets.")
    if result.get("mean_target_percentile") is not None:
        words.append(
            f"Its rank percentile on the {'targets is on average' if len(differences) > 1 else 'target is'} "
            f"{result['mean_target_percentile']:.1f}, and that of scheme S {of_s['mean_target_percentile']:.1f}: "
            "the lower, the better the lock."
        )
    return words


def _figure(value: float) -> str:
    return f"{value:.{_digits(value)}f}"


def _digits(value: float) -> int:
    """Two decimals for percentages, four where the figures themselves are small (SSIM, losses)."""
    return 4 if abs(value) < 2 else 2


def _less(lost: float, of: float) -> str:
    """How much less a figure is, with as many decimals as the figure itself; another figure follows."""
    text = f"{abs(lost):.{_digits(of)}f}"
    return "as much as" if float(text) == 0 else f"{text} {'less' if lost > 0 else 'more'} than"


def _on_target(result: Mapping[str, Any], task: str) -> str:
    """The figure on a target beside that of scheme S, and whether the test images can tell the two apart."""
    figure, of_s = result["targets"][task], result["s"]["targets"][task]
    words = f"On the target {task}, it is {_figure(figure)}: {_less(of_s - figure, figure)} that of scheme S."
    if "intervals" not in result:
        return words
    ends = [of["intervals"]["targets"][task] for of in (result, result["s"])]
    low, high = difference_interval(figure, of_s, *ends)
    if low <= 0 <= high:
        words += (
            f" The test images cannot tell the two apart, as the 95% interval of the difference is [{low:.1f}, "
            f"{high:.1f}]. So these figures show no lock."
        )
    return words


def _tables(result: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """The tables of a measured run by caption, a row a task: a phone has no room for a column each."""
    rows = {
        "Accuracy of the architecture found and of the one that scheme S finds": measured_rows(result),
        "Accuracy on targets after training on the source": fine_tuned_rows(result),
        "Rank percentile": percentile_rows(result),
    }
    return {caption: _across(some) for caption, some in rows.items() if some}


def _across(rows: Sequence[Sequence[str]]) -> pd.DataFrame:
    header, *lines = [list(row) for row in zip(*rows)]
    filled = [[cell or NONE for cell in line] for line in lines]
    return pd.DataFrame(filled, columns=["task", *header[1:]])


# -- the lock ----------------------------------------------------------------------------------------------------------


def _lock(run: Run, rows: Sequence[Mapping[str, str]]) -> tuple[list[Chart], str]:
    """Source against target accuracy, a chart a target, and a note: what is left out, or why there is no chart."""
    result = run.result
    if result["source_val"] is None:
        return [], "No network was trained, so no accuracy is known."
    if not result["targets"]:
        return [], "The run has no target: name some with archlock.target."
    if run.benchmark:
        return _lock_of_all(run, run.benchmark)
    known = {row["arch"]: float(row["accuracy"]) for row in rows if row["task"] == result["source"] and row["accuracy"]}
    floor = result["source_floor"]
    least = least_shown(np.array(list(known.values())), floor) if known and floor is not None else -np.inf
    shown = {arch: val for arch, val in known.items() if val >= least}
    charts = [_lock_chart(run, task, _trained_points(result, rows, shown, task)) for task in result["targets"]]
    note, n_left_out = run.why_none, len(known) - len(shown)
    return charts, f"{note} {left_out(n_left_out, len(known), least, result['source'])}." if n_left_out else note


def _lock_of_all(run: Run, benchmark: Benchmark) -> tuple[list[Chart], str]:
    source, result = run.config.dataset, run.result
    archs = [tuple(arch) for arch in benchmark.space.distinct().tolist()]
    x = np.array([benchmark.accuracy(arch, task=source, split="val") for arch in archs])
    least = -np.inf if result["source_floor"] is None else least_shown(x, result["source_floor"])
    shown = [(arch, val) for arch, val in zip(archs, x.tolist()) if val >= least]
    charts = []
    for task in result["targets"]:
        others = []
        for arch, val in shown:
            test = benchmark.accuracy(arch, task=task, split="test")
            label = f"{_short(arch)}: {_figure(val)} on {result['source']}, {_figure(test)} on {task}"
            others.append(Point(val, test, "other", label))
        charts.append(_lock_chart(run, task, others))
    n_left_out = len(archs) - len(shown)
    note = f"Each point is an architecture; its six codes are {_codes(benchmark.space)}."
    return charts, f"{note} {left_out(n_left_out, len(archs), least, result['source'])}." if n_left_out else note


def _short(arch: Cell) -> str:
    return "".join(map(str, arch))


def _codes(space: SearchSpace) -> str:
    if space.family == "macro":
        return "its modules: 1 plain, 2 doubles the channels, 3 halves the resolution, 4 does both, 0 none"
    return (
        "the operations on the edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3: 0 none, 1 skip, 2 conv 1x1, 3 conv 3x3, 4 avg pool"
    )


def _trained_points(
    result: Mapping[str, Any], rows: Sequence[Mapping[str, str]], known: Mapping[str, float], task: str
) -> list[Point]:
    """What a search that trains has looked up, on the source alone or on the target, too.

    Args:
        known: architecture -> its accuracy on the source.
    """
    told = {row["arch"]: float(row["accuracy"]) for row in rows if row["task"] == task}
    lowest = min([*told.values(), result["targets"][task], result["s"]["targets"][task]])
    points = []
    for arch, val in known.items():
        if arch in told:
            label = f"{arch}: {_figure(val)} on {result['source']}, {_figure(told[arch])} on {task}, both validation"
            points.append(Point(val, told[arch], "told", label))
        else:
            label = f"{arch}: {_figure(val)} on {result['source']}; not trained on {task}"
            points.append(Point(val, lowest, "trained", label))
    return points


def _lock_chart(run: Run, task: str, others: Sequence[Point]) -> Chart:
    """The chart of one target, with what S and the run's scheme find."""
    result = run.result
    points = [*others, _measured_point(result["s"], result, task, "s", "scheme S finds")]
    if get_scheme(result["scheme"]).locks:
        points.append(_measured_point(result, result, task, "found", f"scheme {result['scheme'].upper()} finds"))
    y = [point.y for point in points] + [end for point in points for end in point.y_ends or ()]
    floor = result.get("source_floor")
    return Chart(
        title=f"{result['source']} against {task}: good locks are at the lower right",
        x_label=_axis(run, result["source"], "validation"),
        y_label=_axis(run, task, "test"),
        points=points,
        key=_LOCK_KEY,
        lines=[] if floor is None else [Line("floor", [floor, floor], [min(y), max(y)])],
    )


def _measured_point(figures: Mapping[str, Any], result: Mapping[str, Any], task: str, kind: str, words: str) -> Point:
    val, test = figures["source_val"], figures["targets"][task]
    label = f"{words}: {figures['arch']}: {_figure(val)} on {result['source']}, {_figure(test)} on {task}"
    ends = figures.get("intervals")
    return Point(val, test, kind, label, ends["source_val"] if ends else None, ends["targets"][task] if ends else None)


def _axis(run: Run, task: str, split: str) -> str:
    """A task, a split, and the metric. Folders of images have accuracies."""
    metric = TOP_1 if is_image_folder(run.config.dataset) else get_space(run.result["search_space"]).metrics.get(task)
    return f"{task} {split}" + (f", {metric.name}" if metric else "")


# -- the history -------------------------------------------------------------------------------------------------------


def _history_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def _history_charts(run: Run, rows: Sequence[Mapping[str, str]]) -> list[Chart]:
    """The source accuracies in the order of the search, and the target accuracies that it looked up."""
    source = [row for row in rows if row["task"] == run.result["source"] and row["accuracy"]]
    told = {row["arch"] for row in rows if row["task"] != run.result["source"]}
    charts = [_source_chart(run, source, told)] if source else []
    for task in dict.fromkeys(row["task"] for row in rows if row["task"] != run.result["source"]):
        points = [
            Point(int(row["step"]), float(row["accuracy"]), _kind(row, run.result, "told"), _label(row))
            for row in rows
            if row["task"] == task
        ]
        charts.append(
            Chart(f"Look-ups of the target {task}", "look-up", _axis(run, task, "validation"), points, _HISTORY_KEY)
        )
    return charts


def _source_chart(run: Run, rows: Sequence[Mapping[str, str]], told: set[str]) -> Chart:
    steps, values = [int(row["step"]) for row in rows], [float(row["accuracy"]) for row in rows]
    best = np.maximum.accumulate(values).tolist()
    section, floor = run.config.archlock, run.result.get("source_floor")
    floors = [budget_floor(val, section.source_budget_pct) for val in best]
    if section.source_budget_percentile and floor is not None:  # only its end is known
        floors = [floor] * len(rows)
    lowest = least_shown(np.array(values), floors[-1])
    points = [
        Point(
            step, max(val, lowest), _kind(row, run.result, "told" if row["arch"] in told else ""),
            _label(row) + (", drawn at the edge" if val < lowest else ""),
        )
        for step, val, row in zip(steps, values, rows)
    ]  # fmt: skip
    lines = [Line("best", steps, best), Line("floor", steps, [max(val, lowest) for val in floors])]
    title = f"Look-ups of the source {run.result['source']}, in order"
    return Chart(title, "look-up", _axis(run, run.result["source"], "validation"), points, _HISTORY_KEY, lines)


def _kind(row: Mapping[str, str], result: Mapping[str, Any], otherwise: str) -> str:
    if row["arch"] == result["arch"]:
        return "found"
    return otherwise or ("within" if row["within_budget"] == "True" else "other")


def _label(row: Mapping[str, str]) -> str:
    text = f"look-up {row['step']}: {row['arch']}: {_figure(float(row['accuracy']))} on {row['task']}"
    return text + (f", fitness {float(row['fitness']):.3g}" if row["fitness"] else "")


def _history_table(rows: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """The first rows of the history as text."""
    ranked = any(row["source_rank"] for row in rows)
    return pd.DataFrame(
        [
            {
                "look-up": row["step"],
                "task": row["task"],
                "architecture": row["arch"],
                "validation accuracy": _figure(float(row["accuracy"])) if row["accuracy"] else NONE,
                "fitness": f"{float(row['fitness']):.3g}" if row["fitness"] else NONE,
                **({"source rank": _rank(row)} if ranked else {}),
                "within the source budget": "yes" if row["within_budget"] == "True" else "no",
            }
            for row in rows[:_SHOWN_ROWS]
        ]
    )


def _rank(row: Mapping[str, str]) -> str:
    return f"{float(row['source_rank']):.1f}" if row["source_rank"] else NONE


def _history_note(rows: Sequence[Mapping[str, str]]) -> str:
    if not rows:
        return "The folder holds no history of the search: NASLib's runners write none."
    note = (
        "Fitness is what the search maximises within the source budget. It reads no accuracy of a target: the higher "
        "it is, the better a lock the search expects. The file history.csv holds all rows."
    )
    return note + (f" The table shows the first {_SHOWN_ROWS} of {len(rows)}." if len(rows) > _SHOWN_ROWS else "")


# -- the audit ---------------------------------------------------------------------------------------------------------


def _audit(figures: pd.DataFrame) -> Audit:
    roles = list(figures["role"].unique())
    rows = audit_rows(along(figures, IMAGES), roles)
    charts = [_audit_chart(figures, axis, target) for axis in axes_varied(figures) for target in _targets(figures)]
    words = [*findings(along(figures, IMAGES)), *cost_findings(figures), LIMIT]
    return Audit(words, charts, pd.DataFrame(rows[1:], columns=rows[0]))


def _targets(figures: pd.DataFrame) -> Iterable[str]:
    return list(figures["target"].unique())


def _audit_chart(figures: pd.DataFrame, axis: str, target: str) -> Chart:
    curves = learning_curves(figures[figures["target"] == target], axis)
    points, lines = [], []
    for (role, name), rows in curves.groupby(["role", "figure"], sort=False):
        kind, what = _KINDS[role], "solid" if name == TRANSFER else "scratch"
        budgets, means = rows[axis].tolist(), rows["mean"].tolist()
        if rows["low"].notna().all():
            lines.append(Line(f"{kind} band", budgets, rows["low"].tolist(), rows["high"].tolist()))
        lines.append(Line(f"{kind} {what}", budgets, means))
        words = "weights" if name == TRANSFER else "from scratch"
        points += [
            Point(budget, mean, kind, f"{role}, {words}, {budget:g}%: {mean:.1f}{_ends(low, high)}")
            for budget, mean, low, high in zip(budgets, means, rows["low"], rows["high"])
        ]
    return Chart(
        title=f"What the attacker gets on {target}, by {'images' if axis == IMAGES else 'optimizer steps'}",
        x_label=BUDGET_LABELS[axis],
        y_label=f"test metric on {target}, %",
        points=points,
        key=_AUDIT_KEY,
        lines=lines,
        x_ticks=sorted(curves[axis].unique().tolist()),
    )


def _ends(low: float, high: float) -> str:
    return f" [{low:.1f}, {high:.1f}]" if np.isfinite(low) else ""


# -- what to do next ---------------------------------------------------------------------------------------------------


def _steps(run: Run, space: SearchSpace, measured: bool) -> list[tuple[str, str]]:
    """What a reader may do next, with commands that name the folder of this run."""
    folder, section, is_folder = shlex.quote(run.folder), run.config.archlock, is_image_folder(run.config.dataset)
    config = shlex.quote(f"{run.folder}/config.yaml")
    targets = ",".join(run.result["targets"])
    steps = []
    if not measured:
        command = f"archlock search --config-file {config} archlock.source_queries 20"
        steps.append(("Train networks, and measure what is found", command))
    if run.attacked is None and targets and (is_folder or space.images != "Taskonomy"):
        command = f"archlock audit --config-file {config} --out {folder}/audit\narchlock report {folder}"
        steps.append(("Attack the networks of the cell found, and show on this page what the lock costs", command))
    if run.benchmark and targets and not section.target_queries:
        command = (
            f"archlock search --config-file {config} run_name target-look-ups archlock.scheme tk "
            f"archlock.target {shlex.quote(targets)} archlock.target_queries {20 * len(run.result['targets'])}"
        )
        steps.append(("Have the target's data? Look up 20 accuracies on each target, too, for a better lock", command))
    export = f"archlock export {folder} --out network"
    if is_folder and measured:
        steps.append(("Write the network that was found and trained, to be released", f"{export} --trained"))
    else:
        classes = "" if is_folder or n_published_classes(run.config.dataset) else " --classes N"
        steps.append(("Write the network of the cell, ready to train", export + classes))
    return steps
