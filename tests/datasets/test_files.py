"""Opening and reading files: one sentence for what cannot be opened, bounded pieces for what can."""

import gzip
import os
from pathlib import Path

import pytest

from pellucid.datasets import load
from pellucid.datasets.files import content_bound, read_bytes
from pellucid.errors import FormatError, InputError


def test_plain_and_gzip_and_members_in_a_row(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    path = tmp_path / "file"
    for written in (
        content,
        gzip.compress(content),
        gzip.compress(content[:9]) + gzip.compress(content[9:]) + b"\0" * 9,
    ):
        path.write_bytes(written)
        assert read_bytes(path) == content
        assert content_bound(path) >= len(content)
    with pytest.raises(FormatError, match="more than the 2,999,999 bytes"):
        read_bytes(path, 2_999_999)
    assert read_bytes(path, 3_000_000) == content


def test_well_compressed_data_comes_in_small_pieces(tmp_path: Path) -> None:
    from pellucid.datasets.files import pieces

    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b"\0" * 20_000_000))
    sizes = [len(piece) for piece in pieces(path)]
    assert sum(sizes) == 20_000_000 and max(sizes) <= 2**22


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = gzip.compress(b"some text to compress " * 9)
    for written, match in ((content[:-1], "ends in the middle"), (content[:-8] + b"\0" * 8, "damaged gzip")):
        path.write_bytes(written)
        with pytest.raises(FormatError, match=match):
            read_bytes(path)


def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=r"there is no file .*missing\.csv"):
        load(tmp_path / "missing.csv")
    with pytest.raises(InputError, match="not a plain file"):
        load(tmp_path / "folder.csv")
    with pytest.raises(InputError, match="cannot read"):
        load("zero\0byte.csv")
    with pytest.raises(InputError, match="of an unknown kind"):
        load(tmp_path / "table.xlsx")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="not a plain file"):
        load(tmp_path / "pipe.csv")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        load(path)


def test_refused_permission_is_told_whoever_runs_the_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pellucid.datasets.files.os.open", refuse)
    with pytest.raises(InputError, match=r"cannot read .*table\.csv.*Permission denied; check its permissions"):
        load(tmp_path / "table.csv")
