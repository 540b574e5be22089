from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.embedding.embedding_file import read_embedding, read_with_note, write_embeddings
from naslib_archlock.errors import EmbeddingError, OutputError


class Bomb:
    """Reports if it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8"])
def test_vectors_are_read_for_each_task(tmp_path, dtype):
    np.save(tmp_path / "cifar10.npy", np.array([3, 0, 2], dtype=dtype))
    np.save(tmp_path / "cifar100.npy", np.array([1, 0, 0], dtype=dtype))
    vector = read_embedding(str(tmp_path / "{task}.npy"), "cifar10")
    assert vector.dtype == np.float64
    assert vector.tolist() == [3, 0, 2]
    assert read_embedding(str(tmp_path / "{task}.npy"), "cifar100").tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    "content",
    [
        np.ones((2, 3)), np.ones((1, 3)), np.float64(1.0), np.array([]), np.array([1.0, np.nan]),
        np.array([1.0, np.inf]), np.zeros(3), np.array(["a", "b"]), np.array([True, False]), np.array([1j, 2]),
    ],
    ids=["2-D", "one row", "a number", "empty", "NaN", "infinite", "zero", "text", "booleans", "complex"],
)  # fmt: skip
def test_what_is_no_vector_is_refused(tmp_path, content):
    np.save(tmp_path / "e.npy", content)
    with pytest.raises(EmbeddingError, match="task 'normal'.*e.npy must hold one vector"):
        read_embedding(str(tmp_path / "e.npy"), "normal")


@pytest.mark.parametrize("largest", [1e16, 1e300, 1e-16, 5e-324])
def test_numbers_that_single_precision_cannot_square_are_refused(tmp_path, largest):
    np.save(tmp_path / "e.npy", np.array([0, -largest]))
    with pytest.raises(EmbeddingError, match="its largest number is .* must lie in"):
        read_embedding(str(tmp_path / "e.npy"), "normal")


def test_a_header_that_promises_more_than_there_is(tmp_path):
    np.save(tmp_path / "e.npy", np.ones(4))
    raw = (tmp_path / "e.npy").read_bytes()
    for shape in (b"(1000000000000,)", b"(-4,)", b"(3,)"):
        (tmp_path / "e.npy").write_bytes(raw.replace(b"(4,), }" + b" " * (len(shape) - 4), shape + b", }"))
        with pytest.raises(EmbeddingError, match="which are not there"):
            read_embedding(str(tmp_path / "e.npy"), "normal")


@pytest.mark.parametrize("content", [b"", b"1.0, 2.0", b"\x93NUMPY\x01\x00", b"PK\x03\x04 and so on", b"\x80\x04"])
def test_what_is_no_npy_file_is_refused(tmp_path, content):
    (tmp_path / "e.npy").write_bytes(content)
    with pytest.raises(EmbeddingError, match="e.npy cannot be read as .npy"):
        read_embedding(str(tmp_path / "e.npy"), "normal")


def test_files_cut_short_are_refused(tmp_path):
    np.save(tmp_path / "e.npy", np.arange(1.0, 9.0))
    whole = (tmp_path / "e.npy").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "e.npy").write_bytes(whole[:length])
        with pytest.raises(EmbeddingError):
            read_embedding(str(tmp_path / "e.npy"), "normal")


def test_archives_of_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "e.npz", np.ones(3))
    with pytest.raises(EmbeddingError, match="cannot be read as .npy"):
        read_embedding(str(tmp_path / "e.npz"), "normal")


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(EmbeddingError, match="task 'normal'.*normal.npy"):
        read_embedding(str(tmp_path / "{task}.npy"), "normal")
    with pytest.raises(EmbeddingError):
        read_embedding(str(tmp_path), "normal")


def test_pickled_objects_are_not_executed(tmp_path):
    np.save(tmp_path / "e.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(EmbeddingError):
        read_embedding(str(tmp_path / "e.npy"), "normal")


# -- the note on how a vector was made ---------------------------------------------------------------------------------

MADE_BY = {"method": "montecarlo", "probe": "digits:0"}
VECTORS = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, -1.0])}


def test_a_note_says_how_vectors_were_made(tmp_path):
    write_embeddings(tmp_path, VECTORS, MADE_BY, overwrite=False)
    for task, vector in VECTORS.items():
        found, made_by = read_with_note(f"{tmp_path}/{{task}}.npy", task)
        assert (found.tolist(), made_by) == (vector.tolist(), MADE_BY)
    np.save(tmp_path / "own.npy", [1.0, 2.0])
    assert read_with_note(f"{tmp_path}/{{task}}.npy", "own")[1] == {}


def test_another_embedding_is_replaced_only_if_that_is_asked_for(tmp_path):
    write_embeddings(tmp_path, VECTORS, MADE_BY, overwrite=False)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    write_embeddings(tmp_path, VECTORS, MADE_BY, overwrite=False)  # the same again
    other = {"c": np.ones(2), "a": np.array([1.0, 3.0])}
    with pytest.raises(OutputError, match=r"a\.npy exists, .*--overwrite"):
        write_embeddings(tmp_path, other, MADE_BY, overwrite=False)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    write_embeddings(tmp_path, other, {"method": "variational"}, overwrite=True)
    assert read_with_note(str(tmp_path / "a.npy"), "a")[1] == {"method": "variational"}
    (tmp_path / "d.npy").mkdir()
    with pytest.raises(OutputError):
        write_embeddings(tmp_path, {"d": np.ones(2)}, MADE_BY, overwrite=False)


@pytest.mark.parametrize("damage", ["another vector", "damaged", "a folder"])
def test_a_note_of_another_vector_or_a_damaged_one_is_refused(tmp_path, damage):
    write_embeddings(tmp_path, VECTORS, MADE_BY, overwrite=False)
    note = tmp_path / "a.npy.json"
    if damage == "another vector":
        np.save(tmp_path / "a.npy", [5.0, 6.0])
    elif damage == "damaged":
        note.write_bytes(note.read_bytes().replace(b"montecarlo", b"variational"))
    else:
        note.unlink()
        note.mkdir()
    with pytest.raises(EmbeddingError, match=r"the note .*a\.npy\.json cannot be used .*'archlock embed'"):
        read_embedding(str(tmp_path / "a.npy"), "a")
