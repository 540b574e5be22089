"""The NASLib predictor ``archlock``. It is imported only after NASLib is loaded (``registry``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from naslib.predictors.predictor import Predictor
from scipy.special import ndtri

from ..compute.seeding import global_generators
from ..compute.threads import single_threaded
from ..compute.versions import library_versions
from ..errors import RankerError
from ..proxies.votes import Votes
from ..ranker.model_kinds import build_model, model_class
from ..ranker.pair_model import encoded
from ..ranker.ranker import RankerInfo
from ..ranker.score_model import ScoreModel, scores_of
from ..ranker.train_settings import TrainSettings
from ..ranker.training import TrainingTask, train_ranker
from ..spaces.cells import Cell, cell_index
from ..spaces.known import get_space
from ..spaces.space import SearchSpace
from .zero_cost_inputs import ZeroCostInputs

_NETWORK_TRAINING = TrainSettings(epochs=10, batch_size=512)


class BinaryRankPredictor(Predictor):
    """A ranker as a NASLib predictor: it learns which of the labelled architectures are more accurate.

    NASLib gives it search space objects of one task, so the task embedding is constant, and accuracy is the only voter.
    Architectures that compute the same function count as one. By default the ranker is the mean of extremely randomised
    trees and a Gaussian process on graph features; ``experiments/predictors`` compares it with the other kinds and with
    NASLib's predictors.
    """

    def __init__(
        self,
        ss_type: str | None = None,
        encoding_type: Any = None,
        hpo_wrapper: bool = False,
        seed: int = 0,
        model: str = "ensemble",
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
        self._is_score_model = issubclass(model_class(model), ScoreModel)  # a wrong name must not wait for the training
        self._model, self._model_settings = model, dict(model_settings or {})
        self._zero_cost_of_train: Any = None
        self._learnt: _Scores | _Comparisons | None = None

    def set_pre_computations(
        self,
        unlabeled: Any = None,
        xtrain_zc_info: Any = None,
        xtest_zc_info: Any = None,
        unlabeled_zc_info: Any = None,
    ) -> None:
        """Take zero-cost scores of the training architectures, as NASLib's bananas gives them with ``zc`` on.

        Args:
            xtrain_zc_info: ``{"zero_cost_scores": [{proxy: score}, ...]}``, one entry for each architecture.
            unlabeled, xtest_zc_info, unlabeled_zc_info: arguments of NASLib's predictors; they are not used.
        """
        if xtrain_zc_info is not None:
            self._zero_cost_of_train = xtrain_zc_info["zero_cost_scores"]

    def fit(self, xtrain: Sequence[Any], ytrain: Sequence[float], train_info: Any = None) -> None:
        """Learn from architectures with known accuracies.

        Args:
            xtrain: ``n`` search space objects of NASLib.
            ytrain: ``n`` accuracies.
            train_info: an argument of NASLib's predictors; it is not used.

        Raises:
            RankerError: if there are fewer than two architectures, an accuracy is not finite, or the kind of ranker
                cannot read zero-cost scores that were given.
        """
        accuracies = np.asarray(ytrain, dtype=np.float64)
        if len(xtrain) != len(accuracies) or len(accuracies) < 2:
            raise RankerError(
                f"the predictor was given {len(xtrain)} architectures and {len(accuracies)} accuracies; it needs one "
                "accuracy for each architecture, and at least 2 of them"
            )
        if not np.isfinite(accuracies).all():
            raise RankerError(
                f"{(~np.isfinite(accuracies)).sum()} of the {len(accuracies)} accuracies to learn from are not finite; "
                "leave these architectures out"
            )
        space, cells = self.cells(xtrain)
        codes = space.representatives(cells)
        self._accuracies = accuracies
        if np.ptp(accuracies) == 0:
            self._learnt = None  # there is nothing to learn and only one answer
        elif self._is_score_model:
            zero_cost = ZeroCostInputs(self._zero_cost_of_train, len(codes))
            self._learnt = _Scores(space, codes, accuracies, zero_cost, self._model, self._model_settings, self._seed)
        elif self._zero_cost_of_train is not None:
            raise RankerError(
                f"ranker model {self._model!r} cannot read zero-cost scores; use 'ensemble', 'trees' or 'gp', or "
                "switch zc off"
            )
        else:
            self._learnt = _Comparisons(space, codes, accuracies, self._model, self._model_settings, self._seed)

    def query(self, xtest: Sequence[Any], info: Any = None) -> np.ndarray:
        """Predict accuracies.

        Args:
            xtest: ``n`` search space objects of NASLib.
            info: a list with ``{"zero_cost_scores": {proxy: score}}`` for each architecture, if the predictor was
                fitted with such scores; or a dictionary, which is given a key ``std``: the standard deviations, ``n``
                float64. Anything else is not used.

        Returns:
            ``n`` float64.

        Raises:
            RankerError: if standard deviations are asked of a kind of ranker that has none.
        """
        mean, std = self.predict(xtest, info)
        if isinstance(info, dict):
            if std is None:
                raise RankerError(
                    f"ranker model {self._model!r} gives no standard deviation; use 'ensemble', 'trees' or 'gp'"
                )
            info["std"] = std
        return mean

    def predict(self, xtest: Sequence[Any], info: Any = None) -> tuple[np.ndarray, np.ndarray | None]:
        """As ``query``: the predicted accuracies and their standard deviations, which are None for networks."""
        space, cells = self.cells(xtest)
        return self.predict_functions(space.representatives(cells), info)

    def predict_functions(self, codes: np.ndarray, info: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """``predict`` for the codes of representatives, ``n x 6``."""
        if self._learnt is None:
            return np.full(len(codes), self._accuracies[0]), np.zeros(len(codes))
        if isinstance(self._learnt, _Scores):
            given = info.get("zero_cost_scores") if isinstance(info, dict) else info
            return self._learnt.predict(codes, given)
        return self._learnt.predict(codes), None

    def cells(self, archs: Sequence[Any]) -> tuple[SearchSpace, list[Cell]]:
        """The search space, and the codes of NASLib search space objects."""
        space = get_space(self.ss_type or archs[0].get_type())
        return space, [space.from_naslib(arch.get_op_indices()) for arch in archs]


class _Scores:
    """What a model of scores has learnt."""

    def __init__(
        self,
        space: SearchSpace,
        codes: np.ndarray,
        accuracies: np.ndarray,
        zero_cost: ZeroCostInputs,
        model: str,
        settings: Mapping[str, Any],
        seed: int,
    ) -> None:
        with global_generators():
            made = build_model(model, 1, {**settings, "n_extra": zero_cost.n_columns}, space.family)
        assert isinstance(made, ScoreModel)
        self._model, self._zero_cost, self._accuracy = made, zero_cost, _AccuracyOfScore(accuracies)
        archs = np.hstack([encoded(codes).numpy(), zero_cost.of_train])
        with single_threaded():
            made.fit(archs, np.ones((len(archs), 1)), scores_of(accuracies), np.random.default_rng(seed))

    def predict(self, codes: np.ndarray, info: Any) -> tuple[np.ndarray, np.ndarray]:
        """Accuracies and their standard deviations; without scores, equal architectures are predicted once."""
        archs = np.hstack([encoded(codes).numpy(), self._zero_cost.of(info, len(codes))])
        with_scores = self._zero_cost.n_columns > 0
        _, first, which = np.unique(
            np.arange(len(codes)) if with_scores else cell_index(codes), return_index=True, return_inverse=True
        )
        with single_threaded():
            mean, std = self._model.predict(archs[first], np.ones((len(first), 1)))
        low, high = self._accuracy(mean - std), self._accuracy(mean + std)
        return self._accuracy(mean)[which], ((high - low) / 2)[which]


class _Comparisons:
    """What a network that compares pairs has learnt.

    A prediction is a quantile of the training accuracies: the win rate against the training architectures says which.
    """

    def __init__(
        self,
        space: SearchSpace,
        codes: np.ndarray,
        accuracies: np.ndarray,
        model: str,
        settings: Mapping[str, Any],
        seed: int,
    ) -> None:
        task = TrainingTask(space.name, space, codes, np.ones(1), Votes.of_accuracies(accuracies))
        info = RankerInfo(
            family=space.family,
            embedding="none",
            embedding_dim=1,
            model=model,
            model_settings=dict(settings),
            tasks=(space.name,),
            proxies={},
            versions=library_versions(),
        )
        self.ranker, _ = train_ranker([task], info, _NETWORK_TRAINING, seed)
        self._codes, self._accuracies = codes, accuracies

    def predict(self, codes: np.ndarray) -> np.ndarray:
        win_rates = self.ranker.win_rates(codes, np.ones((1, 1)), self._codes)[0]
        return np.quantile(self._accuracies, win_rates)


class _AccuracyOfScore:
    """The accuracy of a score: the inverse of ``scores_of`` between training accuracies, and a line beyond them.

    It rises everywhere, so it keeps the order of architectures, also of those that are predicted to be better than all
    training ones.
    """

    def __init__(self, accuracies: np.ndarray) -> None:
        self._accuracies, first = np.unique(accuracies, return_index=True)
        self._scores = scores_of(accuracies)[first]
        middle = len(self._accuracies) // 2
        self._slopes = [self._slope(0, max(middle, 1)), self._slope(min(middle, len(self._scores) - 2), -1)]

    def _slope(self, start: int, end: int) -> float:
        rise = self._accuracies[end] - self._accuracies[start]
        return float(rise / (self._scores[end] - self._scores[start]))

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        inside = np.interp(scores, self._scores, self._accuracies)
        below = np.minimum(scores - self._scores[0], 0.0) * self._slopes[0]
        return np.asarray(inside + below + np.maximum(scores - self._scores[-1], 0.0) * self._slopes[1])


class EnsembleMember(Predictor):
    """One of several members of NASLib's ``Ensemble`` that stand for one predictor and its uncertainty.

    NASLib takes the mean and the standard deviation over the members' predictions. The members share one predictor, and
    each gives a quantile of its distribution, so that both are the predictor's own. It is fitted once.

    A search looks up the best candidates of many. Architectures that compute one function have equal predictions, so it
    would spend all look-ups of a round on copies of one function. Therefore each further copy of a function is
    predicted a standard deviation lower than the one before, until the next fit.
    """

    def __init__(self, shared: _Shared, number: int, n_members: int) -> None:
        """Take a place.

        Args:
            shared: the predictor of all members.
            number: of this member, from 0.
            n_members: how many there are.
        """
        super().__init__(ss_type=shared.predictor.ss_type)
        self.hyperparams = None
        self._shared, self._is_first = shared, number == 0
        quantiles = ndtri((np.arange(n_members) + 0.5) / n_members)
        self._shift = quantiles[number] / (quantiles.std() or 1.0)

    @classmethod
    def of(cls, predictor: BinaryRankPredictor, n_members: int) -> list[EnsembleMember]:
        """The members that stand for a predictor."""
        shared = _Shared(predictor)
        return [cls(shared, number, n_members) for number in range(n_members)]

    def set_pre_computations(self, **given: Any) -> None:
        """As ``BinaryRankPredictor``."""
        self._shared.predictor.set_pre_computations(**given)

    def fit(self, xtrain: Sequence[Any], ytrain: Sequence[float], train_info: Any = None) -> None:
        """Fit the shared predictor, if this is the first member."""
        if self._is_first:
            self._shared.fit(xtrain, ytrain)

    def query(self, xtest: Sequence[Any], info: Any = None) -> np.ndarray:
        """The predicted accuracies, shifted by this member's multiple of their standard deviations, ``n``."""
        mean, std = self._shared.predict(xtest, info)
        return np.asarray(mean + self._shift * std)


class _Shared:
    """A predictor whose last prediction is kept, because every member asks for the same one.

    It also counts the copies of each function that it has learnt from or was asked for since the last fit.
    """

    def __init__(self, predictor: BinaryRankPredictor) -> None:
        self.predictor = predictor
        self._last: tuple[Any, Any, Any] = (None, None, None)
        self._copies: dict[tuple[int, ...], dict[tuple[int, ...], int]] = {}

    def fit(self, xtrain: Sequence[Any], ytrain: Sequence[float]) -> None:
        self.predictor.fit(xtrain, ytrain)
        self._last, self._copies = (None, None, None), {}
        space, cells = self.predictor.cells(xtrain)
        self._places(cells, space.representatives(cells))

    def predict(self, xtest: Sequence[Any], info: Any) -> Any:
        if self._last[0] is not xtest or self._last[1] is not info:
            space, cells = self.predictor.cells(xtest)
            functions = space.representatives(cells)
            mean, std = self.predictor.predict_functions(functions, info)
            assert std is not None
            self._last = (xtest, info, (mean - self._places(cells, functions) * std, std))
        return self._last[2]

    def _places(self, cells: Sequence[Cell], functions: np.ndarray) -> np.ndarray:
        """For each architecture, how many other copies of its function came before it, ``n``."""
        places = []
        for cell, function in zip(cells, functions.tolist()):
            copies = self._copies.setdefault(tuple(function), {})
            places.append(copies.setdefault(cell, len(copies)))
        return np.array(places, dtype=np.float64)
