"""Files appear whole or not at all, whatever goes wrong while they are written."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from pellucid.errors import InputError
from pellucid.files import make_folder, remove_leftovers, write_atomically

OLD, NEW = b"old content", b"new content" * 1000


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    return path


def assert_untouched(path: Path) -> None:
    assert path.read_bytes() == OLD
    assert [entry.name for entry in path.parent.iterdir()] == [path.name], "a temporary file was left"


def test_a_file_is_written_anew_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (OLD, NEW):
        write_atomically(path, lambda stream, content=content: stream.write(content))
        assert path.read_bytes() == content
        assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_the_name_appears_only_when_everything_is_on_the_disk(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    sync, replace = os.fsync, os.replace

    def note_sync(handle: int) -> None:
        events.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        sync(handle)

    def note_replace(*names: Any) -> None:
        events.append("replace")
        assert old.read_bytes() == OLD
        replace(*names)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    write_atomically(old, lambda stream: stream.write(NEW))
    assert events == ["file", "replace", "folder"]


@pytest.mark.parametrize("fails", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(old: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(stream: BinaryIO) -> None:
        stream.write(NEW)
        if fails == "write":
            full()

    if fails != "write":
        monkeypatch.setattr(os, fails, full)
    with pytest.raises(InputError, match=r"cannot write .*No space left on device") as caught:
        write_atomically(old, write)
    assert "\n" not in str(caught.value)
    assert_untouched(old)


@pytest.mark.skipif(os.name == "nt", reason="limits the size of files by the system")
def test_the_systems_own_limit_leaves_the_old_file(old: Path) -> None:
    code = (
        "import resource, sys\n"
        "from pellucid.files import write_atomically\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: write_atomically(sys.argv[1], lambda stream: stream.write(b'x' * 100000))\n"
        "except ValueError as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(old)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("InputError cannot write"), done.stdout + done.stderr
    assert_untouched(old)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
def test_the_writers_own_errors_come_out_as_they_are(old: Path, error: type[BaseException]) -> None:
    def write(stream: BinaryIO) -> None:
        stream.write(b"half")
        raise error

    with pytest.raises(error) as caught:
        write_atomically(old, write)
    assert not isinstance(caught.value, InputError)
    assert_untouched(old)


@pytest.mark.parametrize("name", ["missing/file", "plain/file", "bad\0name", "x" * 300, "folder"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "plain").write_bytes(OLD)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        write_atomically(tmp_path / name, lambda stream: stream.write(NEW))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "plain"]


def test_a_folder_is_made_or_the_reason_given(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    (tmp_path / "plain").write_bytes(OLD)
    for name in ("plain", "plain/below", "bad\0name"):
        with pytest.raises(InputError, match="cannot make the folder"):
            make_folder(tmp_path / name)


def test_only_this_files_leftovers_are_removed(tmp_path: Path) -> None:
    names = ["[a].tmp", ".[a].0123.tmp", ".a.0123.tmp", ".[a].tmp"]
    for name in names:
        (tmp_path / name).write_bytes(OLD)
    remove_leftovers(tmp_path / "[a]")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["[a].tmp", ".a.0123.tmp", ".[a].tmp"])
    remove_leftovers(tmp_path / "missing" / "file")
