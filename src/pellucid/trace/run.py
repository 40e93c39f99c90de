"""Makes a trace: the passes of `engines.passes` on NumPy arrays, with nothing thrown away."""

import numpy as np

from pellucid import ops
from pellucid.engines import Data, Model, OptimizerState, passes
from pellucid.engines.data import batch_of
from pellucid.layers import Join, Named
from pellucid.parameters import Parameters
from pellucid.trace.structure import LayerTrace, Trace, Update


def trace(model: Model, data: Data, state: OptimizerState | None = None) -> Trace:
    """Returns every number of one pass over all rows of the data, with layers as in prediction (no dropout).

    state: an optimizer with its memory; the trace then holds the update of all that is learned that it would make from
    these gradients. Nothing is changed.

    The numbers are those of the reference passes, in the model's type, whatever engine runs the network: the native
    engine's plan is recorded from these same lines, keeps its intermediate numbers in registers where it can, and is
    tested to agree with them.
    """
    x, t, weight = batch_of(data, slice(None), model)
    if data.labels:
        t = ops.one_hot(t, classes=model.output_shape[0], dtype=model.dtype)
    assert model.loss is not None, "checked by check_data"
    with np.errstate(all="ignore"):
        done = passes.forward(model, model.parameters, x, training=False)
        result = passes.backward(model, model.loss, model.parameters, done, t, weight)
        update = None if state is None else _update(model, result, state)
    layers = tuple(_layer(model, index, done, result) for index in range(len(model.layers)))
    gradients = {name: result.gradients[name] for name in model.learned}
    return Trace(layers, model.loss, float(result.loss), result.row_losses, t, weight, gradients, update)


def _layer(model: Model, index: int, done: passes.Forward, result: passes.Backward) -> LayerTrace:
    layer, reads, dx = model.layers[index], model.inputs[index], result.inputs[index]
    return LayerTrace(
        name=model.name_of(index),
        layer=layer,
        reads=reads,
        xs=tuple(done.values[number] for number in reads),
        y=done.values[index + 1],
        saved=done.saved[index],
        parameters=Named({name: values.copy() for name, values in model.own(index, model.parameters).items()}),
        delta=result.deltas[index + 1],
        dxs=tuple(dx) if isinstance(layer, Join) else (dx,),
        gradients=model.own(index, result.gradients),
    )


def _update(model: Model, result: passes.Backward, state: OptimizerState) -> Update:
    """The update on copies of the parameters and of the optimizer's memory."""
    optimizer = state.optimizer
    changed = Parameters(model.parameters.layout, model.dtype)
    changed.flat[:] = model.parameters.flat
    slots = {slot: model.parameters.layout.views(flat.copy()) for slot, flat in state.slots.items()}
    one = Named({name: float(values[0]) for name, values in state.scalars().items()})
    passes.learned(model, optimizer, changed, result.gradients, slots, one).store(changed, slots)
    before = {name: model.parameters[name].copy() for name in model.learned}
    return Update(optimizer, before, {name: changed[name] for name in model.learned})
