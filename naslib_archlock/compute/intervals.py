"""Confidence intervals: of a mean over a few seeds, and of an accuracy on a few images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_LEAST_PCT = 0.05  # a figure of 0 or 100% counts as so much more or less: their logits are infinite
_Z = 1.959963984540054  # a normal distribution has 95% of its mass within so many deviations of the mean


def half_width(values: Sequence[float] | np.ndarray) -> float:
    """Half the width of the 95% interval of the mean, by Student's t.

    Student's t suits the few seeds of an audit or experiment: unlike a bootstrap, it is not too narrow for them.

    Args:
        values: ``n`` numbers, one for each seed.

    Returns:
        NaN if ``n`` is below 2, because a single value does not say how much it varies.
    """
    from scipy import stats  # a search that measures no interval of seeds need not wait for it

    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return float("nan")
    return float(stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))


def interval_within(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The 95% interval of the mean of figures in %, which holds no impossible figure.

    It is Student's interval of the logits, so it lies between 0 and 100. A figure below 0 can only be an explained
    variance, which has no lowest value: then it is Student's interval of the figures, cut off at 100.

    Args:
        values: ``n`` figures in %, none above 100, one for each seed.

    Returns:
        low and high, which hold the mean; NaN if ``n`` is below 2.
    """
    x = np.asarray(values, dtype=np.float64)
    mean = float(x.mean())
    if len(x) < 2:
        return float("nan"), float("nan")
    if x.min() < 0:
        return mean - half_width(x), min(mean + half_width(x), 100.0)
    shares = np.clip(x, _LEAST_PCT, 100 - _LEAST_PCT) / 100
    logits = np.log(shares / (1 - shares))
    low, high = 100 / (1 + np.exp(-(logits.mean() + np.array([-1, 1]) * half_width(logits))))
    return min(float(low), mean), max(float(high), mean)


def difference_within(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The 95% interval of the mean of differences of figures in %, by Student's t, which holds no impossible one.

    Two accuracies differ by 100 at most. A larger difference can only be one of explained variances, which have no
    lowest value: then the interval is not cut off.

    Args:
        values: ``n`` differences, one for each seed.

    Returns:
        low and high; NaN if ``n`` is below 2.
    """
    x = np.asarray(values, dtype=np.float64)
    half, most = half_width(x), 100.0 if np.abs(x).max() <= 100 else np.inf
    return max(float(x.mean()) - half, -most), min(float(x.mean()) + half, most)


def accuracy_interval(accuracy: float, n_images: int) -> tuple[float, float]:
    """The 95% interval of an accuracy that was measured on so many images (Wilson, 1927).

    Args:
        accuracy: in %.
        n_images: at least 1.

    Returns:
        low and high, in %: what accuracies on endlessly many such images would make this figure no surprise.
    """
    z, p = _Z, accuracy / 100
    middle = (p + z**2 / (2 * n_images)) / (1 + z**2 / n_images)
    half = z * np.sqrt(p * (1 - p) / n_images + z**2 / (4 * n_images**2)) / (1 + z**2 / n_images)
    # rounded, because the end at 0 or 1 is exact but for the last digit, and every machine is to give the same
    return round(float(100 * (middle - half)), 9) + 0.0, round(float(100 * (middle + half)), 9)


def difference_interval(
    a: float, b: float, interval_a: Sequence[float], interval_b: Sequence[float]
) -> tuple[float, float]:
    """The 95% interval of the difference ``a - b`` of two accuracies, from that of each (Newcombe, 1998, method 10).

    It takes the two for independent. Of two networks on the same images it is wider than need be.

    Args:
        a, b: accuracies, in %.
        interval_a, interval_b: low and high of each (``accuracy_interval``).
    """
    low = a - b - np.hypot(a - interval_a[0], interval_b[1] - b)
    high = a - b + np.hypot(interval_a[1] - a, b - interval_b[0])
    return float(low), float(high)
