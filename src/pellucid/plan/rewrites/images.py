"""Rewrite rules for images: what they leave is equal to the last bit, with less to go through."""

from pellucid.plan.ir import Plan, Step, Uses


def relu_waits_for_max_pool(plan: Plan) -> Plan:
    """`max_pool2d(maximum(u, 0))` becomes `maximum(max_pool2d(u), 0)`, and the way back likewise.

    The largest of a window is the same before and after, and so is the cell it came from wherever it is above 0; where
    it is not, no gradient goes through. Between the two lies only what the pool has left over: a quarter, mostly.
    """
    if not any(step.op == "max_pool2d" for step in plan.steps):
        return plan
    plan = plan.copy()
    uses = Uses(plan)
    for relu in [step for step in plan.steps if step.op == "maximum" and step.inputs[1:] == (0.0,)]:
        changed = _swapped(plan, uses, relu)
        if changed is not None:
            plan, uses = changed, Uses(changed)
    return plan


def _swapped(plan: Plan, uses: Uses, relu: Step) -> Plan | None:
    """Returns the plan with this ReLU behind the pool that follows it, None where others read it."""
    readers = [plan.steps[index] for index in uses.readers_of(relu.output)]
    by_op = {step.op: step for step in readers}
    pool, places, above = (by_op.get(op) for op in ("max_pool2d", "max_pool2d_places", "greater"))
    if pool is None or relu.output in plan.wanted or len(readers) != len(by_op):
        return None
    new: dict[int, Step] = {}
    if places is not None and above is not None and len(readers) == 3:
        back = _way_back(plan, uses, places, above)
        if back is None or above.inputs != (relu.output, 0.0):
            return None
        unpool, product = back
        dy, given = unpool.inputs
        passed, gated = _like(plan, pool.output), _like(plan, pool.output)
        new[id(places)] = places._replace(inputs=relu.inputs[:1])
        new[id(unpool)] = Step("greater", (pool.output, 0.0), (passed,))
        new[id(above)] = Step("multiply", (dy, passed), (gated,))
        new[id(product)] = unpool._replace(inputs=(gated, given), outputs=product.outputs)
    elif len(readers) != 1:
        return None
    largest = _like(plan, pool.output)
    new[id(relu)] = pool._replace(inputs=relu.inputs[:1], outputs=(largest,))
    new[id(pool)] = relu._replace(inputs=(largest, 0.0), outputs=pool.outputs)
    return plan.with_steps([new.get(id(step), step) for step in plan.steps])


def _like(plan: Plan, number: int) -> int:
    """Returns a new buffer of the same shape and type."""
    return plan.buffer(plan.buffers[number].shape, plan.buffers[number].dtype, "value").number


def _way_back(plan: Plan, uses: Uses, places: Step, above: Step) -> tuple[Step, Step] | None:
    """Returns `d = max_pool2d_backward(dp, places)` and `du = d · above`, where nobody else reads what they read."""
    at = uses.only_reader(places.output), uses.only_reader(above.output)
    if at[0] is None or at[1] is None:
        return None
    unpool, product = plan.steps[at[0]], plan.steps[at[1]]
    if unpool.op != "max_pool2d_backward" or uses.only_reader(unpool.output) != at[1] or product.op != "multiply":
        return None
    if set(product.reads) != {unpool.output, above.output}:
        return None
    order = [uses.maker[n] for n in (unpool.output, above.output, product.output)]
    return (unpool, product) if order == sorted(order) else None


def pools_keep_places(plan: Plan) -> Plan:
    """`y = max_pool2d(x); places = max_pool2d_places(x)` becomes one step, which looks at every window once."""
    pools = {(step.inputs, str(step.attributes)): step for step in plan.steps if step.op == "max_pool2d"}
    joined: dict[int, Step] = {}
    for step in plan.steps:
        pool = pools.get((step.inputs, str(step.attributes))) if step.op == "max_pool2d_places" else None
        if pool is not None:
            both = (*pool.outputs, *step.outputs)
            joined[id(step)] = Step("max_pool2d", pool.inputs, both, pool.attributes, (pool, step))
            joined[id(pool)] = joined[id(step)]
    if not joined:
        return plan
    return plan.with_steps(list({id(new): new for new in (joined.get(id(step), step) for step in plan.steps)}.values()))
