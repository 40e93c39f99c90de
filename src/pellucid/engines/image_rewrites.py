"""Rewrite rules for images: what they leave is equal to the last bit, with less to go through."""

from dataclasses import replace

from pellucid.ops.plan import Chain, Plan, Step


def relu_waits_for_max_pool(plan: Plan) -> Plan:
    """`max_pool2d(maximum(u, 0))` becomes `maximum(max_pool2d(u), 0)`, and the way back likewise.

    The largest of a window is the same before and after, and so is the cell it came from wherever it is above 0; where
    it is not, no gradient goes through. Between the two lies only what the pool has left over: a quarter, mostly.
    """
    plan = Plan(list(plan.buffers), plan.steps, plan.results)
    for step in plan.steps:
        if step.op == "maximum" and step.inputs[1:] == (0.0,):
            plan = _swapped(plan, step)
    return plan


def _swapped(plan: Plan, relu: Step) -> Plan:
    """Returns the plan with this ReLU behind the pool that follows it, or as it is where others read it."""
    readers = [step for step in plan.steps if relu.output in step.reads]
    by_op = {step.op: step for step in readers}
    pool, places, above = (by_op.get(op) for op in ("max_pool2d", "max_pool2d_places", "greater"))
    if pool is None or pool.output is None or relu.output in plan.results.values() or len(readers) != len(by_op):
        return plan
    new: dict[int, Step] = {}
    if places is not None and above is not None and len(readers) == 3:
        back = _way_back(plan, places, above)
        if back is None or above.inputs != (relu.output, 0.0):
            return plan
        unpool, product = back
        dy, given = unpool.inputs
        passed, gated = _like(plan, pool.output), _like(plan, pool.output)
        new[id(places)] = replace(places, inputs=relu.inputs[:1])
        new[id(unpool)] = Step("greater", (pool.output, 0.0), passed)
        new[id(above)] = Step("multiply", (dy, passed), gated)
        new[id(product)] = replace(unpool, inputs=(gated, given), output=product.output)
    elif len(readers) != 1:
        return plan
    largest = _like(plan, pool.output)
    new[id(relu)] = replace(pool, inputs=relu.inputs[:1], output=largest)
    new[id(pool)] = replace(relu, inputs=(largest, 0.0), output=pool.output)
    return Plan(plan.buffers, [new.get(id(step), step) for step in plan.steps], plan.results)


def _like(plan: Plan, number: int) -> int:
    """Returns a new buffer of the same shape and type."""
    return plan.buffer(plan.buffers[number].shape, plan.buffers[number].dtype, "value").number


def _way_back(plan: Plan, places: Step, above: Step) -> tuple[Step, Step] | None:
    """Returns `d = max_pool2d_backward(dp, places)` and `du = d · above`, where nobody else reads what they read."""
    unpools = [step for step in plan.steps if step.op == "max_pool2d_backward" and step.inputs[1] == places.output]
    products = [step for step in plan.steps if step.op == "multiply" and above.output in step.reads]
    if len(unpools) != 1 or len(products) != 1 or set(products[0].reads) != {unpools[0].output, above.output}:
        return None
    given = {unpools[0].output, above.output, places.output}
    readers = [step for step in plan.steps if given.intersection(step.reads)]
    order = [plan.steps.index(step) for step in (unpools[0], above, products[0])]
    return (unpools[0], products[0]) if len(readers) == 2 and order == sorted(order) else None


def pools_keep_places(plan: Plan) -> Plan:
    """`y = max_pool2d(x); places = max_pool2d_places(x)` becomes one step, which looks at every window once."""
    pools = {(step.inputs, str(step.attributes)): step for step in plan.steps if step.op == "max_pool2d"}
    joined: dict[int, Step] = {}
    for step in plan.steps:
        pool = pools.get((step.inputs, str(step.attributes))) if step.op == "max_pool2d_places" else None
        if pool is not None:
            both = (*pool.makes, *step.makes)
            joined[id(step)] = Chain("max_pool2d", pool.inputs, pool.output, (), pool.attributes, (pool, step), both)
            joined[id(pool)] = joined[id(step)]
    steps = list({id(new): new for new in (joined.get(id(step), step) for step in plan.steps)}.values())
    return Plan(plan.buffers, steps, plan.results)
