from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from experiments.toy import write_tables
from naslib_archlock.benchmarks import table as module
from naslib_archlock.benchmarks.benchmark import FROM_SCRATCH
from naslib_archlock.benchmarks.lock_score import LockScale
from naslib_archlock.benchmarks.table import NOTE, TableBenchmark, find_table, read_table
from naslib_archlock.errors import CellError, TableError, UnknownNameError
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.tasks.names import SPLITS
from naslib_archlock.testing.benchmark_contract import check_benchmark

# The smallest space has 3,256 architectures.
SPACE = TRANSBENCH101_MACRO
ARCHS = [tuple(arch) for arch in SPACE.all().tolist()]
HEADER = "arch,note,normal/train,normal/val,normal/test,normal/zen,room_layout/val,room_layout/test"


def value(row: int, column: int) -> float:
    """A figure of normal (columns 0 to 2), which may be negative, or of room_layout (all others), a negative loss."""
    return (row * 7 + column * 13) % 100 / 80 - (0.3 if column < 3 else 3)


def lines() -> list[str]:
    """A whole table as lines of text, with further columns that the reader ignores."""
    rows = [
        f"{SPACE.to_str(arch)},x,{value(i, 0)},{value(i, 1)},{value(i, 2)},-1e8,{value(i, 3)},{value(i, 4)}"
        for i, arch in enumerate(ARCHS)
    ]
    return [HEADER, *rows]


@pytest.fixture
def write(tmp_path: Path):
    """A function that writes lines as a table, compressed or not, and returns its path."""

    def write_table(content: list[str], packed: bool = False, newline: str = "\n") -> Path:
        raw = (newline.join(content) + newline).encode()
        path = tmp_path / (f"{SPACE.name}.csv" + ".gz" * packed)
        path.write_bytes(gzip.compress(raw, compresslevel=1) if packed else raw)
        return path

    return write_table


@pytest.mark.parametrize("packed", [True, False])
def test_every_figure_is_answered(write, tmp_path, packed):
    path = write(lines(), packed)
    assert find_table(tmp_path, SPACE) == path
    benchmark = read_table(path, SPACE)
    assert benchmark.tasks == ("normal", "room_layout")
    assert benchmark.space is SPACE
    check_benchmark(benchmark, np.random.default_rng(0))
    for i, arch in list(enumerate(ARCHS))[::101]:
        assert [benchmark.accuracy(arch, task="normal", split=split) for split in SPLITS] == [
            value(i, 0), value(i, 1), value(i, 2)
        ]  # fmt: skip
        assert benchmark.accuracy(arch, task="room_layout", split="val") == value(i, 3)


def test_rows_may_come_in_any_order(write):
    header, *rows = lines()
    shuffled = [header, *np.random.default_rng(0).permutation(rows).tolist()]
    benchmark, same = read_table(write(lines()), SPACE), read_table(write(shuffled), SPACE)
    for arch in ARCHS[::500]:
        for split in SPLITS:
            assert benchmark.accuracy(arch, task="normal", split=split) == same.accuracy(
                arch, task="normal", split=split
            )


def test_files_from_a_spreadsheet_are_read(write):
    header, *rows = lines()
    benchmark = read_table(write(["\ufeff" + header, *rows], newline="\r\n"), SPACE)
    assert benchmark.accuracy(ARCHS[5], task="normal", split="test") == value(5, 2)


def test_unknown_tasks_and_splits_name_the_known_ones(write):
    benchmark = read_table(write(lines()), SPACE)
    with pytest.raises(UnknownNameError, match="unknown task 'norml'.*known: normal, room_layout.*mean 'normal'"):
        benchmark.accuracy(ARCHS[0], task="norml", split="val")
    with pytest.raises(UnknownNameError, match="unknown split 'tst'.*known: train, val, test.*mean 'test'"):
        benchmark.accuracy(ARCHS[0], task="normal", split="tst")
    with pytest.raises(UnknownNameError, match="unknown split 'train'.*known: val, test"):
        benchmark.accuracy(ARCHS[0], task="room_layout", split="train")
    with pytest.raises(UnknownNameError, match="unknown task 'zen'"):
        benchmark.source_oracle("zen", 3)


def test_what_must_be_known_of_a_table_stands_beside_it(write, tmp_path):
    path = write(lines())
    assert read_table(path, SPACE).notes == ()
    (tmp_path / NOTE).write_text("Made up.\n")
    assert read_table(path, SPACE).notes == ("Made up.",)
    (tmp_path / NOTE).write_bytes(b"Made \xff up")
    assert "Made" in read_table(path, SPACE).notes[0]


# -- faults ------------------------------------------------------------------------------------------------------------


def edited(row: int, text: str) -> list[str]:
    content = lines()
    content[row] = text
    return content


def with_field(row: int, column: str, text: str) -> list[str]:
    fields = lines()[row].split(",")
    fields[HEADER.split(",").index(column)] = text
    return edited(row, ",".join(fields))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lines()[:-1], f"1 of the 3256 architectures of {SPACE.name} are missing, {SPACE.to_str(ARCHS[-1])} first"),
        ([HEADER], "3256 of the 3256"),
        ([*lines(), lines()[3]], f"1 architectures occur twice, {SPACE.to_str(ARCHS[2])} first"),
        (edited(4, lines()[5]), "occur twice"),
        (with_field(7, "normal/val", "nan"), f"column normal/val is not a number for {SPACE.to_str(ARCHS[6])}"),
        (with_field(7, "normal/test", "inf"), "column normal/test is not a number"),
        (with_field(7, "room_layout/test", "-inf"), "column room_layout/test is not a number"),
        (with_field(7, "normal/train", "high"), "line 8: could not convert string to float: 'high'"),
        (with_field(7, "normal/val", ""), "line 8: could not convert"),
        (with_field(7, "arch", "64-9999-basic"), "line 8: .*64-9999-basic"),
        (edited(7, lines()[7].rsplit(",", 1)[0]), "line 8: 7 fields, where the header has 8"),
        (edited(7, ""), "line 8: 0 fields"),
        (edited(0, HEADER.replace("arch", "cell")), "needs a header with a column 'arch'; it has cell, note"),
        (lines()[1:], "needs a header"),
        (edited(0, HEADER.replace("/", "_")), "no column like TASK/val"),
        (edited(0, HEADER.replace("room_layout/test", "room_layout/other")), "task room_layout needs .*layout/test"),
        (edited(0, HEADER.replace("normal/val", "normal/valid")), "task normal needs a column normal/val"),
        (with_field(7, "note", "x" * 200_000), "cannot be read"),
    ],
)  # fmt: skip
def test_faults_are_named_with_the_file(write, content, message):
    for packed in (False, True):
        path = write(content, packed)
        with pytest.raises(TableError, match=message) as caught:
            read_table(path, SPACE)
        assert str(path) in str(caught.value)


def test_columns_of_no_interest_may_hold_anything(write):
    assert read_table(write(with_field(7, "normal/zen", "none")), SPACE).tasks == ("normal", "room_layout")


def test_files_cut_short_or_not_packed_are_refused(write):
    path = write(lines(), packed=True)
    raw = path.read_bytes()
    for content in (raw[:-9], raw[: len(raw) // 2], raw[:5], b"not gzip", b"\x1f\x8b\x08", raw[:-8] + b"\0" * 8):
        path.write_bytes(content)
        with pytest.raises(TableError, match="cannot be read") as caught:
            read_table(path, SPACE)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00bad"])
def test_files_that_are_no_text_are_refused(tmp_path, content):
    path = tmp_path / f"{SPACE.name}.csv"
    path.write_bytes(content)
    with pytest.raises(TableError):
        read_table(path, SPACE)


def test_a_table_of_another_space_is_refused(write):
    with pytest.raises(TableError, match="line 2"):
        read_table(write(lines()), NASBENCH201)


@pytest.mark.parametrize(
    ("header", "message"),
    [("arch,a/val,a/test,a/val", "the header holds 2 columns a/val"), ("arch,a/val,arch", "2 columns arch"),
     ("arch,/val", "column /val needs the name of a task"), ("arch, a/val", "without blanks")],
)  # fmt: skip
def test_doubled_and_nameless_columns_are_refused(tmp_path, header, message):
    path = tmp_path / f"{SPACE.name}.csv"
    path.write_text(f"{header}\n")
    with pytest.raises(TableError, match=message):
        read_table(path, SPACE)


def test_missing_tables_name_the_folder_and_the_files(tmp_path):
    with pytest.raises(TableError, match=f"expected {SPACE.name}.csv or {SPACE.name}.csv.gz") as caught:
        find_table(tmp_path, SPACE)
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(TableError, match="cannot be read"):
        read_table(tmp_path / f"{SPACE.name}.csv", SPACE)
    with pytest.raises(TableError, match="cannot be read"):
        read_table(tmp_path, SPACE)


def test_a_table_made_in_memory_is_checked_too():
    cells = SPACE.all()
    columns = {"normal/val": np.ones(len(cells)), "normal/test": np.ones(len(cells))}
    assert TableBenchmark(SPACE, cells, columns, "memory").tasks == ("normal",)
    with pytest.raises(TableError, match="memory: 1 of the 3256"):
        TableBenchmark(SPACE, cells[1:], {name: values[1:] for name, values in columns.items()}, "memory")


def test_an_architecture_of_another_space_has_no_figure():
    cells = SPACE.all()
    columns = {"normal/val": np.ones(len(cells)), "normal/test": np.ones(len(cells))}
    with pytest.raises(CellError, match=r"\(4, 4, 4, 4, 4, 4\) is no architecture of transbench101_macro"):
        TableBenchmark(SPACE, cells, columns, "memory").accuracy((4,) * 6, task="normal", split="val")


# -- fine-tuned figures ------------------------------------------------------------------------------------------------


def fine_tuned_lines() -> list[str]:
    """A whole table that also has the accuracies of networks trained on normal and fine-tuned on room_layout."""
    header, *rows = lines()
    header += ",normal>room_layout/val,normal>room_layout/test"
    return [header, *(f"{row},{value(i, 5)},{value(i, 6)}" for i, row in enumerate(rows))]


def test_fine_tuned_figures_are_answered_beside_those_from_scratch(write):
    path = write(fine_tuned_lines())
    for benchmark in (read_table(path, SPACE), read_table(path, SPACE)):  # parsed, then cached
        assert benchmark.tasks == ("normal", "room_layout")
        assert benchmark.fine_tuned_from == {"room_layout": ("normal",)}
        for i, arch in list(enumerate(ARCHS))[::101]:
            asked = {"task": "room_layout", "split": "test"}
            assert benchmark.accuracy(arch, **asked, pretrained_on="normal") == value(i, 6)
            assert benchmark.accuracy(arch, **asked) == value(i, 4)
        assert benchmark.accuracies("room_layout", "val", "normal").tolist() == [value(i, 5) for i in range(len(ARCHS))]
        check_benchmark(benchmark, np.random.default_rng(0))
        with pytest.raises(UnknownNameError, match="unknown split 'train'.*task normal>room_layout; known: val, test"):
            benchmark.accuracy(ARCHS[0], task="room_layout", split="train", pretrained_on="normal")
        with pytest.raises(UnknownNameError, match="unknown task 'normal>room_layout'.*known: normal, room_layout"):
            benchmark.accuracy(ARCHS[0], task="normal>room_layout", split="test")


def test_a_table_says_what_its_figures_mean(write):
    assert read_table(write(lines()), SPACE).meaning == FROM_SCRATCH
    meaning = read_table(write(fine_tuned_lines()), SPACE).meaning
    assert "trained from scratch" in meaning and "SOURCE>TASK" in meaning and "transfer" in meaning


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("norml>room_layout", "no columns of a task 'norml'.*rename"),
        ("normal>", "no columns of a task ''"),
        (">room_layout", "no columns of a task ''"),
        ("normal>room_layout>normal", "no columns of a task 'room_layout>normal'"),
        ("normal >room_layout", "no columns of a task 'normal '"),
    ],
)
def test_pairs_of_tasks_that_the_table_lacks_are_refused(write, pair, message):
    header, *rows = fine_tuned_lines()
    path = write([header.replace("normal>room_layout", pair), *rows])
    for _ in range(2):
        with pytest.raises(TableError, match=f"SOURCE>TASK/SPLIT.*{message}") as caught:
            read_table(path, SPACE)
        assert str(path) in str(caught.value)


def test_a_pair_needs_validation_and_test(write):
    header, *rows = fine_tuned_lines()
    with pytest.raises(TableError, match="task normal>room_layout needs a column normal>room_layout/test"):
        read_table(write([header.replace("normal>room_layout/test", "other"), *rows]), SPACE)


def test_the_made_up_benchmark_with_fine_tuned_figures(tmp_path):
    write_tables(tmp_path, fine_tuned=True)
    benchmark = read_table(find_table(tmp_path, TRANSBENCH101_MICRO), TRANSBENCH101_MICRO)
    check_benchmark(benchmark, np.random.default_rng(0))
    assert benchmark.fine_tuned_from["normal"] == ("class_scene", "class_object", "autoencoder")
    # The more of the source's training is left, the more a cell that fits the source gains.
    source, scratch = (benchmark.accuracies(task, "test") for task in ("class_scene", "normal"))
    fine_tuned = benchmark.accuracies("normal", "test", "class_scene")
    assert np.corrcoef(source, fine_tuned)[0, 1] > np.corrcoef(source, scratch)[0, 1]


def test_a_search_and_a_lock_score_use_the_table_as_any_other(tmp_path):
    """Columns of fine-tuned networks change nothing: all figures are from networks trained from scratch."""
    scores = []
    for fine_tuned in (False, True):
        write_tables(tmp_path / str(fine_tuned), fine_tuned=fine_tuned)
        benchmark = read_table(find_table(tmp_path / str(fine_tuned), TRANSBENCH101_MICRO), TRANSBENCH101_MICRO)
        scale = LockScale(benchmark, "class_scene", "normal", 2.0)
        scores.append([scale.score(cell) for cell in (scale.ceiling(), scale.fewest_weights(), (3,) * 6)])
    assert scores[0] == scores[1]


# -- kept --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def parsed(own_cache, monkeypatch) -> list[Path]:
    """The tables that are parsed, with an empty cache at the start."""
    paths, parse = [], module._parse

    def watched(path, space):
        paths.append(path)
        return parse(path, space)

    monkeypatch.setattr(module, "_parse", watched)
    return paths


@pytest.mark.parametrize("packed", [True, False])
def test_a_table_is_parsed_once_and_answers_the_same(write, parsed, packed):
    path = write(lines(), packed)
    first, second = read_table(path, SPACE), read_table(path, SPACE)
    assert parsed == [path]
    assert first.tasks == second.tasks == ("normal", "room_layout")
    for task, split in [*(("normal", split) for split in SPLITS), ("room_layout", "val"), ("room_layout", "test")]:
        answers = [[b.accuracy(arch, task=task, split=split) for arch in ARCHS] for b in (first, second)]
        assert answers[0] == answers[1]
    for benchmark in (first, second):
        with pytest.raises(UnknownNameError, match="unknown split 'train'.*known: val, test"):
            benchmark.accuracy(ARCHS[0], task="room_layout", split="train")


def test_the_second_process_does_not_open_the_table(write, run_watched, settle):
    path = write(lines(), packed=True)
    settle(path)
    code = (
        "from pathlib import Path; from naslib_archlock.spaces.known import get_space\n"
        "from naslib_archlock.benchmarks.table import read_table\n"
        f"read_table(Path({str(path)!r}), get_space({SPACE.name!r}))"
    )
    opened = [path.name in run_watched(code)["opened"] for _ in range(3)]
    assert opened == [True, False, False]


def test_a_changed_table_is_read_anew(write, parsed):
    for number in ("0.5", "0.25"):
        benchmark = read_table(write(with_field(7, "normal/val", number)), SPACE)
        assert benchmark.accuracy(ARCHS[6], task="normal", split="val") == float(number)
    assert len(parsed) == 2


@pytest.mark.parametrize("content", [lines()[:-1], with_field(7, "normal/val", "nan"), with_field(7, "arch", "x")])
def test_a_bad_table_is_never_kept(write, parsed, content):
    path = write(content)
    messages = set()
    for _ in range(2):
        with pytest.raises(TableError) as caught:
            read_table(path, SPACE)
        messages.add(str(caught.value))
    assert parsed == [path, path] and len(messages) == 1


def test_the_same_content_is_not_kept_for_another_space(write, parsed):
    path = write(lines())
    read_table(path, SPACE)
    with pytest.raises(TableError, match="line 2"):
        read_table(path, NASBENCH201)


def test_notes_are_read_each_time(write, tmp_path, parsed):
    path = write(lines())
    assert read_table(path, SPACE).notes == ()
    (tmp_path / NOTE).write_text("Made up.")
    assert read_table(path, SPACE).notes == ("Made up.",)
    assert len(parsed) == 1


# -- real tables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("space", "tasks"), [
    (NASBENCH201, {"cifar10", "cifar100", "ImageNet16-120"}),
    (TRANSBENCH101_MICRO, {"class_scene", "class_object", "room_layout", "normal", "autoencoder"}),
], ids=["nasbench201", "micro"])  # fmt: skip
def test_real_tables_are_read(shared_data, space, tasks):
    benchmark = read_table(find_table(shared_data, space), space)
    assert set(benchmark.tasks) == tasks <= set(space.tasks)
    strong, weak = (3, 3, 3, 1, 3, 3), (0, 0, 0, 0, 0, 0)
    for task in tasks:
        for split in SPLITS:
            figures = [benchmark.accuracy(cell, task=task, split=split) for cell in (strong, weak)]
            assert figures[0] > figures[1]  # higher is better on every task, also for room_layout's negative loss
    if "room_layout" in tasks:
        assert benchmark.accuracy(strong, task="room_layout", split="test") < 0


def test_a_real_figure_by_eye(shared_data):
    """The second row of the file of NAS-Bench-201 is the paper's example cell."""
    benchmark = read_table(find_table(shared_data, NASBENCH201), NASBENCH201)
    cell = (3, 3, 4, 1, 3, 1)
    assert benchmark.accuracy(cell, task="cifar10", split="val") == 90.7693
    assert benchmark.accuracy(cell, task="ImageNet16-120", split="test") == 44.0333


def test_of_a_plain_and_a_packed_table_the_plain_one_is_read(write, tmp_path):
    write(lines(), packed=True)
    plain = write(with_field(7, "normal/val", "0.75"))
    with pytest.warns(UserWarning, match="is read, and .* beside it is not"):
        assert find_table(tmp_path, SPACE) == plain


def test_a_table_of_gigabytes_is_not_hashed_either(tmp_path, monkeypatch):
    monkeypatch.setattr("naslib_archlock.store.cache.content_hash", lambda path: pytest.fail("it was hashed"))
    path = tmp_path / f"{SPACE.name}.csv"
    with path.open("wb") as f:
        f.truncate(1 << 40)
    with pytest.raises(TableError, match="is too large"):
        read_table(path, SPACE)


def test_a_pipe_by_the_name_of_a_table_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / f"{SPACE.name}.csv")
    with pytest.raises(TableError, match="it is no file"):
        read_table(find_table(tmp_path, SPACE), SPACE)


def test_fine_tuned_figures_may_lack_where_a_benchmark_says_so():
    archs = SPACE.all()
    columns = {
        f"{name}/{split}": np.arange(len(archs)) / 1e4 for name in ("a", "b", "a>b") for split in ("val", "test")
    }
    columns["a>b/val"] = columns["a>b/test"] = np.where(np.arange(len(archs)) == 3, np.nan, columns["b/val"])
    with pytest.raises(TableError, match="column a>b/val is not a number for"):
        TableBenchmark(SPACE, archs, columns, "memory")
    benchmark = TableBenchmark(SPACE, archs, columns, "memory", ("only some were fine-tuned",), has_gaps=True)
    check_benchmark(benchmark, np.random.default_rng(0))
    assert benchmark.accuracy(ARCHS[2], task="b", split="val", pretrained_on="a") == 2 / 1e4
    assert np.isnan(benchmark.accuracies("b", "val", pretrained_on="a")).tolist().index(True) == 3
    with pytest.raises(UnknownNameError, match=r"no figure of .*, trained on a and then on b; .*only some"):
        benchmark.accuracy(ARCHS[3], task="b", split="val", pretrained_on="a")
    columns["a/val"] = columns["a>b/val"]
    with pytest.raises(TableError, match="column a/val is not a number for"):  # from scratch, none may lack
        TableBenchmark(SPACE, archs, columns, "memory", has_gaps=True)
