"""TOML files: read by the standard library, written here, because it can only read."""

import json
import tomllib
from pathlib import Path
from typing import Any

from pellucid.cli.settings import checked
from pellucid.errors import FormatError, InputError, PellucidError

_MAX_BYTES = 1_000_000


def read_toml(path: Path) -> dict[str, Any]:
    """Returns the checked settings of a file; raises InputError or FormatError in one sentence that names the file."""
    try:
        if not path.is_file():
            raise InputError(f"there is no file {str(path)!r}; give the path of a TOML file.")
        if path.stat().st_size > _MAX_BYTES:
            raise FormatError(f"{str(path)!r} is larger than {_MAX_BYTES:,} bytes; a file of settings was expected.")
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise FormatError(f"{str(path)!r} is not UTF-8 text; a TOML file of settings was expected.") from None
    except PellucidError:
        raise
    except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits.
        raise FormatError(f"{str(path)!r} is not TOML: {str(error)[:200]}; a line looks like epochs = 30.") from None
    return checked(values, f"in {str(path)!r} ")


def as_toml(values: dict[str, Any], heading: str) -> str:
    """Returns the text of a TOML file with texts, numbers and truths, a line each, under a heading of comments."""
    lines = [f"# {line}" for line in heading.splitlines()]
    return "\n".join([*lines, *(f"{name} = {_value(value)}" for name, value in values.items())]) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)  # The shortest text that reads back as the same number.
    # JSON's texts, whole numbers and truths are TOML's too; but TOML forbids the byte 0x7f, which JSON lets through.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
