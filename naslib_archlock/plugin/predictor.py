"""The NASLib predictor ``archlock``. Imported only once NASLib is loaded (``registry``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from naslib.predictors.predictor import Predictor
from scipy.stats import rankdata

from ..compute.versions import library_versions
from ..proxies.votes import Votes
from ..ranker.ranker import Ranker, RankerInfo
from ..ranker.train_settings import TrainSettings
from ..ranker.training import TrainingTask, train_ranker
from ..spaces.known import get_space


class BinaryRankPredictor(Predictor):
    """The binary ranker as a NASLib predictor: trained on which of two labelled cells is more accurate.

    NASLib hands it search space objects of one task, so the task embedding is constant, and accuracy is the one voter.
    Cells that compute the same function are one to it. A prediction is the quantile of the training accuracies that the
    cell's win rate against the training cells points to, hence in their unit.
    """

    def __init__(
        self, ss_type: str | None = None, encoding_type: Any = None, hpo_wrapper: bool = False, seed: int = 0
    ) -> None:
        """Args: encoding_type, hpo_wrapper: NASLib's; the encoding is always canonical."""
        super().__init__(ss_type=ss_type, encoding_type=encoding_type)
        self.hpo_wrapper = hpo_wrapper
        self.hyperparams = None
        self._seed = seed
        self._settings = TrainSettings(epochs=10, batch_size=512)
        self._ranker: Ranker | None = None

    def fit(self, xtrain: Sequence[Any], ytrain: Sequence[float], train_info: Any = None) -> None:
        """Train on all pairs of ``xtrain``. Raises: RankerError: for fewer than two cells."""
        space = get_space(self.ss_type or xtrain[0].get_type())
        self._cells = self._codes(xtrain)
        self._accuracies = np.asarray(ytrain, dtype=np.float64)
        if len(self._cells) > 1 and np.ptp(self._accuracies) == 0:
            self._ranker = None  # they order no pair: there is nothing to learn, and one answer
            return
        votes = Votes(rankdata(self._accuracies)[None].astype(np.float64), np.ones(1))
        task = TrainingTask(space.name, space, self._cells, np.ones(1), votes)
        settings = self._settings
        info = RankerInfo(
            family=space.family,
            embedding="none",
            embedding_dim=1,
            hidden=settings.hidden,
            antisymmetric=settings.antisymmetric,
            tasks=(space.name,),
            proxies={},
            versions=library_versions(),
        )
        self._ranker, _ = train_ranker([task], info, settings, self._seed)

    def query(self, xtest: Sequence[Any], info: Any = None) -> np.ndarray:
        """Predicted accuracy of each cell, ``len(xtest)`` float64."""
        if self._ranker is None:
            return np.full(len(xtest), self._accuracies[0])
        win_rates = self._ranker.win_rates(self._codes(xtest), np.ones((1, 1)), self._cells)[0]
        return np.quantile(self._accuracies, win_rates)

    def _codes(self, archs: Sequence[Any]) -> np.ndarray:
        """Codes of the representatives of NASLib search space objects, ``n x 6``."""
        space = get_space(self.ss_type or archs[0].get_type())
        return space.representatives([space.from_naslib(arch.get_op_indices()) for arch in archs])
