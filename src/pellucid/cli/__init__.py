"""The command line: `pellucid train digits` and what goes with it."""

from pellucid.cli.app import main

__all__ = ["main"]
