"""The NASLib optimizer ``archlock``. Imported only once NASLib is loaded (``registry``)."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import torch
from naslib.optimizers.core.metaclasses import MetaOptimizer
from naslib.search_spaces.core.query_metrics import Metric

from ..benchmarks.benchmark import Benchmark
from ..config.load import config_from
from ..errors import NaslibError
from ..locking.prepare import checked, open_benchmark, prepare
from ..locking.result import finish, wall_times
from ..report.text import summary
from ..spaces.cells import Cell
from ..spaces.known import get_space
from ..store.files import write_text
from ..store.sealed import seal, unseal
from ..strategies.base import Search
from .naslib_benchmark import NaslibBenchmark

logger = logging.getLogger("naslib.archlock")  # NASLib's loggers all hang from "naslib"


class SearchCheckpoint(torch.nn.Module):
    """A search's state, for NASLib's checkpointer, which keeps what is in one module's ``state_dict`` and nothing else.

    The state is sealed JSON in a tensor of bytes. It has no parameters, and no entry before the search has begun, so
    that a checkpoint of any length can be loaded.
    """

    KEY = "archlock_search"

    def __init__(self, search: Search) -> None:
        super().__init__()
        self._search = [search]  # in a list: a Search is no submodule

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        search = self._search[0]
        if search.history:
            destination[prefix + self.KEY] = torch.frombuffer(bytearray(seal(search.state())), dtype=torch.uint8)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        if prefix + self.KEY not in state_dict:
            return
        try:
            self._search[0].restore(unseal(bytes(state_dict[prefix + self.KEY].tolist())))
        except (AttributeError, LookupError, TypeError, ValueError) as err:  # DamagedError, too
            raise NaslibError(f"the checkpoint holds no state of this search ({err}); start without --resume") from err


class ArchLock(MetaOptimizer):
    """Searches for a cell that is good on ``config.dataset`` and bad on other tasks (ArchLock, ICLR 2024).

    Follows NASLib's Trainer: one step of the search an epoch. The search never builds a network; NASLib's statistics
    of each epoch are queried for the log and do not reach it. At the end ``result.json`` in ``config.save`` holds what
    ``archlock search`` reports, with the accuracies on the targets, and ``timings.json`` how long it took.
    """

    using_step_function = False

    def __init__(self, config: Any, zc_api: Any = None) -> None:
        """Only keeps the config: NASLib's runners build every optimizer that they know, and then use one."""
        super().__init__()
        self.config = config
        self.epochs = config.search.epochs

    def adapt_search_space(self, search_space: Any, scope: Any = None, dataset_api: Any = None) -> None:
        """Check the config and prepare the search; trains a ranker if ``archlock.ranker`` names none.

        Raises: ArchLockError: as ``prepare``.
        """
        space = get_space(search_space.get_type())
        self._settings = config_from({**self.config, "search_space": space.name}, strict=False)
        self.search_space, self.scope, self.dataset_api = search_space, scope, dataset_api
        self._graph = search_space.clone()
        self._graph.instantiate_model = False
        start = time.perf_counter()
        self._benchmark = self._open_benchmark(dataset_api)
        self._search = prepare(self._settings, self._benchmark).search
        self._checkpoint = SearchCheckpoint(self._search)
        self._seconds = {"preparation": time.perf_counter() - start, "search": 0.0}

    def _open_benchmark(self, dataset_api: Any) -> Benchmark:
        if self._settings.archlock.tables or dataset_api is None:
            return open_benchmark(self._settings)
        space = get_space(self._settings.search_space)
        return checked(self._settings, NaslibBenchmark(space, {self._settings.dataset: dataset_api}))

    def new_epoch(self, epoch: int) -> None:
        """Advance the search by one step.

        Resumed from a checkpoint in another folder, NASLib's Trainer counts from 0 again: the steps that the checkpoint
        holds are not made twice.
        """
        if len(self._search.history) > epoch:
            return
        start = time.perf_counter()
        self._search.step()
        self._seconds["search"] += time.perf_counter() - start

    def after_training(self) -> None:
        """Run scheme S for comparison, measure both results, and write ``result.json`` and ``timings.json``."""
        result = finish(self._settings, self._benchmark, self._search)
        timings = wall_times(**self._seconds)
        for name, content in (("timings.json", timings), ("result.json", result)):
            write_text(Path(self.config.save) / name, json.dumps(content, indent=2) + "\n")
        logger.info(
            "archlock result:\n%s", summary({**result, **timings}, self._benchmark.space, self._benchmark.meaning)
        )

    def train_statistics(self, report_incumbent: bool = True) -> tuple[float, float, float, float]:
        """Train, validation and test accuracy and training time on the source, as NASLib answers, for its log."""
        arch = self._search.best().arch if report_incumbent else self._search.history[-1].arch
        train, val, test, seconds = (
            float(self._query(arch, metric))
            for metric in (Metric.TRAIN_ACCURACY, Metric.VAL_ACCURACY, Metric.TEST_ACCURACY, Metric.TRAIN_TIME)
        )
        return train, val, test, seconds

    def test_statistics(self) -> Any:
        """NASLib's raw record of the best cell so far."""
        return self._query(self._search.best().arch, Metric.RAW)

    def _query(self, arch: Cell, metric: Metric) -> Any:
        self._graph.set_op_indices(self._benchmark.space.to_naslib(arch))
        return self._graph.query(metric, self._settings.dataset, dataset_api=self.dataset_api)

    def get_final_architecture(self) -> Any:
        """The cell found, as a NASLib search space object of its own."""
        graph = self.search_space.clone()
        graph.set_op_indices(list(self._benchmark.space.to_naslib(self._search.best().arch)))
        return graph

    def get_op_optimizer(self) -> Any:
        raise NotImplementedError("archlock searches tabular benchmarks; it has no weights to optimize")

    def get_checkpointables(self) -> dict[str, Any]:
        return {"model": self._checkpoint}

    def get_model_size(self) -> float:
        return 0.0
