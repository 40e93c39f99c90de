"""Every reader, given a valid file with bytes cut, changed or put in, gives a whole data set or FormatError."""

import gzip
import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.datasets import Dataset, load
from pellucid.errors import FormatError

_RNG = np.random.default_rng(1)
_X = _RNG.normal(size=(8, 2)).astype(np.float32)
_T = np.arange(8) % 2
_IMAGES = _RNG.integers(0, 256, (8, 2, 2)).astype(np.uint8)


def _npz(save: Callable[..., None]) -> bytes:
    stream = io.BytesIO()
    save(stream, x=_X, t=_T)
    return stream.getvalue()


def _idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def _python2_array(array: np.ndarray, code: bytes) -> bytes:
    """An array as Python 2 pickled it: text opcodes, the data a byte string."""
    shape = b"".join(b"I%d\n" % size for size in array.shape)
    data = array.tobytes()
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(" + shape + b"t"
        b"cnumpy\ndtype\n(S'" + code + b"'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
        b"T" + struct.pack("<i", len(data)) + data + b"tb"
    )


def _python2() -> bytes:
    pair = b"(" + _python2_array(_X, b"f4") + _python2_array(_T, b"i8") + b"t"
    return b"(" + 3 * pair + b"t."


_PARTS = ((_X, _T), (_X, _T), (_X, _T))
_CSV = b'width,colour,"the kind"\r\n' + b"".join(
    b"%d.5,%s,%s\r\n" % (i, b"rb"[i % 2 :][:1], b"yn"[i % 2 :][:1]) for i in range(8)
)
FILES = {
    "table.csv": _CSV,
    "table.csv.gz": gzip.compress(_CSV, mtime=0),
    "stored.npz": _npz(np.savez),
    "deflated.npz": _npz(np.savez_compressed),
    "images-idx3-ubyte": _idx(_IMAGES),
    "images-idx3-ubyte.gz": gzip.compress(_idx(_IMAGES), mtime=0),
    "python2.pkl": _python2(),
    "python2.pkl.gz": gzip.compress(_python2(), mtime=0),
} | {f"protocol{protocol}.pkl": pickle.dumps(_PARTS, protocol=protocol) for protocol in (0, 1, 2, 4, 5)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bad_bytes")
    (place / "labels-idx1-ubyte").write_bytes(_idx(_T.astype(np.uint8)))
    return place


def _load_or_refuse(folder: Path, name: str, content: bytes) -> Dataset | None:
    path = folder / name
    path.write_bytes(content)
    try:
        data = load(path)
    except FormatError as error:
        assert str(path.name) in str(error) and "\n" not in str(error)
        return None
    for x, t in (data.train, data.validation, data.test):
        assert x.ndim == 2 and len(x) == len(t) and np.isfinite(x).all() and np.isfinite(t).all()
    assert len(data.train[0]) > 0
    return data


@pytest.mark.parametrize("name", FILES)
def test_the_untouched_file_is_read(name: str, folder: Path) -> None:
    data = _load_or_refuse(folder, name, FILES[name])
    assert data is not None
    assert data.n_classes == 2
    if name.endswith((".pkl", ".pkl.gz")):
        assert np.array_equal(data.train[0], _X) and np.array_equal(data.test[1], _T)


@pytest.mark.parametrize("name", FILES)
def test_every_truncation(name: str, folder: Path) -> None:
    refused = sum(_load_or_refuse(folder, name, FILES[name][:size]) is None for size in range(len(FILES[name])))
    # A table that ends at the end of a row, or inside a last cell, is still a table.
    assert refused == len(FILES[name]) or name == "table.csv"


@pytest.mark.parametrize("name", FILES)
def test_a_change_in_every_byte(name: str, folder: Path) -> None:
    content = FILES[name]
    for position in range(len(content)):
        for change in (0x01, 0x80, 0xFF):
            changed = bytearray(content)
            changed[position] ^= change
            _load_or_refuse(folder, name, bytes(changed))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_bytes_replaced_and_put_in(folder: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    content = FILES[name]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        stop = data.draw(st.integers(start, min(len(content), start + 12)))
        content = content[:start] + data.draw(st.binary(max_size=12)) + content[stop:]
    _load_or_refuse(folder, name, content)


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(FILES)), content=st.binary(max_size=200))
def test_any_bytes(folder: Path, name: str, content: bytes) -> None:
    _load_or_refuse(folder, name, content)


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.lists(st.text(max_size=5), min_size=1, max_size=4), max_size=6), join=st.sampled_from(",;\t"))
def test_any_texts_in_a_table(folder: Path, rows: list[list[str]], join: str) -> None:
    text = "\n".join(join.join(row) for row in rows)
    _load_or_refuse(folder, "table.csv", text.encode("utf-8", "surrogatepass"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120))
def test_damage_behind_an_intact_gzip(folder: Path, tail: bytes) -> None:
    for name in ("table.csv.gz", "images-idx3-ubyte.gz", "python2.pkl.gz"):
        content = gzip.decompress(FILES[name])
        _load_or_refuse(folder, name, gzip.compress(content[: len(content) // 2] + tail, mtime=0))
