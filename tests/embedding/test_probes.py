from __future__ import annotations

import sys
import types
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import conv2d

from naslib_archlock import data
from naslib_archlock.embedding import probes
from naslib_archlock.embedding.probe_weights import lite0_file
from naslib_archlock.embedding.probes import (
    Probe,
    lite0_classifier,
    load_probe,
    timm_probe,
    torchvision_probe,
)
from naslib_archlock.embedding.task2vec import Task2VecSettings, made_by
from naslib_archlock.errors import ConfigError, EmbeddingError, UnknownNameError


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


@pytest.mark.parametrize(
    "name, library", [("resnet50", "torchvision"), ("timm:resnet18", "timm"), ("efficientnet_lite0", "timm")]
)
def test_a_missing_library_is_named(name, library, monkeypatch):
    for module in [m for m in sys.modules if m.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    if library == "timm":
        monkeypatch.setattr(probes, "declare_torchvision_operators", lambda: None)
        monkeypatch.setattr(probes, "lite0_file", lambda: Path("weights.pth"))
    with pytest.raises(EmbeddingError, match=f"needs {library}.*pip install.*'digits'.*offline"):
        load_probe(name)


def test_a_failed_download_says_where_weights_are_kept(torchvision, monkeypatch):
    def no_network(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    import torchvision.models  # noqa: F401

    monkeypatch.setattr(sys.modules["torchvision.models"].ResNet34_Weights, "get_state_dict", no_network)
    with pytest.raises(EmbeddingError, match="no route to host.*resnet34.*archlock.probe_weights.*offline"):
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


# -- weights from a file -----------------------------------------------------------------------------------------------


def resnet_file(path: Path, bias: float = 0.0, n_classes: int = 1000) -> Path:
    """Random weights of a ResNet-34, with this bias of its first normalisation."""
    state = torchvision_probe("resnet34", pretrained=False).network.state_dict()
    head = {"fc.weight": torch.zeros(n_classes, 512), "fc.bias": torch.zeros(n_classes)}
    torch.save({**state, **head, "bn1.bias": torch.full((64,), bias)}, path)
    return path


def test_a_resnet_takes_its_weights_from_a_file_whatever_its_classes(torchvision, tmp_path):
    files = [resnet_file(tmp_path / "a.pth", 0.5), resnet_file(tmp_path / "b.pth", 0.25, n_classes=7)]
    for file, bias in zip(files, (0.5, 0.25)):
        probe = load_probe("resnet34", str(file))
        assert (probe.network.bn1.bias == bias).all()
        assert not any(p.requires_grad for p in probe.parameters())
    # what rankers and embeddings note of a probe tells the two files apart
    notes = {made_by(Task2VecSettings("resnet34", str(file)))["probe"] for file in files}
    assert len(notes) == 2


def test_a_file_of_another_resnet_is_refused(torchvision, tmp_path):
    with pytest.raises(EmbeddingError, match="are of another network"):
        load_probe("resnet50", str(resnet_file(tmp_path / "a.pth")))


@pytest.mark.parametrize("name", ["digits", "efficientnet_lite0", "timm:resnet18"])
def test_other_probes_take_no_file(name):
    with pytest.raises(ConfigError, match=r"takes no file of weights \(w\.pth\); resnet34 and resnet50 do"):
        load_probe(name, "w.pth")


# -- EfficientNet-Lite0 ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lite0():
    """The network that names the classes of ImageNet."""
    pytest.importorskip("timm")
    try:
        lite0_file()
    except EmbeddingError:
        pytest.skip("the extra imagenet is not installed")
    return lite0_classifier()


def photograph(package: str, name: str) -> torch.Tensor:
    """A photograph that comes with a package, ``1 x 1 or 3 x height x width``."""
    folder = Path(pytest.importorskip(package).__file__).parent
    pixels = np.array(Image.open(folder / name), dtype=np.float32) / 255
    return torch.from_numpy(np.atleast_3d(pixels)).permute(2, 0, 1)[None]


# Photographs, and the classes of ImageNet that are right; all of them must be among the five most probable ones.
PHOTOGRAPHS = {
    ("skimage", "data/chelsea.png"): {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    ("skimage", "data/coffee.png"): {967, 968, 504},  # espresso, cup, coffee mug
    ("skimage", "data/rocket.jpg"): {657, 744, 812},  # missile, projectile, space shuttle
    ("skimage", "data/motorcycle_left.png"): {665, 670},  # moped, motor scooter
    ("skimage", "data/camera.png"): {872, 759},  # tripod, reflex camera; a grey photograph
    ("sklearn", "datasets/images/flower.jpg"): {985},  # daisy
}


@pytest.mark.parametrize(("package", "name"), PHOTOGRAPHS)
def test_it_names_what_photographs_show(package, name, lite0):
    images = load_probe("efficientnet_lite0").prepare(photograph(package, name))
    top = lite0(images).topk(5).indices[0].tolist()
    assert PHOTOGRAPHS[package, name] <= {*top}


def test_its_images_are_normalised_as_in_its_training(lite0):
    """The first batch normalisation knows the variance of what it saw: ImageNet's usual divisor gives five times it."""
    probe = load_probe("efficientnet_lite0")
    names = ("chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
    images = torch.cat([probe.prepare(photograph("skimage", f"data/{name}")) for name in names])
    seen = conv2d(images, lite0.conv_stem.weight, stride=2).var(dim=(0, 2, 3))
    assert 0.5 < (lite0.bn1.running_var / seen).median() < 2


def test_it_is_a_probe_that_works_offline(lite0):
    probe = load_probe("efficientnet_lite0")
    assert (probe.size, probe.n_filters) == ((224, 224), 21_008)
    assert probe(probe.prepare(torch.rand(2, 1, 9, 9))).shape == (2, 1280)
    assert probe.identity.startswith("efficientnet_lite0:")
