from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from naslib_archlock.errors import EmbeddingError
from naslib_archlock.testing.embedding_contract import check_embedding

TASKS = (1, 2, 3)


def good(task: int) -> np.ndarray:
    return np.arange(1.0, 5.0) ** task


def test_a_good_embedding_passes():
    check_embedding(good, TASKS)


def with_draws(draw):
    def embed(task):
        draw()
        return good(task)

    return embed


def counting():
    calls = []

    def embed(task):
        calls.append(task)
        return good(task) + len(calls)

    return embed


@pytest.mark.parametrize(
    ("embed", "error", "message"),
    [
        (lambda task: good(task).reshape(2, 2), AssertionError, "no vector: its shape is"),
        (lambda task: good(task).astype(np.float32), AssertionError, "type float32"),
        (lambda task: good(task) / [1, 1, 1, np.nan], AssertionError, "NaN or infinite"),
        (lambda task: good(task)[:task], AssertionError, "differ in size: 1 and 2"),
        (counting(), AssertionError, "differs from call to call"),
        (lambda task: good(1), AssertionError, "two tasks have the same embedding"),
        (with_draws(np.random.rand), AssertionError, "global random generator"),
        (with_draws(random.random), AssertionError, "global random generator"),
        (with_draws(lambda: torch.rand(1)), AssertionError, "global random generator"),
        (lambda task: good(task) * (task > 1), EmbeddingError, "not all zero"),
        (lambda task: 1e150 * good(task), EmbeddingError, "its largest number"),
        (lambda task: np.array([float(task)]), EmbeddingError, "of one number"),
    ],
)
def test_each_broken_promise_is_named(embed, error, message):
    with pytest.raises(error, match=message):
        check_embedding(embed, TASKS)


def test_one_task_is_too_few():
    with pytest.raises(AssertionError, match="at least two tasks"):
        check_embedding(good, TASKS[:1])
