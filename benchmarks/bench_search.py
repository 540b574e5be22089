"""Times of whole searches without imports: at the reference script's settings, and at our defaults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Measure
from inputs import config_of, source_task
from stand_ins import NaslibGraphs, ReleasedScript

from naslib_archlock.config.sections import Config
from naslib_archlock.embedding.simulate import simulate_targets
from naslib_archlock.locking.find_ranker import train_on_scores
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.locking.prepare import open_benchmark, prepare, report_targets
from naslib_archlock.ranker.ranker import Ranker
from naslib_archlock.spaces.known import get_space
from naslib_archlock.strategies.base import Search

# Population 10, 40 steps, 1 + 15 embeddings, lambda 2. The script keeps a short history, ours keeps all of it.
REFERENCE = (
    "archlock.strategy", "evolution", "archlock.scheme", "tu", "archlock.n_targets", ReleasedScript.TARGETS,
    "archlock.trade_off", ReleasedScript.TRADE_OFF, "search.population_size", ReleasedScript.POPULATION,
    "search.sample_size", ReleasedScript.POPULATION, "search.epochs", ReleasedScript.STEPS,
)  # fmt: skip
PART = 10  # the script is measured on one tenth of its fillings and of its later steps


def reference_work(space: str) -> str:
    return f"a TU search at the reference script's settings, {space}"


def default_work(space: str) -> str:
    return f"a search of 200 look-ups, {space}"


def advance(search: Search, config: Config) -> Search:
    for _ in range(config.search.epochs):
        search.step()
    return search


@pytest.fixture(params=["nasbench201", "digits"])
def space(request: pytest.FixtureRequest, spaces: tuple[str, ...]) -> str:
    """A search space whose accuracies are available here."""
    if request.param not in spaces:
        pytest.skip(f"neither tables (--tables DIR) nor NASLib's files of {request.param} are here")
    return request.param


# -- the reference script's settings -----------------------------------------------------------------------------------


@pytest.fixture
def script(ranker_of: Callable[[str], Ranker], tables: str, space: str) -> ReleasedScript:
    """The script, with the same ranker and embeddings as our search."""
    ranker, config, rng = ranker_of(space), config_of(space, tables), np.random.default_rng(0)
    source = Knowledge(config).embedding(config.dataset, ranker.info)
    embeddings = np.vstack([source, simulate_targets(source, ReleasedScript.TARGETS, 0.9, rng)])
    return ReleasedScript(ranker.model, embeddings, get_space(space), rng)


def bench_reference_pairs(measure: Measure, script: ReleasedScript, space: str) -> None:
    """Only the script's later steps, which need no NASLib."""
    n_steps = (script.STEPS - script.POPULATION) // PART

    def later_steps() -> None:
        for _ in range(n_steps):
            script.step()

    measure(
        reference_work(space), "baseline", "the released script's way, comparisons alone", later_steps,
        share=1 / PART, once=True,
    )  # fmt: skip


def bench_reference_script(
    measure: Measure, script: ReleasedScript, space: str, dataset_api: Callable[[str], Any]
) -> None:
    """The script's steps with NASLib's graphs, which it clones."""
    if space != "nasbench201":
        pytest.skip("NASLib has no graphs of the embedded benchmark")
    api = dataset_api(space)
    from naslib.search_spaces import NasBench201SearchSpace

    graphs = NaslibGraphs(NasBench201SearchSpace(), source_task(space), api)

    def part() -> None:
        for _ in range(script.POPULATION // PART):
            script.fill(graphs)
        for _ in range((script.STEPS - script.POPULATION) // PART):
            script.step(graphs)

    measure(
        reference_work(space), "baseline", "the released script's way, with NASLib's graphs", part,
        share=1 / PART, once=True,
    )  # fmt: skip


def bench_reference(measure: Measure, ranker_of: Callable[[str], Ranker], tables: str, space: str) -> None:
    config, ranker = config_of(space, tables, *REFERENCE), ranker_of(space)
    benchmark = open_benchmark(config)
    search = measure(
        reference_work(space), "ours", "archlock, 40 steps", lambda search: advance(search, config),
        setup=lambda: (prepare(config, benchmark, ranker).search,),
    )  # fmt: skip
    assert len(search.history) == ReleasedScript.STEPS


def bench_reference_prepared(measure: Measure, ranker_of: Callable[[str], Ranker], tables: str, space: str) -> None:
    """Includes the preparation before the first step: the embedding is computed from a file of zero-cost scores."""
    config, ranker = config_of(space, tables, *REFERENCE), ranker_of(space)
    benchmark = open_benchmark(config)
    measure(
        reference_work(space), "ours", "archlock, preparation and 40 steps",
        lambda: advance(prepare(config, benchmark, ranker).search, config),
    )  # fmt: skip


def bench_reference_under_trainer(
    measure: Measure,
    ranker_of: Callable[[str], Ranker],
    tables: str,
    space: str,
    dataset_api: Callable[[str], Any],
    run_under_trainer: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """NASLib's Trainer adds queries for its log, writes files, and compares with scheme S at the end."""
    if space != "nasbench201":
        pytest.skip("NASLib does not know the embedded benchmark")
    api, path = dataset_api(space), tmp_path / "ranker.safetensors"
    ranker_of(space).save(path)
    keys = ["archlock.ranker", path, *REFERENCE, *(["archlock.tables", tables] if tables else [])]
    measure(
        reference_work(space), "ours", "archlock under NASLib's Trainer",
        lambda: run_under_trainer(space, "archlock", api, *keys),
    )  # fmt: skip


# -- the default search ------------------------------------------------------------------------------------------------


def bench_default_baseline(measure: Measure, tables: str, space: str) -> None:
    """The paper's method: train a ranker on what scheme TU may see, then run evolution on ranks."""
    config = config_of(space, tables, "archlock.strategy", "evolution")
    benchmark = open_benchmark(config)
    hidden = report_targets(config, benchmark.tasks)

    def train_and_search() -> Search:
        ranker, _ = train_on_scores(config, *Knowledge(config, hidden).training_tables(), progress=None)
        return advance(prepare(config, benchmark, ranker).search, config)

    measure(default_work(space), "baseline", "evolution on ranks, ranker training included", train_and_search)


def bench_default(measure: Measure, tables: str, space: str) -> None:
    config = config_of(space, tables)
    benchmark = open_benchmark(config)
    search = measure(
        default_work(space), "ours", "archlock (bayesian)",
        lambda: advance(prepare(config, benchmark).search, config),
    )  # fmt: skip
    assert search.oracle.queries == config.archlock.source_queries
