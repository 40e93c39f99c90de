"""Writes core/plan/numbers.h, the C++ side of src/pellucid/engines/native/numbers.py.

    python tools/make_core_numbers.py [--check]

With ``--check`` it writes nothing, and exits 1 where the header is stale.
"""

import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "src" / "pellucid" / "engines" / "native" / "numbers.py"
HEADER = ROOT / "core" / "plan" / "numbers.h"

OPENING = """\
// Written by tools/make_core_numbers.py from src/pellucid/engines/native/numbers.py: change that, and run it again.
//
// Enumerators have the order of the table's rows, which is how Python numbers them. Included under every instruction
// set, so it must hold no inline function.
#pragma once

#include <cstdint>

namespace pellucid {
// clang-format off
"""
CLOSING = """
// clang-format on
}  // namespace pellucid
"""


def header(table: ModuleType) -> str:
    """Return the whole text of numbers.h."""
    parts = [OPENING]
    parts += _enum("StepKind", "int", ((row[0], row[-1]) for row in table.STEPS))
    parts.append(
        f"""
constexpr int kMostOperands = {table.MANY};
constexpr int kOfTheRule = {table.OF_THE_RULE};

// `first_made`: the first operand that a step makes, or changes in place; from the end where it is negative.
// `numbers`: how many it has, kOfTheRule where its update rule says that.
struct StepRow {{
  const char* name;
  int least, most, first_made;
  bool in_place;
  int numbers;
}};
"""
    )
    parts += _rows(
        "StepRow kSteps", (f'"{r[0]}", {r[1]}, {r[2]}, {r[3]}, {str(r[4]).lower()}, {r[5]}' for r in table.STEPS)
    )
    parts += _enum("Op", "std::uint8_t", ((row[0], row[2]) for row in table.ELEMENTWISE_OPS))
    parts.append("\n// `reads`: how many of a, b and c.\nstruct OpRow {\n  const char* name;\n  int reads;\n};\n")
    parts += _rows("OpRow kOpRows", (f'"{name}", {reads}' for name, reads, _ in table.ELEMENTWISE_OPS))
    parts.append(f"constexpr int kOps = {len(table.ELEMENTWISE_OPS)};\n")
    parts += _enum("OperandKind", "std::uint8_t", table.OPERANDS)
    parts.append(f"constexpr int kOperandKinds = {len(table.OPERANDS)};\n")
    parts += _enum("UpdateRule", "int", ((row[0], "") for row in table.RULES))
    parts.append("\nstruct RuleRow {\n  const char* name;\n  int slots, numbers;\n};\n")
    parts += _rows("RuleRow kRules", (f'"{name}", {slots}, {numbers}' for name, slots, numbers, _ in table.RULES))
    parts.append(f"constexpr int kUpdateRules = {len(table.RULES)};\n")
    parts.append(f"constexpr int kUpdateScalars = {max(row[2] for row in table.RULES)};  // of the rule with most\n")
    parts += _enum("Home", "int", table.HOMES)
    parts += _enum("SourceType", "int", ((name, f"{size} bytes") for name, size in table.SOURCES))
    parts.append(f"constexpr int kSourceBytes[] = {{{', '.join(str(size) for _, size in table.SOURCES)}}};\n")
    parts.append(CLOSING)
    return "".join(parts)


def _enum(name: str, base: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"\nenum class {name} : {base} {{\n"
    for enumerator, meaning in rows:
        yield f"  {enumerator + ',':<25}// {meaning}\n" if meaning else f"  {enumerator},\n"
    yield "};\n"


def _rows(declaration: str, rows: Iterable[str]) -> Iterator[str]:
    yield f"constexpr {declaration}[] = {{\n"
    yield from (f"    {{{row}}},\n" for row in rows)
    yield "};\n"


def _table() -> ModuleType:
    """Return the module of the table, by its file: it needs nothing of the package."""
    spec = importlib.util.spec_from_file_location("core_numbers", TABLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Write the header, or say whether it is stale."""
    text = header(_table())
    if "--check" in sys.argv[1:]:
        if HEADER.exists() and HEADER.read_text(encoding="utf-8") == text:
            print("core/plan/numbers.h: as the table has it")
            return 0
        print("core/plan/numbers.h is stale: run python tools/make_core_numbers.py")
        return 1
    HEADER.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
