from __future__ import annotations

import pytest
import scipy.linalg  # noqa: F401
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from naslib_archlock.compute.threads import single_threaded, single_threaded_blas


@pytest.mark.parametrize("before", [1, 2])
def test_one_thread_inside_and_as_before_outside(before):
    original = torch.get_num_threads()
    torch.set_num_threads(before)
    try:
        with single_threaded():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == before
        with pytest.raises(KeyboardInterrupt), single_threaded():
            raise KeyboardInterrupt
        assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(original)


def blas_threads() -> set[int]:
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


@pytest.mark.parametrize("before", [1, 2])
def test_linear_algebra_in_one_thread_inside_and_as_before_outside(before):
    with threadpool_limits(before, user_api="blas"):
        for _ in range(2):  # a second use must work, too
            with single_threaded_blas():
                assert blas_threads() == {1}
            assert blas_threads() == {before}
        with pytest.raises(KeyboardInterrupt), single_threaded_blas():
            raise KeyboardInterrupt
        assert blas_threads() == {before}
