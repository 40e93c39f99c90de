"""The way from C++ to the installed package: the core's first functions, its stub, an install without a compiler."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pellucid

ROOT = Path(__file__).resolve().parents[1]
CORE_BUILT = find_spec("pellucid._core") is not None
needs_core = pytest.mark.skipif(not CORE_BUILT, reason="the C++ core is not built here")

# Random123's kat_vectors, philox4x32 with 10 rounds: counter, key, words.
PUBLISHED = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]

needs_reference = pytest.mark.skipif(find_spec("pellucid.philox") is None, reason="no NumPy Philox yet")
uint32 = st.integers(0, 2**32 - 1)
uint64 = st.integers(0, 2**64 - 1)


@needs_core
@pytest.mark.parametrize(("counter", "key", "words"), PUBLISHED)
def test_native_philox_gives_the_published_words(counter: object, key: object, words: tuple[int, ...]) -> None:
    assert tuple(import_module("pellucid._core").philox_block(counter, key)) == words


@needs_reference
def test_reference_philox_gives_the_published_words() -> None:
    words = import_module("pellucid.philox").words(0, 0, 0, 4)
    assert tuple(words) == PUBLISHED[0][2]


@needs_core
@given(seed=uint64, purpose=uint32, stream=uint64, count=st.integers(0, 41))
def test_native_words_follow_the_counter_convention(seed: int, purpose: int, stream: int, count: int) -> None:
    core = import_module("pellucid._core")
    low, high = stream & 0xFFFFFFFF, stream >> 32
    blocks = [
        core.philox_block((block, low, high, purpose), (seed & 0xFFFFFFFF, seed >> 32))
        for block in range(count // 4 + 1)
    ]
    words = core.philox_words(seed, purpose, stream, count)
    assert words.dtype == np.uint32
    assert words.tolist() == np.concatenate(blocks)[:count].tolist()


@needs_core
@needs_reference
@given(seed=uint64, purpose=uint32, stream=uint64, count=st.integers(0, 300))
def test_native_and_reference_philox_agree(seed: int, purpose: int, stream: int, count: int) -> None:
    native = import_module("pellucid._core").philox_words(seed, purpose, stream, count)
    reference = import_module("pellucid.philox").words(seed, purpose, stream, count)
    assert reference.dtype == np.uint32
    np.testing.assert_array_equal(native, reference)


@needs_core
def test_too_many_words_are_refused_before_they_are_allocated() -> None:
    with pytest.raises(ValueError, match="at most"):
        import_module("pellucid._core").philox_words(0, 0, 0, 2**62)


@needs_core
def test_the_stub_has_the_core_s_names_and_arguments() -> None:
    core = import_module("pellucid._core")
    stub = ast.parse((ROOT / "src/pellucid/_core.pyi").read_text(encoding="utf-8"))
    written = {
        node.name: [argument.arg for argument in node.args.args]
        for node in stub.body
        if isinstance(node, ast.FunctionDef)
    }
    built = {name: value for name, value in vars(core).items() if type(value).__name__ == "nb_func"}
    assert written == {
        # nanobind keeps each overload's signature as text: "def name(a: int, b: int) -> ...".
        name: re.findall(r"(\w+): ", function.__nb_signature__[0][0])
        for name, function in built.items()
    }
    # What two classes of the stub share stands once, under a name of its own.
    classes = {node.name for node in stub.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}
    assert classes == {name for name, value in vars(core).items() if isinstance(value, type)}


def test_info_says_which_engine_and_why() -> None:
    report = pellucid.info()
    assert report.pellucid == pellucid.__version__
    assert report.numpy == np.__version__
    assert report.engine in ("native", "reference")
    assert report.reason
    assert report.threads >= 1
    for word in (report.engine, report.reason, report.numpy):
        assert word in str(report)


@pytest.mark.slow
def test_without_a_compiler_the_install_succeeds_and_info_says_why(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("cmake", "ninja"):
        found = shutil.which(name)
        if found is not None:
            (tools / name).symlink_to(found)
    bare = {"PATH": str(tools), "HOME": str(tmp_path)}
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "LC_", "LANG"))}
    target = tmp_path / "site"
    build = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-build-isolation", "--target"]
    build += [str(target), f"--config-settings=build-dir={tmp_path / 'build'}", str(ROOT)]
    done = subprocess.run(build, env=kept | bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(target.glob("pellucid/_core.*.so"))

    code = "import pellucid; print(pellucid.__file__, pellucid.info())"
    environment = kept | {"PYTHONPATH": str(target)}
    report = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert report.startswith(str(target))
    assert re.search(r"engine +reference", report)
    assert "no working C++ compiler was found" in report
