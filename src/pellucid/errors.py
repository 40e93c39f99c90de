"""The exceptions Pellucid raises: one clear sentence each, naming the argument, what came, and how to mend it."""

import difflib
import sys
from collections.abc import Iterable


class PellucidError(Exception):
    """The base of every error that Pellucid raises on purpose."""


class InputError(PellucidError, ValueError):
    """An argument has a value, shape or type that cannot be used."""


class FormatError(PellucidError, ValueError):
    """The bytes of a file are not what its format promises."""


class CheckpointError(PellucidError, ValueError):
    """A checkpoint does not fit: another network, a newer version, or damaged."""


class NotFiniteError(PellucidError, ArithmeticError):
    """NaN or infinity came up while training; the weights are those from before the bad step.

    `history` holds what was recorded until then, where the error comes out of `fit`.
    """

    history: object = None


class OutsideVocabulary(PellucidError, TypeError):
    """A recording array was given to something that is not an op, so no plan can be made."""


class PlanError(PellucidError, RuntimeError):
    """A plan breaks one of the validator's rules: a fault of Pellucid or of a layer's ops, never of the data."""


def stack_level() -> int:
    """Where a warning given by the caller should point: as many frames up as it takes to leave this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    return level


def suggest(name: object, known: Iterable[str]) -> str:
    """Ends an error sentence: the nearest known name, or all of them when none is near."""
    known = sorted(known)
    near = [k for k in known if k.casefold() == str(name).casefold()]
    near = near or difflib.get_close_matches(str(name), known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known names: {', '.join(known)}."
