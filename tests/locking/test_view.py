"""A view answers what its scheme may know, and raises for everything else."""

from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.config.sections import Config
from naslib_archlock.errors import ConfigError, HiddenTaskError
from naslib_archlock.locking.prepare import open_benchmark, report_targets
from naslib_archlock.locking.schemes import SCHEMES, get_scheme
from naslib_archlock.locking.view import View

# The made-up benchmark's tasks share their images. class_scene is the source, normal the target.
FURTHER = ("class_object", "autoencoder")


def view_of(config: Config) -> View:
    benchmark = open_benchmark(config)
    targets = report_targets(config, benchmark.tasks)
    return get_scheme(config.archlock.scheme).view(benchmark, config.dataset, targets, config)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_source_is_looked_up_one_by_one_and_counted(toy_config, scheme):
    config = toy_config("archlock.scheme", scheme)
    oracle = view_of(config).source_oracle(2)
    archs = [(3,) * 6, (1,) * 6, (2,) * 6]
    expected = [open_benchmark(config).accuracy(arch, task="class_scene", split="val") for arch in archs[:2]]
    assert [oracle.validation_accuracy(arch) for arch in archs] == [*expected, None]
    assert oracle.queries == 2


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("task", ["class_scene", "normal", "no such task"])
def test_no_scheme_reads_the_accuracies_of_the_source_or_a_target(toy_config, scheme, task):
    with pytest.raises(HiddenTaskError, match=f"may not read the accuracies of '{task}'"):
        view_of(toy_config("archlock.scheme", scheme)).validation_accuracies(task)


@pytest.mark.parametrize("scheme", ["s", "tu"])
def test_a_hidden_target_is_not_looked_up(toy_config, scheme):
    with pytest.raises(HiddenTaskError, match="may not look up the accuracies of 'normal'"):
        view_of(toy_config("archlock.scheme", scheme)).target_oracle(5)


def test_a_known_target_is_looked_up_and_counted(toy_config):
    config = toy_config("archlock.scheme", "tk", "archlock.target", "normal,autoencoder")
    oracle, benchmark = view_of(config).target_oracle(5), open_benchmark(config)
    archs = [(3,) * 6, (1,) * 6, (2,) * 6]
    for arch in (*archs[:2], archs[0]):
        expected = tuple(benchmark.accuracy(arch, task=task, split="val") for task in ("normal", "autoencoder"))
        assert oracle.validation_accuracies(arch) == expected
    assert oracle.queries == 4
    with pytest.raises(ConfigError, match="all look-ups of target accuracy are used up: 2 architectures"):
        oracle.validation_accuracies(archs[2])


def test_more_look_ups_than_accuracies_are_refused(toy_config):
    with pytest.raises(ConfigError, match=r"target_queries 8193 is more than there are accuracies: .* 2 x so many"):
        view_of(toy_config("archlock.scheme", "tk", "archlock.target", "normal,autoencoder")).target_oracle(8193)


@pytest.mark.parametrize(("scheme", "allowed"), [("s", ()), ("tk", FURTHER), ("tu", ())])
def test_accuracies_of_further_tasks(toy_config, scheme, allowed):
    config = toy_config("archlock.scheme", scheme)
    view, benchmark = view_of(config), open_benchmark(config)
    assert view.further_tasks == allowed
    for task in FURTHER:
        if task in allowed:
            np.testing.assert_array_equal(view.validation_accuracies(task), benchmark.accuracies(task, "val"))
        else:
            with pytest.raises(HiddenTaskError):
                view.validation_accuracies(task)


@pytest.mark.parametrize(("scheme", "is_hidden"), [("s", True), ("tk", False), ("tu", True)])
def test_the_targets_data(toy_config, toy_ranker, scheme, is_hidden):
    view = view_of(toy_config("archlock.scheme", scheme))
    assert ("normal" in view.hidden) == is_hidden
    assert ("normal" in view.zero_cost_scores()) == (not is_hidden)
    assert set(FURTHER) < set(view.zero_cost_scores())
    if is_hidden:
        with pytest.raises(HiddenTaskError, match="may not read the images, scores or embedding of 'normal'"):
            view.embedding("normal", toy_ranker.info)
    else:
        assert len(view.embedding("normal", toy_ranker.info)) == toy_ranker.info.embedding_dim
    assert len(view.embedding("class_scene", toy_ranker.info)) == toy_ranker.info.embedding_dim


def test_a_view_hands_out_no_benchmark(toy_config):
    """No public attribute of a view can answer for another split than validation, or for a target."""
    view = view_of(toy_config())
    public = {name: getattr(view, name) for name in dir(view) if not name.startswith("_")}
    assert not [name for name, value in public.items() if hasattr(value, "accuracy")]
