"""The native engine: a model's plans, rewritten, lowered to numbers, and replayed by the C++ core."""

from pellucid.engines.native.engine import NativeEngine

__all__ = ["NativeEngine"]
