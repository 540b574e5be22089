"""The NASLib predictor ``archlock``. It is imported only after NASLib is loaded (``registry``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from naslib.predictors.predictor import Predictor
from scipy.stats import rankdata

from ..compute.versions import library_versions
from ..proxies.votes import Votes
from ..ranker.model_kinds import model_class
from ..ranker.ranker import Ranker, RankerInfo
from ..ranker.train_settings import TrainSettings
from ..ranker.training import TrainingTask, train_ranker
from ..spaces.known import get_space


class BinaryRankPredictor(Predictor):
    """The binary ranker as a NASLib predictor: trained on which of two labelled cells is more accurate.

    NASLib gives it search space objects of one task, so the task embedding is constant, and accuracy is the only voter.
    Cells that compute the same function count as one cell. A prediction is a quantile of the training accuracies, so it
    has their unit; the cell's win rate against the training cells says which quantile.
    """

    def __init__(
        self,
        ss_type: str | None = None,
        encoding_type: Any = None,
        hpo_wrapper: bool = False,
        seed: int = 0,
        model: str = "mlp",
        model_settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Set the predictor up as NASLib does.

        Args:
            ss_type: name of the search space; by default that of the architectures.
            encoding_type: an argument of NASLib's predictors; the encoding is always canonical.
            hpo_wrapper: an argument of NASLib's predictors.
            seed: decides the training.
            model: the kind of ranker model.
            model_settings: settings of that kind; it has a default for each that is not given.

        Raises:
            UnknownNameError: if there is no such kind.
        """
        super().__init__(ss_type=ss_type, encoding_type=encoding_type)
        self.hpo_wrapper = hpo_wrapper
        self.hyperparams = None
        self._seed = seed
        model_class(model)  # an unknown name must not wait for the training
        self._model, self._model_settings = model, dict(model_settings or {})
        self._settings = TrainSettings(epochs=10, batch_size=512)
        self._ranker: Ranker | None = None

    def fit(self, xtrain: Sequence[Any], ytrain: Sequence[float], train_info: Any = None) -> None:
        """Train on all pairs of cells.

        Args:
            xtrain: ``n`` search space objects of NASLib.
            ytrain: ``n`` accuracies.
            train_info: an argument of NASLib's predictors; it is not used.

        Raises:
            RankerError: if there are fewer than two cells.
        """
        space = get_space(self.ss_type or xtrain[0].get_type())
        self._cells = self._codes(xtrain)
        self._accuracies = np.asarray(ytrain, dtype=np.float64)
        if len(self._cells) > 1 and np.ptp(self._accuracies) == 0:
            self._ranker = None  # all accuracies are equal, so there is nothing to learn and only one answer
            return
        votes = Votes(rankdata(self._accuracies)[None].astype(np.float64), np.ones(1))
        task = TrainingTask(space.name, space, self._cells, np.ones(1), votes)
        info = RankerInfo(
            family=space.family,
            embedding="none",
            embedding_dim=1,
            model=self._model,
            model_settings=self._model_settings,
            tasks=(space.name,),
            proxies={},
            versions=library_versions(),
        )
        self._ranker, _ = train_ranker([task], info, self._settings, self._seed)

    def query(self, xtest: Sequence[Any], info: Any = None) -> np.ndarray:
        """Predict accuracies.

        Args:
            xtest: ``n`` search space objects of NASLib.
            info: an argument of NASLib's predictors; it is not used.

        Returns:
            ``n`` float64.
        """
        if self._ranker is None:
            return np.full(len(xtest), self._accuracies[0])
        win_rates = self._ranker.win_rates(self._codes(xtest), np.ones((1, 1)), self._cells)[0]
        return np.quantile(self._accuracies, win_rates)

    def _codes(self, archs: Sequence[Any]) -> np.ndarray:
        """Codes of the representatives of NASLib search space objects, ``n x 6``."""
        space = get_space(self.ss_type or archs[0].get_type())
        return space.representatives([space.from_naslib(arch.get_op_indices()) for arch in archs])
