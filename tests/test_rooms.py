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


TYPED = "if TYPE_CHECKING:\n    from pellucid.{} import Thing"


def test_a_circle_closed_by_an_import_for_types_is_named_with_its_rooms(tmp_path: Path) -> None:
    assert plant(tmp_path, "training/fit.py", TYPED.format("network")) == []
    (fault,) = plant(tmp_path, "network.py", "from pellucid.training import fit")
    assert "fit.py:2: 'training' may not import 'network': training -> network -> training" in fault


def test_a_circle_over_several_rooms_is_one_too(tmp_path: Path) -> None:
    plant(tmp_path, "cli/app.py", "from pellucid.network import Network")
    plant(tmp_path, "network.py", "from pellucid.engines import Model")
    (fault,) = plant(tmp_path, "engines/model.py", TYPED.format("cli"))
    assert "model.py:2: 'engines' may not import 'cli': engines -> cli -> network -> engines" in fault


def test_two_rooms_of_one_floor_that_name_each_others_types_are_a_circle(tmp_path: Path) -> None:
    plant(tmp_path, "trace/run.py", TYPED.format("training"))
    faults = plant(tmp_path, "training/run.py", TYPED.format("trace"))
    assert len(faults) == 2 and all("trace" in fault and "training" in fault for fault in faults)


def test_types_go_down_and_stay_within_a_room_as_they_like(tmp_path: Path) -> None:
    plant(tmp_path, "network.py", TYPED.format("training"))
    assert plant(tmp_path, "training/stopping.py", TYPED.format("training.run")) == []


def test_types_are_not_taken_from_the_face_either(tmp_path: Path) -> None:
    (fault,) = plant(tmp_path, "cli/app.py", "if TYPE_CHECKING:\n    from pellucid import Network")
    assert "from the package's face" in fault


def test_a_room_without_a_floor_is_named(tmp_path: Path) -> None:
    (fault,) = plant(tmp_path, "attic.py", "")
    assert "'attic' has no floor" in fault
