"""Write your own search strategy: propose what to evaluate next, and decide when to stop."""

from __future__ import annotations

import numpy as np

import naslib_archlock as al
from naslib_archlock.strategies.base import Search
from naslib_archlock.testing.strategy_contract import check_strategy


class RandomSearch(Search):
    """Evaluates random architectures; ``Search`` then chooses the fittest one within the source budget."""

    @property
    def is_finished(self) -> bool:
        return self._n_unused_queries() <= 0

    def _propose(self) -> tuple[int, ...]:
        return self.space.sample(1, self.rng)[0]

    def _judge(self, arch: tuple[int, ...]) -> tuple[float, None]:
        return float(self.fitness.of(np.array([arch]))[0]), None


random_strategy = al.Strategy("random", "random architectures", RandomSearch, fitness="expected")
check_strategy(random_strategy)
al.register_strategy(random_strategy)
result = al.search(search_space="digits", dataset="digit", target="jigsaw", strategy="random", source_queries=50)
print(result.arch, result.accuracies)
