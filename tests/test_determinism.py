"""The same seed gives the same bytes in every process, and the same decisions everywhere.

``docs/reference/determinism.md`` says where.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outputs import CORE, EXPECTED, RANK_SEARCHES, SEARCHES, WITH_TORCH, decisions

SCRIPT = Path(__file__).parent / "outputs.py"
# With a ranker, fitness is a rank among hundreds, in 32 bits. Otherwise, it is in standard deviations, in 64 bits.
FITNESS_WITHIN = {**dict.fromkeys(SEARCHES, 1e-12), **dict.fromkeys(RANK_SEARCHES, 1e-3)}

Made = dict[str, Any]
Make = Callable[[Collection[str], int, int], Made]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Make:
    """A function that computes outputs once each, in a process with given threads and hash seed, and an empty cache."""

    @functools.cache
    def made(names: tuple[str, ...], n_threads: int, hash_seed: int) -> Made:
        variables = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        environment = {
            **child_environment,
            **dict.fromkeys(variables, str(n_threads)),
            "PYTHONHASHSEED": str(hash_seed),
            "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
        }
        done = subprocess.run([sys.executable, str(SCRIPT), *names], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))

    return lambda names, n_threads, hash_seed: made(tuple(names), n_threads, hash_seed)


def assert_same_bytes(make: Make, names: Collection[str]) -> None:
    """Another process, with another hash seed and one more thread, gives the same bytes."""
    one, other = make(names, 1, 1), make(names, 2, 2)
    assert list(one) == list(names)
    assert [name for name in names if one[name] != other[name]] == []


def assert_as_expected(make: Make, names: Collection[str]) -> None:
    """Queries and choices of searches equal the stored ones on every version; fitness is equal to a tolerance."""
    expected, made = json.loads(EXPECTED.read_text(encoding="utf-8")), make(names, 1, 1)
    for name in expected.keys() & made.keys():
        found, kept = decisions(made[name]), expected[name]
        assert (found["chosen"], found["looked_up"]) == (kept["chosen"], kept["looked_up"]), name
        assert found["fitness"] == pytest.approx(kept["fitness"], rel=0, abs=FITNESS_WITHIN[name]), name


@pytest.mark.slow
def test_the_core_has_the_same_bytes_in_every_process(make):
    assert_same_bytes(make, CORE)


def test_searches_decide_the_same_on_every_version(make):
    assert_as_expected(make, CORE)


@pytest.mark.slow
@pytest.mark.usefixtures("torch")
def test_what_is_computed_with_torch_has_the_same_bytes_in_every_process(make):
    assert_same_bytes(make, WITH_TORCH)


@pytest.mark.slow
@pytest.mark.usefixtures("torch")
def test_searches_with_a_ranker_decide_the_same_on_every_version(make):
    assert_as_expected(make, WITH_TORCH)


def test_something_is_expected_of_every_search():
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    assert list(expected) == [*SEARCHES, *RANK_SEARCHES]
    looked_up = [tuple(keys["looked_up"]) for keys in expected.values() if keys["looked_up"]]
    assert len(set(looked_up)) > len(looked_up) // 2  # so the searches differ


@pytest.mark.slow
@pytest.mark.usefixtures("torch")
def test_another_processor_decides_the_same(make, monkeypatch):
    """BLAS and torch have other kernels for processors without AVX-512, or with only SSE.

    If this processor is one of these, or the libraries have no such switch, the test compares equal things.
    """
    names = ("bayesian, target unknown", "evolution, target unknown")
    here = {name: decisions(made) for name, made in make(names, 1, 1).items()}
    kernels = {"OPENBLAS_CORETYPE": "Nehalem", "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
    environment = {**os.environ, **kernels, "PYTHONPATH": str(SCRIPT.parents[1])}
    done = subprocess.run([sys.executable, str(SCRIPT), *names], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    there = {name: decisions(made) for name, made in json.loads(done.stdout.splitlines()[-1]).items()}
    for name in names:
        assert there[name]["looked_up"] == here[name]["looked_up"]
        np.testing.assert_allclose(there[name]["fitness"], here[name]["fitness"], rtol=0, atol=FITNESS_WITHIN[name])
