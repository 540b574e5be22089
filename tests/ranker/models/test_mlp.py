from __future__ import annotations

import pytest
import torch
from random_networks import DIM, make_model, sample, vectors

from experiments.ranker_accuracy.run import PAPER_SIZES
from naslib_archlock.config.sections import ArchLockSection
from naslib_archlock.errors import ConfigError, RankerError
from naslib_archlock.ranker import encoded_pair
from naslib_archlock.ranker.models.mlp import PairMLP
from naslib_archlock.ranker.train_settings import parse_widths
from naslib_archlock.spaces.cells import one_hot


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("antisymmetric", [True, False])
def test_swapping_a_pair_negates_the_logit_only_where_asked(dtype, antisymmetric):
    model = make_model(antisymmetric).to(dtype)
    a, b = (torch.from_numpy(one_hot(sample(50, seed))).to(dtype) for seed in (1, 2))
    task = torch.from_numpy(vectors(50)).to(dtype)
    forth, back = model(a, b, task), model(b, a, task)
    assert forth.shape == (50,)
    assert torch.equal(forth, -back) == antisymmetric
    assert forth.std() > 0.01


def test_a_cell_draws_against_itself():
    model = make_model()
    a = torch.from_numpy(one_hot(sample(20)))
    assert torch.equal(model(a, a, torch.from_numpy(vectors(20)).float()), torch.zeros(20))


def test_the_first_layer_is_linear_in_the_concatenation():
    """To project the parts once and add them equals the paper's MLP on [cell A, cell B, task]."""
    model = make_model(antisymmetric=False).double()
    a, b = (torch.from_numpy(one_hot(sample(10, seed))).double() for seed in (1, 2))
    task = torch.nn.functional.normalize(torch.from_numpy(vectors(10)), dim=-1) * encoded_pair.EMBEDDING_LENGTH
    joined = torch.cat([a, b, task], dim=1)
    weight = torch.cat([model.as_a.weight, model.as_b.weight, model.as_task.weight], dim=1)
    expected = model.head(joined @ weight.T + model.as_task.bias).squeeze(-1)
    torch.testing.assert_close(model(a, b, task), expected)


def test_layers_are_as_wide_as_asked():
    model = PairMLP(DIM, (12, 5, 3), antisymmetric=True)
    widths = [(layer.in_features, layer.out_features) for layer in model.head if isinstance(layer, torch.nn.Linear)]
    assert model.as_a.out_features == model.as_b.out_features == model.as_task.out_features == 12
    assert widths == [(12, 5), (5, 3), (3, 1)]
    assert model.settings == {"hidden": [12, 5, 3], "antisymmetric": True}


def test_the_default_is_the_one_of_the_config():
    """A config passes the layers on only if they differ from its default."""
    widths = parse_widths("archlock.hidden", ArchLockSection.hidden)
    assert PairMLP(DIM).settings == {"hidden": list(widths), "antisymmetric": True}
    assert widths in [size[0] for size in PAPER_SIZES]


@pytest.mark.parametrize("hidden", [(), [0], [5000], [8] * 17, [-3]])
def test_impossible_widths_are_refused(hidden):
    with pytest.raises(ConfigError, match="widths from 1 to 4096"):
        PairMLP(DIM, hidden)


@pytest.mark.parametrize(
    "settings",
    [{"hidden": "84"}, {"hidden": 8}, {"hidden": [8.5]}, {"hidden": ["8,4"]}, {"hidden": [True]}, {"antisymmetric": 1}],
)
def test_settings_of_another_type_are_refused(settings):
    with pytest.raises(RankerError, match="must be a list of widths, and antisymmetric=.* true or false"):
        PairMLP(DIM, **settings)
