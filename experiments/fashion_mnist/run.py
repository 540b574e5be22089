"""A lock for real photographs: four schemes on Fashion-MNIST, from scratch and under attack.

The source has five classes of Fashion-MNIST, and the target has the other five (``examples/fashion_mnist.py`` makes
the folders). Each scheme searches by training networks. Then the networks of all architectures found are trained on
the source and attacked on the target, together (``archlock audit``).

python examples/fashion_mnist.py /usr/share/datasets/fashion-mnist photos
python -m experiments.fashion_mnist.run photos        # an interrupted run continues
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.common import write_results
from naslib_archlock.audit.attacks import SCRATCH
from naslib_archlock.audit.audit_results import IMAGES, TRANSFER, along, by_role, chosen_attacks, mean_interval
from naslib_archlock.audit.audit_run import archs_of, run_audit
from naslib_archlock.commands.main import main as archlock
from naslib_archlock.compute.parts import LocalProcesses
from naslib_archlock.config.load import load_config
from naslib_archlock.config.packaged import packaged_config
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.spaces.known import get_space
from naslib_archlock.tasks.names import task_name

HERE = Path(__file__).parent
S, WIDE = "S", "TK, 10 target look-ups, budget 10%"
SCHEMES = {
    "TK, 10 target look-ups": ["archlock.scheme", "tk", "archlock.target_queries", "10"],
    "TK": ["run_name", "without-target-look-ups", "archlock.scheme", "tk"],
    "TU": ["archlock.scheme", "tu"],
    WIDE: [
        "run_name",
        "budget-10",
        "archlock.scheme",
        "tk",
        "archlock.target_queries",
        "10",
        "archlock.source_budget_pct",
        "10",
    ],
}
ATTACKED = next(iter(SCHEMES))  # its page shows the audit, which compares architectures of one source budget
AUDIT = [
    "audit.fractions", "2,100", "audit.step_fractions", "100", "audit.learning_rates", "0.03", "audit.attacks",
    "linear probe,fine-tuning", "audit.random_cells", "0",
]  # fmt: skip


def keys(args: argparse.Namespace, scheme: str) -> list[str]:
    """What the search of a scheme changes in the config ``images``."""
    return [
        "dataset", str(args.photos / "clothes"), "archlock.target", str(args.photos / "others"),
        "archlock.image_size", "28", "archlock.max_images", str(args.images), "out_dir", str(args.out),
        *SCHEMES[scheme],
    ]  # fmt: skip


def run(command: str, *argv: str) -> None:
    """Run a command of the package, as in a shell."""
    print(f"\n$ archlock {command} {' '.join(argv)}", flush=True)
    if archlock([command, *argv]):
        raise SystemExit(f"archlock {command} failed")


def search(args: argparse.Namespace, scheme: str) -> dict[str, Any]:
    """The result of a scheme's search. A search that is finished is not made again."""
    folder = load_config(packaged_config("images"), keys(args, scheme)).save
    resume = ["--resume"] if (folder / "config.yaml").exists() else []
    run("search", "--config", "images", *keys(args, scheme), *resume)
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def attack(args: argparse.Namespace, cells: dict[str, Cell]) -> pd.DataFrame:
    """The figures of the attacks by role, of ``by_role``. Then the page of one run is written, with its audit."""
    overrides = [*keys(args, ATTACKED), *AUDIT, "audit.seeds", str(args.seeds)]
    config = load_config(packaged_config("images"), overrides)
    space, target = get_space(config.search_space), config.archlock.targets[0]
    # The parts lie where the audit of this run looks for them, so that it has nothing left to train.
    parts = config.save / "audit" / "parts"
    _, attacks = run_audit(config, {target: list(cells.values())}, parts, LocalProcesses(args.jobs))
    archs = {role: archs_of(space, [cell]) for role, cell in cells.items()}
    run("audit", "--config", "images", *overrides)
    run("report", str(config.save))
    return by_role(chosen_attacks(attacks), {task_name(target): archs})


def rows(results: dict[str, dict[str, Any]], figures: pd.DataFrame) -> list[dict[str, Any]]:
    """A row for each scheme: what its architecture reaches on the source, on the target, and, if it was, attacked."""
    found = []
    for scheme, of in results.items():
        on_target = figures[figures["role"] == scheme]
        found.append(
            {
                "scheme": scheme, "arch": of["arch"],
                **{key: of[key] for key in ("source_val", "source_test")},
                "target_test": next(iter(of["targets"].values())),
                "attacked": {
                    name: [
                        {"images_pct": fraction, **mean_interval(some[name])}
                        for fraction, some in along(on_target, IMAGES).groupby(IMAGES)
                    ]
                    for name in (SCRATCH, TRANSFER)
                },
            }
        )  # fmt: skip
    return found


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as the table of the page."""
    fractions = [f"{of['images_pct']:g}%" for of in rows[0]["attacked"][TRANSFER]]
    header = [
        "scheme", "architecture", "clothes, test", "others, test",
        *(f"scratch, {f}" for f in fractions), *(f"attacked, {f}" for f in fractions),
    ]  # fmt: skip
    lines = [header, ["---"] * len(header)]
    for row in rows:
        under = [
            f"{of['mean']:.1f} [{of['low']:.1f}, {min(of['high'], 100):.1f}]"
            for name in (SCRATCH, TRANSFER)
            for of in row["attacked"][name]
        ]
        figures = [f"{row[key]:.2f}" for key in ("source_test", "target_test")]
        lines.append([row["scheme"], f"`{row['arch']}`", *figures, *(under or ["-"] * 2 * len(fractions))])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="the folder with clothes/ and others/")
    parser.add_argument("--images", type=int, default=4000, help="read at most so many of each task (default 4000)")
    parser.add_argument("--seeds", type=int, default=3, help="networks of each cell in the audit (default 3)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="number of processes of the audit (default 2)")
    parser.add_argument("--out", type=Path, default=Path("build/fashion_mnist"), help="folder of the runs")
    parser.add_argument("--results", type=Path, default=HERE / "results.json", help="file to write the figures to")
    args = parser.parse_args()
    results = {scheme: search(args, scheme) for scheme in SCHEMES}
    results = {S: results[ATTACKED]["s"], **results}
    attacked = {scheme: tuple(of["cell"]) for scheme, of in results.items() if scheme != WIDE}
    table = rows(results, attack(args, attacked))
    print(f"\n{markdown(table)}")
    write_results(args.results, {"images": args.images, "seeds": args.seeds, "schemes": table})


if __name__ == "__main__":
    main()
