"""Rewrite rules: each makes a plan shorter or quicker to replay, and leaves what it computes as it is.

A step that only rewritten plans have holds, as its parts, the steps that it stands for. So a rewritten plan still means
what it says: the interpreter carries out the parts, and the validator looks at them.
"""

from collections.abc import Callable

from pellucid.plan.ir import Plan
from pellucid.plan.rewrites.general import chains_run_in_one_pass, elementwise_steps_wait
from pellucid.plan.rewrites.images import pools_keep_places, relu_waits_for_max_pool
from pellucid.plan.rewrites.updates import updates_come_last, updates_join_products, updates_run_in_one_pass

RULES: tuple[Callable[[Plan], Plan], ...] = (
    updates_run_in_one_pass,
    updates_join_products,
    updates_come_last,
    relu_waits_for_max_pool,
    pools_keep_places,
    elementwise_steps_wait,
    chains_run_in_one_pass,
)


def rewrite(plan: Plan) -> Plan:
    """Returns the plan after all rules."""
    for rule in RULES:
        plan = rule(plan)
    return plan


__all__ = ["RULES", "rewrite"]
