"""Recording: arrays with a shape and a type but no values; every op on one appends a step to its plan."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from pellucid.errors import OutsideVocabulary
from pellucid.ops.arrays import Shape, format_shape
from pellucid.ops.op import OPS, Attributes, Op, Symbolic
from pellucid.plan.ir import Buffer, Operand, Plan, Role, Step


class Recorded(Symbolic):
    """Stands for an array while a plan is recorded: `shape` and `dtype` are true, values do not exist."""

    __slots__ = ("buffer", "plan")

    def __init__(self, plan: Plan, buffer: Buffer) -> None:
        self.plan = plan
        self.buffer = buffer

    @property
    def shape(self) -> Shape:
        return self.buffer.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.buffer.dtype

    @property
    def ndim(self) -> int:
        return len(self.buffer.shape)

    def __repr__(self) -> str:
        return f"Recorded({self.buffer.name}, {format_shape(self.shape)}, {self.dtype})"

    def record(self, op: Op, operands: Sequence[Any], attributes: Attributes) -> "Recorded":
        return record(self.plan, op, operands, attributes)

    def __add__(self, other: Any) -> "Recorded":
        return record(self.plan, _ADD, (self, other))

    def __radd__(self, other: Any) -> "Recorded":
        return record(self.plan, _ADD, (self, other))

    def __sub__(self, other: Any) -> "Recorded":
        return record(self.plan, _SUBTRACT, (self, other))

    def __rsub__(self, other: Any) -> "Recorded":
        return record(self.plan, _SUBTRACT, (other, self))

    def __mul__(self, other: Any) -> "Recorded":
        return record(self.plan, _MULTIPLY, (self, other))

    def __rmul__(self, other: Any) -> "Recorded":
        return record(self.plan, _MULTIPLY, (self, other))

    def __truediv__(self, other: Any) -> "Recorded":
        return record(self.plan, _DIVIDE, (self, other))

    def __rtruediv__(self, other: Any) -> "Recorded":
        return record(self.plan, _DIVIDE, (other, self))

    def __matmul__(self, other: Any) -> "Recorded":
        return record(self.plan, _MATMUL, (self, other))

    def __neg__(self) -> "Recorded":
        return record(self.plan, _NEGATIVE, (self,))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> "Recorded":
        if options.get("out") is not None:
            raise OutsideVocabulary(_IN_PLACE)
        op = _UFUNCS.get(ufunc)
        if op is None or method != "__call__" or options:
            raise OutsideVocabulary(f"np.{ufunc.__name__} is not an op; use a function of pellucid.ops instead.")
        return record(self.plan, op, inputs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> NoReturn:
        raise OutsideVocabulary(f"np.{function.__name__} is not an op; use a function of pellucid.ops instead.")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise OutsideVocabulary("a recording array has no values; use functions of pellucid.ops on it.")

    def __bool__(self) -> NoReturn:
        raise OutsideVocabulary("a recording array has no values, so `if` cannot ask for one; use ops.where.")

    def _number(self) -> NoReturn:
        raise OutsideVocabulary("a recording array has no values, so it cannot become a Python number.")

    __float__ = __int__ = __index__ = __complex__ = _number

    def __getitem__(self, key: Any) -> NoReturn:
        raise OutsideVocabulary(
            "a recording array cannot be indexed; use functions of pellucid.ops on it, such as ops.slice_columns."
        )

    def __iter__(self) -> NoReturn:
        raise OutsideVocabulary("a recording array cannot be iterated over; use functions of pellucid.ops on it.")

    def __len__(self) -> NoReturn:
        raise OutsideVocabulary("a recording array does not know how many rows there will be; use functions of ops.")

    def __pow__(self, other: Any, modulo: Any = None) -> NoReturn:
        raise OutsideVocabulary("`**` is not an op; use ops.square, ops.sqrt or ops.exp.")

    __rpow__ = __pow__

    def _no_op(self, other: Any) -> NoReturn:
        raise OutsideVocabulary("a recording array knows + - * / @ and the functions of pellucid.ops, nothing else.")

    __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __divmod__ = __and__ = __or__ = __xor__ = _no_op

    # Plans hold values: what would change one in place would be lost, or would change what others have read.
    def _in_place(self, *others: Any) -> NoReturn:
        raise OutsideVocabulary(_IN_PLACE)

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __imatmul__ = __ipow__ = __ifloordiv__ = __imod__ = _in_place
    __iand__ = __ior__ = __ixor__ = __ilshift__ = __irshift__ = __setitem__ = __delitem__ = _in_place

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # what NumPy and others ask for to find out what this is
            raise AttributeError(name)
        raise OutsideVocabulary(f"a recording array has no .{name}; use functions of pellucid.ops on it.")

    # Without these, Python would compare by identity, and a layer would be recorded with the wrong branch.
    def _compare(self, other: Any) -> NoReturn:
        raise OutsideVocabulary("a recording array cannot be compared; use ops.greater or ops.greater_equal.")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compare
    __hash__ = object.__hash__


_NONE: dict[str, Any] = {}
_IN_PLACE = (
    "a recording array cannot be changed in place (+=, [...] =, out=): write y = y + d, and return the new value."
)
_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE, _MATMUL, _NEGATIVE = (
    OPS[name] for name in ("add", "subtract", "multiply", "divide", "matmul", "negative")
)
_UFUNCS: dict[np.ufunc, Op] = {
    found: op for name, op in OPS.items() if isinstance(found := getattr(np, name, None), np.ufunc)
}
"""NumPy's own functions of an op's name mean the op; but for `greater` and its kin, which give truth values there."""
for _name in ("greater", "greater_equal"):
    del _UFUNCS[getattr(np, _name)]


def declare(plan: Plan, shape: Shape, dtype: np.dtype[Any], role: Role, name: str) -> Recorded:
    """Returns a recording array for something that exists before the plan runs: an input, a parameter, a slot."""
    return Recorded(plan, plan.buffer(shape, dtype, role, name))


def record(plan: Plan, op: Op, given: Sequence[Any], named: Attributes | None = None) -> Recorded:
    """Appends one step to the plan; returns what the step makes.

    Raises:
        InputError: operands, attributes, shapes or types that are not the op's.
        OutsideVocabulary: an operand that is neither a recording array nor a number.
    """
    if named or op.attributes or len(given) != len(op.operands):
        operands, attributes = op.bind(given, named or {})
    else:
        operands, attributes = given, _NONE
    inputs: list[Operand] = []
    shapes: list[Shape] = []
    types: list[np.dtype[Any] | None] = []
    for operand in operands:
        if isinstance(operand, Recorded):
            if operand.plan is not plan:
                raise OutsideVocabulary(f"ops.{op.name} got arrays of two recordings; keep none from call to call.")
            buffer = operand.buffer
            inputs.append(buffer.number)
            shapes.append(buffer.shape)
            types.append(None if buffer.role in ("scalar", "number") else buffer.dtype)
        else:
            inputs.append(_constant(op, operand, len(inputs)))
            shapes.append(())
            types.append(None)
    shape = op.shape_of(shapes, attributes)
    if op.makes_number(types):
        # What is made of run-time scalars alone is one more of them: it takes the type of what it meets.
        made = plan.buffer(shape, np.dtype(np.float64), "number")
    else:
        made = plan.buffer(shape, op.type_of(types, attributes), "value")
    plan.steps.append(Step(op.name, tuple(inputs), (made.number,), attributes))
    return Recorded(plan, made)


def _constant(op: Op, operand: Any, index: int) -> float:
    number = isinstance(operand, int | float | np.integer | np.floating) and not isinstance(operand, bool)
    if number and op.takes_number(index):
        return float(operand)
    mixed = op.takes_number(index)
    wanted = "only numbers and parameters can be mixed" if mixed else "an array of the same plan is needed"
    raise OutsideVocabulary(f"ops.{op.name} got a {type(operand).__name__} beside a recording array; {wanted}.")
