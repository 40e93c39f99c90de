"""`pellucid compat`: runs an unmodified script of the books with Pellucid's modules under the names it imports."""

from collections.abc import Sequence

from pellucid.compat.runner import run_script


def compat(kind: str, script: str, arguments: Sequence[str], faithful: bool) -> int:
    """Runs the script and returns its exit code."""
    return run_script(kind, script, arguments, faithful)
