from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from naslib_archlock.embedding import task2vec as module
from naslib_archlock.embedding.probes import Probe, load_probe, torchvision_probe
from naslib_archlock.embedding.task2vec import (
    Task2VecSettings,
    asymmetric_distance,
    montecarlo_fisher,
    symmetric_distance,
    task2vec,
    trivial_embedding,
    variational_precision,
)
from naslib_archlock.errors import ConfigError, EmbeddingError, UnknownNameError
from naslib_archlock.tasks.digits_tasks import DIGITS_TASKS, digits_task
from naslib_archlock.tasks.labelled_images import LabelledImages

FAST = Task2VecSettings(max_images=60, head_steps=50)
IMAGE = torch.tensor([0.5, 1.0, 0.0, 2.0])
HEAD = (torch.tensor([[1.0, -2.0, 0.5], [0.0, 1.0, 1.0]]), torch.tensor([0.3, -0.1]))


def digits(task, n=120):
    return digits_task(task)["train"].take(torch.arange(n))


@pytest.fixture
def linear_probe():
    """A probe whose features are three linear functions of the four pixels."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3, bias=False))
    network[1].weight.data = torch.tensor([[1.0, 0, 0, 0], [0, 0.5, 0, 0], [0.2, 0.2, 0.2, 0.2]])
    return Probe("linear", network, (2, 2), (0.0,), (1.0,))


def copies(n, n_classes):
    """``n`` copies of the image, so that only the drawn labels differ."""
    targets = torch.zeros(n, dtype=torch.int64) if n_classes else torch.zeros(n, 2)
    return LabelledImages("t", IMAGE.view(1, 1, 2, 2).repeat(n, 1, 1, 1), targets, n_classes)


# -- Fisher information ------------------------------------------------------------------------------------------------


def test_fisher_information_of_a_softmax_by_hand(linear_probe):
    features = linear_probe.network[1].weight @ IMAGE
    p = torch.softmax(HEAD[0] @ features + HEAD[1], dim=0)
    # d log p_y / d w_ij = sum_k (1[k = y] - p_k) h_ki x_j
    by_label = (torch.eye(2) - p) @ HEAD[0]
    expected = (p[:, None] * by_label**2).sum(0) * (IMAGE**2).mean()
    fisher = montecarlo_fisher(linear_probe, copies(4000, 2), HEAD, np.random.default_rng(0))
    np.testing.assert_allclose(fisher, expected.numpy(), rtol=0.1)


def test_fisher_information_of_numbers_by_hand(linear_probe):
    fisher = montecarlo_fisher(linear_probe, copies(4000, 0), HEAD, np.random.default_rng(0))
    np.testing.assert_allclose(fisher, ((HEAD[0] ** 2).sum(0) * (IMAGE**2).mean()).numpy(), rtol=0.1)


def test_noise_that_a_quadratic_loss_bears_by_hand(linear_probe):
    settings = Task2VecSettings(beta=0.5, noise_steps=500, batch_size=256)
    data = copies(10, 0)
    fisher = (HEAD[0] ** 2).sum(0) * (IMAGE**2).mean()
    expected = fisher.numpy() / settings.beta + trivial_embedding(linear_probe)
    precision = variational_precision(linear_probe, data, data.targets, HEAD, settings, np.random.default_rng(0))
    np.testing.assert_allclose(precision, expected, rtol=0.2)


@pytest.mark.parametrize("task", ["digit", "noise", "edges"])
def test_gradients_are_those_of_torch_func(task, monkeypatch):
    func = pytest.importorskip("torch.func")
    data, probe = digits(task, 30), load_probe("digits")
    labels = []
    draw = module._draw_label
    monkeypatch.setattr(module, "_draw_label", lambda *args: labels.append(draw(*args)) or labels[-1])
    head = (torch.randn(module._standardised(data).shape[1] if not data.n_classes else 10, 192), torch.zeros(1))
    fisher = montecarlo_fisher(probe, data, head, np.random.default_rng(0))

    def loss(filters, image, label):
        outputs = nn.functional.linear(func.functional_call(probe, filters, (image[None],)), *head)
        return module._loss(outputs, label[None]).sum()

    gradients = func.vmap(func.grad(loss), (None, 0, 0))(probe.filters(), probe.prepare(data.images), torch.cat(labels))
    expected = torch.cat([g.double().square().flatten(2).mean(dim=(0, 2)) for g in gradients.values()])
    np.testing.assert_allclose(fisher, expected.numpy(), rtol=1e-3)


# -- embeddings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["montecarlo", "variational"])
@pytest.mark.parametrize("task", DIGITS_TASKS)
def test_an_embedding_has_a_number_for_each_filter(task, method):
    settings = replace(FAST, method=method, noise_steps=5)
    vector = task2vec(digits(task), load_probe("digits"), settings)
    assert vector.dtype == np.float64 and vector.shape == (176,)
    assert np.isfinite(vector).all() and (vector >= 0).all() and vector.any()


@pytest.mark.slow
def test_a_task_is_nearer_to_itself_on_other_images_than_to_other_tasks():
    halves, settings = {}, Task2VecSettings(head_steps=500)
    for task in DIGITS_TASKS:
        parts = [digits_task(task)["train"].take(rows) for rows in torch.arange(600).split(300)]
        halves[task] = [task2vec(part, load_probe("digits"), settings) for part in parts]
    for task, (first, second) in halves.items():
        own = symmetric_distance(first, second)
        for other in DIGITS_TASKS:
            if other != task:
                assert own < symmetric_distance(first, halves[other][1]), (task, other)


@pytest.mark.parametrize("method", ["montecarlo", "variational"])
def test_same_seed_same_bytes_and_global_generators_untouched(method):
    settings = replace(FAST, method=method, noise_steps=5)
    states = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    first, second = (task2vec(digits("digit"), load_probe("digits"), settings) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), states[0])
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    assert first.tobytes() == second.tobytes()
    assert task2vec(digits("digit"), load_probe("digits"), replace(settings, seed=1)).tobytes() != first.tobytes()


def test_another_process_gives_the_same_bytes(child_environment):
    code = (
        "import torch; from naslib_archlock.embedding.task2vec import *; "
        "from naslib_archlock.embedding.probes import load_probe; "
        "from naslib_archlock.tasks.digits_tasks import digits_task; "
        "data = digits_task('noise')['train'].take(torch.arange(120)); "
        "print(task2vec(data, load_probe('digits'), Task2VecSettings(max_images=60, head_steps=50)).tobytes().hex())"
    )
    environment = {**child_environment, "OMP_NUM_THREADS": "2"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == task2vec(digits("noise"), load_probe("digits"), FAST).tobytes().hex()


def test_images_are_chosen_of_each_class_equally():
    targets = torch.tensor([0] * 50 + [1] * 3 + [3] * 20)
    data = LabelledImages("t", torch.zeros(73, 1, 2, 2), targets, 4)
    rows = np.sort(data.balanced_order(np.random.default_rng(0))[:13])
    assert np.bincount(targets.numpy()[rows]).tolist() == [5, 3, 0, 5]
    assert len(set(data.balanced_order(np.random.default_rng(0))[:100].tolist())) == 73


def test_targets_are_standardised_by_channel():
    targets = torch.stack([torch.arange(8.0).view(4, 2, 1), torch.full((4, 2, 1), 5.0)], dim=1)
    standard = module._standardised(LabelledImages("t", torch.zeros(4, 1, 2, 1), targets, 0))
    assert standard.shape == (4, 4)
    assert standard[:, :2].mean() == pytest.approx(0) and standard[:, :2].square().mean() == pytest.approx(1)
    assert not standard[:, 2:].any()  # a constant image stays constant


def test_units_of_numbers_do_not_matter():
    data = digits("noise")
    other = replace(data, targets=64 * data.targets + 3)
    np.testing.assert_allclose(*(task2vec(d, load_probe("digits"), FAST) for d in (data, other)), rtol=1e-2)


def test_resnet50_embeds_images_of_any_size():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        try:
            probe = torchvision_probe("resnet50", pretrained=False)
        except EmbeddingError:
            pytest.skip("torchvision is not here")
        data = LabelledImages("t", torch.rand(4, 3, 40, 30), torch.tensor([0, 1, 0, 1]), 2)
    vector = task2vec(data, probe, FAST)
    assert vector.shape == (26_560,) and (vector > 0).mean() > 0.9


# -- what cannot be embedded -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda d: replace(d, images=torch.full_like(d.images, float("nan"))), "images hold NaN"),
        (lambda d: replace(d, n_classes=3), "targets go from 0 to 9.*\\[0, 2\\]"),
        (lambda d: replace(d, targets=d.targets * 0, n_classes=1), "nothing to predict"),
        (lambda d: replace(d, targets=torch.ones(len(d), 2), n_classes=0), "nothing to predict"),
        (lambda d: replace(d, images=1e38 * d.images), "loss of its head is (nan|inf).*check"),
        (lambda d: replace(d, images=1e30 * d.images), "zero.*check that images are in \\[0, 1\\]"),
        (lambda d: d.take(torch.arange(0)), "no images"),
    ],
)
def test_bad_data_is_refused_by_name(change, message):
    with pytest.raises(EmbeddingError, match=f"task 'digit'.*{message}"):
        task2vec(change(digits("digit")), load_probe("digits"), FAST)


@pytest.mark.parametrize(
    "name, value", [("max_images", 0), ("learning_rate", 0.0), ("beta", float("nan")), ("seed", -1)]
)
def test_impossible_settings(name, value):
    with pytest.raises(ConfigError, match=f"{name}="):
        Task2VecSettings(**{name: value})


def test_unknown_method():
    with pytest.raises(UnknownNameError, match="did you mean 'montecarlo'"):
        Task2VecSettings(method="monte_carlo")


# -- distances ---------------------------------------------------------------------------------------------------------


def test_distances_by_hand():
    a, b = np.array([1.0, 3.0, 0.0]), np.array([3.0, 1.0, 0.0])
    # The shares are (1/4, 3/4) and (3/4, 1/4), so the cosine is 6/10. The filter that is 0 in both does not count.
    assert symmetric_distance(a, b) == pytest.approx(0.4)
    assert symmetric_distance(a, b) == symmetric_distance(b, a)
    assert symmetric_distance(a, a) == pytest.approx(0, abs=1e-12)
    assert symmetric_distance(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1
    # This subtracts alpha times the source's distance from the trivial task.
    assert asymmetric_distance(a, b, b) == pytest.approx(0.4 - 0.15 * 0.4)
    assert asymmetric_distance(a, b, a) == pytest.approx(0.4)


@pytest.mark.parametrize("bad", [np.ones(2), np.ones((1, 3)), -np.ones(3), np.zeros(3), np.full(3, np.nan)])
def test_distances_of_what_is_no_embedding(bad):
    for pair in ((np.ones(3), bad), (bad, np.ones(3))):
        with pytest.raises(EmbeddingError):
            symmetric_distance(*pair)
