"""Rewrite rules for elementwise steps: they stand together, and run in one pass."""

from pellucid.ops.op import OPS
from pellucid.plan.ir import Plan, Step, Uses

ELEMENTWISE = frozenset(name for name, op in OPS.items() if op.family == "elementwise")
LONGEST_CHAIN = 48


def elementwise_steps_wait(plan: Plan) -> Plan:
    """Moves every elementwise step to just before its first reader, so that chains stand together.

    Never behind an update: before the first one, everything that it could spoil is looked at.
    """
    uses = Uses(plan)
    steps = plan.steps
    updates = plan.renewed
    first_update = next((i for i, step in enumerate(steps) if not updates.isdisjoint(step.outputs)), len(steps))
    # Each step that does not move, with those that wait for it before it; `place` says who waits for whom.
    waiting: dict[int, list[int]] = {}
    place = list(range(len(steps)))
    for index in reversed(range(len(steps))):
        step = steps[index]
        readers = uses.readers_of(step.output)
        if step.op not in ELEMENTWISE or index >= first_update or not readers:
            continue
        anchor = min(place[reader] for reader in readers)
        if anchor > first_update:
            anchor, readers = first_update, []
        if anchor <= index:
            continue
        place[index] = anchor
        before = waiting.setdefault(anchor, [])
        found = set(readers)
        before.insert(next((at for at, other in enumerate(before) if other in found), len(before)), index)
    order: list[Step] = []
    for index in range(len(steps)):
        if place[index] == index:
            order += [steps[waiter] for waiter in waiting.get(index, ())]
            order.append(steps[index])
    order += [steps[waiter] for waiter in waiting.get(len(steps), ())]
    return plan.with_steps(order)


def chains_run_in_one_pass(plan: Plan) -> Plan:
    """Consecutive elementwise steps over one shape become one step."""
    uses = Uses(plan)
    steps: list[Step] = []
    chain: list[Step] = []
    made: set[int] = set()
    first = 0
    for index, step in enumerate([*plan.steps, None]):
        fits = step is not None and step.op in ELEMENTWISE and not step.parts
        if chain and not (fits and step is not None and _fits(plan, chain, made, step)):
            steps.append(_chain(plan, uses, chain, first, index))
            chain, made = [], set()
        if step is None:
            break
        if not fits:
            steps.append(step)
            continue
        if not chain:
            first = index
        chain.append(step)
        made.update(step.outputs)
    return plan.with_steps(steps)


def _fits(plan: Plan, chain: list[Step], made: set[int], step: Step) -> bool:
    shape = plan.buffers[step.output].shape
    if len(chain) >= LONGEST_CHAIN or plan.buffers[chain[-1].output].shape != shape:
        return False
    # A broadcast operand is read before the chain runs, so the chain itself must not be making it.
    return not any(n in made and plan.buffers[n].shape != shape for n in step.reads)


def _chain(plan: Plan, uses: Uses, steps: list[Step], first: int, last: int) -> Step:
    """The step that runs those numbered first .. last-1; its outputs are those of their results that others need."""
    wanted = plan.wanted
    made = [step.output for step in steps]
    outputs = [n for n in made if n in wanted or any(not first <= r < last for r in uses.readers_of(n))]
    return joined("elementwise", steps, tuple(outputs))


def joined(op: str, steps: list[Step], outputs: tuple[int, ...]) -> Step:
    """Returns one step in the place of several elementwise ones."""
    made = {n for step in steps for n in step.outputs}
    inputs = tuple(dict.fromkeys(n for step in steps for n in step.reads if n not in made))
    return Step(op, inputs, outputs, {}, tuple(steps))
