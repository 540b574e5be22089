"""Compares Kendall's tau of our predictor and NASLib's, with NASLib's own PredictorEvaluator, on the same cells.

python -m experiments.predictor_tau.run          (needs NASLib and its benchmark files)
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from experiments.common import interval, show, write_results
from naslib_archlock.plugin.compat import load_naslib, naslib_home
from naslib_archlock.plugin.registry import register
from naslib_archlock.report.text import table

TASKS = (("nasbench201", "cifar10"), ("nasbench201", "ImageNet16-120"), ("transbench101_micro", "class_scene"))


def make_predictor(name: str, seed: int) -> Any:
    """One of NASLib's predictors, built as NASLib's runner builds it, or ours."""
    from naslib import predictors
    from naslib.utils.encodings import EncodingType

    if name == "archlock":
        return predictors.BinaryRankPredictor(seed=seed)
    cls = {"xgb": predictors.XGBoost, "rf": predictors.RandomForestPredictor, "mlp": predictors.MLPPredictor}[name]
    return cls(encoding_type=EncodingType.ADJACENCY_ONE_HOT, hpo_wrapper=False)


def evaluate(
    names: Sequence[str], space: str, task: str, train_size: int, test_size: int, seed: int
) -> dict[str, dict[str, float]]:
    """Kendall's tau and the seconds of each predictor, on the cells that PredictorEvaluator draws with this seed."""
    from fvcore.common.config import CfgNode
    from naslib import search_spaces
    from naslib.defaults.predictor_evaluator import PredictorEvaluator
    from naslib.utils import get_dataset_api, set_seed

    raw = yaml.safe_load((naslib_home() / "naslib/runners/predictors/predictor_config.yaml").read_text())
    raw.update(dataset=task, search_space=space, seed=seed, train_size_single=train_size, test_size=test_size)
    search_space = search_spaces.get_search_space(space, task)
    search_space.instantiate_model = False  # do not build a network for each cell
    set_seed(seed)
    evaluator = PredictorEvaluator(make_predictor(names[0], seed), config=CfgNode(raw))
    evaluator.adapt_search_space(search_space, load_labeled=False, dataset_api=get_dataset_api(space, task))
    test, _ = evaluator.load_dataset(data_size=test_size)
    train, _ = evaluator.load_dataset(data_size=train_size)
    results = {}
    for name in names:
        evaluator.predictor = make_predictor(name, seed)
        evaluator.predictor.set_ss_type(space)
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            evaluator.single_evaluate(train, test, fidelity=-1)
        tau = float(evaluator.results[-1]["kendalltau"])
        results[name] = {"kendalltau": tau, "seconds": time.perf_counter() - start}
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--train-size", type=int, default=100)
    parser.add_argument("--test-size", type=int, default=200)
    parser.add_argument("--predictors", default="archlock,xgb,rf,mlp")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results.json")
    args = parser.parse_args()
    load_naslib()
    register()
    torch.set_num_threads(1)
    names = args.predictors.split(",")
    results: dict[str, Any] = {}
    for space, task in TASKS:
        sizes = (args.train_size, args.test_size)
        runs = [evaluate(names, space, task, *sizes, seed) for seed in range(args.seeds)]
        for name in names:
            cell = {key: interval([run[name][key] for run in runs]) for key in ("kendalltau", "seconds")}
            results.setdefault(name, {})[f"{space}/{task}"] = cell
    write_results(args.out, {"seeds": args.seeds, "train_size": args.train_size, "predictors": results})
    columns = [f"{space}/{task}" for space, task in TASKS]
    rows = [[name, *(show(results[name][column]["kendalltau"]) for column in columns)] for name in names]
    print(table([["Kendall tau", *columns], *rows]))


if __name__ == "__main__":
    main()
