"""Recording: arrays with a shape and a type but no values; every op on one appends a step to its plan."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

from pellucid.errors import InputError, OutsideVocabulary
from pellucid.ops.image_shapes import IMAGE_RULES
from pellucid.ops.plan import ROWS, Buffer, Dimension, Operand, Plan, Role, Shape, Step, format_shape
from pellucid.ops.reference import VOCABULARY


class Recorded:
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

    def __add__(self, other: Any) -> "Recorded":
        return record("add", self, other)

    def __radd__(self, other: Any) -> "Recorded":
        return record("add", self, other)

    def __sub__(self, other: Any) -> "Recorded":
        return record("subtract", self, other)

    def __rsub__(self, other: Any) -> "Recorded":
        return record("subtract", other, self)

    def __mul__(self, other: Any) -> "Recorded":
        return record("multiply", self, other)

    def __rmul__(self, other: Any) -> "Recorded":
        return record("multiply", self, other)

    def __truediv__(self, other: Any) -> "Recorded":
        return record("divide", self, other)

    def __rtruediv__(self, other: Any) -> "Recorded":
        return record("divide", other, self)

    def __matmul__(self, other: Any) -> "Recorded":
        return record("matmul", self, other)

    def __neg__(self) -> "Recorded":
        return record("negative", self)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> "Recorded":
        name = _UFUNCS.get(ufunc)
        if name is None or method != "__call__" or options:
            raise OutsideVocabulary(f"np.{ufunc.__name__} is not an op; use a function of pellucid.ops instead.")
        return record(name, *inputs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> NoReturn:
        raise OutsideVocabulary(f"np.{function.__name__} is not an op; use a function of pellucid.ops instead.")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise OutsideVocabulary("a recording array has no values; use functions of pellucid.ops on it.")

    def __bool__(self) -> NoReturn:
        raise OutsideVocabulary("a recording array has no values, so `if` cannot ask for one; use ops.where.")

    def __float__(self) -> NoReturn:
        raise OutsideVocabulary("a recording array has no values, so it cannot become a Python number.")

    def __getitem__(self, key: Any) -> NoReturn:
        raise OutsideVocabulary("a recording array cannot be indexed; use functions of pellucid.ops on it.")

    def __len__(self) -> NoReturn:
        raise OutsideVocabulary("a recording array does not know how many rows there will be; use functions of ops.")

    def __pow__(self, other: Any) -> NoReturn:
        raise OutsideVocabulary("`**` is not an op; use ops.square, ops.sqrt or ops.exp.")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # what NumPy and others ask for to find out what this is
            raise AttributeError(name)
        raise OutsideVocabulary(f"a recording array has no .{name}; use functions of pellucid.ops on it.")

    # Without these, Python would compare by identity, and a layer would be recorded with the wrong branch.
    def _compare(self, other: Any) -> NoReturn:
        raise OutsideVocabulary("a recording array cannot be compared; use ops.greater or ops.greater_equal.")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compare
    __hash__ = object.__hash__


_UFUNCS: dict[np.ufunc, str] = {
    getattr(np, name): name
    for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "matmul")
    + ("negative", "absolute", "sign", "square", "sqrt", "exp", "expm1", "log", "log1p", "tanh")
}


def declare(plan: Plan, shape: Shape, dtype: np.dtype[Any], role: Role, name: str) -> Recorded:
    """Returns a recording array for something that exists before the plan runs: an input, a parameter, a slot."""
    return Recorded(plan, plan.buffer(shape, dtype, role, name))


def record(op: str, *arguments: Any, **attributes: Any) -> Recorded:
    """Appends one step to the plan of the recording arrays among the arguments; returns what the step makes."""
    made = append(op, *arguments, **attributes)
    assert made is not None, "only updates make nothing, and only ops.vocabulary records those"
    return made


def append(op: str, *arguments: Any, **attributes: Any) -> Recorded | None:
    """Does the work of `record`, for updates too, which make nothing new."""
    recorded = [a for a in arguments if isinstance(a, Recorded)]
    plan = recorded[0].plan
    runtime = {key: value.buffer.number for key, value in attributes.items() if isinstance(value, Recorded)}
    constants = {key: value for key, value in attributes.items() if key not in runtime}
    inputs = tuple(_operand(op, a) for a in arguments) + tuple(runtime.values())
    shapes = [plan.buffers[o].shape if isinstance(o, int) else () for o in inputs]
    shape = shape_rule(op, shapes, constants)
    if shape is None:
        writes = tuple(a.buffer.number for a in recorded if a.buffer.role in ("parameter", "slot"))
        plan.steps.append(Step(op, inputs, None, writes, constants))
        return None
    made = plan.buffer(shape, _type_of(op, recorded, constants), "value")
    plan.steps.append(Step(op, inputs, made.number, (), constants))
    return Recorded(plan, made)


def _type_of(op: str, recorded: list[Recorded], attributes: Mapping[str, Any]) -> np.dtype[Any]:
    named: Any = np.uint8 if op == "max_pool2d_places" else attributes.get("dtype")
    if named is not None:
        chosen: np.dtype[Any] = np.dtype(named)
        return chosen
    arrays = [r for r in recorded if r.buffer.role != "scalar"]
    return (arrays or recorded)[0].dtype


def _operand(op: str, argument: Any) -> Operand:
    if isinstance(argument, Recorded):
        return argument.buffer.number
    if isinstance(argument, int | float | np.integer | np.floating):
        return float(argument)
    raise OutsideVocabulary(
        f"ops.{op} got a {type(argument).__name__} beside a recording array; only numbers and parameters can be mixed."
    )


# Shape rules ---------------------------------------------------------------------------------------------------------


def shape_rule(op: str, shapes: list[Shape], attributes: Mapping[str, Any]) -> Shape | None:
    """Returns the shape that an op makes of these shapes, None for an update.

    Raises:
        InputError: the shapes do not fit the op.
    """
    if op not in VOCABULARY:
        raise OutsideVocabulary(f"{op!r} is not an op.")
    if op.endswith("_update"):
        # The learning rate and other run-time scalars follow; a parameter, too, may have the shape ().
        if len(set(shapes[: 2 + _SLOTS[op]])) != 1:
            raise InputError(f"ops.{op} needs parameter, gradient and slots of one shape, got {_list(shapes)}.")
        return None
    if op == "reshape":
        return (shapes[0][0], *attributes["shape"])
    if op == "one_hot":
        return (shapes[0][0], attributes["classes"])
    if op == "dropout_mask" and "shape" in attributes:
        return (shapes[0][0], *attributes["shape"])
    in_images = IMAGE_RULES.get(op)
    shape = in_images(shapes, attributes) if in_images else _RULES.get(op, _broadcast)(*shapes)
    if shape is None:
        raise InputError(f"ops.{op} cannot take the shapes {_list(shapes)}.")
    return shape


def _list(shapes: list[Shape]) -> str:
    return " and ".join(map(format_shape, shapes))


def _product(a: Shape, b: Shape) -> Shape | None:
    return (a[0], b[1]) if len(a) == len(b) == 2 and a[1] == b[0] else None


def _affine(x: Shape, W: Shape, b: Shape) -> Shape | None:
    return _product(x, W) if b == W[1:] else None


def _product_nt(a: Shape, b: Shape) -> Shape | None:
    return (a[0], b[0]) if len(a) == len(b) == 2 and a[1] == b[1] else None


def _product_tn(a: Shape, b: Shape) -> Shape | None:
    return (a[1], b[1]) if len(a) == len(b) == 2 and a[0] == b[0] else None


def _broadcast(*shapes: Shape) -> Shape | None:
    """NumPy's rule, read from the last dimension; N meets N or 1."""
    arrays = {shape for shape in shapes if shape}
    if len(arrays) == 1:
        return arrays.pop()
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(s)) + s for s in shapes]
    result: list[Dimension] = []
    for dimensions in zip(*padded, strict=True):
        wide = {d for d in dimensions if d != 1}
        if len(wide) > 1:
            return None
        result.append(wide.pop() if wide else 1)
    return tuple(result)


_SLOTS = (
    {"running_update": 0, "sgd_update": 0, "momentum_update": 1, "nesterov_update": 1, "adagrad_update": 1}
    | {"rmsprop_update": 1, "adam_update": 2, "adamw_update": 2}
)  # fmt: skip

_RULES: dict[str, Callable[..., Shape | None]] = {
    "affine": _affine,
    "matmul": _product,
    "matmul_nt": _product_nt,
    "matmul_tn": _product_tn,
    "sum_rows": lambda x: x[1:] if len(x) == 2 else None,
    "sum_columns": lambda x: (x[0], 1) if len(x) == 2 else None,
    "max_columns": lambda x: (x[0], 1) if len(x) == 2 else None,
    "sum_all": lambda x: (),
    "mean_weights": lambda w: w if w == (ROWS, 1) else None,
    "dropout_mask": lambda x, *step: x,
}
