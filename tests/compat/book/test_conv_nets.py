"""SimpleConvNet and DeepConvNet: gradients, native against layer by layer, and their params in a file."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.compat.book.ch07.simple_convnet import SimpleConvNet
from pellucid.compat.book.ch08.deep_convnet import DeepConvNet
from pellucid.errors import FormatError, InputError

RNG = np.random.default_rng(2)
X = RNG.random((4, 1, 9, 9)).astype(np.float32)
T = np.array([0, 2, 1, 2], dtype=np.uint8)
ROWS = np.eye(3)[T]

SMALL = {"filter_num": 2, "filter_size": 3, "pad": 1, "stride": 1}
CONV = {"filter_num": 3, "filter_size": 3, "pad": 0, "stride": 1}


def simple(**options: Any) -> SimpleConvNet:
    np.random.seed(1)
    return SimpleConvNet((1, 9, 9), CONV, 4, 3, 0.5, **options)


def deep(**options: Any) -> DeepConvNet:
    np.random.seed(1)
    return DeepConvNet((1, 9, 9), SMALL, SMALL, SMALL, SMALL, SMALL, SMALL, 5, 3, **options)


every = pytest.mark.parametrize("make", [simple, deep])


@every
@pytest.mark.parametrize("t", [T, ROWS, T[:, None]])
def test_backpropagation_is_numeric_differentiation(make: Any, t: np.ndarray) -> None:
    net = make()
    for key, value in net.params.items():
        if key.startswith("b"):
            # With biases of 0 many a ReLU sits at its kink, where central differences give half.
            value[...] = np.random.RandomState(7).uniform(0.1, 0.5, value.shape)
    np.random.seed(4)
    numeric = net.numerical_gradient(X, t)
    gradient = net.gradient(X, t)
    assert list(gradient) == list(net.params)
    for key in net.params:
        assert np.allclose(gradient[key], numeric[key], atol=1e-6), key
        assert gradient[key].any(), key


@every
def test_native_passes_are_those_layer_by_layer(make: Any) -> None:
    ours, theirs = make(), make(faithful=True)
    assert ours._native(True).network.engine == "native" and theirs._twin is None
    for _ in range(2):
        np.random.seed(3)
        mine = ours.gradient(X, T)
        np.random.seed(3)
        other = theirs.gradient(X, T)
        assert all(np.allclose(mine[key], other[key], atol=1e-6) for key in mine)
        for net in (ours, theirs):
            for key in net.params:
                net.params[key] -= 0.1 * other[key]
    assert np.allclose(ours.predict(X), theirs.predict(X), atol=1e-12)
    assert ours.accuracy(X, ROWS) == ours.accuracy(X, T, batch_size=3) == theirs.accuracy(X, T, batch_size=4)


def test_layers_can_go_back_by_hand_with_the_masks_that_were_drawn() -> None:
    net = deep()
    expected = net.gradient(X, T)
    dout = net.last_layer.backward(1)
    for layer in net.layers[::-1]:
        dout = layer.backward(dout)
    assert dout.shape == X.shape and np.allclose(net.layers[0].dW, expected["W1"], atol=1e-12)


def test_first_weights_and_layers_are_the_books() -> None:
    net = DeepConvNet()
    shapes = [net.params[f"W{number}"].shape for number in range(1, 9)]
    assert shapes[:3] == [(16, 1, 3, 3), (16, 16, 3, 3), (32, 16, 3, 3)] and shapes[5:] == [
        (64, 64, 3, 3),
        (1024, 50),
        (50, 10),
    ]
    learning = [place for place, layer in enumerate(net.layers) if layer.learns]
    assert learning == [0, 2, 5, 7, 10, 12, 15, 18] and len(net.layers) == 20
    assert net.params["W2"].std() == pytest.approx(np.sqrt(2 / 144), rel=0.05)
    np.random.seed(1)
    drawn = 0.5 * np.random.randn(3, 1, 3, 3)
    small = simple()
    assert np.array_equal(small.params["W1"], drawn)
    assert small.params["W2"].shape == (3 * 3 * 3, 4)
    assert list(small.layers) == ["Conv1", "Relu1", "Pool1", "Affine1", "Relu2", "Affine2"]


def test_dropout_is_in_the_loss_and_not_in_predictions() -> None:
    net = deep()
    assert net.loss(X, T) != net.loss(X, T)
    assert np.array_equal(net.predict(X), net.predict(X))
    assert not np.array_equal(net.predict(X, train_flg=True), net.predict(X))


def test_rows_are_read_as_images_and_half_floats_as_numbers() -> None:
    net = deep()
    assert np.array_equal(net.predict(X.reshape(4, 81)), net.predict(X))
    exact = net.predict(X)
    for param in net.params.values():
        param[...] = param.astype(np.float16)
    assert np.allclose(net.predict(X.astype(np.float16)), exact, atol=0.02)
    for key, param in net.params.items():
        net.params[key] = param.astype(np.float16)
    assert np.allclose(net.predict(X.astype(np.float16)), exact, atol=0.02)


@every
def test_params_come_back_from_their_file(make: Any, tmp_path: Path) -> None:
    net, other = make(), make()
    for value in other.params.values():
        value += 1.0
    net.save_params(tmp_path / "params.pkl")
    assert list(pickle.loads((tmp_path / "params.pkl").read_bytes())) == list(net.params)
    other.load_params(tmp_path / "params.pkl")
    assert np.array_equal(other.predict(X), net.predict(X))
    assert np.array_equal(copy.deepcopy(net).predict(X), net.predict(X))


@pytest.mark.parametrize("protocol", range(6))
def test_params_of_every_protocol_are_read(protocol: int, tmp_path: Path) -> None:
    net, path = simple(), tmp_path / "params.pkl"
    wanted = {key: np.asfortranarray(np.array(value) + 1) for key, value in net.params.items()}
    path.write_bytes(pickle.dumps(wanted, protocol=protocol))
    net.load_params(path)
    assert all(np.array_equal(net.params[key], wanted[key]) for key in wanted)


class Hostile:
    def __init__(self, *call: Any) -> None:
        self._call = call

    def __reduce__(self) -> Any:
        return self._call


CHANGES_A_FUNCTION = b"cnumpy.core.multiarray\n_reconstruct\n(N}S'__defaults__'\n(I1\ntstb."
"""Would set an attribute of the function that stands in for NumPy's, by BUILD with a dictionary."""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps({"W1": Hostile(print, ("owned",))}), "refused: only arrays are read"),
        (pickle.dumps({"W1": Hostile(exec, ("import os",))}, protocol=0), "refused: only arrays are read"),
        (pickle.dumps({"W1": np.array([print], dtype=object)}), "refused"),
        (CHANGES_A_FUNCTION, "changes a function, which is refused"),
        (pickle.dumps([1, 2]), "holds a list, where a dictionary of arrays was expected"),
        (pickle.dumps({"W1": [1]}), "holds a list where an array was expected"),
        (pickle.dumps({1: np.zeros(2)}), "an array under 1, where a name was expected"),
        (pickle.dumps({"W1": np.zeros(2)})[:-20], "undamaged pickle"),
        (b"", "undamaged pickle"),
        (pickle.dumps({"W1": {"a": set()}}), "EMPTY_SET, which is refused"),
        (pickle.dumps({str(n): 0 for n in range(20000)}), "more parts"),
        (pickle.dumps({"W1": np.zeros((3, 1, 3, 3))}), "has no 'b1'; it has W1"),
    ],
)
def test_a_pickle_of_anything_but_arrays_is_refused(
    content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net, path = simple(), tmp_path / "params.pkl"
    path.write_bytes(content)
    before = net.predict(X)
    with pytest.raises(FormatError, match=said):
        net.load_params(path)
    assert np.array_equal(net.predict(X), before) and capsys.readouterr().out == ""


def test_params_that_are_not_this_networks(tmp_path: Path) -> None:
    net, path = simple(), tmp_path / "params.pkl"
    with pytest.raises(InputError, match=r"params\.pkl"):
        net.load_params(path)
    path.write_bytes(pickle.dumps({**net.params, "b3": np.zeros(5)}))
    with pytest.raises(InputError, match=r"b3 .* has the shape \(5,\), but the network's has \(3,\)"):
        net.load_params(path)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: SimpleConvNet((28, 28)), r"input_dim must be \(channels, height, width\)"),
        (lambda: SimpleConvNet((1, 9, 9), {"filter_num": 3}), "conv_param has no filter_size, pad, stride"),
        (lambda: SimpleConvNet((1, 4, 4)), "larger than|5"),
        (lambda: simple().predict(X[:, :, :8]), r"the network takes numbers \(N, 1, 9, 9\)"),
        (lambda: simple().accuracy(X[:0], T[:0]), "t has no rows"),
    ],
)
def test_sizes_that_do_not_fit(call: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()
