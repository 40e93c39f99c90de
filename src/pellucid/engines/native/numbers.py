"""The numbers that Python and the C++ core share: kinds of steps, ops, operands, rules and types, each by its place.

The one table of them. `python tools/make_core_numbers.py` writes core/plan/numbers.h from it; a test and `make check`
say when that is stale. A new row goes to the end of its group, or wherever its kind belongs: nothing else counts.
"""

MANY = 64
"""The most operands that one step can have."""

OF_THE_RULE = -1
"""So many numbers (or operands more) as the step's update rule has."""

STEPS = (
    # name, fewest and most operands, the first one that the step makes (from the end where negative), whether it
    # changes those in place, how many numbers, what the operands are
    ("affine", 4, 4, 3, False, 0, "x, W, b -> y"),
    ("matmul", 3, 3, 2, False, 0, "a, b -> c"),
    ("matmul_nt", 3, 3, 2, False, 0, "a, b -> c = a·bᵀ"),
    ("matmul_tn", 3, 3, 2, False, 0, "a, b -> c = aᵀ·b"),
    ("sgd_product", 3, 3, 2, True, 2, "a, b, w: w = (1 - rate·l2)·w - rate·aᵀb; numbers: rate, l2"),
    ("update_product", 3, 5, 2, True, OF_THE_RULE, "a, b, w, slots...: w by the rule with g = aᵀb"),
    ("program_product", 4, MANY, 2, False, 1, "a, b, and an elementwise program's operands; numbers: which is g = aᵀb"),
    ("update", 2, 4, 1, True, OF_THE_RULE, "g, w, slots..."),
    ("elementwise", 1, MANY, -1, False, 0, "the operands of an elementwise program, which says what it makes"),
    ("sum_rows", 2, 2, 1, False, 0, "x -> y"),
    ("sum_columns", 2, 2, 1, False, 0, "x -> y"),
    ("max_columns", 2, 2, 1, False, 0, "x -> y"),
    ("sum_all", 2, 2, 1, False, 0, "x -> y"),
    ("one_hot", 1, 1, 0, False, 0, "-> y, of the batch's labels"),
    ("mean_weights", 2, 2, 1, False, 0, "w -> c"),
    ("dropout_mask", 1, 1, 0, False, 2, "-> y; numbers: step, rate; key: seed, purpose"),
    ("running_update", 2, 2, 1, True, 1, "value, w: w = m·w + (1 - m)·value; numbers: m"),
    ("conv2d", 4, 4, 3, False, 0, "x, W, b -> y"),
    ("conv2d_input_gradient", 3, 3, 2, False, 0, "dy, W -> dx"),
    ("conv2d_weight_gradient", 3, 3, 2, False, 0, "x, dy -> dW"),
    ("max_pool2d", 2, 3, 1, False, 0, "x -> y, and maybe places"),
    ("max_pool2d_backward", 3, 3, 2, False, 0, "dy, places -> dx"),
    ("average_pool2d", 2, 2, 1, False, 0, "x -> y"),
    ("average_pool2d_backward", 2, 2, 1, False, 0, "dy -> dx"),
    ("pad2d", 2, 2, 1, False, 0, "x -> y"),
    ("crop2d", 2, 2, 1, False, 0, "y -> x"),
    ("to_positions", 2, 2, 1, False, 0, "planes -> x"),
    ("to_planes", 2, 2, 1, False, 0, "x -> planes"),
    ("spread2d", 2, 2, 1, False, 0, "(N, C) -> x"),
    ("concatenate", 2, MANY, -1, False, 0, "a, b, ... -> y, side by side"),
    ("slice_channels", 2, 2, 1, False, 1, "x -> y; numbers: the first channel"),
    ("sum_channels", 2, 2, 1, False, 0, "x -> v"),
    ("mean_channels", 2, 2, 1, False, 0, "x -> v"),
    ("batched_matmul", 3, 3, 2, False, 0, "a, b -> c, of each sample"),
    ("batched_matmul_nt", 3, 3, 2, False, 0, "a, b -> c = a·bᵀ, of each sample"),
    ("batched_matmul_tn", 3, 3, 2, False, 0, "a, b -> c = aᵀ·b, of each sample"),
    ("transpose", 2, 2, 1, False, 0, "x -> xᵀ, of each sample, or of a matrix"),
    ("split_rows", 2, 2, 1, False, 0, "flat -> x, by positions"),
    ("join_positions", 2, 2, 1, False, 0, "x -> flat"),
    ("take_rows", 3, 3, 2, False, 0, "W, index -> y"),
    ("add_rows", 3, 3, 2, False, 0, "g, index -> sums"),
    ("one_hot_of", 2, 2, 1, False, 0, "index -> y"),
)

ELEMENTWISE_OPS = (
    # name, how many of a, b, c it reads, the formula
    ("copy", 1, "a"),
    ("negative", 1, "-a"),
    ("absolute", 1, "|a|"),
    ("sign", 1, "-1, 0 or 1; NaN stays"),
    ("square", 1, "a·a"),
    ("sqrt", 1, ""),
    ("exp", 1, ""),
    ("expm1", 1, ""),
    ("log", 1, ""),
    ("log1p", 1, ""),
    ("tanh", 1, ""),
    ("sigmoid", 1, ""),
    ("softplus", 1, ""),
    ("erf", 1, ""),
    ("add", 2, ""),
    ("subtract", 2, ""),
    ("multiply", 2, ""),
    ("divide", 2, ""),
    ("maximum", 2, "NaN where either is, as np.maximum"),
    ("minimum", 2, "likewise"),
    ("greater", 2, "1 or 0"),
    ("greater_equal", 2, "1 or 0"),
    ("fma", 3, "a·b + c, rounded once"),
    ("where", 3, "a != 0 ? b : c"),
    ("multiply_greater", 3, "c·greater(a, b)"),
    ("sin", 1, "a in radians"),
    ("cos", 1, "likewise"),
)

OPERANDS = (
    # of an elementwise program over (rows, width)
    ("full", "(rows, width)"),
    ("row", "(width,), the same for every row; input only"),
    ("column", "(rows, 1): lane 0 of row r's padded(1) = 16 elements; input only"),
    ("scalar", "one element in memory; input only"),
    ("constant", "Operand::constant; its data pointer is not read"),
)

RULES = (
    # name, slots, numbers (rate, l2, l1, and its own), how many of these are run-time scalars
    ("sgd", 0, 3, 1),
    ("momentum", 1, 4, 1),
    ("nesterov", 1, 4, 1),
    ("adagrad", 1, 4, 1),
    ("rmsprop", 1, 6, 1),
    ("adam", 2, 9, 2),
    ("adamw", 2, 10, 3),
)

HOMES = (
    # where a buffer lives; slots + i is the i-th of an optimizer's slots
    ("arena", "the executor's own memory"),
    ("parameters", "the parameters' flat vector"),
    ("slots", "an optimizer slot's flat vector"),
)

SOURCES = (
    # what rows can be gathered from: name, bytes of an element
    ("f32", 4),
    ("f64", 8),
    ("u8", 1),
    ("i8", 1),
    ("i16", 2),
    ("u16", 2),
    ("i32", 4),
    ("i64", 8),
)

STEP_KINDS = tuple(name for name, *_ in STEPS)
OPS = tuple(name for name, *_ in ELEMENTWISE_OPS)
OPERAND_KINDS = tuple(name for name, _ in OPERANDS)
FULL, ROW, COLUMN, SCALAR, CONSTANT = range(len(OPERANDS))
UPDATE_RULES = tuple(name for name, *_ in RULES)
RUN_TIME_SCALARS = {name: scalars for name, _, _, scalars in RULES}
ARENA, PARAMETERS, SLOTS = range(len(HOMES))
SOURCE_TYPES = tuple(name for name, _ in SOURCES)
