"""The names of the books' own code, so that their scripts run unmodified, on Pellucid's engines.

Where their code has a fault, ours is right; `faithful(True)`, the argument `faithful=True` of a class, or `--faithful`
on the command line gives the original's behaviour. docs/compat.md is the table of the differences.
"""

from pellucid.compat.switch import NotProvided, faithful, is_faithful

__all__ = ["NotProvided", "faithful", "is_faithful"]
