"""Limits of pickles, checked before Python's reader sees them.

A pickle may use a tuple as a key. Python hashes it element by element: a tuple that is nested 300,000 deep overflows
the stack of the process, and one that holds itself twice over, forty times, is never done. So the program that a pickle
is gets followed here, with each value replaced by the work that its hash takes.
"""

from __future__ import annotations

import pickletools  # nosec B403  # it reads op codes, and runs nothing

from .reading import UnreadableError

VERSION = 1  # of what was checked once: raise it when less passes
MOST_BYTES = 1 << 33  # of a benchmark file; the largest that NASLib knows has less than one GB
MOST_NODES = 1000  # values in a tuple that is a key, with those of the tuples in it; an architecture has six

_OPCODES = {ord(op.code): op for op in pickletools.opcodes}
_SIZE = {code: op.arg.n if op.arg else 0 for code, op in _OPCODES.items()}  # of an argument; negative if it varies
_LENGTH_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_POPS = {code: [item.name for item in op.stack_before] for code, op in _OPCODES.items()}
_PUSHES = {code: len(op.stack_after) for code, op in _OPCODES.items()}
_LINES = {ord("c"): 2, ord("i"): 2}  # of an argument that ends with its line; all others have one
_TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}
_GET, _PUT = {ord("g"), ord("h"), ord("j")}, {ord("p"), ord("q"), ord("r")}
_KEYS_OF_PAIRS, _ELEMENTS = {ord("u"), ord("d")}, {0x90, 0x91}


def check_pickle(data: bytes, start: int = 0) -> None:
    """Check that the keys in the pickle at a place in ``data`` are quick to hash.

    Raises: UnreadableError: if one is not, or the pickle is cut short or damaged.
    """
    try:
        _follow(data, start)
    except (LookupError, ValueError) as err:
        raise UnreadableError("is no whole pickle") from err


def _follow(data: bytes, at: int) -> None:
    """Follow the program. Raises: UnreadableError; LookupError, ValueError: if it is damaged."""
    stack: list[int] = []  # the nodes of each value: 1, but for tuples
    marks: list[int] = []
    memo: dict[int, int] = {}
    push = stack.append
    while True:
        code = data[at]
        at += 1
        if code == 0x47:  # BINFLOAT: most of a benchmark file is floats
            at += 8
            push(1)
            continue
        if code == 0x94:  # MEMOIZE
            memo[len(memo)] = stack[-1]
            continue
        if code == 0x68:  # BINGET
            push(memo[data[at]])
            at += 1
            continue
        size = _SIZE[code]
        if size < 0:
            argument, at = _varying(data, at, code, size)
        else:
            argument = data[at : at + size]
            at += size
        if code == 0x2E:  # STOP
            return
        if code == 0x28:  # MARK
            marks.append(len(stack))
        elif code in _GET:
            push(memo[_number(argument, code)])
        elif code in _PUT:
            memo[_number(argument, code)] = stack[-1]
        elif code in _TUPLES:
            n = _TUPLES[code]
            stack[-n:] = [min(1 + sum(stack[-n:]), MOST_NODES + 1)]
        elif code == 0x74:  # TUPLE
            mark = marks.pop()
            stack[mark:] = [min(1 + sum(stack[mark:]), MOST_NODES + 1)]
        elif code == 0x32:  # DUP
            push(stack[-1])
        elif code == 0x30 and marks and marks[-1] == len(stack):  # POP
            marks.pop()
        else:
            if code == 0x73:  # SETITEM
                _check_keys(stack[-2:-1])
            elif code in _KEYS_OF_PAIRS:
                _check_keys(stack[marks[-1] :: 2])
            elif code in _ELEMENTS:
                _check_keys(stack[marks[-1] :])
            _by_the_table(stack, marks, code)


def _by_the_table(stack: list[int], marks: list[int], code: int) -> None:
    """Take from the stack, and put on it, what ``pickletools`` says."""
    for name in reversed(_POPS[code]):
        if name == "mark":
            del stack[marks.pop() :]
        elif name != "stackslice":
            stack.pop()
    stack.extend([1] * _PUSHES[code])


def _check_keys(nodes: list[int]) -> None:
    if nodes and max(nodes) > MOST_NODES:
        raise UnreadableError(f"holds a key that is a tuple of more than {MOST_NODES} values, nested ones counted")


def _varying(data: bytes, at: int, code: int, size: int) -> tuple[bytes, int]:
    """An argument that says its own size, and the place behind it."""
    if size in _LENGTH_BYTES:
        n = _LENGTH_BYTES[size]
        length = int.from_bytes(data[at : at + n], "little")
        return b"", at + n + length
    end = at
    for _ in range(_LINES.get(code, 1)):
        end = data.index(b"\n", end) + 1
    return data[at : end - 1], end


def _number(argument: bytes, code: int) -> int:
    return int(argument) if _SIZE[code] < 0 else int.from_bytes(argument, "little")
