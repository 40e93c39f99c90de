"""The ends of the range: no parameters, one of everything, batches larger than the data, and changes in between."""

from importlib import import_module
from typing import Any

import numpy as np
import pytest

from native.pairs import OPTIMIZERS, RULES, Trainer, error
from pellucid import Network
from pellucid.engines import check_data
from pellucid.layers import Affine, Dropout, Flatten, Identity, Layer, ReLU, Rescale, Sigmoid, Softmax
from pellucid.losses import Loss, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from pellucid.optimizers import SGD, Adam, Momentum


def both(layers: list[Layer], inputs: Any, loss: Loss | None = None, dtype: str = "float64") -> list[Network]:
    return [
        Network(layers, loss or MeanSquaredError(), input_shape=inputs, dtype=dtype, engine=engine, seed=1)
        for engine in ("native", "reference")
    ]


def numbers(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape)


def assert_alike(nets: list[Network], x: Any, t: Any, optimizer: Any, batch_size: int | None = 3) -> None:
    histories = [net.fit(x, t, epochs=3, batch_size=batch_size, optimizer=optimizer, verbose=0)["loss"] for net in nets]
    assert error(*histories) < 1e-11
    assert error(*(net.parameters.flat for net in nets)) < 1e-11
    assert error(*(net.predict(x) for net in nets)) < 1e-11
    assert nets[0].evaluate(x, t) == pytest.approx(nets[1].evaluate(x, t), rel=1e-11)
    # Between the rows of parameters there are zeros, which the kernels rely on.
    used = nets[0].parameters.layout.zeros(np.dtype(np.bool_))
    for view in nets[0].parameters.layout.views(used).values():
        view[...] = True
    assert not nets[0].parameters.flat[~used].any()


@pytest.mark.parametrize(
    "layer", [Identity(), Dropout(0.4), Sigmoid(), Softmax(), Rescale(2.0, 1.0)], ids=lambda layer: type(layer).__name__
)
@pytest.mark.parametrize("optimizer", [SGD(0.1, clip_norm=1.0), Adam(0.1)], ids=str)
def test_a_network_without_parameters(layer: Layer, optimizer: Any) -> None:
    assert_alike(both([layer], 5), numbers(8, 5), numbers(8, 5), optimizer)


def test_only_shapes() -> None:
    assert_alike(both([Flatten()], (2, 3, 1)), numbers(8, 2, 3, 1), numbers(8, 6), SGD(0.1))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_one_of_everything(optimizer: Any) -> None:
    nets = both([Affine(1), Sigmoid(), Affine(1)], 1)
    assert_alike(nets, numbers(1, 1), numbers(1, 1), optimizer, batch_size=1)


@pytest.mark.parametrize("optimizer", RULES, ids=str)
def test_width_one_throughout(optimizer: Any) -> None:
    nets = both([Affine(1), ReLU(), Affine(1), Sigmoid(), Affine(1)], 1, SigmoidCrossEntropy())
    assert_alike(nets, numbers(10, 1), (numbers(10, 1) > 0).astype(float), optimizer)


@pytest.mark.parametrize("batch_size", [None, 5, 6, 1000, 10**15])
def test_batches_as_large_as_the_data_or_larger(batch_size: int | None) -> None:
    assert_alike(both([Affine(7), ReLU(), Affine(3)], 4), numbers(5, 4), numbers(5, 3), Momentum(0.01), batch_size)


@pytest.mark.parametrize("rows", [1, 2, 15, 16, 17, 31, 33])
@pytest.mark.parametrize("width", [1, 15, 16, 17, 33])
def test_widths_and_rows_about_the_vector(rows: int, width: int) -> None:
    nets = both([Affine(width), Sigmoid(), Affine(width)], width, SoftmaxCrossEntropy() if width > 1 else None)
    t = np.arange(rows) % width if width > 1 else numbers(rows, 1)
    assert_alike(nets, numbers(rows, width), t, Adam(0.01), batch_size=rows)


@pytest.mark.parametrize("inputs, batch_size", [(3000, 1), (1, 700), (700, 700)])
def test_tall_and_wide(inputs: int, batch_size: int) -> None:
    x, t = numbers(max(batch_size, 2), inputs), numbers(max(batch_size, 2), 2)
    assert_alike(both([Affine(2)], inputs), x, t, SGD(1e-4, weight_decay=0.1), batch_size)


def test_a_deep_network() -> None:
    layers = [layer for _ in range(40) for layer in (Affine(5), Sigmoid())]
    assert_alike(both(layers, 5), numbers(9, 5), numbers(9, 5), SGD(0.1))


def test_one_network_with_one_optimizer_after_another_and_one_kind_of_target_after_another() -> None:
    nets = both([Affine(6), ReLU(), Affine(4)], 3)
    x = numbers(11, 3)
    for optimizer in (SGD(0.01), Adam(0.01), SGD(0.01), Momentum(0.01), Adam(0.02)):
        for t in (numbers(11, 4), np.arange(11) % 4):
            assert_alike(nets, x, t, optimizer)
            for net in nets:
                net.step(x[:2], t[:2], optimizer)
            assert error(*(net.parameters.flat for net in nets)) < 1e-11


def test_parameters_written_by_hand_are_seen() -> None:
    nets = both([Affine(6), ReLU(), Affine(4)], 3)
    x, t = numbers(11, 3), numbers(11, 4)
    for value in (0.5, -0.25):
        for net in nets:
            net.parameters["0.W"] = np.full((3, 6), value)
            net.parameters["2.b"][1] = value
        assert error(*(net.predict(x) for net in nets)) < 1e-12
        assert_alike(nets, x, t, SGD(0.01))


def test_data_written_between_two_calls_are_seen() -> None:
    nets = both([Affine(4)], 3)
    x, t = numbers(11, 3), numbers(11, 4)
    for _ in range(3):
        assert_alike(nets, x, t, SGD(0.01))
        x *= -1.5
        t += 1.0


def test_weights_of_zero_make_a_batch_count_for_nothing() -> None:
    nets = both([Affine(4)], 3)
    x, t = numbers(6, 3), numbers(6, 4)
    weight = np.array([0.0, 0.0, 0.0, 1.0, 2.0, 0.0])
    for net in nets:
        net.fit(x, t, epochs=2, batch_size=3, shuffle=False, sample_weight=weight, optimizer=SGD(0.1), verbose=0)
    assert error(*(net.parameters.flat for net in nets)) < 1e-12


@pytest.mark.parametrize("wrong", [[0, 1, 3], [0, -1, 2], [0, 2**32, 1], [0, 2**32 + 1, 1]], ids=str)
def test_an_order_that_names_a_row_beyond_the_data_is_refused(wrong: list[int]) -> None:
    core = import_module("pellucid._core")
    core.Order(np.array([2, 0, 1]))
    with pytest.raises(ValueError, match="beyond x"):
        core.Order(np.array(wrong))


def test_an_order_of_other_data_is_refused() -> None:
    net = Network([Affine(1)], MeanSquaredError(), input_shape=2, engine="native")
    trainer, data = Trainer(net, SGD(0.1)), check_data(numbers(5, 2), numbers(5, 1), net.model)
    with pytest.raises(ValueError, match="differ in rows"):
        trainer.train(data, np.arange(4), 2, 0, 1)
    assert trainer.train(data, np.arange(5), 2, 0, 3).batches == 3
