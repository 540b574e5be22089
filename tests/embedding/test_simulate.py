from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.embedding.simulate import simulate_targets
from naslib_archlock.errors import EmbeddingError

seeds = st.integers(0, 2**32 - 1)
cosines = st.floats(-1, 1, allow_subnormal=False)


@given(seeds, cosines, st.integers(2, 500), st.floats(1e-6, 1e6))
def test_targets_have_the_cosine_and_the_length_asked_for(seed, cosine, dim, length):
    rng = np.random.default_rng(seed)
    source = rng.standard_normal(dim)
    source *= length / np.linalg.norm(source)
    targets = simulate_targets(source, 5, cosine, rng)
    assert targets.shape == (5, dim)
    np.testing.assert_allclose(np.linalg.norm(targets, axis=1), length, rtol=1e-9)
    np.testing.assert_allclose(targets @ source / length**2, cosine, atol=1e-9)


@given(seeds)
def test_the_noise_is_orthogonal_to_the_source_and_in_every_direction(seed):
    source = np.random.default_rng(seed).standard_normal(200)
    targets = simulate_targets(source, 10, 0.9, np.random.default_rng(seed + 1))
    noise = targets - 0.9 * source
    np.testing.assert_allclose(noise @ source, 0, atol=1e-8)
    directions = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    between = directions @ directions.T - np.eye(10)
    assert np.abs(between).max() < 0.5  # ten random directions in 199 dimensions are nearly orthogonal


@given(seeds)
def test_targets_are_drawn_by_the_seed(seed):
    source = np.arange(1.0, 20.0)
    first, again, other = (simulate_targets(source, 3, 0.9, np.random.default_rng(s)) for s in (seed, seed, seed + 1))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, other).all()


def test_at_a_cosine_of_one_the_targets_are_the_source():
    source = np.array([3.0, -4.0, 0.5])
    np.testing.assert_allclose(simulate_targets(source, 2, 1.0, np.random.default_rng(0)), [source, source])


@pytest.mark.parametrize("source", [np.zeros(5), np.ones(1)])
def test_no_targets_around_nothing(source):
    with pytest.raises(EmbeddingError, match="zero length or of one number"):
        simulate_targets(source, 3, 0.9, np.random.default_rng(0))
