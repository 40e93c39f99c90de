"""Knows the book's own networks beside a script, so that ours, which run natively, can take their place.

A learner's own two_layer_net.py, or a changed one, must run as it stands; so the file is told by a digest of its code,
comments and blank lines aside. Where there is no file, a name that stands for one network alone brings ours.
"""

import hashlib
import io
import tokenize
from pathlib import Path

_KNOWN = {
    "1b2b3ee0fca53b30a428fcd7fcb7f96732c48e0d257f6b4b638ab3b70c83589a": "ch04",
    "9859d96716e573058b2d83c8dc172f4b0d4de8e8b0f7ebdf56c2fd207a2592ee": "ch05",
    "15f70cfe533c22a8d6c6473b9d0c3facd1c9907b643d6a88d663110a3d20211f": "ch07",
    "bcb78e830ef36f86b3a72c51f3e8166ba82986cba70a71de22be5fbc5bff8ef1": "ch08",
}
_ALONE = {"two_layer_net": None, "simple_convnet": "ch07", "deep_convnet": "ch08"}
"""Which chapter's network a name stands for where no file of that name lies beside the script."""
_MAX_FILE = 2**16
_IGNORED = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)


def beside(script: Path) -> dict[str, str]:
    """Returns further names of modules and ours for them, for what lies in the script's folder."""
    found = {}
    for name, chapter in _ALONE.items():
        path = script.resolve().parent / f"{name}.py"
        if path.is_file():
            chapter = _KNOWN.get(digest(path.read_bytes())) if path.stat().st_size <= _MAX_FILE else None
        if chapter is not None and path != script.resolve():
            found[name] = f"pellucid.compat.book.{chapter}.{name}"
    return found


def digest(source: bytes) -> str:
    """Returns a digest of a Python file's code without comments and layout; "" where it is not Python."""
    try:
        tokens = [t.string for t in tokenize.tokenize(io.BytesIO(source).readline) if t.type not in _IGNORED]
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
        return ""
    return hashlib.sha256("\n".join(tokens).encode()).hexdigest()
