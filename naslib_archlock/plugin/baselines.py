"""NASLib's own optimizers as baselines of studies: they search for source accuracy, and know of no target.

The optimizers are NASLib's, unchanged, and driven as its Trainer drives them, one ``new_epoch`` after the other, but
without the files and the test figures of each epoch. They search an ``OpIndexSpace``, NASLib's search space without its
networks. Importing this module loads NASLib.

How epochs use look-ups: every optimizer asks for one architecture an epoch. ``rs`` draws it; ``re`` draws the first
50 and then mutates; ``ls`` draws 10, asks for the neighbours of the best one, and starts again from a random one where
none is better; ``bananas`` and ``npenas`` draw 10, then fit their predictor every 10 epochs and ask for the 10
candidates that it likes best. None of them remembers what it asked before. An architecture asked for again is answered
again, but counted once, so that they make more epochs than look-ups: 1.0 (rs) to 2 (bananas, npenas) times as many.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ..benchmarks.source_oracle import SourceOracle
from ..compute.seeding import global_generators
from ..compute.threads import single_threaded
from ..errors import ConfigError, unknown
from ..spaces.cells import Cell
from ..spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from ..spaces.space import SearchSpace
from ..studies.jobs import Job, Picks, first_distinct
from .compat import load_naslib

load_naslib()

from naslib import optimizers  # noqa: E402
from naslib.search_spaces import (  # noqa: E402
    NasBench201SearchSpace,
    TransBench101SearchSpaceMacro,
    TransBench101SearchSpaceMicro,
)
from naslib.search_spaces.core.graph import Graph  # noqa: E402
from naslib.search_spaces.core.query_metrics import Metric  # noqa: E402
from naslib.utils import AttrDict  # noqa: E402

OPTIMIZERS = {
    "rs": optimizers.RandomSearch,
    "re": optimizers.RegularizedEvolution,
    "ls": optimizers.LocalSearch,
    "bananas": optimizers.Bananas,
    "npenas": optimizers.Npenas,
}

# NASLib's section ``search``: the settings that its scripts/create_configs.py writes for these optimizers on both
# benchmarks, but for the predictor of bananas and npenas. The one named there, "bananas", is an ensemble of networks of
# 20 layers: it takes minutes for 200 look-ups, nearly all of them spent fitting, and cannot encode transbench101_micro.
# lgb is another of NASLib's, and found the best source accuracies of those that take seconds. It draws no random
# numbers, so that the members of an ensemble are the same: one gives the same search as NASLib's three.
SEARCH = {
    "fidelity": -1,  # the last epoch of training
    "population_size": 50,
    "sample_size": 10,
    "num_init": 10,
    "k": 10,
    "num_ensemble": 1,
    "predictor_type": "lgb",
    "acq_fn_type": "its",
    # "random_sampling", the other way, asks for the accuracy of all candidates only to throw it away
    "acq_fn_optimization": "mutation",
    "num_arches_to_mutate": 5,
    "max_mutations": 1,
    "num_candidates": 200,
    "encoding_type": "path",  # read by NASLib, but not used
}

# bananas can run in circles around its best architectures when it knows all their neighbours.
MAX_EPOCHS_WITHOUT_LOOK_UP = 500


def pick(job: Job) -> Picks:
    """The most accurate on the source of all that the NASLib optimizer ``job.options["optimizer"]`` looked up.

    ``job.options["predictor"]`` is the predictor of bananas and npenas, if it is not the one of ``SEARCH``.

    It gets the seed of the job, and all ``job.source_queries`` look-ups; it may leave some, see
    ``MAX_EPOCHS_WITHOUT_LOOK_UP``. Raises: UnknownNameError, ConfigError.
    """
    name = job.options.get("optimizer", "")
    if name not in OPTIMIZERS:
        raise unknown("NASLib optimizer", name, OPTIMIZERS)
    if job.source_queries < 1:
        raise ConfigError(f"source_queries={job.source_queries}: NASLib's optimizers need at least 1 look-up")
    oracle = job.benchmark.source_oracle(job.source, job.source_queries)
    changed: dict[str, Any] = {}
    if "predictor" in job.options:  # with NASLib's own number of members, because they may differ
        changed = {"predictor_type": job.options["predictor"], "num_ensemble": 3}
    config = AttrDict(dataset=job.source, search=AttrDict({**SEARCH, **changed}, epochs=job.source_queries))
    with global_generators(job.seed), single_threaded(), threadpool_limits(1):
        optimizer = OPTIMIZERS[name](config)
        optimizer.adapt_search_space(op_index_space(job.benchmark.space, job.source, oracle))
        _run(optimizer, oracle)
    best_first = sorted(oracle.known, key=lambda arch: -oracle.known[arch])
    return Picks(first_distinct(job.benchmark.space, best_first), oracle.queries)


def _run(optimizer: Any, oracle: SourceOracle) -> None:
    """New epochs until the look-ups are spent, or no new one was made for long."""
    last_look_up = 0
    for epoch in count():
        before = oracle.queries
        try:
            optimizer.new_epoch(epoch)
        except LookUpsSpentError:
            return
        if oracle.queries > before:
            last_look_up = epoch
        elif epoch - last_look_up >= MAX_EPOCHS_WITHOUT_LOOK_UP:
            return


class LookUpsSpentError(Exception):
    """An optimizer asked for one architecture more than it may look up."""


# -- the search space --------------------------------------------------------------------------------------------------


class OpIndexSpace(Graph):
    """Mixed into a search space class of NASLib: architectures that are their op indices, without a graph.

    Drawing, mutating and encoding stay NASLib's. What is replaced:

    * construction and ``clone``, which build and copy a graph in 0.1 to 0.4 s; bananas clones thousands;
    * ``query``, which answers validation accuracy on the source from a ``SourceOracle``, the same figures and the same
      count as for all other methods, and nothing else;
    * ``get_nbhd``, which builds the networks of all neighbours, in 2 to 3 s, and of transbench101_micro those of the
      task jigsaw whatever the task. No accuracy depends on them.
    """

    space: SearchSpace  # whose ``op_indices`` it uses
    source: str
    oracle: SourceOracle

    def __init__(self) -> None:
        Graph.__init__(self)  # an empty one: the class of NASLib between here and there would fill it
        self.instantiate_model = False
        self.op_indices: Any = None

    def clone(self) -> OpIndexSpace:
        return self._with(self.op_indices)

    def query(self, metric: Any, dataset: str, *args: Any, **kwargs: Any) -> float:
        """Answer validation accuracy on the source, and nothing else.

        Raises:
            LookUpsSpentError: if no look-up is left.
            ConfigError: if asked for anything but validation accuracy on the source.
        """
        if metric is not Metric.VAL_ACCURACY or dataset != self.source:
            raise ConfigError(f"a search may look up validation accuracy on {self.source}, not {metric} on {dataset}")
        accuracy = self.oracle.validation_accuracy(self.space.from_naslib(self.op_indices))
        if accuracy is None:
            raise LookUpsSpentError
        return accuracy

    def get_nbhd(self, dataset_api: Any = None) -> list[torch.nn.Module]:
        """All neighbours in random order, each as the attribute ``arch`` of a module."""
        return self._as_modules(
            [*self.op_indices[:edge], op, *self.op_indices[edge + 1 :]]
            for edge, present in enumerate(self.op_indices)
            for op in range(self.space.n_codes)
            if op != present
        )

    def _as_modules(self, neighbours: Iterable[Sequence[int]]) -> list[torch.nn.Module]:
        modules = []
        for op_indices in neighbours:
            module = torch.nn.Module()
            module.arch = self._with(op_indices)
            modules.append(module)
        random.shuffle(modules)
        return modules

    def _with(self, op_indices: Any) -> OpIndexSpace:
        new = type(self)()
        new.op_indices = op_indices
        return new


class MacroOpIndexSpace(OpIndexSpace):
    """``OpIndexSpace`` for transbench101_macro.

    NASLib's ``mutate`` fails there: it compares a list with 0 to find the modules that are present. Its ``get_nbhd``
    draws the modules in a random order. Here, both use the neighbours of this package's space.
    """

    def mutate(self, parent: OpIndexSpace, dataset_api: Any = None) -> None:
        neighbour = random.choice(parent._neighbours())  # nosec B311  # NASLib draws from this generator
        self.op_indices = np.array(neighbour)

    def get_nbhd(self, dataset_api: Any = None) -> list[torch.nn.Module]:
        return self._as_modules(self._neighbours())

    def _neighbours(self) -> list[Cell]:
        return self.space.neighbours(self.space.from_naslib(self.op_indices))


# Search space -> NASLib's class, what is mixed into it, and the space whose ``op_indices`` it uses. NASLib does not
# have digits, so the space with the same cells stands in.
_NASLIB_CLASSES: dict[str, tuple[type[Graph], type[OpIndexSpace], SearchSpace]] = {
    NASBENCH201.name: (NasBench201SearchSpace, OpIndexSpace, NASBENCH201),
    TRANSBENCH101_MICRO.name: (TransBench101SearchSpaceMicro, OpIndexSpace, TRANSBENCH101_MICRO),
    TRANSBENCH101_MACRO.name: (TransBench101SearchSpaceMacro, MacroOpIndexSpace, TRANSBENCH101_MACRO),
    DIGITS.name: (TransBench101SearchSpaceMicro, OpIndexSpace, TRANSBENCH101_MICRO),
}


def op_index_space(space: SearchSpace, source: str, oracle: SourceOracle) -> OpIndexSpace:
    """A search space for NASLib's optimizers, whose architectures answer from ``oracle``."""
    naslib_class, own_class, notation = _NASLIB_CLASSES[space.name]
    # NASLib makes new architectures with the class alone, so the oracle is an attribute of a class of its own.
    attributes = {"space": notation, "source": source, "oracle": oracle}
    new: OpIndexSpace = type(naslib_class.__name__, (own_class, naslib_class), attributes)()
    return new
