from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.errors import RankerError
from naslib_archlock.plugin.zero_cost_inputs import ZeroCostInputs


def test_scores_are_compressed_and_gaps_are_filled_with_the_median():
    train = [{"a": 1.0, "b": -1e8}, {"a": 3.0, "b": 5.0}, {"a": float("inf")}, {"a": -7.0, "b": 1e9}]
    inputs = ZeroCostInputs(train, 4)
    a = np.log1p([1, 3, 7]) * [1, 1, -1]
    np.testing.assert_allclose(inputs.of_train[:, 0], [a[0], a[1], np.median(a), a[2]])
    np.testing.assert_allclose(inputs.of_train[:, 1], [np.log1p(5)] * 4)
    others = inputs.of([{"zero_cost_scores": {"b": 2.0, "c": 4.0}}, {"a": 0.0}], 2)
    np.testing.assert_allclose(others, [[np.median(a), np.log1p(2)], [0.0, np.log1p(5)]])


def test_a_proxy_that_always_failed_is_no_column():
    inputs = ZeroCostInputs([{"a": float("nan"), "b": 1.0}, {"a": -1e8, "b": 2.0}], 2)
    assert inputs.n_columns == 1
    assert inputs.of(None, 3).tolist() == [[(np.log1p(1) + np.log1p(2)) / 2]] * 3


@pytest.mark.parametrize("scores", [None, [{}, {}]])
def test_without_scores_there_are_no_columns(scores):
    inputs = ZeroCostInputs(scores, 2)
    assert inputs.n_columns == 0
    assert inputs.of_train.shape == (2, 0)
    assert inputs.of([{"zero_cost_scores": {"a": 1.0}}], 1).shape == (1, 0)


def test_bad_scores_are_refused():
    with pytest.raises(RankerError, match="scores of 1 architectures came with 2"):
        ZeroCostInputs([{"a": 1.0}], 2)
    with pytest.raises(RankerError, match="must be numbers"):
        ZeroCostInputs([{"a": "high"}], 1)
