"""The predictors that the study compares: every kind of ranker in NASLib's predictor, and NASLib's own predictors.

NASLib's predictors read either the cell as NASLib encodes it (``raw``), or the encoding of the canonical cell that
computes the same function (``canonical``). The difference is the share of the encoding.
"""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from experiments.predictors.protocols import Split
from naslib_archlock.compute.seeding import global_generators
from naslib_archlock.compute.threads import single_threaded
from naslib_archlock.ranker.model_kinds import model_kinds
from naslib_archlock.spaces.known import get_space
from naslib_archlock.spaces.space import SearchSpace

RAW, CANONICAL = "raw", "canonical"
# NASLib's predictors that learn from accuracies alone, and how they read an architecture. Its gpwl makes an array of
# lists of different lengths, which NumPy refuses since version 1.24.
_NASLIB = {
    "xgb": ("XGBoost", "ADJACENCY_ONE_HOT"),
    "lgb": ("LGBoost", "ADJACENCY_ONE_HOT"),
    "rf": ("RandomForestPredictor", "ADJACENCY_ONE_HOT"),
    "mlp": ("MLPPredictor", "ADJACENCY_ONE_HOT"),
    "gcn": ("GCNPredictor", "GCN"),
    "bonas": ("BonasPredictor", "BONAS"),
}


class Prediction(NamedTuple):
    """What a predictor made of a split: one number for each row of ``test``, and the seconds to fit and to query."""

    values: np.ndarray
    fit: float
    query: float


def names() -> list[str]:
    """All predictors: ``archlock KIND``, and ``NASLib NAME ENCODING``."""
    ours = [f"archlock {kind}" for kind in model_kinds()]
    return [*ours, *(f"NASLib {name} {encoding}" for name in _NASLIB for encoding in (RAW, CANONICAL))]


def predict(name: str, space: SearchSpace, split: Split, seed: int) -> Prediction:
    """Fit a predictor to a split and let it predict the architectures to be judged."""
    from naslib_archlock.plugin.registry import register

    register()
    whose, kind, *encoding = name.split()
    archs = split.archs if encoding != [CANONICAL] else space.representatives(split.archs)
    if whose == "archlock":
        from naslib import predictors

        predictor = predictors.BinaryRankPredictor(ss_type=space.name, model=kind, seed=seed)
    else:
        predictor = _naslib_predictor(kind, space.name)
    train, test = _objects_of(space, archs[split.train]), _objects_of(space, archs[split.test])
    values = split.values[split.train]
    with global_generators(seed), single_threaded(), threadpool_limits(1), _quietly():
        start = time.perf_counter()
        if whose == "NASLib" and kind in ("xgb", "lgb", "rf"):
            # they read arrays, too, and then do not ask whether every architecture is a network
            encoded = (np.array([a.encode(encoding_type=predictor.encoding_type) for a in of]) for of in (train, test))
            train, test = encoded  # type: ignore[assignment]
        predictor.fit(train, values)
        fitted = time.perf_counter()
        predicted = np.asarray(predictor.query(test), dtype=np.float64).reshape(-1)
        return Prediction(predicted, fitted - start, time.perf_counter() - fitted)


def _naslib_predictor(name: str, space: str) -> Any:
    from naslib import predictors
    from naslib.utils.encodings import EncodingType

    cls, encoding = _NASLIB[name]
    made = getattr(predictors, cls)(encoding_type=EncodingType[encoding], ss_type=space)
    made.hyperparams = None
    return made


def _objects_of(space: SearchSpace, archs: np.ndarray) -> list[Any]:
    """NASLib search space objects of ``n x 6`` codes, without their networks."""
    every = _every_object(space.name)
    return [every[number] for number in space.index(archs).tolist()]


@cache
def _every_object(name: str) -> dict[int, Any]:
    """The objects of all architectures of a space, by ``index``: to make them takes a second."""
    from naslib_archlock.plugin.baselines import op_index_space

    space = get_space(name)
    first = op_index_space(space, "", None)  # type: ignore[arg-type]  # nothing is looked up through them
    made = (first._with(list(space.to_naslib(tuple(arch)))) for arch in space.all().tolist())
    return dict(zip(space.index(space.all()).tolist(), made))


@contextlib.contextmanager
def _quietly() -> Any:
    """NASLib's predictors print and warn."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
