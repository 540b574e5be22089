from __future__ import annotations

import copy
import gzip
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from naslib_archlock.commands.main import main
from naslib_archlock.errors import TableError
from naslib_archlock.proxies import zero_cost as module
from naslib_archlock.proxies.zero_cost import (
    PROXIES,
    ZeroCostScores,
    encode_zero_cost,
    find_zero_cost,
    parse_scores,
    read_zero_cost,
    write_zero_cost,
    zero_cost_file_name,
)
from naslib_archlock.ranker.ranker import Ranker
from naslib_archlock.spaces.known import NASBENCH201, SPACES, TRANSBENCH101_MICRO
from naslib_archlock.spaces.space import SearchSpace
from naslib_archlock.store import cache

A, B, C, D = "(2, 2, 0, 4, 2, 0)", "(2, 2, 2, 2, 2, 2)", "(3, 3, 3, 3, 3, 3)", "(1, 1, 2, 1, 1, 1)"


def entries(**scores: dict[str, Any]) -> dict[str, Any]:
    """Entries in NASLib's structure from ``proxy={key: score}``."""
    result: dict[str, Any] = {key: {} for values in scores.values() for key in values}
    for proxy, values in scores.items():
        for key, score in values.items():
            result[key][proxy] = {"score": score, "time": 0.1}
    return result


def test_scores_and_cells_are_read():
    scores = parse_scores(NASBENCH201, "cifar10", entries(nwot={A: 5, B: 7.5, C: -1.0}))
    assert scores.cells.tolist() == [[3, 3, 4, 1, 3, 1], [3] * 6, [2] * 6]
    assert scores.scores["nwot"].tolist() == [5, 7.5, -1.0]
    assert list(scores.scores) == ["nwot"]


def test_ranks_by_hand():
    scores = parse_scores(NASBENCH201, "t", entries(nwot={A: 5, B: 7, C: 5, D: -3}))
    assert scores.ranks("nwot").tolist() == [2.5, 4, 2.5, 1]  # from the lowest score; ties share the mean rank


@pytest.mark.parametrize("failed", [-1e8, float("nan")])
def test_a_failed_score_has_no_rank_and_takes_none(failed):
    scores = parse_scores(NASBENCH201, "t", entries(nwot={A: 5, B: failed, C: 6, D: 4}))
    np.testing.assert_array_equal(scores.ranks("nwot"), [2, np.nan, 3, 1])


def test_infinities_are_ranked():
    scores = parse_scores(NASBENCH201, "t", entries(grasp={A: float("inf"), B: 0, C: float("-inf"), D: float("inf")}))
    assert scores.ranks("grasp").tolist() == [3.5, 2, 1, 3.5]


def test_a_proxy_that_failed_everywhere_or_is_absent_ranks_nothing():
    scores = parse_scores(NASBENCH201, "t", entries(nwot={A: 1, B: 2}, zen={A: -1e8, B: -1e8}))
    assert list(scores.scores) == ["nwot"]
    for proxy in ("zen", "synflow"):
        np.testing.assert_array_equal(scores.ranks(proxy), [np.nan, np.nan])


def test_a_proxy_that_one_cell_lacks_failed_there():
    table = entries(nwot={A: 1, B: 2, C: 3}, snip={A: 3, C: 1})
    np.testing.assert_array_equal(parse_scores(NASBENCH201, "t", table).ranks("snip"), [2, np.nan, 1])


def test_the_accuracy_beside_the_scores_is_not_read():
    table = entries(nwot={A: 1, B: 2, C: 3})
    with_accuracy = copy.deepcopy(table)
    for i, entry in enumerate(with_accuracy.values()):
        entry["val_accuracy"] = "not even a number" if i else {"score": 99.0}
    scores, same = (parse_scores(NASBENCH201, "t", t) for t in (table, with_accuracy))
    assert set(same.scores) == set(scores.scores) <= set(PROXIES)
    np.testing.assert_array_equal(same.ranks("nwot"), scores.ranks("nwot"))


def test_take_keeps_rows_of_every_proxy():
    scores = parse_scores(NASBENCH201, "t", entries(nwot={A: 1, B: 2, C: 3}, snip={A: 9, B: 8, C: 7}))
    part = scores.take(np.array([2, 0]))
    assert part.cells.tolist() == scores.cells[[2, 0]].tolist()
    assert part.scores["nwot"].tolist() == [3, 1]
    assert part.scores["snip"].tolist() == [7, 9]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "holds no cells"),
        ([1, 2], "holds no cells"),
        (None, "holds no cells"),
        (entries(nwot={"(1, 2, 3)": 1}), r"entry '\(1, 2, 3\)'"),
        (entries(nwot={"(0, 0, 0, 0, 0, 9)": 1}), "six integers"),
        (entries(nwot={"(0, 0, 0, 0, 0, 1e999)": 1}), "six integers"),
        (entries(nwot={"not a cell": 1}), "entry 'not a cell'"),
        (entries(nwot={"__import__('os').getcwd()": 1}), "cannot be read"),
        (entries(nwot={A: "high"}), "could not convert"),
        (entries(nwot={A: None}), "cannot be read"),
        (entries(nwot={A: 10**400}), "cannot be read"),
        ({A: {"nwot": 3.0}}, "cannot be read"),
        ({A: {"nwot": {"time": 3.0}}}, "score"),
        ({A: None}, "NoneType"),
        ({A: []}, "list"),
        ({A: {"nwot": {"score": 1}}, A.replace(" ", ""): {"nwot": {"score": 2}}}, "twice"),
    ],
)  # fmt: skip
def test_malformed_tasks_name_the_task_and_the_place(table, message):
    with pytest.raises(TableError, match=message) as caught:
        parse_scores(NASBENCH201, "cifar100", table, "zero-cost file some/zc.json")
    assert "'cifar100'" in str(caught.value)
    assert "some/zc.json" in str(caught.value)


def test_a_cell_of_another_space_is_refused():
    with pytest.raises(TableError, match="from 0 to 3"):
        parse_scores(TRANSBENCH101_MICRO, "normal", entries(nwot={"(4, 1, 1, 1, 1, 1)": 1}))


# -- files -------------------------------------------------------------------------------------------------------------


def test_hidden_tasks_are_not_read_at_all(tmp_path):
    path = tmp_path / "zc_nasbench201.json"
    path.write_text(json.dumps({"cifar10": entries(nwot={A: 1, B: 2}), "cifar100": "unreadable"}))
    assert list(read_zero_cost(path, NASBENCH201, hidden=["cifar100"])) == ["cifar10"]
    with pytest.raises(TableError, match="cifar100"):
        read_zero_cost(path, NASBENCH201)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "not valid JSON"), (b'{"cifar10": {"(0, ', "not valid JSON"), (b"[1, 2]", "must hold an object"),
     (b"\xff\xfe\x00", "cannot be read"), (b"null", "must hold an object")],
)  # fmt: skip
def test_unreadable_files_are_named(tmp_path, content, message):
    path = tmp_path / "zc_nasbench201.json"
    path.write_bytes(content)
    with pytest.raises(TableError, match=message) as caught:
        read_zero_cost(path, NASBENCH201)
    assert str(path) in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path):
    for path in (tmp_path / "zc_nasbench201.json", tmp_path):
        with pytest.raises(TableError, match="cannot be read") as caught:
            read_zero_cost(path, NASBENCH201)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(("space", "n_proxies"), [(NASBENCH201, 12), (TRANSBENCH101_MICRO, 11)])
def test_the_real_files_are_read_whole(shared_data: Path, space, n_proxies):
    path = shared_data / zero_cost_file_name(space)
    raw = json.loads(path.read_text())
    tables = read_zero_cost(path, space)
    assert list(tables) == list(raw)
    for task, scores in tables.items():
        assert scores.task == task
        assert len(np.unique(scores.cells, axis=0)) == len(raw[task])
        assert 2 <= len(scores.scores) <= n_proxies
        for proxy, values in scores.scores.items():
            failed = [entry.get(proxy, {"score": -1e8})["score"] == -1e8 for entry in raw[task].values()]
            np.testing.assert_array_equal(np.isnan(values), failed)


# -- kept --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def parsed(own_cache, monkeypatch) -> list[str]:
    """The tasks whose entries are parsed, with an empty cache at the start."""
    tasks, parse = [], module.parse_scores

    def watched(space, task, entries, where):
        tasks.append(task)
        return parse(space, task, entries, where)

    monkeypatch.setattr(module, "parse_scores", watched)
    return tasks


def assert_equal(found: dict[str, ZeroCostScores], expected: dict[str, ZeroCostScores]) -> None:
    assert list(found) == list(expected)
    for task, table in expected.items():
        assert (found[task].space, found[task].task) == (table.space, task)
        assert found[task].cells.dtype == np.int64 and found[task].cells.tolist() == table.cells.tolist()
        assert list(found[task].scores) == list(table.scores)
        for proxy, scores in table.scores.items():
            assert found[task].scores[proxy].tobytes() == scores.tobytes()


def test_scores_are_parsed_once_and_found_again_equal(toy_tables, parsed):
    path = toy_tables / zero_cost_file_name(TRANSBENCH101_MICRO)
    content = json.loads(path.read_text())
    expected = {task: parse_scores(TRANSBENCH101_MICRO, task, entries) for task, entries in content.items()}
    for _ in range(2):
        assert_equal(read_zero_cost(path, TRANSBENCH101_MICRO), expected)
        assert parsed == list(expected)


def test_failed_scores_and_infinities_are_found_again(tmp_path, parsed):
    path = tmp_path / "zc_nasbench201.json"
    path.write_text(
        json.dumps({"t": entries(nwot={A: float("inf"), B: -1e8, C: 0.1}, zen={A: -1e8, B: -1e8, C: -1e8})})
    )
    first, second = (read_zero_cost(path, NASBENCH201) for _ in range(2))
    assert_equal(second, first)
    np.testing.assert_array_equal(second["t"].scores["nwot"], [np.inf, np.nan, 0.1])
    assert list(second["t"].scores) == ["nwot"] and parsed == ["t"]


def test_each_task_is_kept_by_itself_and_hidden_ones_are_not_touched(toy_tables, parsed, monkeypatch):
    path = toy_tables / zero_cost_file_name(TRANSBENCH101_MICRO)
    looked_up, read = [], cache._read
    monkeypatch.setattr(cache, "_read", lambda facts: looked_up.append(facts.get("name", "")) or read(facts))
    seen, hidden = ["class_scene", "class_object", "autoencoder"], "normal"
    for _ in range(2):
        assert list(read_zero_cost(path, TRANSBENCH101_MICRO, hidden=[hidden])) == seen
    assert parsed == seen
    assert not any(hidden in name for name in looked_up)
    assert list(read_zero_cost(path, TRANSBENCH101_MICRO)) == ["class_scene", "class_object", "normal", "autoencoder"]
    assert parsed == [*seen, hidden]
    assert any(hidden in name for name in looked_up)


def test_the_second_process_does_not_open_the_file(tmp_path, run_watched, settle):
    path = tmp_path / "zc_nasbench201.json.gz"
    write_zero_cost(path, [made_up(NASBENCH201, "one"), made_up(NASBENCH201, "two")])
    settle(path)
    code = (
        "from pathlib import Path; from naslib_archlock.spaces.known import NASBENCH201\n"
        "from naslib_archlock.proxies.zero_cost import read_zero_cost\n"
        f"read_zero_cost(Path({str(path)!r}), NASBENCH201)"
    )
    assert [path.name in run_watched(code)["opened"] for _ in range(3)] == [True, False, False]


def test_a_malformed_task_is_never_kept(tmp_path, parsed):
    path = tmp_path / "zc_nasbench201.json"
    path.write_text(json.dumps({"good": entries(nwot={A: 1, B: 2}), "bad": entries(nwot={A: "high"})}))
    for _ in range(2):
        with pytest.raises(TableError, match=f"{path}: task 'bad', entry"):
            read_zero_cost(path, NASBENCH201)
    assert parsed == ["good", "bad", "bad"]


# -- writing -----------------------------------------------------------------------------------------------------------


def made_up(space: SearchSpace, task: str = "mine", n: int = 5, seed: int = 0) -> ZeroCostScores:
    """Scores with all their digits and very different sizes, one of them failed."""
    rng = np.random.default_rng(seed)
    scores = {p: rng.standard_normal(n) * 10.0 ** rng.integers(-9, 9, n) for p in ("jacov", "nwot", "params")}
    scores["jacov"][1] = np.nan
    return ZeroCostScores(space, task, np.array(space.sample(n, rng)), scores)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.name)
def test_what_is_written_is_read_back_equal(tmp_path, space, suffix):
    tables = [made_up(space, "one"), made_up(space, "two", n=3, seed=1)]
    path = tmp_path / f"{zero_cost_file_name(space)}{suffix}"
    write_zero_cost(path, tables)
    back = read_zero_cost(path, space)
    assert list(back) == ["one", "two"]
    for table in tables:
        assert back[table.task].cells.tolist() == table.cells.tolist()
        assert list(back[table.task].scores) == list(table.scores)
        for proxy, scores in table.scores.items():
            np.testing.assert_array_equal(back[table.task].scores[proxy], scores)


def test_the_structure_is_that_of_naslibs_files(tmp_path):
    cells = np.array([[3, 3, 4, 1, 3, 1], [2] * 6])
    table = ZeroCostScores(NASBENCH201, "cifar10", cells, {"nwot": np.array([5.0, np.nan])})
    write_zero_cost(tmp_path / "zc.json", [table])
    written = json.loads((tmp_path / "zc.json").read_text(encoding="utf-8"))
    assert written == {"cifar10": {A: {"nwot": {"score": 5.0}}, C: {"nwot": {"score": -1e8}}}}


def test_the_real_files_survive_being_written(shared_data: Path, tmp_path):
    tables = read_zero_cost(shared_data / zero_cost_file_name(TRANSBENCH101_MICRO), TRANSBENCH101_MICRO)
    write_zero_cost(tmp_path / "zc.json.gz", tables.values())
    back = read_zero_cost(tmp_path / "zc.json.gz", TRANSBENCH101_MICRO)
    assert list(back) == list(tables)
    for task, table in tables.items():
        np.testing.assert_array_equal(back[task].cells, table.cells)
        assert back[task].scores.keys() == table.scores.keys()
        for proxy, scores in table.scores.items():
            np.testing.assert_array_equal(back[task].scores[proxy], scores)


def test_compressed_bytes_depend_on_the_scores_alone(tmp_path, monkeypatch):
    tables = [made_up(NASBENCH201)]
    first = encode_zero_cost(tables, compressed=True)
    monkeypatch.setattr(time, "time", lambda: 2e9)  # gzip would write this time into the file
    write_zero_cost(tmp_path / "zc.json.gz", iter(tables))
    assert (tmp_path / "zc.json.gz").read_bytes() == first
    assert encode_zero_cost([made_up(NASBENCH201, seed=1)], compressed=True) != first
    assert gzip.decompress(first) == encode_zero_cost(tables, compressed=False)


def test_one_file_holds_one_space_and_a_task_once(tmp_path):
    path = tmp_path / "zc.json"
    with pytest.raises(TableError, match="nasbench201/one, transbench101_micro/two"):
        write_zero_cost(path, [made_up(NASBENCH201, "one"), made_up(TRANSBENCH101_MICRO, "two")])
    with pytest.raises(TableError, match="tables of 'one' and of 'One'"):
        write_zero_cost(path, [made_up(NASBENCH201, "one"), made_up(NASBENCH201, "One", seed=1)])
    assert not path.exists()


def test_a_damaged_compressed_file_is_named(tmp_path):
    path = tmp_path / "zc_nasbench201.json.gz"
    whole = encode_zero_cost([made_up(NASBENCH201)], compressed=True)
    flipped = whole[:30] + bytes([whole[30] ^ 0xFF]) + whole[31:]
    for content in (b"", whole[:-1], whole[: len(whole) // 2], whole[:5], flipped, gzip.decompress(whole)):
        path.write_bytes(content)
        with pytest.raises(TableError) as caught:
            read_zero_cost(path, NASBENCH201)
        assert str(path) in str(caught.value)
    path.unlink()
    with pytest.raises(TableError, match="cannot be read"):
        read_zero_cost(path, NASBENCH201)


def test_finding_the_file_of_a_space(tmp_path):
    assert find_zero_cost(tmp_path, NASBENCH201) is None
    compressed, plain = tmp_path / "zc_nasbench201.json.gz", tmp_path / "zc_nasbench201.json"
    write_zero_cost(compressed, [made_up(NASBENCH201)])
    assert find_zero_cost(tmp_path, NASBENCH201) == compressed
    write_zero_cost(plain, [made_up(NASBENCH201)])
    assert find_zero_cost(tmp_path, NASBENCH201) == plain
    assert find_zero_cost(tmp_path, TRANSBENCH101_MICRO) is None


def test_a_ranker_trains_on_a_written_file_as_on_the_original(toy_tables, tmp_path, fast_training, capsys):
    original = toy_tables / zero_cost_file_name(TRANSBENCH101_MICRO)
    written = tmp_path / f"{original.name}.gz"
    write_zero_cost(written, read_zero_cost(original, TRANSBENCH101_MICRO).values())
    weights = []
    for i, path in enumerate((original, written)):
        ranker = tmp_path / f"{i}.safetensors"
        keys = [
            "search_space",
            "transbench101_micro",
            "archlock.zero_cost",
            str(path),
            "archlock.reference_cells",
            "16",
        ]
        assert main(["train-ranker", "--out", str(ranker), *keys]) == 0, capsys.readouterr().err
        weights.append(Ranker.load(ranker).model.state_dict())
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
