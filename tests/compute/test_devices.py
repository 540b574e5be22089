from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from naslib_archlock.compute.devices import find_device
from naslib_archlock.config.load import load_config
from naslib_archlock.errors import ConfigError
from naslib_archlock.locking.find_ranker import train_on_scores
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.spaces.known import TRANSBENCH101_MICRO


def test_auto_is_the_first_gpu_or_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == find_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_device("auto") == find_device("cuda") == "cuda:0"
    assert find_device("cuda:1") == "cuda:1"
    assert find_device("cpu") == "cpu"
    with pytest.raises(ConfigError, match="cuda:2: torch sees 2 GPUs here; choose auto or cpu"):
        find_device("cuda:2")


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="sees 0 GPUs"):
        find_device("cuda")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:", "cuda:x", "CPU", "cpu:0", "cuda:-1"])
def test_other_names_are_refused_when_the_config_is_read(name):
    with pytest.raises(ConfigError, match="must be auto, cpu, cuda, or cuda:N"):
        load_config(None, ["archlock.device", name])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
def test_a_gpu_trains_nearly_the_same_ranker(toy_config):
    """Both start from the same weights and train on the same pairs, but a GPU rounds differently.

    ``docs/reference/determinism.md`` states the tolerance. Two trainings on the GPU must agree within it, too.
    """
    cells = TRANSBENCH101_MICRO.distinct()
    rates = []
    for device in ("cpu", "cuda", "cuda"):
        config = toy_config("archlock.device", device, "archlock.leave_out", "normal")
        knowledge = Knowledge(config)
        ranker, _ = train_on_scores(config, *knowledge.training_tables(), progress=None)
        source = knowledge.embedding(config.dataset, ranker.info)
        rates.append(ranker.win_rates(cells, source[None], cells[::7])[0])
    for other in rates[1:]:
        np.testing.assert_allclose(other, rates[0], rtol=0, atol=0.05)
        assert spearmanr(other, rates[0])[0] > 0.99
