"""Turns the JSON file of pytest-benchmark into a table of ratios, ``results.json`` and a picture of how times grow.

python benchmarks/table.py build/bench.json            prints the tables
python benchmarks/table.py build/bench.json --keep     also writes results.json, growth.png and the tables of README.md
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from naslib_archlock.errors import ArchLockError, OutputError, TableError
from naslib_archlock.report.pictures import own_settings, png
from naslib_archlock.report.tables import to_markdown
from naslib_archlock.report.text import table
from naslib_archlock.store.files import write_bytes, write_text

BEFORE, RESULTS, PICTURE, PAGE = "before.json", "results.json", "growth.png", "README.md"
BEGIN, END = "<!-- written by make bench -->", "<!-- end -->"
COLUMNS = ("work", "baseline", "median s", "ours", "median s", "ratio", "before")
RATE_COLUMNS = ("work", "baseline", "GMAC/s", "ours", "GMAC/s", "share")
NONE = "-"

Results = dict[str, Any]


# -- reading -----------------------------------------------------------------------------------------------------------


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises: TableError: if the file cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise TableError(f"{path} cannot be read ({err}); 'make bench' writes it") from err


def summarise(measured: Any) -> Results:
    """The part of a JSON file of pytest-benchmark that is kept: for each work, the median and how it was measured.

    Returns:
        ``measured_on``: the machine and versions. ``works``: each with ``median_s``, the time of the whole work, even
        if only a ``share`` of it was measured. ``growth``: for each axis, ``n`` and ``median_s``.
    Raises: TableError: if the file does not come from these benchmarks.
    """
    try:
        works: list[dict[str, Any]] = []
        growth: dict[str, list[dict[str, Any]]] = {}
        for entry in measured["benchmarks"]:
            info, stats = entry["extra_info"], entry["stats"]
            if "axis" in info:
                growth.setdefault(info["axis"], []).append({"n": info["n"], "median_s": stats["median"]})
            else:
                works.append({**info, "median_s": stats["median"] / info["share"], "runs_s": stats["data"]})
        for points in growth.values():
            points.sort(key=lambda point: point["n"])
        return {"measured_on": measured["machine_info"]["measured_on"], "works": works, "growth": growth}
    except (KeyError, TypeError, ZeroDivisionError) as err:
        raise TableError(f"this is no measurement of this suite ({err!r}); run 'make bench'") from err


# -- tables ------------------------------------------------------------------------------------------------------------


def ratio_rows(results: Results, before: Results | None) -> list[list[str]]:
    """One row for each pair of a baseline and ours with the same work; if a side is missing, the other stands alone.

    The last column is our earlier time divided by our present time, if both were measured on the same machine with
    the same number of threads.
    """
    if before is not None and not same_machine(results, before):
        before = None
    rows = []
    for baseline, ours in _matched(results):
        ratio = f"{baseline['median_s'] / ours['median_s']:.3g}" if baseline and ours else NONE
        earlier = _find(before, ours) if before and ours else None
        gain = f"{earlier['median_s'] / ours['median_s']:.3g}" if earlier and ours else NONE
        work = (baseline or ours or {})["work"]
        rows.append([work, *_named(baseline), *_named(ours), ratio, gain])
    return rows


def rate_rows(results: Results) -> list[list[str]]:
    """Multiply-adds per second, and our rate as a share of the baseline's rate."""
    rows = []
    for baseline, ours in _matched(results):
        if baseline and ours and baseline["multiply_adds"] and ours["multiply_adds"]:
            theirs, rate = _giga_rate(baseline), _giga_rate(ours)
            names = (baseline["name"], f"{theirs:.3g}", ours["name"], f"{rate:.3g}")
            rows.append([ours["work"], *names, f"{rate / theirs:.0%}"])
    return rows


def _giga_rate(work: Results) -> float:
    return float(work["multiply_adds"] / np.median(work["runs_s"]) / 1e9)


def _matched(results: Results) -> list[tuple[Results | None, Results | None]]:
    pairs: list[tuple[Results | None, Results | None]] = []
    for name in dict.fromkeys(entry["work"] for entry in results["works"]):
        entries = [entry for entry in results["works"] if entry["work"] == name]
        sides: list[list[Any]] = [[e for e in entries if e["side"] == s] or [None] for s in ("baseline", "ours")]
        pairs += [(baseline, ours) for ours in sides[1] for baseline in sides[0]]
    return pairs


def _named(entry: Results | None) -> tuple[str, str]:
    if entry is None:
        return NONE, NONE
    how = [f"on {entry['share']:.2g} of it"] if entry["share"] != 1 else []
    how += ["one run"] if len(entry["runs_s"]) == 1 else []
    return entry["name"] + (f" ({', '.join(how)})" if how else ""), f"{entry['median_s']:.3g}"


def _find(results: Results, wanted: Results) -> Results | None:
    keys = ("work", "side", "name")
    return next((entry for entry in results["works"] if all(entry[k] == wanted[k] for k in keys)), None)


def same_machine(one: Results, other: Results) -> bool:
    """Whether the times of two results can be compared."""
    return all(one["measured_on"][key] == other["measured_on"][key] for key in ("cpu", "cores", "threads"))


def machine(results: Results) -> str:
    """One line that describes the machine and versions of a measurement."""
    on = results["measured_on"]
    return (
        f"{on['cpu']}, {on['cores']} cores, {on['threads']} threads; Python {on['python']}, torch {on['torch']}, "
        f"NumPy {on['numpy']}; load average {on['load']} at the end, other programs' included"
    )


def remarks(results: Results, before: Results | None) -> list[str]:
    """The lines that a reader of the tables needs."""
    lines = [
        f"Measured on {machine(results)}.",
        f"Medians of {_n_runs(results)} runs after one to warm up, if nothing else is said.",
    ]
    if before is None:
        lines.append("Nothing was kept from before.")
    elif not same_machine(results, before):
        lines.append(f"Not compared with before, which was measured on {machine(before)}.")
    else:
        lines.append(f"Before: medians of {_n_runs(before)} runs, measured on {machine(before)}.")
    return lines


def _n_runs(results: Results) -> int:
    return max((len(entry["runs_s"]) for entry in results["works"]), default=0)


# -- growth ------------------------------------------------------------------------------------------------------------


@own_settings()
def growth_picture(growth: dict[str, list[Any]]) -> bytes:
    """One panel per axis: seconds against size on log scales, with a line of slope 1 through the last point."""
    figure = Figure(figsize=(4.2 * len(growth), 3.8), layout="constrained")
    axes = figure.subplots(1, len(growth), squeeze=False)[0]
    for axis, (label, points) in zip(axes, growth.items()):
        n, seconds = np.array([[point["n"], point["median_s"]] for point in points]).T
        axis.loglog(n, seconds[-1] * n / n[-1], color="#b0b0b0", ls="--", label="slope 1")
        axis.loglog(n, seconds, marker="o", color="#1f77b4", label="measured")
        axis.set_xticks(n, minor=False)
        axis.set_xticks([], minor=True)
        axis.xaxis.set_major_formatter(ScalarFormatter())
        axis.set_xlabel(label.replace(": ", ":\n"), fontsize=11)
        axis.tick_params(labelsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("seconds", fontsize=11)
    axes[0].legend(frameon=False, fontsize=10)
    return png(figure)


# -- the page ----------------------------------------------------------------------------------------------------------


def page_with(page: str, results: Results, before: Results | None) -> str:
    """The page with new tables. Raises: TableError: if the page has no place for them."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise TableError(f"{PAGE} has no lines '{BEGIN}' and '{END}', between which the tables go; put them back")
    blocks = ["\n".join(remarks(results, before))]
    blocks.append(_markdown(COLUMNS, ratio_rows(results, before)))
    if rates := rate_rows(results):
        blocks.append(_markdown(RATE_COLUMNS, rates))
    if results["growth"]:
        blocks.append(f"![growth]({PICTURE})")
    return f"{head}{BEGIN}\n\n" + "\n\n".join(block.strip() for block in blocks) + f"\n\n{END}{tail}"


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return to_markdown(pd.DataFrame(rows, columns=list(columns)))


def show(results: Results, before: Results | None) -> str:
    """The tables as text."""
    tables = [table([COLUMNS, *ratio_rows(results, before)])]
    if rates := rate_rows(results):
        tables.append(table([RATE_COLUMNS, *rates]))
    return "\n\n".join([*tables, "\n".join(remarks(results, before))])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path, help="JSON file of pytest-benchmark")
    parser.add_argument("--keep", action="store_true", help="write results.json, growth.png and the page")
    parser.add_argument(
        "--folder", type=Path, default=Path(__file__).resolve().parent, help="folder to write to (default: here)"
    )
    args = parser.parse_args(arguments)
    try:
        results = summarise(read_json(args.measured))
        before = read_json(args.folder / BEFORE) if (args.folder / BEFORE).is_file() else None
        print(show(results, before))
        if args.keep:
            keep(args.folder, results, before)
    except ArchLockError as err:
        print(f"table.py: {err}", file=sys.stderr)
        return 2
    return 0


def keep(folder: Path, results: Results, before: Results | None) -> None:
    """Write the results, the page and the picture. Raises: TableError, OutputError."""
    try:
        page = (folder / PAGE).read_text(encoding="utf-8")
    except OSError as err:
        raise OutputError(f"{folder / PAGE} cannot be read ({err}); the tables go into it") from err
    page = page_with(page, results, before)
    write_text(folder / RESULTS, json.dumps(results, indent=1) + "\n")
    write_text(folder / PAGE, page)
    if results["growth"]:
        write_bytes(folder / PICTURE, growth_picture(results["growth"]))


if __name__ == "__main__":
    raise SystemExit(main())
