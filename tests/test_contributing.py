"""CONTRIBUTING's recipe for a layer, followed to the letter in a copy of the project, and what it costs."""

import difflib
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pellucid

ROOT = Path(__file__).resolve().parents[1]

LAYER = '''

@final
@dataclass(frozen=True)
class Mish(Activation):
    """y = u tanh s, dy/du = tanh s + u σ(u) (1 − tanh² s), s = ln(1 + eᵘ). Source: Misra, 2019."""

    def function(self, u: Array) -> Array:
        return u * ops.tanh(ops.softplus(u))

    def derivative(self, u: Array, y: Array) -> Array:
        t = ops.tanh(ops.softplus(u))
        return t + u * ops.sigmoid(u) * (1 - ops.square(t))
'''

FORMULA = '    "Mish": lambda layer, x: x * np.tanh(np.log(1 + np.exp(x))),\n'

CHECKS = ("tests/test_cases.py", "tests/layers/test_docs.py", "-k", "Mish or every_exported or the_file_holds or table")
"""Of `make test check`, what a new layer could fail by; the rest is as long as the whole suite."""

FILES, LINES = 4, 18
"""What the recipe may cost, the file of expected values not counted: no line of C++ and none of another test."""


def the_project(folder: Path) -> Path:
    package, ignored = Path(pellucid.__file__).parent, shutil.ignore_patterns("__pycache__", "native", "compat")
    shutil.copytree(package, folder / "src" / "pellucid", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=ignored)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("images"))
    for name in ("pyproject.toml", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, folder)
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, path
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(folder / "src"), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def failures(folder: Path) -> str:
    """What the checks say, "" where all pass."""
    done = python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CHECKS)
    assert " passed" in done.stdout, done.stdout + done.stderr
    return done.stdout if done.returncode else ""


def lint(folder: Path) -> str:
    """What `make check` says of the Python files that were touched, where ruff is installed."""
    if importlib.util.find_spec("ruff") is None:
        return ""
    touched = ("src/pellucid/layers", "tests/cases.py", "tests/fixtures/make_cases.py")
    done = [python(folder, "-m", "ruff", *what, *touched) for what in (["check"], ["format", "--check"])]
    return "".join(one.stdout + one.stderr for one in done if one.returncode)


def the_recipe() -> list[str]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Add a layer\n")[2].partition("\n## ")[0]
    return [" ".join(step.split()) for step in re.split(r"^\d\. ", text, flags=re.MULTILINE)[1:]]


def write_the_class(folder: Path) -> None:
    path = folder / "src" / "pellucid" / "layers" / "activations.py"
    with path.open("a", encoding="utf-8") as file:
        file.write(LAYER)
    edit(path, '    "LeakyReLU",\n', '    "LeakyReLU",\n    "Mish",\n')


def name_it_in_the_docs(folder: Path) -> None:
    edit(folder / "docs" / "layers.md", "`SiLU`, ", "`SiLU`, `Mish`, ")


def add_a_row(folder: Path) -> None:
    path = folder / "tests" / "cases.py"
    edit(path, "    MaxPool2D,\n", "    MaxPool2D,\n    Mish,\n")
    edit(path, "    _layer(Softplus(), 7),\n", "    _layer(Mish(), 11),\n    _layer(Softplus(), 7),\n")


def add_its_formula_and_run_the_script(folder: Path) -> None:
    path = folder / "tests" / "fixtures" / "make_cases.py"
    edit(path, '    "Softplus": ', f'{FORMULA}    "Softplus": ')
    done = python(folder, str(path.relative_to(folder)))
    assert (done.returncode, done.stdout) == (0, done.stdout), done.stderr
    assert done.stdout.endswith("cases, added: Mish() of 11\n")


STEPS = (write_the_class, name_it_in_the_docs, add_a_row, add_its_formula_and_run_the_script)

NAMED = (
    ("src/pellucid/layers/<name>.py", "layers/activations.py", "src/pellucid/layers/__init__.py"),
    ("docs/layers.md",),
    ("tests/cases.py",),
    ("LAYER_FORMULAS", "tests/fixtures/make_cases.py", ".venv/bin/python tests/fixtures/make_cases.py", "cases.npz"),
    ("make test check",),
)
"""What each step of the recipe speaks of; the last is what the test does after the others."""


def test_the_recipe_says_what_this_test_does() -> None:
    recipe = the_recipe()
    assert len(recipe) == len(NAMED) == len(STEPS) + 1
    for step, names in zip(recipe, NAMED, strict=True):
        assert [name for name in names if f"`{name}`" not in step] == [], step


def test_a_layer_added_as_the_recipe_says_passes_all_checks_at_its_price(tmp_path: Path) -> None:
    before, folder = the_project(tmp_path / "before"), the_project(tmp_path / "after")
    for step in STEPS:
        step(folder)
    changed = lines_added(before, folder)
    assert failures(folder) == ""
    assert lint(folder) == ""
    assert changed.pop("tests/fixtures/cases.npz") == 0
    assert len(changed) <= FILES and sum(changed.values()) <= LINES, changed
    assert set(changed) == {
        "src/pellucid/layers/activations.py",
        "docs/layers.md",
        "tests/cases.py",
        "tests/fixtures/make_cases.py",
    }

    activations = folder / "src" / "pellucid" / "layers" / "activations.py"
    edit(activations, "(1 - ops.square(t))", "(1 - t)")
    wrong = failures(folder)
    assert "(Mish): dx" in wrong and "a_layer_gives_what_its_formula_gives" in wrong


@pytest.mark.parametrize(
    ("forgotten", "said"),
    [
        (add_a_row, "add a row to tests/cases.py"),
        (add_its_formula_and_run_the_script, "cases.npz lacks 'Mish() of 11': run python tests/fixtures/make_cases.py"),
    ],
)
def test_a_step_left_out_is_named(tmp_path: Path, forgotten: object, said: str) -> None:
    folder = the_project(tmp_path)
    for step in STEPS[:3]:
        if step is not forgotten:
            step(folder)
    done = python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CHECKS)
    assert done.returncode and said in done.stdout, done.stdout


def test_a_row_without_a_formula_is_named(tmp_path: Path) -> None:
    folder = the_project(tmp_path)
    for step in STEPS[:3]:
        step(folder)
    done = python(folder, "tests/fixtures/make_cases.py")
    assert done.returncode and "has no formula for Mish; add it to LAYER_FORMULAS" in done.stderr


def lines_added(before: Path, after: Path) -> dict[str, int]:
    """How many lines each file gained or changed, by the files that differ; 0 where it is not text."""
    found = {}
    for path in sorted(after.rglob("*")):
        name = str(path.relative_to(after))
        old = before / name
        if path.is_file() and (not old.exists() or path.read_bytes() != old.read_bytes()):
            if path.suffix == ".npz":
                found[name] = 0
                continue
            texts = [p.read_text(encoding="utf-8").splitlines() if p.exists() else [] for p in (old, path)]
            changes = difflib.unified_diff(*texts, lineterm="", n=0)
            found[name] = sum(line.startswith("+") and not line.startswith("+++") for line in changes)
    return found
