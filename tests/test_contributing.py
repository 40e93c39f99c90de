"""CONTRIBUTING's recipe for a layer, followed to the letter in a copy of the project."""

import shutil
import subprocess
import sys
from pathlib import Path

import pellucid

ROOT = Path(__file__).resolve().parents[1]

LAYER = '''

@final
@dataclass(frozen=True)
class Softsign(Activation):
    """y = u / (1 + |u|), dy/du = 1 / (1 + |u|)²."""

    def function(self, u: Array) -> Array:
        return u / (1 + ops.absolute(u))

    def derivative(self, u: Array, y: Array) -> Array:
        return ops.square(1 / (1 + ops.absolute(u)))
'''

CHECKS = "test_every_exported or (Softsign and not pytorch)"


def copy_of_the_project(folder: Path) -> Path:
    shutil.copytree(Path(pellucid.__file__).parent, folder / "src" / "pellucid")
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    layers = folder / "src" / "pellucid" / "layers"
    with (layers / "activations.py").open("a", encoding="utf-8") as file:
        file.write(LAYER)
    edit(layers / "activations.py", '    "Softplus",\n', '    "Softplus",\n    "Softsign",\n')
    edit(layers / "__init__.py", "    Softplus,\n", "    Softplus,\n    Softsign,\n")
    edit(layers / "__init__.py", '    "Softplus",\n', '    "Softplus",\n    "Softsign",\n')
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, path
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def run_checks(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_cases.py", "-k", CHECKS]
    environment = {"PYTHONPATH": str(folder / "src"), "PATH": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_layer_added_as_the_recipe_says_is_checked_from_its_row(tmp_path: Path) -> None:
    folder = copy_of_the_project(tmp_path / "project")
    forgotten = run_checks(folder)
    assert forgotten.returncode == 1
    assert "add a row to tests/cases.py" in forgotten.stdout

    cases = folder / "tests" / "cases.py"
    edit(cases, "    Softplus,\n", "    Softplus,\n    Softsign,\n")
    edit(cases, "    _layer(Softmax(), 1),\n", "    _layer(Softsign(), 9),\n    _layer(Softmax(), 1),\n")
    added = run_checks(folder)
    assert added.returncode == 0, added.stdout
    assert " passed" in added.stdout and "failed" not in added.stdout

    activations = folder / "src" / "pellucid" / "layers" / "activations.py"
    edit(activations, "ops.square(1 / (1 + ops.absolute(u)))", "1 / (1 + ops.absolute(u))")
    wrong = run_checks(folder)
    assert wrong.returncode == 1
    assert "(Softsign): dx" in wrong.stdout
