"""Checks the import direction: a room of the package imports only rooms below it (docs/design.md has the picture).

    python tools/check_rooms.py [folder of the package]

An import inside a function counts. One under ``if TYPE_CHECKING:`` may go up, as it never happens, but it is a
dependency all the same: where it closes a circle of rooms, neither can be understood without the other, and that is a
fault. The face, ``pellucid/__init__.py``, may name any room.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FLOORS = (
    {"__main__"},
    {"cli"},
    {"estimators", "compat", "reproduce"},
    {"network"},
    {"training", "trace", "gradient_check", "checkpoint"},
    {"engines"},
    {"layers", "losses", "optimizers", "schedules", "initializers", "parameters"},
    {"plan"},
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


class Import(NamedTuple):
    """One import of the package by itself: from the room `importer`, of the dotted name `target` in parts."""

    path: Path
    line: int
    importer: str
    target: tuple[str, ...]
    typed: bool

    @property
    def imported(self) -> str:
        return self.target[1] if len(self.target) > 1 else ""

    def fault(self, text: str) -> str:
        return f"{self.path}:{self.line}: {text}"


def check(package: Path) -> list[str]:
    """Return one line for each import of the package that goes the wrong way or closes a circle of rooms."""
    faults, good = [], []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if parts == ("__init__",):
            continue
        if parts[0] not in FLOOR_OF:
            faults.append(f"{path}: room {parts[0]!r} has no floor; give it one in {Path(__file__).name}")
            continue
        for found in _own_imports(path, parts):
            if found.imported not in FLOOR_OF:
                name = ".".join(found.target)
                faults.append(found.fault(f"imports {name!r} from the package's face; import it from its room"))
            elif not found.typed and not allowed(found.importer, found.imported):
                faults.append(
                    found.fault(f"{found.importer!r} may not import {found.imported!r}, which is not below it")
                )
            else:
                good.append(found)
    return faults + _circles(good)


def _circles(imports: list[Import]) -> list[str]:
    """Return one line for each import that leads back to the room it is in, but for those that just go down."""
    leads_to: dict[str, set[str]] = {}
    for found in imports:
        leads_to.setdefault(found.importer, set()).add(found.imported)
    faults = []
    for found in imports:
        goes_down = FLOOR_OF[found.importer] < FLOOR_OF[found.imported]
        if found.importer != found.imported and not goes_down:
            way = _way(leads_to, found.imported, found.importer)
            if way:
                circle = " -> ".join((found.importer, *way))
                faults.append(found.fault(f"{found.importer!r} may not import {found.imported!r}: {circle}"))
    return faults


def _way(leads_to: dict[str, set[str]], start: str, end: str) -> tuple[str, ...]:
    """Return the rooms on the shortest way from one to another, both included; none where there is no way."""
    ways, known = [(start,)], {start}
    for way in ways:
        if way[-1] == end:
            return way
        new = sorted(leads_to.get(way[-1], set()) - known)
        known.update(new)
        ways += [(*way, room) for room in new]
    return ()


def _own_imports(path: Path, parts: tuple[str, ...]) -> Iterator[Import]:
    folder = ("pellucid", *parts[:-1])
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for line, target, typed in _imports(tree, folder):
        if target[0] == "pellucid" and target[1:2] != ("__version__",):
            yield Import(path, line, parts[0], target, typed)


def _imports(
    node: ast.AST, folder: tuple[str, ...], typed: bool = False
) -> Iterator[tuple[int, tuple[str, ...], bool]]:
    """Yield (line, dotted name in parts, whether for types only) of every import below a node."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            for child in node.body:
                yield from _imports(child, folder, typed=True)
            for child in node.orelse:
                yield from _imports(child, folder, typed)
            return
        case ast.Import():
            yield from ((node.lineno, tuple(alias.name.split(".")), typed) for alias in node.names)
        case ast.ImportFrom():
            base = folder[: len(folder) - node.level + 1] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            yield from ((node.lineno, (*base, alias.name), typed) for alias in node.names)
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str() as name), *_],
        ):
            yield node.lineno, tuple(name.split(".")), typed
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, folder, typed)


def main() -> int:
    """Print the faults; exit 1 when there is one."""
    default = Path(__file__).resolve().parents[1] / "src" / "pellucid"
    faults = check(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
    print(
        "\n".join(faults)
        if faults
        else "import direction: every room imports only rooms below it, and no types in a circle"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
