"""Writes docs/ops.md, the vocabulary as a table, from the ops themselves.

python tools/make_ops_doc.py           writes it
python tools/make_ops_doc.py --check   says whether it is as it would be written; exit 1 where it is not
"""

import inspect
import sys
from pathlib import Path

from pellucid.ops.op import FAMILIES, OPS, Op

PATH = Path(__file__).resolve().parents[1] / "docs" / "ops.md"
TITLES = {
    "elementwise": "Elementwise",
    "product": "Products",
    "reduction": "Reductions",
    "shaping": "Shapes, parts and choices",
    "image": "Images",
    "random": "Random numbers",
}
HEAD = """# The vocabulary

<!-- Written by tools/make_ops_doc.py from the ops themselves; do not edit. -->

Layers, losses and optimizers are written in these functions of `pellucid.ops`. On NumPy arrays they compute; on
recording arrays they append a step to a plan. What stands before `*` is an operand: an array, or where the formula
allows it a number. What stands behind is an attribute, a constant of the plan. N is the rows of a batch. `+ - * / @`
and NumPy's own functions of an op's name are the op. Compositions: `clip(x, least, most)`, `softmax(u)`.
"""


def written() -> str:
    """Return the page."""
    lines = [HEAD]
    for family in FAMILIES:
        lines += [f"## {TITLES[family]}", "", "| op | what it makes |", "|---|---|"]
        lines += [_row(op) for op in OPS.values() if op.family == family]
        lines.append("")
    return "\n".join(lines)


def _row(op: Op) -> str:
    operands = [f"*{o.name}" if op.variadic else o.name for o in op.operands]
    attributes = [
        name if a.default is inspect.Parameter.empty else f"{name}={a.default}" for name, a in op.attributes.items()
    ]
    signature = ", ".join([*operands, *(["*", *attributes] if attributes else [])])
    return f"| `{op.name}({signature})` | {' '.join(op.formula.split()).replace('|', chr(92) + '|')} |"


def main() -> int:
    """Write the page, or check it."""
    if "--check" not in sys.argv[1:]:
        PATH.write_text(written(), encoding="utf-8")
        return 0
    if PATH.exists() and PATH.read_text(encoding="utf-8") == written():
        return 0
    print(f"{PATH} is not what the ops say; run python {Path(__file__).name}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
