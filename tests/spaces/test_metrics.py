from __future__ import annotations

from naslib_archlock.spaces.known import SPACES
from naslib_archlock.spaces.metrics import NEGATIVE_LOSS, SSIM, TOP_1


def test_each_task_of_a_known_benchmark_states_its_metric():
    for space in SPACES.values():
        assert tuple(space.metrics) == space.tasks
        assert all(metric.low < metric.high for metric in space.metrics.values())


def test_a_metric_is_said_in_words():
    assert str(TOP_1) == "top-1 accuracy in % (from 0 to 100, higher is better)"
    assert str(SSIM) == "structural similarity (SSIM) (from -1 to 1, higher is better)"
    assert str(NEGATIVE_LOSS).endswith("to 0, higher is better)")
