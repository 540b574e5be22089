"""Pickles of numbers are read as Python reads them, and no other pickle runs."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from naslib_archlock.store.unpickling import RefusedPickle, read_numbers, read_numbers_of_torch, read_weights

PLAIN = {
    "containers": [1, 2.5, None, True, "é", b"bytes", b"", (1,), {2}, frozenset([3]), 1j, bytearray(b"ab")],
    "ordered": OrderedDict(b=1, a=2),
    "default": defaultdict(list, a=[1]),
}
NUMPY = {
    "scalars": [np.float64(1.5), np.float32(0.5), np.int64(-4), np.uint8(7), np.bool_(True), np.str_("é")],
    "array": np.arange(6).reshape(2, 3),
    "by columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big end first": np.arange(3, dtype=">f4"),
    "text": np.array(["abc", "de"]),
    "empty": np.zeros((0, 3)),
    "of no dimension": np.array(2.0),
}


class Trap:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def same(found: Any, expected: Any) -> bool:
    """Whether two values are equal and all their parts have equal types."""
    if isinstance(expected, np.ndarray):
        of_one_type = found.dtype == expected.dtype and found.shape == expected.shape
        return of_one_type and isinstance(found, np.ndarray) and np.array_equal(found, expected)
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[key], value) for key, value in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    return type(found) is type(expected) and found == expected


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_numbers_and_containers_of_every_protocol(protocol):
    data = pickle.dumps({"plain": PLAIN, "numpy": NUMPY}, protocol)
    found = read_numbers(io.BytesIO(data))
    assert same(found, pickle.loads(data))
    assert type(found["plain"]["default"]) is defaultdict


@pytest.mark.parametrize("core", [b"numpy.core.", b"numpy._core."], ids=["before NumPy 2", "since"])
def test_what_other_numpys_pickled(core):
    data = pickle.dumps(NUMPY, 2)
    renamed = data.replace(b"numpy._core.", core).replace(b"numpy.core.", core)
    assert core in renamed
    assert same(read_numbers(io.BytesIO(renamed)), pickle.loads(data))


HOSTILE = {
    "posix.mkdir": Trap(os.mkdir, "made by a pickle"),
    "builtins.eval": Trap(eval, "open('made by a pickle', 'w')"),
    "builtins.getattr": Trap(getattr, {}, "keys"),
    "numpy.ndarray, called": Trap(np.ndarray, (1,), "O", b"A" * 8),  # an object at address 0x4141...
    "numpy.dtype('O": np.array([1, None], dtype=object),
    "numpy.dtype('V8')": np.zeros(2, dtype="i4,f4"),
    "_codecs.encode with 'rot13'": Trap(__import__("_codecs").encode, "a", "rot13"),
}


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("named", HOSTILE)
def test_a_trap_is_named_and_does_not_run(named, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RefusedPickle) as error:
        read_numbers(io.BytesIO(pickle.dumps({"accuracy": [HOSTILE[named]]}, protocol)))
    assert named in str(error.value)
    assert not os.listdir(tmp_path)


def test_these_traps_do_run_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(HOSTILE["posix.mkdir"]))
    assert os.listdir(tmp_path) == ["made by a pickle"]


@pytest.mark.parametrize(
    "data",
    [
        b"cnumpy.core.multiarray\nscalar\n(S'f8'\nS'12345678'\ntR.",
        b"cnumpy.core.multiarray\nscalar\n(cbuiltins\nint\nS'12345678'\ntR.",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R(K\x01K\x01\x85cnumpy\ndtype\nX\x02\x00\x00\x00i8\x85R\x89]tb.",
    ],
    ids=["text for a type", "class for a type", "list for bytes"],
)
def test_numpys_builders_take_nothing_on_trust(data):
    with pytest.raises(RefusedPickle, match=r"an array of|numpy.dtype"):
        read_numbers(io.BytesIO(data))


_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n)R"
_STATE = b"(K\x01K\x01\x85cnumpy\ndtype\nX\x02\x00\x00\x00i8\x85R\x89C\x08aaaaaaaatb"
_VIEW = (
    b"cnumpy.core.numeric\n_frombuffer\n("
    + _ARRAY
    + _STATE
    + b"cnumpy\ndtype\nX\x02\x00\x00\x00i8\x85RK\x01\x85X\x01\x00\x00\x00CtR"
)


@pytest.mark.parametrize(
    ("data", "named"),
    [(_ARRAY + _STATE + _STATE, "an array twice"), (_VIEW, "an array of _Array")],
    ids=["elements taken away", "a view of elements"],
)
def test_no_view_outlives_its_elements(data, named):
    """A view and a changed array together would write to freed memory."""
    assert read_numbers(io.BytesIO(b"\x80\x04" + _ARRAY + _STATE + b".")).tobytes() == b"aaaaaaaa"
    with pytest.raises(RefusedPickle, match=named):
        read_numbers(io.BytesIO(b"\x80\x04" + data + b"."))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_copies_of_what_was_read_are_plain(protocol):
    found = read_numbers(io.BytesIO(pickle.dumps(NUMPY["array"], 2)))
    copy = pickle.loads(pickle.dumps(found, protocol))
    assert type(copy) is np.ndarray
    assert np.array_equal(copy, NUMPY["array"])


@pytest.mark.parametrize("damage", [lambda d: d[:-20], lambda d: b"", lambda d: b"<html>" + d])
def test_a_damaged_pickle_is_an_error(damage):
    with pytest.raises((EOFError, pickle.UnpicklingError)):
        read_numbers(io.BytesIO(damage(pickle.dumps(list(range(100))))))


# -- files of torch ----------------------------------------------------------------------------------------------------

BOTH_FORMATS = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "before torch 1.6"])


@BOTH_FORMATS
def test_numbers_in_a_file_of_torch(is_zip, tmp_path):
    torch.save({**PLAIN, **NUMPY}, tmp_path / "t.pth", _use_new_zipfile_serialization=is_zip)
    expected = pickle.loads(pickle.dumps({**PLAIN, **NUMPY}, 2))
    assert same(read_numbers_of_torch(tmp_path / "t.pth"), expected)


@BOTH_FORMATS
@pytest.mark.parametrize("read", [read_numbers_of_torch, read_weights])
def test_a_trap_in_a_file_of_torch_does_not_run(read, is_zip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("files").mkdir()
    torch.save({"data": HOSTILE["posix.mkdir"]}, "files/t.pth", _use_new_zipfile_serialization=is_zip)
    with pytest.raises(pickle.UnpicklingError, match="mkdir"):
        read(Path("files/t.pth") if read is read_numbers_of_torch else "files/t.pth")
    assert os.listdir(tmp_path) == ["files"]


def test_a_table_with_tensors_is_refused(tmp_path):
    torch.save({"data": torch.ones(2)}, tmp_path / "t.pth")
    with pytest.raises(RefusedPickle, match=r"_rebuild_tensor"):
        read_numbers_of_torch(tmp_path / "t.pth")


@BOTH_FORMATS
def test_weights(is_zip, tmp_path):
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    torch.save({"model": network.state_dict(), "n": 3}, tmp_path / "t.pth", _use_new_zipfile_serialization=is_zip)
    found = read_weights(str(tmp_path / "t.pth"))
    assert found["n"] == 3
    assert all(torch.equal(found["model"][name], value) for name, value in network.state_dict().items())


def test_programs_are_no_weights(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / "t.pth"))
    with pytest.raises(RefusedPickle, match="TorchScript"):
        read_weights(str(tmp_path / "t.pth"))
    with pytest.raises(RefusedPickle, match="__torch__"):
        read_numbers_of_torch(tmp_path / "t.pth")


def test_damaged_weights_are_not_called_a_trap(tmp_path):
    torch.save({"model": torch.ones(200)}, tmp_path / "t.pth")
    for data in (b"", pickle.dumps({"n": 1}), (tmp_path / "t.pth").read_bytes()[:-50]):
        (tmp_path / "t.pth").write_bytes(data)
        with pytest.raises(Exception, match=r"^(?!.*weights_only)") as error:
            read_weights(str(tmp_path / "t.pth"))
        assert not isinstance(error.value, RefusedPickle)


def test_what_is_no_file_of_torch(tmp_path):
    (tmp_path / "t.pth").write_bytes(pickle.dumps({"data": 1}))
    with pytest.raises(pickle.UnpicklingError, match="not a file of torch.save"):
        read_numbers_of_torch(tmp_path / "t.pth")
    with zipfile.ZipFile(tmp_path / "z.pth", "w") as archive:
        archive.writestr("readme.txt", "no pickle")
    with pytest.raises(ValueError, match="unpack"):
        read_numbers_of_torch(tmp_path / "z.pth")


@pytest.mark.parametrize("call", [
    b"cbuiltins\nbytes\n(L99999999999L\ntR.", b"cbuiltins\nbytearray\n(L99999999999L\ntR.",
    b"cbuiltins\nstr\n((ltR.", b"cbuiltins\ntuple\n((ltR.", b"cbuiltins\nset\n((((ttltR.",
])  # fmt: skip
def test_calls_that_could_fill_the_memory_or_never_be_done(call):
    with pytest.raises(RefusedPickle):
        read_numbers(io.BytesIO(call))


def test_a_file_is_checked_by_whoever_knows_it():
    asked = []
    assert read_numbers(io.BytesIO(pickle.dumps(1)), lambda name, check: asked.append(name)) == 1
    assert asked == ["pickle at 0"]


def test_a_packed_file_of_torch_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t/data.pkl", pickle.dumps(bytes(1 << 20)))
    with pytest.raises(pickle.UnpicklingError, match="it is packed"):
        read_numbers_of_torch(tmp_path / "t.pth")
