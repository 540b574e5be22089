"""What does a lock cost an attacker who has trained weights? All 20 pairs of the embedded transfer benchmark.

Each method chooses a cell within 2% of the best source accuracy. The attacker has the weights of a network of this cell
that was trained on the source, and 0 to 100 images of the target.

python -m experiments.transfer_locks.run
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.common import options, show, workers, write_results
from experiments.transfer_locks.choices import (
    ATTACKED_WITH,
    BUDGET_PCT,
    LIMIT,
    METHODS,
    SOURCE_QUERIES,
    TK_SCRATCH,
    TK_TRANSFER,
    TU,
    S,
    benchmark,
    chosen,
    curve,
    figures,
    images_to_reach,
    over_pairs,
    over_sources,
    within_budget,
)
from naslib_archlock.benchmarks.domains_benchmark import N_IMAGES, column
from naslib_archlock.report.pictures import own_settings, png
from naslib_archlock.report.text import table
from naslib_archlock.spaces.known import DIGITS_DOMAINS as SPACE
from naslib_archlock.store.files import write_bytes

HERE = Path(__file__).parent
LEAST_WORTH = 5.0  # points that the weights of scheme S are worth beyond training from scratch, for a pair to count


def pair_results(source: str, target: str, n_seeds: int) -> list[dict[str, Any]]:
    """A row for each method and seed of the search."""
    rows = []
    within = set(within_budget(source))
    best = max(within, key=lambda cell: benchmark().accuracy(cell, task=source, split="val"))
    for seed in range(n_seeds):
        cells = {method: chosen(method, source, target, seed) for method in METHODS}
        of_s = curve(cells[S], source, target)
        level = float(of_s[N_IMAGES.index(ATTACKED_WITH)].mean())
        for method, cell in cells.items():
            of_cell = curve(cell, source, target)
            row: dict[str, Any] = {"source": source, "target": target, "method": method, "seed": seed}
            row["arch"] = SPACE.to_str(cell)
            row["outside"] = tuple(SPACE.representatives([cell])[0].tolist()) not in within
            row["source_loss"] = float(figures(best, source).mean() - figures(cell, source).mean())
            for n, accuracies in zip(N_IMAGES, of_cell):
                row[f"attacked_{n}"] = float(accuracies.mean())
                if n:
                    row[f"gain_{n}"] = float(accuracies.mean() - figures(cell, column(None, target, n)).mean())
            row["log_ratio"] = float(np.log(images_to_reach(of_cell, level) / images_to_reach(of_s, level)).mean())
            row["is_least"] = bool((of_cell.max(axis=0) < level).any())
            rows.append(row)
    return rows


# -- the results -------------------------------------------------------------------------------------------------------


def against_s(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """The differences of a column to that of scheme S, for each pair, seed and method."""
    keys = ["source", "target", "seed"]
    of_s = rows[rows["method"] == S].set_index(keys)[value]
    return rows.assign(**{value: rows[value] - of_s.reindex(pd.MultiIndex.from_frame(rows[keys])).to_numpy()})


def summary(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """For each method, the means and their intervals."""
    values = [*(f"attacked_{n}" for n in N_IMAGES), *(f"gain_{n}" for n in N_IMAGES if n)]
    differences = {value: against_s(rows, value) for value in values}
    found: dict[str, dict[str, Any]] = {}
    for method in METHODS:
        own = rows[rows["method"] == method]
        found[method] = {
            "outside_pct": 100 * float(own["outside"].mean()),
            "source_loss": over_sources(own, "source_loss"),
            "log_ratio": over_sources(own, "log_ratio"),
            "is_least_pct": 100 * float(own["is_least"].mean()),
            **{value: over_sources(own, value) for value in values},
            "against S": {
                value: over_sources(table[table["method"] == method], value) for value, table in differences.items()
            },
        }
    return found


def worth(rows: pd.DataFrame) -> pd.DataFrame:
    """What the weights of scheme S are worth beyond training from scratch: pairs x numbers of images, in points."""
    of_s = rows[rows["method"] == S]
    return of_s.groupby(["source", "target"])[[f"gain_{n}" for n in N_IMAGES if n]].mean()


def times(of_logarithms: dict[str, Any]) -> str:
    """A geometric mean with its interval."""
    mean, half = of_logarithms["mean"], of_logarithms["ci95"]
    return f"{np.exp(mean):.2f} [{np.exp(mean - half):.2f}, {np.exp(mean + half):.2f}]"


def print_summary(rows: pd.DataFrame, found: dict[str, dict[str, Any]]) -> None:
    of_pairs = worth(rows)
    for n in N_IMAGES[1:]:
        values = of_pairs[f"gain_{n}"]
        print(
            f"{n} images: the weights of S are worth {values.mean():.1f} points beyond scratch ({values.min():.1f} to "
            f"{values.max():.1f}), at least {LEAST_WORTH:g} on {(values >= LEAST_WORTH).sum()} of {len(values)} pairs"
        )
    print("\nThe attacker's test accuracy in %, by images of the target; means over pairs")
    header = ["method", *(f"{n} images" for n in N_IMAGES), "source loss", "outside, %"]
    body = [
        [
            method, *(f"{of[f'attacked_{n}']['mean']:.1f}" for n in N_IMAGES), f"{of['source_loss']['mean']:.1f}",
            f"{of['outside_pct']:.0f}",
        ]
        for method, of in found.items()
    ]  # fmt: skip
    print(table([header, *body]))
    print("\nMinus that of S, with 95% intervals over sources, and the images that the attacker needs, in those of S")
    header = ["method", *(f"{n} images" for n in N_IMAGES), f"gain, {ATTACKED_WITH} images", "times the images"]
    body = [
        [
            method, *(show(of["against S"][f"attacked_{n}"], digits=1) for n in N_IMAGES),
            show(of["against S"][f"gain_{ATTACKED_WITH}"], digits=1),
            times(of["log_ratio"]) + (" or more" if of["is_least_pct"] else ""),
        ]
        for method, of in found.items()
        if method != S
    ]  # fmt: skip
    print(table([header, *body]))


@own_settings()
def picture(rows: pd.DataFrame) -> Figure:
    """Left: the attacker's accuracy over images. Right: the cost of the lock for each pair."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    x = np.maximum(N_IMAGES, 1)
    for method in (S, TU, TK_SCRATCH, TK_TRANSFER, LIMIT):
        own = rows[rows["method"] == method]
        left.plot(x, [own[f"attacked_{n}"].mean() for n in N_IMAGES], marker="o", label=method)
    left.set_xscale("log")
    left.set_xticks(x, [str(n) for n in N_IMAGES])
    left.set_xlabel("the attacker's images of the target")
    left.set_ylabel("test accuracy on the target in %")
    left.set_title("Mean over 20 pairs")
    left.legend()
    of_pairs = rows.groupby(["method", "source", "target"])["log_ratio"].mean()
    order = of_pairs[LIMIT].sort_values().index
    for method in (TK_TRANSFER, LIMIT):
        right.plot(np.exp(of_pairs[method].reindex(order).to_numpy()), range(len(order)), "o", label=method)
    right.axvline(1, color="grey", linewidth=1)
    right.set_xscale("log")
    right.set_xticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
    right.minorticks_off()
    right.set_yticks(range(len(order)), [f"{source} to {target}" for source, target in order], fontsize=7)
    right.set_xlabel("images that the attacker needs, in those of scheme S")
    right.set_title("Cost of the lock")
    right.legend()
    return figure


def main() -> None:
    args = options(__doc__ or "", str(HERE), tables=False, seeds=10).parse_args()
    rows = over_pairs(pair_results, workers(args), args.seeds)
    found = summary(rows)
    print_summary(rows, found)
    of_pairs = rows.groupby(["source", "target", "method"])[["attacked_10", "gain_10", "log_ratio"]].mean()
    write_results(
        args.out,
        {
            "budget_pct": BUDGET_PCT,
            "source_queries": SOURCE_QUERIES,
            "seeds": args.seeds,
            "methods": found,
            "pairs": of_pairs.round(4).reset_index().to_dict("records"),
        },
    )
    write_bytes(args.out.parent / "costs.png", png(picture(rows)))


if __name__ == "__main__":
    main()
