"""Zero-cost scores as further inputs of the predictor, from what NASLib's optimizers hand over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import RankerError, shown
from ..proxies.zero_cost import FAILED_SCORE


class ZeroCostInputs:
    """The scores of the training architectures in columns, and those of others in the same columns.

    A score is compressed to ``sign(s) log(1 + |s|)``, because proxies differ by many orders of magnitude. The median of
    the training architectures takes the place of a score that is missing, failed or infinite.

    Attributes:
        of_train: ``n x n_columns`` float64.
    """

    def __init__(self, scores: Sequence[Mapping[str, float]] | None, n: int) -> None:
        """Take the scores of ``n`` training architectures; without any, there are no columns.

        Raises:
            RankerError: if they are not ``n``.
        """
        if scores is not None and len(scores) != n:
            raise RankerError(
                f"zero-cost scores of {len(scores)} architectures came with {n} training architectures; one set of "
                "scores is needed for each"
            )
        given = scores or [{}] * n
        names = sorted({name for of_arch in given for name in of_arch})
        raw = _columns(given, names)
        is_known = np.isfinite(raw).any(axis=0)
        self._names = [name for name, known in zip(names, is_known) if known]
        self._medians = np.nanmedian(raw[:, is_known], axis=0)
        self.of_train = self._filled(raw[:, is_known])

    @property
    def n_columns(self) -> int:
        """The number of proxies with a score of any training architecture."""
        return len(self._names)

    def of(self, info: Any, n: int) -> np.ndarray:
        """The columns of other architectures, ``n x n_columns``.

        Args:
            info: for each architecture, ``{"zero_cost_scores": {proxy: score}}`` or its inner dictionary. Where an
                architecture has none, the medians stand.
            n: the number of architectures.
        """
        given: list[Mapping[str, float]] = [{}] * n
        if self._names and isinstance(info, (list, tuple)) and len(info) == n:
            given = [_scores_in(entry) for entry in info]
        return self._filled(_columns(given, self._names))

    def _filled(self, raw: np.ndarray) -> np.ndarray:
        return np.where(np.isfinite(raw), raw, self._medians)


def _scores_in(entry: Any) -> Mapping[str, float]:
    inner = entry.get("zero_cost_scores", entry) if isinstance(entry, Mapping) else {}
    return inner if isinstance(inner, Mapping) else {}


def _columns(scores: Sequence[Mapping[str, float]], names: list[str]) -> np.ndarray:
    """The compressed scores, ``n x len(names)``; NaN where there is none."""
    try:
        raw = np.array([[of_arch.get(name, np.nan) for name in names] for of_arch in scores], dtype=np.float64)
    except (TypeError, ValueError) as err:
        raise RankerError(f"zero-cost scores must be numbers, not {shown(scores[:1])} ({err})") from err
    raw = raw.reshape(len(scores), len(names))
    raw[(raw == FAILED_SCORE) | (np.abs(raw) >= 1e9)] = np.nan  # NASLib clips infinities to 1e9
    return np.sign(raw) * np.log1p(np.abs(raw))
