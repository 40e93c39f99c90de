"""Benchmarks: one harness that checks that contenders compute the same thing, then times them in turns."""
