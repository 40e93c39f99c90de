"""Files that claim to be far larger than they are make nothing large, and are refused."""

import gzip
import io
import pickle
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from pellucid.datasets import allowed_pickle, csv_file, files, load
from pellucid.errors import FormatError

_LITTLE = 20 * 2**20


def _refused(path: Path, content: bytes, match: str) -> None:
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=match):
            load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < _LITTLE


def _zip(header_shape: str, payload: bytes = b"\0" * 64, descr: str = "'<f4'") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {header_shape}, }}\n".encode()
    npy = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + payload
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy)
    return stream.getvalue()


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_idx_that_claims_four_gigabytes(tmp_path: Path, compress: type[bytes]) -> None:
    content = compress(b"\0\0\x08\x03" + struct.pack(">III", 2**16, 2**8, 2**8) + b"\0" * 100)
    _refused(tmp_path / "images-idx3-ubyte", content, "more than the file can hold")


def test_idx_that_ends_early_behind_an_intact_gzip(tmp_path: Path) -> None:
    content = gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 12) + b"\0" * 11)
    _refused(tmp_path / "images-idx3-ubyte.gz", content, "ends after 11 of the 12 bytes")


def test_idx_of_sizes_whose_product_overflows(tmp_path: Path) -> None:
    content = b"\0\0\x0e\x04" + struct.pack(">IIII", *[2**32 - 1] * 4)
    _refused(tmp_path / "images-idx3-ubyte", content, "more than the file can hold")


def test_gzip_bomb_behind_a_small_idx_header(tmp_path: Path) -> None:
    content = gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 4) + b"\0" * 2**28, compresslevel=1)
    _refused(tmp_path / "images-idx3-ubyte.gz", content, "left over")


def test_gzip_bombs_for_a_table_and_a_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAX_CONTENT", 2**20)
    monkeypatch.setattr(allowed_pickle, "MAX_CONTENT", 2**20)
    content = gzip.compress(b" " * 2**28, compresslevel=1)
    _refused(tmp_path / "table.csv.gz", content, "more than the 1,048,576 bytes")
    _refused(tmp_path / "mnist.pkl.gz", content, "more than the 1,048,576 bytes")


def test_a_table_of_too_many_categories_times_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAX_CELLS", 1000)
    rows = "".join(f"text{i % 50},{i % 2}\n" for i in range(100))
    _refused(tmp_path / "table.csv", rows.encode(), "100 x 50 numbers")


@pytest.mark.parametrize("shape", ["(1000000, 1000000)", "(99999999999999999999999,)", "(2, 2)", "(1,)*9", "()"])
def test_npy_header_that_claims_another_shape(tmp_path: Path, shape: str) -> None:
    _refused(tmp_path / "data.npz", _zip(shape), "shape|header of another kind")


@pytest.mark.parametrize("shape", ["(16L,)", "( 4,4 )"])
def test_npy_header_of_other_writers_is_read(tmp_path: Path, shape: str) -> None:
    _refused(tmp_path / "data.npz", _zip(shape), "targets for train, but not both")


def test_object_arrays_are_refused_by_name(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.savez(stream, x=np.array([{"a": 1}], dtype=object), t=np.zeros(1))
    _refused(tmp_path / "data.npz", stream.getvalue(), "object array .pickle., which is refused")


def test_npz_entry_that_claims_more_than_the_file_can_hold(tmp_path: Path) -> None:
    content = bytearray(_zip("(16,)"))
    size = struct.unpack_from("<I", content, content.index(b"PK\1\2") + 24)[0]
    assert size < 1000
    struct.pack_into("<I", content, content.index(b"PK\1\2") + 24, 2**31)
    _refused(tmp_path / "data.npz", bytes(content), "more than the file can")


def test_npz_compressed_in_other_ways_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", b"\0" * 100)
    _refused(tmp_path / "data.npz", stream.getvalue(), "in a way that NPZ files do not")


def test_npz_of_too_many_arrays(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.savez(stream, **{f"a{i}": np.zeros(1) for i in range(65)})
    _refused(tmp_path / "data.npz", stream.getvalue(), "65 arrays; at most 64")


_MANY = struct.pack("<I", 2**31 - 2)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"\x80\x02Nr" + _MANY + b".", "more parts than arrays"),
        (b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"abc.", "undamaged pickle"),
        (
            b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nM\xff\xff\x85U\x01b\x87R.",
            "hold one to three",
        ),
        (b"\x80\x02" + b"]" * 20_000 + b".", "more parts than arrays"),
    ],
)
def test_pickles_that_would_allocate(tmp_path: Path, content: bytes, match: str) -> None:
    _refused(tmp_path / "mnist.pkl", content, match)


class _Calls:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> object:
        return self.call


def test_a_pickle_that_runs_a_program_is_refused_by_name(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for protocol in range(6):
        content = pickle.dumps(_Calls(exec, f"open({str(mark)!r}, 'w')"), protocol)
        _refused(tmp_path / "mnist.pkl", content, r"builtins.exec|__builtin__.exec")
    _refused(tmp_path / "mnist.pkl", pickle.dumps(_Calls(np.load, "x")), "numpy.*load, which is refused")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ({"a": 1}, "EMPTY_DICT, which is refused"),
        (Path("x"), "pathlib"),
        (((np.array(["text"]), np.zeros(1)),), "type 'U4', which is refused"),
        (((np.array([None]), np.zeros(1)),), "type 'O8', which is refused"),
        (((1, 2),), "int where an array was expected"),
        (((np.zeros(1), np.zeros(1)),) * 4, "one to three pairs"),
        ((np.zeros(1), np.zeros(1)), "not pairs"),
        ("text", "one to three pairs"),
    ],
)
def test_pickles_of_other_things_are_refused_by_name(tmp_path: Path, value: object, match: str) -> None:
    for protocol in (2, 4):
        _refused(tmp_path / "mnist.pkl", pickle.dumps(value, protocol), match)


def test_a_pickled_array_that_claims_more_than_its_bytes(tmp_path: Path) -> None:
    for protocol in (2, 4, 5):
        content = pickle.dumps(((np.zeros((17, 3)), np.zeros(17)),), protocol)
        assert content.count(b"K\x11K\x03\x86") == 1
        _refused(tmp_path / "mnist.pkl", content.replace(b"K\x11K\x03\x86", b"K\xffK\x03\x86"), r"shape \(255, 3\)")


def test_the_bound_of_deflate_is_not_below_what_zlib_reaches() -> None:
    assert 2**24 / len(zlib.compress(b"\0" * 2**24, 9)) < files.MAX_DEFLATE_RATIO
