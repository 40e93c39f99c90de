"""Checks the import direction: a room of the package imports only rooms below it (docs/design.md has the picture).

    python tools/check_rooms.py [folder of the package]

An import inside a function counts; one under ``if TYPE_CHECKING:`` does not. The face, ``pellucid/__init__.py``, may
name any room.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FLOORS = (
    {"__main__"},
    {"cli"},
    {"estimators", "compat", "reproduce"},
    {"network"},
    {"training", "trace", "gradient_check", "checkpoint"},
    {"engines"},
    {"layers", "losses", "optimizers", "schedules", "initializers", "parameters"},
    {"ops"},
    {"datasets", "description", "files", "philox", "_core", "info", "named", "checks", "errors"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
SAME_FLOOR = {
    ("training", "checkpoint"),
    ("layers", "initializers"),
    ("optimizers", "schedules"),
    ("datasets", "philox"),
    ("datasets", "_core"),
    ("info", "_core"),
    ("philox", "_core"),
}


def allowed(importer: str, imported: str) -> bool:
    """Say whether one room may import another."""
    if importer == imported or imported in ("checks", "errors"):
        return True
    if FLOOR_OF[importer] == FLOOR_OF[imported]:
        return (importer, imported) in SAME_FLOOR
    return FLOOR_OF[importer] < FLOOR_OF[imported]


def check(package: Path) -> list[str]:
    """Return one line for each import of the package that goes the wrong way."""
    faults = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if parts == ("__init__",):
            continue
        if parts[0] not in FLOOR_OF:
            faults.append(f"{path}: room {parts[0]!r} has no floor; give it one in {Path(__file__).name}")
            continue
        faults += [f"{path}:{line}: {fault}" for line, fault in _faults(path, parts)]
    return faults


def _faults(path: Path, parts: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    folder = ("pellucid", *parts[:-1])
    for line, target in _imports(ast.parse(path.read_text(encoding="utf-8"), str(path)), folder):
        if target[0] != "pellucid" or target[1:2] == ("__version__",):
            continue
        imported = target[1] if len(target) > 1 else ""
        if imported not in FLOOR_OF:
            yield line, f"imports {'.'.join(target)!r} from the package's face; import it from its room"
        elif not allowed(parts[0], imported):
            yield line, f"{parts[0]!r} may not import {imported!r}, which is not below it"


def _imports(node: ast.AST, folder: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield (line, dotted name in parts) of every import that can happen at run time below a node."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            for child in node.orelse:
                yield from _imports(child, folder)
            return
        case ast.Import():
            yield from ((node.lineno, tuple(alias.name.split("."))) for alias in node.names)
        case ast.ImportFrom():
            base = folder[: len(folder) - node.level + 1] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            yield from ((node.lineno, (*base, alias.name)) for alias in node.names)
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str() as name), *_],
        ):
            yield node.lineno, tuple(name.split("."))
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, folder)


def main() -> int:
    """Print the faults; exit 1 when there is one."""
    default = Path(__file__).resolve().parents[1] / "src" / "pellucid"
    faults = check(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
    print("\n".join(faults) if faults else "import direction: every room imports only rooms below it")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
