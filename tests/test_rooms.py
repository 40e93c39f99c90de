"""The import direction of the package, and that its checker sees what it should."""

from pathlib import Path

import pytest

from check_rooms import check

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "pellucid"


def plant(package: Path, module: str, source: str) -> list[str]:
    path = package / module
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return check(package)


def test_every_room_imports_only_rooms_below_it() -> None:
    assert check(PACKAGE) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ops/reference.py", "from pellucid.layers import Affine"),
        ("ops/reference.py", "from pellucid import network"),
        ("ops/reference.py", "from ..engines import native"),
        ("ops/deep/down.py", "from ...network import Network"),
        ("errors.py", "import pellucid.info"),
        ("losses.py", "from pellucid.initializers import He"),
        ("initializers.py", "from pellucid.layers import Affine"),
        ("engines/native.py", "def late():\n    from pellucid.training import fit"),
        ("network.py", "try:\n    import pellucid.cli\nexcept ImportError:\n    pass"),
        ("training/fit.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import pellucid.cli"),
        ("info.py", "from importlib import import_module\nimport_module('pellucid.network')"),
        ("cli/__init__.py", "from pellucid import Network"),
        ("cli/__init__.py", "import pellucid"),
    ],
)
def test_a_planted_bad_import_is_caught(tmp_path: Path, module: str, source: str) -> None:
    (fault,) = plant(tmp_path, module, source)
    assert module in fault


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("cli/train.py", "from pellucid.network import Network\nfrom . import evaluate"),
        ("network.py", "from pellucid import training, ops, errors\nimport numpy"),
        ("layers/affine.py", "from pellucid.initializers import He\nfrom ..errors import InputError"),
        ("ops/plan.py", "if TYPE_CHECKING:\n    from pellucid.network import Network"),
        ("network.py", "from pellucid import __version__"),
        ("__init__.py", "from pellucid.network import Network"),
    ],
)
def test_a_good_import_passes(tmp_path: Path, module: str, source: str) -> None:
    assert plant(tmp_path, module, source) == []


def test_a_room_without_a_floor_is_named(tmp_path: Path) -> None:
    (fault,) = plant(tmp_path, "attic.py", "")
    assert "'attic' has no floor" in fault
