from __future__ import annotations

import sys
import types
import urllib.error

import pytest
import torch
from torch import nn

from naslib_archlock import data
from naslib_archlock.embedding import probes
from naslib_archlock.embedding.probes import Probe, load_probe, timm_probe, torchvision_probe
from naslib_archlock.errors import EmbeddingError, UnknownNameError


@pytest.fixture
def torchvision():
    from naslib_archlock.compute.torchvision_import import declare_torchvision_operators

    try:
        declare_torchvision_operators()
    except ImportError:
        pytest.skip("torchvision is not here")


def test_the_shipped_probe_tells_digits_apart_though_it_was_trained_without_their_labels():
    from naslib_archlock.tasks.digits_tasks import digits_task

    probe, splits = load_probe("digits"), digits_task("digit")
    train, val = (probe(probe.prepare(splits[split].images)) for split in ("train", "val"))
    # The nearest class mean classifies. Chance would be right for one image in ten.
    means = torch.stack([train[splits["train"].targets == k].mean(0) for k in range(10)])
    accuracy = (torch.cdist(val, means).argmin(1) == splits["val"].targets).float().mean()
    assert accuracy > 0.7


def test_the_shipped_probe_is_small_frozen_and_always_the_same_object():
    probe = load_probe("digits")
    assert probe.n_filters == 16 + 32 + 32 + 48 + 48
    assert not probe.training and not any(p.requires_grad for p in probe.parameters())
    assert load_probe("digits") is probe
    assert data.checked_path(probes.FILE).stat().st_size < 300_000


def test_images_are_prepared_by_hand():
    probe = Probe("p", nn.Flatten(), (1, 1), (0.5,), (0.25,))
    rgb = torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    torch.testing.assert_close(probe(probe.prepare(rgb)), torch.zeros(1, 1))
    three = Probe("p", nn.Flatten(), (1, 1), (0.5, 0.0, 1.0), (1.0, 1.0, 0.5))
    grey = torch.full((2, 1, 1, 1), 0.75)
    torch.testing.assert_close(three(three.prepare(grey)), torch.tensor([[0.25, 0.75, -0.5]] * 2))


def test_reducing_an_image_reads_all_of_it():
    probe = Probe("p", nn.Flatten(), (2, 2), (0.0,), (1.0,))
    image = torch.zeros(1, 1, 16, 16)
    image[..., ::2, :] = 1  # plain sampling would see all of these stripes or none
    torch.testing.assert_close(probe(probe.prepare(image)), torch.full((1, 4), 0.5), atol=0.05, rtol=0)


def test_other_numbers_of_channels_are_refused():
    with pytest.raises(EmbeddingError, match="4 channels"):
        load_probe("digits").prepare(torch.zeros(1, 4, 8, 8))


def test_the_identity_depends_on_weights_and_preparation():
    def make(weight, mean):
        network = nn.Sequential(nn.Flatten(), nn.Linear(1, 1))
        nn.init.constant_(network[1].weight, weight)
        nn.init.zeros_(network[1].bias)
        return Probe("p", network, (1, 1), (mean,), (1.0,)).identity

    assert make(1.0, 0.0) == make(1.0, 0.0)
    assert len({make(1.0, 0.0), make(2.0, 0.0), make(1.0, 0.5)}) == 3


def test_unknown_probes():
    with pytest.raises(UnknownNameError, match="did you mean 'resnet50'"):
        load_probe("resnet51")


@pytest.mark.parametrize("name, library", [("resnet50", "torchvision"), ("timm:resnet18", "timm")])
def test_a_missing_library_is_named(name, library, monkeypatch):
    for module in [m for m in sys.modules if m.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    if library == "timm":
        monkeypatch.setattr(probes, "declare_torchvision_operators", lambda: None)
    with pytest.raises(EmbeddingError, match=f"needs {library}.*pip install.*'digits'.*offline"):
        load_probe(name)


def test_a_failed_download_says_where_weights_are_kept(torchvision, monkeypatch):
    def no_network(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    import torchvision.models  # noqa: F401

    monkeypatch.setattr(sys.modules["torchvision.models"].ResNet34_Weights, "get_state_dict", no_network)
    with pytest.raises(EmbeddingError, match="no route to host.*checkpoints.*resnet34.*offline"):
        load_probe("resnet34")


def test_timm_reports_what_the_hub_raises(monkeypatch):
    def create_model(name, pretrained, num_classes):
        raise FileNotFoundError("no such file on the hub")

    timm = types.SimpleNamespace(
        is_model=lambda name: name == "resnet18", list_models=lambda: ["resnet18"], create_model=create_model
    )
    monkeypatch.setitem(sys.modules, "timm", timm)
    monkeypatch.setattr(probes, "declare_torchvision_operators", lambda: None)
    with pytest.raises(EmbeddingError, match="no such file on the hub.*HF_HOME.*offline"):
        load_probe("timm:resnet18")
    with pytest.raises(UnknownNameError, match="did you mean 'resnet18'"):
        load_probe("timm:resnet81")


def test_timm_networks_are_prepared_for_as_they_were_trained(torchvision):
    pytest.importorskip("timm")
    probe = timm_probe("resnet18", pretrained=False)
    assert probe.size == (224, 224) and probe.n_filters == 4_800
    assert probe(probe.prepare(torch.rand(1, 1, 9, 9))).shape == (1, 512)


@pytest.mark.parametrize("name, n_filters, n_features", [("resnet34", 8_512, 512), ("resnet50", 26_560, 2_048)])
def test_resnets_have_the_filters_that_the_documentation_says(name, n_filters, n_features, torchvision):
    state = torch.random.get_rng_state()
    probe = torchvision_probe(name, pretrained=False)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert probe.n_filters == n_filters
    assert probe(probe.prepare(torch.rand(1, 3, 20, 30))).shape == (1, n_features)
    # The authors' code also counts the scales of the batch normalisation: 17,024 and 53,120.
    n_scales = sum(len(m.weight) for m in probe.modules() if isinstance(m, nn.BatchNorm2d))
    assert n_filters + n_scales == 2 * n_filters
