"""Pickles that hold arrays, read by an unpickler that can make nothing else.

A pickle is a program. Here it may only stack constants, tuples, lists and, where the reader wants them, dictionaries,
and call the stand-ins below, none of which is NumPy's: they keep sizes in view, so that no claim in the file makes
anything larger than the file's own bytes.
"""

import io
import math
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.files import read_bytes
from pellucid.errors import FormatError

T = TypeVar("T")

MAX_CONTENT = 2**30
"""The most decompressed bytes of such a file; mnist.pkl.gz itself holds 220 million."""

_MAX_OPCODES = 10_000
_MAX_MEMO = 10_000

# No NEWOBJ, INST or EXT: no other objects.
SEQUENCES = frozenset(
    {"PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "NONE", "NEWTRUE", "NEWFALSE"}
    | {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"}
    | {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
    | {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
    | {"EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "LIST", "APPEND", "APPENDS"}
    | {"GET", "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
    | {"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"}
)
"""The opcodes of nested tuples and lists of arrays."""

DICTIONARIES = SEQUENCES | {"EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"}
"""The same with dictionaries."""


def read_pickle(path: Path, opcodes: frozenset[str], expected: str, understand: Callable[[Any], T]) -> T:
    """Returns what `understand` makes of the pickle in a file, plain or gzip; Python 2's pickles too.

    opcodes: SEQUENCES or DICTIONARIES. expected: what is read, in words. understand is given what the pickle holds and
    takes arrays out of it by `array_of`; it may raise FormatError.
    Raises InputError for a file that cannot be opened and FormatError for anything wrong in it; what was refused is
    named.
    """
    content = read_bytes(path, MAX_CONTENT)
    try:
        _check_opcodes(content, opcodes, expected)
        # Python 2's strings stay bytes: the data of an array is one of them.
        return understand(_Unpickler(io.BytesIO(content), encoding="bytes").load())
    except FormatError as error:
        raise FormatError(f"{str(path)!r}: {error}") from None
    except Exception as error:  # pickle's documentation leaves open which errors damaged bytes raise.
        raise FormatError(f"{str(path)!r} is not {expected} in an undamaged pickle ({error}).") from None


def array_of(value: object) -> NDArray[Any]:
    """Returns the array of one part of what a pickle holds; raises FormatError where it is something else."""
    if not isinstance(value, _Array) or value.array is None:
        raise FormatError(f"the pickle holds a {type(value).__name__} where an array was expected.")
    return value.array


def _check_opcodes(content: bytes, opcodes: frozenset[str], expected: str) -> None:
    """Refuses, before anything runs, opcodes outside the list and memo numbers that would make a huge table."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name not in opcodes:
            raise FormatError(f"the pickle uses {opcode.name}, which is refused: only {expected} are read.")
        if count > _MAX_OPCODES or (opcode.name.endswith("PUT") and int(argument or 0) > _MAX_MEMO):
            raise FormatError(f"the pickle has more parts than {expected} need, which is refused.")


class _DType:
    """Stands in for numpy.dtype: a type code, then its byte order."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        text = _text(code)
        if text not in ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"):
            raise FormatError(f"the pickle has an array of type {text!r}, which is refused: only numbers are read.")
        self.dtype: np.dtype[Any] = np.dtype(text)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = _text(state[1])
        if order not in ("<", ">", "|", "="):
            raise FormatError("the pickle has an array of an unknown byte order.")
        self.dtype = self.dtype.newbyteorder(order)  # type: ignore[arg-type]


class _Array:
    """Stands in for numpy.ndarray: made empty, then given its shape, type and bytes."""

    array: NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        self.array = _checked(shape, dtype, "F" if fortran else "C", data)


def _reconstruct(kind: object, *_: object) -> _Array:
    """Stands in for numpy's _reconstruct, which would make an array of any shape the file asks for."""
    if kind is not _Array:
        raise FormatError("the pickle makes something other than an array, which is refused.")
    return _Array()


def _from_buffer(data: object, dtype: object, shape: object, order: object) -> _Array:
    """Stands in for numpy's _frombuffer (pickle protocol 5)."""
    made = _Array()
    made.array = _checked(shape, dtype, _text(order), data)
    return made


def _latin1(text: str, _: object) -> bytes:
    """Stands in for codecs.encode, by which Python 3 writes bytes in the older protocols."""
    return text.encode("latin-1")


def _checked(shape: Any, dtype: Any, order: str, data: Any) -> NDArray[Any]:
    if not isinstance(dtype, _DType) or not isinstance(data, (bytes, bytearray)) or order not in ("C", "F"):
        raise FormatError("the pickle has an array without a type or without bytes.")
    sizes = tuple(int(size) for size in shape)
    if min(sizes, default=0) < 0 or math.prod(sizes) * dtype.dtype.itemsize != len(data):
        raise FormatError(f"the pickle claims an array of shape {sizes}, which its {len(data):,} bytes are not.")
    array: NDArray[Any] = np.frombuffer(data, dtype.dtype).reshape(sizes, order="F" if order == "F" else "C")
    return array.astype(dtype.dtype.newbyteorder("="), copy=False)


_ALLOWED: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _latin1,
    # numpy 2 renamed numpy.core to numpy._core.
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
}


class _Sealed:
    """A function that can be called and not changed: pickle's BUILD sets attributes where it is given a dictionary."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call

    def __call__(self, *given: object) -> object:
        return self._call(*given)

    def __setstate__(self, state: object) -> None:
        raise FormatError("the pickle changes a function, which is refused: only arrays are read.")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            allowed = _ALLOWED[module, name]
        except KeyError:
            raise FormatError(f"the pickle asks for {module}.{name}, which is refused: only arrays are read.") from None
        return allowed if isinstance(allowed, type) else _Sealed(allowed)


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
