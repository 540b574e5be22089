"""Lets NASLib's npenas and bananas search with our predictor and with NASLib's, at equal look-ups.

python -m experiments.predictors.npenas --tables DIR          (needs NASLib)
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import interval, options, parallel, show, workers, write_results
from experiments.predictors.npenas_runs import searched
from naslib_archlock.report.text import table

PREDICTORS = ("archlock", "lgb", "xgb")
OPTIMIZERS = ("npenas", "bananas")
PLACES = (("nasbench201", "cifar10"), ("nasbench201", "ImageNet16-120"), ("transbench101_micro", "normal"))
N_LOOK_UPS = 100


def main() -> None:
    parser = options(__doc__ or "", str(Path(__file__).parent), seeds=5)
    parser.set_defaults(out=Path(__file__).parent / "npenas.json")
    args = parser.parse_args()
    grid = itertools.product([args.tables], OPTIMIZERS, PREDICTORS, PLACES, range(args.seeds))
    calls = [(tables, opt, pred, *place, N_LOOK_UPS, seed) for tables, opt, pred, place, seed in grid]
    found = dict(zip(calls, parallel(searched, calls, workers(args))))
    results: dict[str, Any] = {}
    for optimizer, predictor in itertools.product(OPTIMIZERS, PREDICTORS):
        mine = {call: of for call, of in found.items() if call[1:3] == (optimizer, predictor)}
        places = {"/".join(place): [of for call, of in mine.items() if call[3:5] == place] for place in PLACES}
        of_places = {
            name: {key: interval([of[key] for of in runs]) for key in ("pct_of_best", "rank")}
            for name, runs in places.items()
        }
        seconds = float(np.mean([of["seconds"] for of in mine.values()]))
        results[f"{optimizer} {predictor}"] = {"places": of_places, "seconds": seconds}
    write_results(args.out, {"seeds": args.seeds, "look_ups": N_LOOK_UPS, "results": results})
    names = ["/".join(place) for place in PLACES]
    for key, digits in (("pct_of_best", 2), ("rank", 1)):
        rows = [
            [who, *(show(of["places"][name][key], digits=digits) for name in names), f"{of['seconds']:.0f}"]
            for who, of in results.items()
        ]
        print(table([[f"{N_LOOK_UPS} look-ups: {key}", *names, "s"], *rows]), end="\n\n")


if __name__ == "__main__":
    main()
