"""What all of compat shares: whether the originals' faults are wanted, and the error for what is not provided."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pellucid.errors import PellucidError

_FAITHFUL: ContextVar[bool] = ContextVar("faithful", default=False)


class NotProvided(PellucidError, ImportError):
    """A module of the books that Pellucid does not provide; the sentence names what to use instead."""


def is_faithful(wanted: bool | None = None) -> bool:
    """Returns whether the originals' faults are wanted: as an object was told, else as `faithful` says."""
    return _FAITHFUL.get() if wanted is None else bool(wanted)


@contextmanager
def faithful(wanted: bool = True) -> Iterator[None]:
    """Within it, the modules of compat behave as the originals do, faults included: `with faithful(): ...`."""
    token = _FAITHFUL.set(bool(wanted))
    try:
        yield
    finally:
        _FAITHFUL.reset(token)
