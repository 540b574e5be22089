"""Reading pickles from other people without running code in them.

A pickle is a program, and it may call any function. Here it may only call what builds plain containers, numbers, text
and NumPy's arrays of them. Python's own reader does the rest: it asks ``find_class`` for everything that a pickle wants
to call.
"""

from __future__ import annotations

import collections
import inspect
import io
import pickle  # nosec B403 # for its Unpickler, which is restricted here
import re
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from .cache import KeptOf
from .pickle_limits import MOST_BYTES, MOST_NODES, VERSION, check_pickle  # nosec B403 # no pickle, only limits of them
from .reading import UnreadableError, check_regular

_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle in a file of torch before 1.6
_TEXT = "utf-8"  # torch reads text that Python 2 pickled in this encoding


class RefusedPickle(pickle.UnpicklingError):
    """A pickle that asks for more than it may have; the message says for what."""


# -- what a pickle may call --------------------------------------------------------------------------------------------


def _text_as_bytes(text: str, encoding: str) -> bytes:
    """How protocol 2 holds bytes. Of all that ``codecs.encode`` can do, only this."""
    if encoding not in ("latin1", "latin-1"):
        raise RefusedPickle(f"_codecs.encode with {encoding!r}")
    return text.encode("latin-1")


class _NumberType:
    """Stands for a ``numpy.dtype``, of numbers or text.

    NumPy's own builders trust a pickle with memory: ``numpy.ndarray`` takes any bytes for objects, and a ``dtype``
    takes over whatever flags it is given. So none of them is handed out.
    """

    def __init__(self, code: Any, *_: Any) -> None:
        self.dtype = np.dtype(code) if isinstance(code, str) else np.dtype("O")
        if self.dtype.kind not in "biufcSU":
            raise RefusedPickle(f"numpy.dtype({code!r})")

    def __setstate__(self, state: Any) -> None:
        _version, order, *_ = state
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array(np.ndarray):
    """An array that takes over elements, and no more, from a pickle; copies of it are plain arrays."""

    def __setstate__(self, state: Any) -> None:
        _version, shape, of, is_fortran, data = state
        if self.size:  # NumPy would free the present elements although another array may still use them
            raise RefusedPickle("an array twice")
        super().__setstate__((1, shape, _dtype_of(of), bool(is_fortran), _checked_bytes(data)))  # type: ignore[arg-type]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return np.asarray(self).__reduce_ex__(protocol)


def _checked_bytes(data: Any) -> Any:
    """Elements are bytes, and no view of what else there is."""
    if not isinstance(data, (bytes, bytearray)):
        raise RefusedPickle(f"an array of {type(data).__name__}")
    return data


def _dtype_of(of: Any) -> np.dtype[Any]:
    if not isinstance(of, _NumberType):
        raise RefusedPickle(f"an array of {type(of).__name__}")
    return of.dtype


def _number_type(*code: Any) -> _NumberType:
    return _NumberType(*code)


def _array_class(*_: Any) -> Any:
    """Refuse a call of the class. Builders of arrays get it only as an argument."""
    raise RefusedPickle("numpy.ndarray, called")


def _empty_array(*_: Any) -> _Array:
    return np.ndarray.__new__(_Array, (0,))


def _scalar(of: Any, data: Any) -> Any:
    return np.frombuffer(_checked_bytes(data), _dtype_of(of), count=1)[0]


def _array(data: Any, of: Any, shape: Any, order: Any) -> Any:
    return np.frombuffer(_checked_bytes(data), _dtype_of(of)).reshape(shape, order=order)


def _empty(kind: type) -> Callable[..., Any]:
    """A type that a pickle names as a factory of values, and calls without arguments."""

    def make(*args: Any) -> Any:
        if args:
            raise RefusedPickle(f"{kind.__name__}, called with a value")
        return kind()

    return make


def _of_text_or_numbers(kind: type) -> Callable[..., Any]:
    """A type that is called with bytes, text or floats; ``bytes`` of a number would fill the memory with zeros."""

    def make(*args: Any) -> Any:
        if not all(isinstance(arg, (bytes, str, float)) for arg in args):
            raise RefusedPickle(f"{kind.__name__}, called with {', '.join(type(arg).__name__ for arg in args)}")
        return kind(*args)

    return make


def _of_elements(kind: type) -> Callable[..., Any]:
    """A type whose elements are hashed when it is called, with a list of plain values."""

    def make(*args: Any) -> Any:
        for arg in args:
            if not isinstance(arg, (list, tuple)) or any(isinstance(v, tuple) and not _is_flat(v) for v in arg):
                raise RefusedPickle(f"{kind.__name__}, called with something else than a list of plain values")
        return kind(*args)

    return make


def _is_flat(values: tuple[Any, ...]) -> bool:
    return len(values) <= MOST_NODES and not any(isinstance(value, tuple) for value in values)


_NUMBERS: dict[str, Any] = {
    **{f"builtins.{kind.__name__}": _empty(kind) for kind in (bool, dict, float, int, list, str, tuple)},
    **{f"builtins.{kind.__name__}": _of_text_or_numbers(kind) for kind in (bytearray, bytes, complex)},
    **{f"builtins.{kind.__name__}": _of_elements(kind) for kind in (frozenset, set)},
    "collections.OrderedDict": _of_elements(collections.OrderedDict),
    "collections.defaultdict": collections.defaultdict,
    "_codecs.encode": _text_as_bytes,
    "numpy.dtype": _number_type,
    "numpy.ndarray": _array_class,
}
for _core in ("numpy.core", "numpy._core"):  # the names before NumPy 2 and since
    _NUMBERS[f"{_core}.multiarray._reconstruct"] = _empty_array
    _NUMBERS[f"{_core}.multiarray.scalar"] = _scalar
    _NUMBERS[f"{_core}.numeric._frombuffer"] = _array


# -- reading -----------------------------------------------------------------------------------------------------------


class _Unpickler(pickle.Unpickler):
    """Calls what is listed, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Raises: RefusedPickle."""
        full_name = f"{'builtins' if module == '__builtin__' else module}.{name}"  # old protocols use Python 2's name
        try:
            return _NUMBERS[full_name]
        except KeyError:
            raise RefusedPickle(full_name) from None


class _NumbersUnpickler(_Unpickler):
    def persistent_load(self, pid: Any) -> Any:
        raise RefusedPickle("a tensor, or something else that is not in the pickle itself")


Once = Callable[[str, Callable[[], None]], Any]  # runs a check, or knows by its name that the file passed it before


def _each_time(name: str, check: Callable[[], None]) -> None:
    check()


def once_for_content(path: Path) -> Once:
    """How the pickles in a file are checked once for each content of it. Raises: OSError; UnreadableError."""
    check_regular(path, MOST_BYTES)
    return KeptOf(path, {"limits of pickles": VERSION}, MOST_BYTES).value


def read_numbers(file: IO[bytes], once: Once = _each_time) -> Any:
    """What the pickle at the place in a file holds.

    Args:
        file: a file that can be read twice.
        once: how the check of ``store.pickle_limits`` is run, which takes longer than reading.

    Raises: RefusedPickle; of a damaged one anything.
    """
    start = file.tell()
    try:
        once(f"pickle at {start}", lambda: check_pickle(file.read()))
    except UnreadableError as err:
        raise pickle.UnpicklingError(f"it {err}") from err
    file.seek(start)
    return _NumbersUnpickler(file, encoding=_TEXT).load()


def read_numbers_of_torch(path: Path, once: Once = _each_time) -> Any:
    """What a file of ``torch.save`` holds, if there are no tensors in it. ``once`` is that of ``read_numbers``.

    Not by ``torch.load``: its ``weights_only`` is not in torch 1.12, knows no NumPy numbers before 2.5, and has let
    programs through before 2.6 (CVE-2025-32434). Raises: as ``read_numbers``.
    """
    with path.open("rb") as file:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                (member,) = (found for found in archive.infolist() if found.filename.endswith("/data.pkl"))
                if member.compress_type != zipfile.ZIP_STORED:  # it could unpack to any size
                    raise pickle.UnpicklingError("it is packed, and torch.save packs nothing")
                return read_numbers(io.BytesIO(archive.read(member)), once)
        file.seek(0)
        if read_numbers(file, once) != _MAGIC:
            raise pickle.UnpicklingError("it is not a file of torch.save")
        for _what in ("version", "machine"):
            read_numbers(file, once)
        return read_numbers(file, once)


class _WeightsUnpickler(_Unpickler):
    """Allows also what builds tensors; ``torch.load``, which is given this, gets the numbers in them itself."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
            import torch

            return getattr(torch._utils, name)
        return super().find_class(module, name)


def read_weights(path: str) -> Any:
    """What a file of ``torch.save`` holds, its tensors on the CPU.

    Raises:
        RefusedPickle: if it asks for something else; pickle.UnpicklingError; what ``torch.load`` raises.
    """
    import torch

    if _is_torchscript(path):  # ``torch.load`` would run it, before 2.6 with ``weights_only``, too
        raise RefusedPickle("TorchScript, which is a program")
    if "weights_only" in inspect.signature(torch.load).parameters:
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as err:  # the original text tells how to run the file anyway
            asked_for = re.search(r"GLOBAL (\S+)", str(err))
            raise RefusedPickle(asked_for[1]) if asked_for else pickle.UnpicklingError("it is damaged") from err
    reader: Any = types.ModuleType(__name__)  # torch 1.12
    reader.Unpickler, reader.load = _WeightsUnpickler, lambda file, **options: _WeightsUnpickler(file, **options).load()
    return torch.load(path, map_location="cpu", pickle_module=reader)  # nosec B614 # by the restricted unpickler


def _is_torchscript(path: str) -> bool:
    """Whether a file is TorchScript, by the test that torch itself uses."""
    import torch

    with open(path, "rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return False
    return "constants.pkl" in torch._C.PyTorchFileReader(path).get_all_records()
