"""NSGA-II (Deb et al., 2002) by pymoo: the conventional multi-objective search for a lock, which looks at the target.

It maximises validation accuracy on the source and minimises validation accuracy on the target. It looks up both for
every architecture that it evaluates, where a search under this package's honesty rules looks up only the source.
Importing this module without pymoo raises a ``StudyError``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..benchmarks.source_oracle import budget_floor
from ..compute.seeding import global_generators
from ..errors import ConfigError, StudyError
from ..spaces.cells import N_SLOTS, Cell
from ..spaces.space import SearchSpace
from .jobs import Job, Picks, first_distinct

try:
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.config import Config
    from pymoo.core.duplicate import DefaultDuplicateElimination
    from pymoo.core.mutation import Mutation
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.core.repair import Repair
    from pymoo.core.sampling import Sampling
    from pymoo.core.termination import NoTermination
    from pymoo.operators.crossover.ux import UX
except ImportError as err:
    raise StudyError(f"NSGA-II needs pymoo ({err}); install it with: pip install 'naslib_archlock[studies]'") from err

# These values favour this baseline. They were chosen by the lock score over all pairs of both benchmarks, at 200
# look-ups and budgets of 2 and 5 %: the mean is 0.32, and 0.24 with a population of 40 and the usual crossover rate of
# 0.9. A child of very different parents resembles neither, and the search then misses the best source architectures.
POPULATION_SIZE = 10
CROSSOVER_RATE = 0.25

Config.warnings["not_compiled"] = False  # otherwise pymoo prints that it runs without its compiled modules


def pick(job: Job) -> Picks:
    """Pick the architectures within the source budget that have the lowest validation accuracy on the target.

    The budget is counted from the best source accuracy looked up. Raises: ConfigError.
    """
    space = job.benchmark.space
    if job.target is None or job.budget_pct is None:
        raise ConfigError("NSGA-II needs a target and a source budget")
    if job.source_queries < 1:
        raise ConfigError(f"source_queries={job.source_queries}: NSGA-II needs at least 1 look-up")
    problem = LockProblem(job)
    with global_generators(job.seed):
        _run(_new_algorithm(problem, job.seed), problem)
    source, target = problem.source.known, problem.target
    floor = budget_floor(max(source.values()), job.budget_pct)
    best_first = sorted((arch for arch in target if source[arch] >= floor), key=lambda arch: target[arch])
    return Picks(first_distinct(space, best_first), len(source), len(target))


def _new_algorithm(problem: LockProblem, seed: int) -> Any:
    space, rng = problem.space, np.random.default_rng(seed)
    algorithm = NSGA2(
        pop_size=min(POPULATION_SIZE, problem.source.max_queries),
        sampling=DistinctSampling(space, rng),
        crossover=Uniform(space),
        mutation=OneChange(space, rng),
        repair=ToRepresentative(space),
        eliminate_duplicates=SeenElimination(problem),
    )
    return algorithm.setup(problem, termination=NoTermination(), seed=seed)


def _run(algorithm: Any, problem: LockProblem) -> None:
    """New generations until the look-ups are spent; pymoo ends earlier where it finds no new architecture any more."""
    while algorithm.has_next() and not problem.source.is_exhausted:
        algorithm.n_offsprings = min(POPULATION_SIZE, problem.source.remaining)
        algorithm.next()


class LockProblem(ElementwiseProblem):
    """Six codes; minus the source's and plus the target's validation accuracy, both to be minimised.

    ``source`` is an oracle of the look-ups, ``target`` holds those on the target, and ``unseen`` the representatives of
    the functions that were not looked up.
    """

    def __init__(self, job: Job) -> None:
        self.space = job.benchmark.space
        self.source = job.benchmark.source_oracle(job.source, job.source_queries)
        self.target: dict[Cell, float] = {}
        self.unseen = {tuple(row) for row in self.space.distinct().tolist()}
        self._job = job
        super().__init__(n_var=N_SLOTS, n_obj=2, xl=0, xu=self.space.n_codes - 1, vtype=int)

    def _evaluate(self, x: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        arch = tuple(x.tolist())
        self.unseen.remove(arch)
        self.target[arch] = self._job.benchmark.accuracy(arch, task=str(self._job.target), split="val")
        source = self.source.validation_accuracy(arch)
        assert source is not None  # the search never asks for more architectures than look-ups remain
        out["F"] = [-source, self.target[arch]]


# pymoo's own sampling and mutation treat an op code as a number, as if neighbouring codes were similar ops.


class DistinctSampling(Sampling):
    """Architectures that compute different functions."""

    def __init__(self, space: SearchSpace, rng: np.random.Generator) -> None:
        super().__init__()
        self._space, self._rng = space, rng

    def _do(self, problem: Any, n_samples: int, *args: Any, **kwargs: Any) -> np.ndarray:
        return np.array(self._space.sample(n_samples, self._rng))


class Uniform(UX):
    """Uniform crossover. A child that the space does not contain is replaced by its parent."""

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(prob=CROSSOVER_RATE)
        self._space, self._known = space, space.index(space.all())

    def _do(self, problem: Any, X: np.ndarray, **kwargs: Any) -> np.ndarray:  # noqa: N803
        children = super()._do(problem, X, **kwargs)  # 2 x matings x 6, as the parents
        is_known = np.isin(self._space.index(children), self._known).reshape(children.shape[:2])
        return np.where(is_known[:, :, None], children, X)


class OneChange(Mutation):
    """One code changed, such that the architecture computes another function."""

    def __init__(self, space: SearchSpace, rng: np.random.Generator) -> None:
        super().__init__()
        self._space, self._rng = space, rng

    def _do(self, problem: Any, X: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:  # noqa: N803
        return np.array([self._space.mutate(tuple(x), self._rng) for x in X.tolist()])


class ToRepresentative(Repair):
    """The representative of what a cell computes."""

    def __init__(self, space: SearchSpace) -> None:
        super().__init__()
        self._space = space

    def _do(self, problem: Any, X: np.ndarray, **kwargs: Any) -> np.ndarray:  # noqa: N803
        return self._space.representatives(X)


class SeenElimination(DefaultDuplicateElimination):
    """Drop disconnected and known architectures, also dead ones; pymoo itself compares with the living only."""

    def __init__(self, problem: LockProblem) -> None:
        super().__init__()
        self._unseen = problem.unseen

    def _do(self, pop: Any, other: Any, is_duplicate: np.ndarray) -> np.ndarray:
        is_seen = [tuple(x) not in self._unseen for x in pop.get("X").tolist()]
        return super()._do(pop, other, is_duplicate) | np.array(is_seen)
