"""Rewrite rules: each makes a plan shorter or quicker to replay, and leaves what it computes as it is.

The ops that only rewritten plans have are `elementwise`, a chain of elementwise steps run in one pass, and
`sgd_product` and `update_product`, a weight gradient and the update made of it in one pass over the weights.
"""

from collections.abc import Callable
from typing import Any

from pellucid.engines.image_rewrites import pools_keep_places, relu_waits_for_max_pool
from pellucid.ops.plan import Chain, Operand, Plan, Step, validate
from pellucid.ops.record import shape_rule

ELEMENTWISE = frozenset(
    ("add", "subtract", "multiply", "divide", "maximum", "minimum", "greater", "greater_equal", "where")
    + ("negative", "absolute", "sign", "square", "sqrt", "exp", "expm1", "log", "log1p", "tanh")
    + ("sigmoid", "softplus", "erf")
)
LONGEST_CHAIN = 48


def rewrite(plan: Plan) -> Plan:
    """Returns the plan after all rules; the validator looks at it after each that has changed it."""
    for rule in RULES:
        before, plan = plan, rule(plan)
        if plan.steps != before.steps:
            validate(plan, rewritten_shape)
    return plan


def updates_join_products(plan: Plan) -> Plan:
    """`g = aᵀ·b; w ← rule(w, g)` becomes one step where nobody else reads g, so that g is never stored."""
    made_at = {step.output: index for index, step in enumerate(plan.steps) if step.op == "matmul_tn"}
    readers = _readers(plan)
    steps: dict[int, Step] = dict(enumerate(plan.steps))
    for index, step in enumerate(plan.steps):
        if not step.op.endswith("_update"):
            continue
        w, gradient, *others = step.inputs
        at = made_at.get(gradient) if isinstance(gradient, int) else None
        if at is None or readers[gradient] != 1 or gradient in plan.results.values():
            continue
        product = plan.steps[at]
        if any(_changes(plan, number) for number in product.reads):
            continue
        simple = step.op == "sgd_update" and not step.attributes["l1"]
        attributes = {"rule": step.op.removesuffix("_update"), **step.attributes}
        op = "sgd_product" if simple else "update_product"
        steps[index] = Step(op, (*product.inputs, w, *others), None, step.writes, attributes)
        del steps[at]
    return Plan(plan.buffers, list(steps.values()), plan.results)


def elementwise_steps_wait(plan: Plan) -> Plan:
    """Moves every elementwise step to just before its first reader, so that chains stand together.

    Never behind an update: before the first one, everything that it could spoil is looked at.
    """
    steps = list(plan.steps)
    first_update = next((i for i, step in enumerate(steps) if step.writes), len(steps))
    for index in reversed(range(len(steps))):
        step = steps[index]
        if step.op not in ELEMENTWISE or index > first_update:
            continue
        first = next((i for i in range(index + 1, len(steps)) if step.output in steps[i].reads), index)
        first = min(first, first_update)
        if first > index + 1:
            steps.insert(first - 1, steps.pop(index))
    return Plan(plan.buffers, steps, plan.results)


def chains_run_in_one_pass(plan: Plan) -> Plan:
    """Consecutive elementwise steps over one shape become one step."""
    steps: list[Step] = []
    chain: list[Step] = []
    for step in [*plan.steps, None]:
        if step is not None and step.op in ELEMENTWISE and _fits(plan, chain, step):
            chain.append(step)
            continue
        if chain:
            steps.append(_chain(plan, chain))
            chain = []
        if step is not None and step.op in ELEMENTWISE:
            chain = [step]
        elif step is not None:
            steps.append(step)
    return Plan(plan.buffers, steps, plan.results)


RULES: tuple[Callable[[Plan], Plan], ...] = (
    updates_join_products,
    relu_waits_for_max_pool,
    pools_keep_places,
    elementwise_steps_wait,
    chains_run_in_one_pass,
)


def _fits(plan: Plan, chain: list[Step], step: Step) -> bool:
    if not chain or len(chain) >= LONGEST_CHAIN:
        return False
    before, own = chain[-1].output, step.output
    assert before is not None and own is not None
    # A broadcast operand is read before the chain runs, so the chain itself must not be making it.
    made = {s.output for s in chain}
    narrow = any(n in made and plan.buffers[n].shape != plan.buffers[own].shape for n in step.reads)
    return plan.buffers[before].shape == plan.buffers[own].shape and not narrow


def _chain(plan: Plan, steps: list[Step]) -> Chain:
    made = [step.output for step in steps if step.output is not None]
    inside = {id(step) for step in steps}
    needed = set(plan.results.values())
    for step in plan.steps:
        if id(step) not in inside:
            needed.update(step.reads)
    outputs = tuple(number for number in made if number in needed)
    inputs = tuple(dict.fromkeys(n for step in steps for n in step.reads if n not in made))
    return Chain("elementwise", inputs, outputs[-1], (), {}, tuple(steps), outputs)


def _readers(plan: Plan) -> dict[Operand, int]:
    count: dict[Operand, int] = {}
    for step in plan.steps:
        for number in step.reads:
            count[number] = count.get(number, 0) + 1
    return count


def _changes(plan: Plan, number: int) -> bool:
    """Whether a buffer may hold something else after an update."""
    return plan.buffers[number].role in ("parameter", "slot")


def rewritten_shape(op: str, shapes: list[Any], attributes: Any) -> Any:
    """The shape rule of rewritten plans, for the validator."""
    if op in ("sgd_product", "update_product"):
        return None
    return shape_rule(op, shapes, attributes)
