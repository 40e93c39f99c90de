"""Ctrl-C while training: noted at once, obeyed between two batches, so that no update is cut in half."""

import signal
from types import FrameType
from typing import Any


class Interrupt:
    """While it is entered, Ctrl-C sets `asked`; a second Ctrl-C raises KeyboardInterrupt at once.

    Only in the main thread, and only where Python's own handler is in place: another one is left alone.
    """

    def __init__(self) -> None:
        self.asked = False
        self._installed = False

    def __enter__(self) -> "Interrupt":
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            try:
                signal.signal(signal.SIGINT, self._handle)
                self._installed = True
            except ValueError:  # Not the main thread.
                pass
        return self

    def __exit__(self, *_: Any) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._installed = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
