from __future__ import annotations

import gzip
import os

import pytest

from naslib_archlock.store import reading
from naslib_archlock.store.reading import (
    UnreadableError,
    parse_json,
    parse_yaml,
    plain_or_packed,
    read_regular,
    read_yaml,
)


def bomb(levels: int, line: str = "{b}: &{b} [{many}]") -> str:
    """Each line holds the line before it nine times."""
    names = "abcdefghijklmnop"[: levels + 1]
    lines = [line.format(b=b, many=",".join([f"*{a}"] * 9)) for a, b in zip(names, names[1:])]
    return "\n".join(["a: &a {k: [x]}", *lines])


# -- YAML --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("", None), ("a: 1", {"a": 1}), ("\ufeffa: 1", {"a": 1}), ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
     ("a: &x {k: 1}\nb: {<<: *x, m: 2}", {"a": {"k": 1}, "b": {"k": 1, "m": 2}}),
     ("a: &x {k: 1}\nb: {k: 2, <<: *x}", {"a": {"k": 1}, "b": {"k": 2}}),
     ("a: &x [1]\nb: [*x, *x]", {"a": [1], "b": [[1], [1]]})],
)  # fmt: skip
def test_yaml(text, value):
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: 1\nb: 2\na: 3", r"is not YAML (line 3, column 1: the key 'a' occurs twice)"),
     ("{a: 1, 'a': 2}", "the key 'a' occurs twice"), ("{1: 1, 1.0: 2}", "the key 1.0 occurs twice"),
     ("x: {y: {a: 1, a: 2}}", "the key 'a' occurs twice"), ("[1]: 2", "unhashable key"),
     ("a: [", "line 1, column 5"), ("{" * 5000, "nested too deeply"), (bomb(4), None), (bomb(9), "holds too much"),
     (bomb(9, "{b}: &{b} {{<<: [{many}]}}"), "holds too much"), ("a: &a [*a]", "an alias stands for what holds it"),
     ("&a {? *a : 1}", "is not YAML"), ("[" * 60 + "]" * 60, "nested too deeply"), ("a: 2024-13-45", "month"),
     (f"a: {'9' * 5000}", None), ("a: !!int ''", "is not YAML"), ("a: !!python/name:os.system", "is not YAML"),
     ("a: \x00", "unacceptable character"), ("- 1\n---\n- 2", "expected a single document")],
)  # fmt: skip
def test_what_is_no_yaml_or_too_much(text, message):
    try:
        parse_yaml(text)
    except UnreadableError as err:
        assert message is None or message in str(err)
    else:
        assert message is None


def test_yaml_files(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"# " + b"x" * (1 << 17) + b"\na: 1")
    assert read_yaml(path) == {"a": 1}
    for content, message in ((b"#" * (1 << 19), "is too large"), (b"a: \xff", "cannot be read")):
        path.write_bytes(content)
        with pytest.raises(UnreadableError, match=message):
            read_yaml(path)
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(UnreadableError, match="cannot be read"):
            read_yaml(path)


def test_a_pipe_of_a_shell_is_read(tmp_path):
    reader, writer = os.pipe()
    os.write(writer, b"a: 1")
    os.close(writer)
    assert read_yaml(type(tmp_path)(f"/dev/fd/{reader}")) == {"a": 1}
    os.close(reader)


# -- JSON, and files of any kind ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "message"),
    [(b"", "is not valid JSON"), (b"{", "is not valid JSON"), (b"[" * 100_000, "nested too deeply"),
     (b"\xff", "cannot be read"), (b"\xef\xbb\xbf{}", "is not valid JSON")],
)  # fmt: skip
def test_what_is_no_json(raw, message):
    with pytest.raises(UnreadableError, match=message):
        parse_json(raw)


def test_packed_files(tmp_path, monkeypatch):
    path = tmp_path / "t.csv.gz"
    text = b"".join(b"%d," % i for i in range(100_000))
    path.write_bytes(gzip.compress(text))
    assert read_regular(path) == text
    monkeypatch.setattr(reading, "_MOST_UNPACKED", 1000)
    assert read_regular(path) == text  # it uses far less than 200 times the file's size
    path.write_bytes(gzip.compress(bytes(1 << 20)))
    with pytest.raises(UnreadableError, match="unpacks to more than 200 times its size"):
        read_regular(path)
    path.write_bytes(gzip.compress(text)[:-5])
    with pytest.raises(UnreadableError, match="cut short or not gzip"):
        read_regular(path)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, type(tmp_path)("/dev/zero")):
        with pytest.raises(UnreadableError, match="it is no file"):
            read_regular(path)


@pytest.mark.parametrize("raw", [b'{"a": 1, "b": 2, "a": 1}', b'[{"x": {"a": 1, "\\u0061": 2}}]'])
def test_equal_keys_of_json_are_refused(raw):
    with pytest.raises(UnreadableError, match="the key 'a' occurs twice in one object"):
        parse_json(raw)


@pytest.mark.parametrize("size", [3 << 30, 1 << 40])
def test_large_files_are_refused_by_their_size(tmp_path, size):
    for name in ("t.csv", "t.csv.gz", "zc.json"):
        with (tmp_path / name).open("wb") as f:
            f.truncate(size)
        with pytest.raises(UnreadableError, match=f"is too large .it has {size:,} bytes, and at most 268,435,456"):
            read_regular(tmp_path / name)


def test_a_packed_file_unpacks_to_no_more_than_a_plain_one_may_have(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_BYTES", 1 << 20)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(bytes((1 << 20) + 1)))
    with pytest.raises(UnreadableError, match="is too large"):
        read_regular(tmp_path / "t.csv.gz")


def test_one_rule_for_two_files_of_one_name(tmp_path):
    plain, packed = tmp_path / "t.csv", tmp_path / "t.csv.gz"
    assert plain_or_packed(plain) is None
    packed.touch()
    assert plain_or_packed(plain) == packed
    plain.touch()
    with pytest.warns(UserWarning, match=r"t.csv is read, and t.csv.gz beside it is not"):
        assert plain_or_packed(plain) == plain
    packed.unlink()
    assert plain_or_packed(plain) == plain
