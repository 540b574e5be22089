from __future__ import annotations

import numpy as np
import pytest
import torch

from naslib_archlock.errors import UnknownNameError
from naslib_archlock.tasks.digits_domains import DOMAINS, digits_domain, draw_domain
from naslib_archlock.tasks.digits_tasks import digits_task
from naslib_archlock.tasks.names import SPLITS


@pytest.mark.parametrize("name", DOMAINS)
def test_every_domain_shows_the_digits_of_the_task_digit_in_their_order(name):
    for split, data in digits_domain(name).items():
        assert split in SPLITS
        assert data.images.shape == digits_task("digit")[split].images.shape
        assert torch.equal(data.targets, digits_task("digit")[split].targets)
        assert data.n_classes == 10


def test_all_domains_have_the_same_classes_so_a_head_can_be_used_on_another():
    first, *others = (digits_domain(name)["train"] for name in DOMAINS)
    assert all(first.has_classes_of(other) for other in others)


def test_what_the_domains_do_to_an_image():
    images = {name: digits_domain(name)["val"].images[:, 0].numpy() for name in DOMAINS}
    plain = images["plain"]
    assert np.array_equal(plain, digits_task("digit")["val"].images[:, 0].numpy())
    noise = images["noisy"] - plain
    assert abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(0.3, abs=0.01)
    contrast, brightness = np.ptp(images["faint"], axis=(1, 2)), images["faint"].min(axis=(1, 2))
    assert (contrast <= 0.5).all()
    assert np.ptp(brightness) > 0.4
    assert (images["bold"] >= plain).all()
    assert images["bold"].mean() > 1.3 * plain.mean()
    row, column = np.gradient(plain[3])
    np.testing.assert_allclose(images["outline"][3], np.sqrt(row**2 + column**2), atol=1e-6)


def test_a_maker_of_your_own():
    rng = np.random.default_rng(0)
    dark = draw_domain("dark", lambda images, rng: images / 2, rng)
    for split in SPLITS:
        assert torch.equal(dark[split].images, digits_domain("plain")[split].images / 2)


def test_an_unknown_domain_is_named_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'noisy'"):
        digits_domain("nosy")
