"""The example of docs/every-number.md runs, and every name in its table is there."""

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "every-number.md").read_text(encoding="utf-8")


def test_the_example_runs_and_the_table_is_true(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    assert "BP1" in capsys.readouterr().out
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    assert len(rows) == 8
    for row in rows:
        of = "trace[0]" if "trace[i]" in row else "trace"
        for name in re.findall(r"`(?:trace(?:\[i\])?)?\.(\w+)`", row):
            assert eval(f"{of}.{name}", names) is not None
