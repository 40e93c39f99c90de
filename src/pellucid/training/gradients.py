"""A gradient that a caller gives, or a place for one, checked and brought into form: one flat vector."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.errors import InputError, suggest
from pellucid.ops import Array
from pellucid.parameters import Layout, Parameters


def check_out(out: Any, parameters: Parameters) -> None:
    """Raises InputError where a gradient cannot be written into `out`: it must be like `parameters.flat`."""
    flat = parameters.flat
    if not isinstance(out, np.ndarray) or out.shape != flat.shape or out.dtype != flat.dtype:
        raise InputError(f"out is {_form(out)}; give an array like net.parameters.flat: np.empty_like(it).")
    if not out.flags.c_contiguous or not out.flags.writeable:
        fault = "cannot be written to" if out.flags.c_contiguous else "is not contiguous"
        raise InputError(f"out {fault}; give an array like net.parameters.flat: np.empty_like(it).")
    if np.may_share_memory(out, flat):
        raise InputError("out is the parameters' own memory; give an array of its own: np.empty_like(out).")


def flat_gradient(gradient: Any, parameters: Parameters) -> Array:
    """Returns a gradient, flat or by name, as a flat vector in the parameters' type.

    Where the names of running values are missing, these stay as they are.

    Raises:
        InputError: it is neither, or a shape, a type or a name does not fit.
    """
    if isinstance(gradient, Mapping):
        return _from_names(gradient, parameters)
    flat = parameters.flat
    if not isinstance(gradient, np.ndarray):
        raise InputError(
            f"gradient is {_form(gradient)}; give the arrays by name that net.gradient returns beside the loss, or "
            "its out."
        )
    if gradient.shape != flat.shape:
        raise InputError(
            f"gradient has the shape {gradient.shape}, but a flat one has {flat.shape}, as net.parameters.flat."
        )
    _check_kind(gradient, "gradient")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(gradient, flat.dtype)


def first_not_finite_gradient(layout: Layout, flat: Array) -> str:
    """Returns, in words, where a flat gradient holds NaN or infinity; where nowhere, that the update brought it up."""
    for name in layout.slots:
        view = layout.view(flat, name)
        if not np.isfinite(view).all():
            return f"{'NaN' if np.isnan(view).any() else 'infinity'} in the gradient of {name}"
    return "infinity in the parameters after the update: the step was too long"


def _from_names(gradient: Mapping[Any, Any], parameters: Parameters) -> Array:
    for name in gradient:
        if name not in parameters:
            raise InputError(f"gradient has the name {name!r:.80}, which no parameter has; {suggest(name, parameters)}")
    for name in parameters.learned:
        if name not in gradient:
            raise InputError(f"gradient lacks {name!r}; give an array for each parameter that is learned.")
    flat = parameters.flat.copy()
    with np.errstate(over="ignore"):
        for name, values in gradient.items():
            view = parameters.layout.view(flat, name)
            given = np.asarray(values)
            if given.shape != view.shape:
                raise InputError(f"gradient[{name!r}] has the shape {given.shape}, but the parameter has {view.shape}.")
            _check_kind(given, f"gradient[{name!r}]")
            view[...] = given
    return flat


def _check_kind(array: Array, name: str) -> None:
    if array.dtype.kind not in "fiu":
        raise InputError(f"{name} has the type {array.dtype}; real numbers are expected.")


def _form(value: Any) -> str:
    """What came, in a few words: an array's shape and type, anything else's kind."""
    if isinstance(value, np.ndarray):
        return f"an array of the shape {value.shape} and the type {value.dtype}"
    return f"a {type(value).__name__}"
