"""A chain of elementwise steps as the core's program: operands, registers, and instructions over them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pellucid.engines.native.numbers import CONSTANT, FULL, MANY, OPS
from pellucid.errors import OutsideVocabulary
from pellucid.plan.ir import Operand, Step

Instruction = tuple[int, int, int, int, int]


class Program(NamedTuple):
    """What the core runs: instructions, the operands they number (kind, constant), and how many registers follow."""

    code: list[Instruction]
    operands: list[tuple[int, float]]
    registers: int

    def lines(self, named: Sequence[str]) -> Iterator[str]:
        """Yields the instructions as text, given the names of the buffers in the operands' order."""
        constants = [f"{value!r}" if kind == CONSTANT else named[i] for i, (kind, value) in enumerate(self.operands)]
        for op, dst, *sources in self.code:
            names = [constants[at] if at < len(constants) else f"r{at - len(constants)}" for at in (dst, *sources)]
            yield f"{names[0]} = {OPS[op]}({', '.join(dict.fromkeys(names[1:]))})"


NO_PROGRAM = Program([], [], 0)
COPY = Program([(OPS.index("copy"), 1, 0, 0, 0)], [(FULL, 0.0), (FULL, 0.0)], 0)


def inputs_of(steps: Sequence[Step]) -> list[int]:
    """The buffers that a chain reads from outside, in the order in which it comes to them."""
    made = {step.output for step in steps}
    return list(dict.fromkeys(n for step in steps for n in step.reads if n not in made))


def constants_of(steps: Sequence[Step]) -> list[float]:
    """The constants of a chain, each once."""
    return list(dict.fromkeys(o for step in steps for o in step.inputs if isinstance(o, float)))


def program_of(
    steps: Sequence[Step], outputs: Sequence[int], kind_of: Callable[[int], int], same: Callable[[int], int]
) -> Program:
    """Returns the program of a chain; its operands are the inputs, the constants and the outputs, in this order.

    kind_of: how an input is spread over the result. same: the number of the memory in which a buffer lies.
    """
    inputs, constants = inputs_of(steps), constants_of(steps)
    operands = [(kind_of(n), 0.0) for n in inputs] + [(CONSTANT, value) for value in constants]
    operands += [(FULL, 0.0) for _ in outputs]
    if len(operands) > MANY:
        raise OutsideVocabulary(f"the native engine takes at most {MANY} operands in one chain of ops.")
    place: dict[Operand, int] = {n: i for i, n in enumerate(inputs)}
    constant_place = {value: len(inputs) + i for i, value in enumerate(constants)}
    place |= {n: len(inputs) + len(constants) + i for i, n in enumerate(outputs)}
    temporaries = [step.output for step in steps if step.output not in outputs]
    place |= {n: len(operands) + i for i, n in enumerate(temporaries)}
    code: list[Instruction] = []
    for step in steps:
        if step.op not in OPS:
            raise OutsideVocabulary(f"the native engine has no kernel for ops.{step.op}.")
        sources = [place[o] if isinstance(o, int) else constant_place[o] for o in step.inputs]
        # What an op does not need repeats what it reads: the core sees by that what is read for the last time.
        a, b, c = (sources + [sources[0]] * 2)[:3]
        code.append((OPS.index(step.op), place[step.output], a, b, c))
    program = Program(code, operands, len(temporaries))
    for number in outputs:
        old = next((n for n in inputs if same(n) == same(number)), None)
        if old is not None:
            program = _waiting(program, place[number], place[old])
    return program


def _waiting(program: Program, new: int, old: int) -> Program:
    """Has a new value wait in a register where the old one, in the same memory, is read after it is made."""
    code = program.code
    made = next(i for i, instruction in enumerate(code) if instruction[1] == new)
    if not any(old in instruction[2:] for instruction in code[made + 1 :]):
        return program
    register = len(program.operands) + program.registers

    def held(at: int) -> int:
        return register if at == new else at

    renamed = [(op, held(dst), held(a), held(b), held(c)) for op, dst, a, b, c in code]
    return Program(
        [*renamed, (OPS.index("copy"), new, register, register, register)], program.operands, program.registers + 1
    )


def masks_applied(steps: Sequence[Step], outputs: Sequence[int]) -> tuple[Step, ...]:
    """`m = greater(a, b); y = c · m` becomes `y = multiply_greater(a, b, c)` where nobody else reads m."""
    readers = Counter(n for step in steps for n in step.reads)
    masks = {step.output: step for step in steps if step.op == "greater" and step.output not in outputs}
    made: dict[int, Step] = {}
    for step in steps:
        mask = next((n for n in step.reads if step.op == "multiply" and n in masks and readers[n] == 1), None)
        if mask is not None:
            above = made.pop(mask)
            others = [o for o in step.inputs if not isinstance(o, int) or o != mask]
            step = Step("multiply_greater", (*above.inputs, *others), step.outputs)
        made[step.output] = step
    return tuple(made.values())


def sums_fused(steps: Sequence[Step], outputs: Sequence[int]) -> tuple[Step, ...]:
    """`p = a · b; y = p + c` becomes `y = fma(a, b, c)`, rounded once, where nobody else reads p.

    For the rules of optimizers alone: what else is recorded keeps the bits of its steps.
    """
    readers = Counter(n for step in steps for n in step.reads)
    made: dict[int, Step] = {}
    for step in steps:
        if step.op == "add":
            a, b = step.inputs
            for product, other in ((a, b), (b, a)):
                found = made.get(product) if isinstance(product, int) else None
                if found is None or found.op != "multiply" or readers[found.output] != 1 or found.output in outputs:
                    continue
                del made[found.output]
                step = Step("fma", (*found.inputs, other), step.outputs)
                break
        made[step.output] = step
    return tuple(made.values())
