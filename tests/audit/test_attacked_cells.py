from __future__ import annotations

from naslib_archlock.audit.attacked_cells import FOUND, RANDOM, S, cells_to_attack
from naslib_archlock.benchmarks.lock_score import WithinBudget
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.locking.prepare import open_benchmark

RESULT = {"cell": [3, 3, 3, 3, 3, 3], "s": {"cell": [1, 2, 3, 1, 2, 3]}}


def on_digits(*overrides: str) -> Config:
    return load_config(None, ["search_space", "digits", "dataset", "digit", *overrides])


def test_the_cells_are_those_of_the_search_and_random_ones_within_the_budget():
    config = on_digits("audit.random_cells", "3")
    benchmark = open_benchmark(config)
    cells = cells_to_attack(config, benchmark, RESULT)
    assert list(cells) == [FOUND, S, RANDOM]
    assert (cells[FOUND], cells[S]) == ([(3,) * 6], [(1, 2, 3, 1, 2, 3)])
    known = WithinBudget(benchmark, "digit", 2.0)
    within = {tuple(arch) for arch in known.archs[known.within].tolist()}
    assert len(set(cells[RANDOM])) == 3
    assert set(cells[RANDOM]) <= within


def test_the_seed_draws_the_random_cells():
    config, other = (on_digits("audit.random_cells", "5", "seed", seed) for seed in "01")
    benchmark = open_benchmark(config)
    first, again, others = (cells_to_attack(c, benchmark, RESULT)[RANDOM] for c in (config, config, other))
    assert first == again != others


def test_scheme_s_found_what_it_found():
    config = on_digits("archlock.scheme", "s")
    assert list(cells_to_attack(config, open_benchmark(config), RESULT)) == [S, RANDOM]


def test_random_cells_may_be_left_out():
    config = on_digits("audit.random_cells", "0")
    assert list(cells_to_attack(config, open_benchmark(config), RESULT)) == [FOUND, S]


def test_where_no_table_knows_the_accuracies_random_cells_are_any(digit_images):
    """They compute different functions there, too."""
    folder = str(digit_images["low"])
    config = load_config(None, ["search_space", "transbench101_micro", "dataset", folder, "audit.random_cells", "40"])
    benchmark = open_benchmark(config)
    cells = cells_to_attack(config, benchmark, RESULT)[RANDOM]
    assert len(cells) == 40
    assert len({tuple(row) for row in benchmark.space.representatives(cells).tolist()}) == 40
