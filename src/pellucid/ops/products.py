"""Matrix products. N is the rows of the batch, I and O the widths before and after; ... stands for any dimensions."""

import numpy as np

from pellucid.ops.arrays import Array, Shape
from pellucid.ops.op import broadcast, op, product


def _affine(x: Shape, W: Shape, b: Shape) -> Shape | None:
    return _matmul(x, W) if len(W) == 2 and len(x) >= 2 and b == W[1:] else None


def _matmul(a: Shape, b: Shape) -> Shape | None:
    """NumPy's rule for two or more dimensions; what stands before the last two broadcasts."""
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        return None
    before = broadcast(a[:-2], b[:-2]) if len(a) > 2 and len(b) > 2 else (a[:-2] or b[:-2])
    return None if before is None else (*before, a[-2], b[-1])


def _matmul_nt(a: Shape, b: Shape) -> Shape | None:
    return _matmul(a, (*b[:-2], b[-1], b[-2])) if len(b) >= 2 else None


def _matmul_tn(a: Shape, b: Shape) -> Shape | None:
    return _matmul((*a[:-2], a[-1], a[-2]), b) if len(a) >= 2 else None


@op(product, shape=_affine)
def affine(x: Array, W: Array, b: Array) -> Array:
    """u = x·W + b        x (..., I)   W (I, O)   b (O,)   u (..., O)"""
    return x @ W + b


@op(product, shape=_matmul)
def matmul(a: Array, b: Array) -> Array:
    """c = a·b        a (..., N, I)   b (..., I, O)   c (..., N, O)"""
    return a @ b


@op(product, shape=_matmul_nt)
def matmul_nt(a: Array, b: Array) -> Array:
    """c = a·bᵀ       a (..., N, O)   b (..., I, O)   c (..., N, I)"""
    return a @ np.swapaxes(b, -1, -2)


@op(product, shape=_matmul_tn)
def matmul_tn(a: Array, b: Array) -> Array:
    """c = aᵀ·b       a (..., N, I)   b (..., N, O)   c (..., I, O)"""
    return np.swapaxes(a, -1, -2) @ b
