"""Layers and losses of one's own: those of examples/own_layer.py, and some that are hard to record."""

import importlib.util
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from native.pairs import error
from pellucid import Network, ops
from pellucid.engines.native import compiled
from pellucid.errors import InputError, OutsideVocabulary
from pellucid.initializers import Constant, Normal
from pellucid.layers import Affine, Flatten, Layer, Named, Parameter, Sigmoid
from pellucid.losses import Loss, MeanSquaredError, SoftmaxCrossEntropy
from pellucid.optimizers import SGD, Adam, Momentum, Optimizer

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "own_layer.py"
X = np.random.default_rng(0).normal(size=(31, 4))
T = np.random.default_rng(1).normal(size=(31, 4))


def load_example() -> Any:
    spec = importlib.util.spec_from_file_location("own_layer", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = load_example()


def both(layers: list[Layer], loss: Loss | None = None, **options: Any) -> tuple[Network, Network]:
    chosen = {"input_shape": 4, "dtype": "float64", "threads": 1} | options
    auto = Network(layers, loss or MeanSquaredError(), **chosen)
    return auto, Network(layers, loss or MeanSquaredError(), engine="reference", **chosen)


def assert_alike(native: Network, reference: Network, optimizer: Any = None) -> None:
    assert native.engine == "native", native.engine_reason
    assert error(native.predict(X), reference.predict(X)) < 1e-12
    _, found = native.gradient(X, T)
    _, expected = reference.gradient(X, T)
    assert all(error(found[name], gradient) < 1e-12 for name, gradient in expected.items())
    for net in (native, reference):
        net.fit(X, T, epochs=4, batch_size=7, optimizer=optimizer or SGD(0.01), verbose=0)
    assert error(native.parameters.flat, reference.parameters.flat) < 1e-11


def test_the_example_tells_which_engine_runs_what(capsys: pytest.CaptureFixture[str]) -> None:
    example.main()
    told = capsys.readouterr().out
    assert "PReLU and LogCosh: native engine, the fastest that runs this network" in told
    why = "the native engine cannot run this network: layer 1 (Arctan): np.arctan is not an op"
    assert f"Arctan: reference engine, {why}" in told
    losses = [float(loss) for loss in re.findall(r"^loss ([0-9.]+)$", told, re.M)]
    assert len(losses) == 2 and losses[0] < 0.01


def test_the_page_shows_the_code_of_the_example() -> None:
    page = (ROOT / "docs" / "own-layers.md").read_text(encoding="utf-8")
    source = EXAMPLE.read_text(encoding="utf-8")
    shown = [block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "class " in block]
    of_rules = [block for block in shown if "(Optimizer)" in block]
    assert len(of_rules) == 1
    layers = [block for block in shown if block not in of_rules]
    assert len(layers) == 2
    for block in layers:
        for line in block.splitlines():
            assert line.strip(' "') in source, line


def test_the_optimizer_on_the_page_runs_natively_as_on_the_reference() -> None:
    page = (ROOT / "docs" / "own-layers.md").read_text(encoding="utf-8")
    (block,) = (b for b in re.findall(r"```python\n(.*?)```", page, re.S) if "(Optimizer)" in b)
    names = {"dataclass": dataclass, "Optimizer": Optimizer, "Named": Named, "Array": Any, "ops": ops}
    exec(block, names)
    optimizer = next(
        v for v in names.values() if isinstance(v, type) and issubclass(v, Optimizer) and v is not Optimizer
    )
    assert_alike(*both([Affine(4), Sigmoid(), Affine(4)]), optimizer(0.01))


@pytest.mark.parametrize("optimizer", [SGD(0.01), Momentum(0.01, clip_norm=0.1), Adam(0.01)], ids=str)
def test_the_example_runs_natively_as_on_the_reference(optimizer: Any) -> None:
    layers = [Affine(6), example.PReLU(), Affine(4), example.PReLU(0.1)]
    native, reference = both(layers, example.LogCosh())
    assert native.check_gradients(X, T).ok
    assert_alike(native, reference, optimizer)


def test_what_leaves_the_vocabulary_says_why_wherever_it_is_asked() -> None:
    net, _ = both([Affine(4), example.Arctan()])
    assert net.engine == "reference"
    assert net.engine_reason.startswith(
        "the native engine cannot run this network: layer 1 (Arctan): np.arctan is not an op"
    )
    net.fit(X, T, epochs=1, verbose=0)
    with pytest.raises(OutsideVocabulary, match=r"^layer 1 \(Arctan\): np.arctan is not an op"):
        net.plan()
    with pytest.raises(InputError, match=r"^engine='native' cannot run this network: layer 1 \(Arctan\): np.arctan is"):
        both([Affine(4), example.Arctan()], engine="native")


@dataclass(frozen=True)
class Squared(Loss):
    """A loss that is more than ops."""

    def forward(self, y: Any, t: Any) -> Any:
        return ((y - t) ** 2).sum(axis=1, keepdims=True), Named(d=y - t)

    def backward(self, saved: Named) -> Any:
        return 2 * saved.d


def test_a_loss_that_leaves_the_vocabulary_is_named() -> None:
    net, _ = both([Affine(4)], Squared())
    assert net.engine == "reference" and "the loss (Squared): `**` is not an op" in net.engine_reason
    net.fit(X, T, epochs=1, verbose=0)


OUTSIDE = {
    "a method": lambda x: x.mean(axis=1, keepdims=True) + x,
    "a power": lambda x: x**2,
    "a comparison": lambda x: np.where(x > 0, x, 0),
    "an index": lambda x: x[:, ::-1],
    "a shape": lambda x: x * np.ones(x.shape),
    "a count of rows": lambda x: x / x.shape[0],
    "a length": lambda x: x / len(x),
    "a branch": lambda x: x if x.any() else -x,
    "another array": lambda x: x * np.arange(4.0),
    "a built-in": lambda x: abs(x),
    "a loop": lambda x: np.array(list(x)),
    "a ufunc that is no op": lambda x: np.cosh(x),
    "a function of NumPy": lambda x: np.clip(x, 0, 1),
    "a ufunc with an output": lambda x: np.add(x, 1.0, out=np.empty_like(X[: len(x)])),
}


@pytest.mark.parametrize("way", OUTSIDE)
def test_every_way_out_of_the_vocabulary_leads_to_the_reference_engine(way: str) -> None:
    @dataclass(frozen=True)
    class Own(Layer):
        def forward(self, p: Named, x: Any, mode: Any) -> Any:
            return OUTSIDE[way](x), Named()

        def backward(self, p: Named, saved: Named, dy: Any) -> Any:
            return dy, Named()

    net, _ = both([Affine(4), Own()])
    assert net.engine == "reference" and "layer 1 (Own)" in net.engine_reason
    net.fit(X, T, epochs=1, verbose=0)


@pytest.mark.parametrize("way", OUTSIDE)
def test_a_derivative_outside_the_vocabulary_leads_there_too(way: str) -> None:
    @dataclass(frozen=True)
    class Own(Layer):
        def forward(self, p: Named, x: Any, mode: Any) -> Any:
            return x * 2.0, Named()

        def backward(self, p: Named, saved: Named, dy: Any) -> Any:
            return OUTSIDE[way](dy), Named()

    net, _ = both([Affine(4), Own()])
    assert net.engine == "reference" and "layer 1 (Own)" in net.engine_reason


def test_a_fault_of_a_layer_is_not_mistaken_for_a_word_outside() -> None:
    @dataclass(frozen=True)
    class Faulty(Layer):
        def forward(self, p: Named, x: Any, mode: Any) -> Any:
            return None + x.sum(), Named()

        def backward(self, p: Named, saved: Named, dy: Any) -> Any:
            return dy, Named()

    net, _ = both([Affine(4), Faulty()])
    with pytest.raises(TypeError, match="unsupported operand"):
        net.fit(X, T, epochs=1, verbose=0)


# Layers that are hard to record --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale(Layer):
    """y = (s² + ½) · x + c with s (I,), c (), and a third parameter that nothing uses."""

    def parameters(self, input_shape: Any) -> Any:
        shapes = {"s": input_shape, "c": (), "unused": (3, *input_shape)}
        return {name: Parameter(shape, Normal(0.5)) for name, shape in shapes.items()}

    def forward(self, p: Named, x: Any, mode: Any) -> Any:
        return x * (ops.square(p.s) + 0.5) + p.c, Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Any) -> Any:
        ds = ops.sum_rows(dy * saved.x) * (2.0 * p.s)
        return dy * (ops.square(p.s) + 0.5), Named(s=ds, c=ops.sum_all(dy), unused=p.unused * 0.0)


@pytest.mark.parametrize(
    "optimizer", [SGD(0.01, weight_decay=0.1), Momentum(0.01, clip_value=0.05), Adam(0.01)], ids=str
)
def test_parameters_read_by_elementwise_ops_and_gradients_that_read_nothing_else(optimizer: Any) -> None:
    native, reference = both([Scale(), Affine(4), Sigmoid(), Scale()])
    assert_alike(native, reference, optimizer)


@dataclass(frozen=True)
class Shifted(Layer):
    """y = x + reshape(v): a vector that is reshaped, which lies otherwise in memory than what it becomes."""

    def parameters(self, input_shape: Any) -> Any:
        return {"v": Parameter((*input_shape, 1), Constant(0.3)), "w": Parameter((1, *input_shape), Normal(1.0))}

    def forward(self, p: Named, x: Any, mode: Any) -> Any:
        return x + ops.matmul_nt(x, ops.matmul(p.v, p.w)), Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Any) -> Any:
        dm = ops.matmul_tn(dy, saved.x)
        dv, dw = ops.matmul_nt(dm, p.w), ops.matmul_tn(p.v, dm)
        return dy + ops.matmul(dy, ops.matmul(p.v, p.w)), Named(v=dv, w=dw)


@pytest.mark.parametrize("optimizer", [SGD(0.01, weight_decay=0.1), Momentum(0.01), Adam(0.01)], ids=str)
def test_a_product_of_two_parameters(optimizer: Any) -> None:
    native, reference = both([Shifted()])
    assert native.check_gradients(X, T).ok
    assert_alike(native, reference, optimizer)


@dataclass(frozen=True)
class Reshaped(Layer):
    """y = x · reshape(v), v (I,) read as (I, 1)."""

    def parameters(self, input_shape: Any) -> Any:
        return {"v": Parameter(input_shape, Normal(1.0))}

    def forward(self, p: Named, x: Any, mode: Any) -> Any:
        return x * ops.matmul(x, ops.reshape(p.v, shape=(1,))), Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Any) -> Any:
        s = ops.matmul(saved.x, ops.reshape(p.v, shape=(1,)))
        ds = ops.sum_columns(dy * saved.x)
        return dy * s + ds * p.v, Named(v=ops.sum_rows(ds * saved.x))


def test_a_reshaped_parameter_is_right_on_whichever_engine_runs_it() -> None:
    net, reference = both([Reshaped()])
    assert error(net.predict(X), reference.predict(X)) < 1e-12
    for each in (net, reference):
        each.fit(X, T, epochs=2, batch_size=7, optimizer=SGD(0.001), verbose=0)
    assert error(net.parameters.flat, reference.parameters.flat) < 1e-12


# What the native engine once computed otherwise, without a word -------------------------------------------------------


@dataclass(frozen=True)
class OneHot(Layer):
    """Its input's whole numbers as rows of an identity: not the batch's labels."""

    classes: int = 3

    def output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0] * self.classes,)

    def forward(self, p: Named, x: Any, mode: Any) -> Any:
        rows = ops.one_hot(x, classes=self.classes, dtype=x.dtype)
        return ops.reshape(rows, shape=(x.shape[1] * self.classes,)), Named(x=x)

    def backward(self, p: Named, saved: Named, dy: Any) -> Any:
        return saved.x * 0.0, Named()


def test_one_hot_reads_its_operand_and_not_the_labels() -> None:
    generator = np.random.default_rng(3)
    x, labels = generator.integers(0, 3, (40, 4)).astype(float), generator.integers(0, 3, 40)
    layers, options = [OneHot(), Affine(3)], {"input_shape": 4, "dtype": "float64", "seed": 1}
    net, reference = (Network(layers, SoftmaxCrossEntropy(), engine=e, **options) for e in ("auto", "reference"))
    assert error(net.predict(x), reference.predict(x)) < 1e-12
    for each in (net, reference):
        each.fit(x, labels, epochs=3, batch_size=8, optimizer=SGD(0.1), verbose=0)
    assert error(net.parameters.flat, reference.parameters.flat) < 1e-11
    assert net.evaluate(x, labels)["accuracy"] == reference.evaluate(x, labels)["accuracy"] < 1
    assert error(net.predict(x[:1]), reference.predict(x[:1])) < 1e-12


@dataclass(frozen=True)
class InPlace(Layer):
    """y = 2 · 2 x, of which z should be the half: by `y *= 2` on the other name it is not."""

    def forward(self, p: Named, x: Any, mode: Any) -> Any:
        y = x * 2.0
        z = y
        y *= 2.0
        return y, Named(z=z)

    def backward(self, p: Named, saved: Named, dy: Any) -> Any:
        return dy * saved.z, Named()


def test_a_value_changed_in_place_leads_to_the_reference_engine_with_a_sentence() -> None:
    net, reference = both([Affine(4), InPlace()])
    assert net.engine == "reference"
    assert "layer 1 (InPlace): a recording array cannot be changed in place" in net.engine_reason
    assert "write y = y + d" in net.engine_reason
    (_, found), (_, expected) = net.gradient(X, T), reference.gradient(X, T)
    assert all(error(found[name], gradient) == 0 for name, gradient in expected.items())
    with pytest.raises(InputError, match=r"engine='native' cannot run this network: layer 1 \(InPlace\)"):
        both([Affine(4), InPlace()], engine="native")


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda x: ops.tanh(x, axis=1), r"ops\.tanh\(x\) has no attribute 'axis'"),
        (lambda x: ops.tanh(x, x), r"ops\.tanh\(x\) takes 1 operands, got 2"),
        (lambda x: ops.slice_columns(x, frist=0, last=4), r"did you mean 'first'\?"),
    ],
)
@pytest.mark.parametrize("engine", ["auto", "native"])
def test_what_an_op_does_not_take_is_refused_by_name(use: Any, said: str, engine: str) -> None:
    @dataclass(frozen=True)
    class Surplus(Layer):
        def forward(self, p: Named, x: Any, mode: Any) -> Any:
            return use(x), Named()

        def backward(self, p: Named, saved: Named, dy: Any) -> Any:
            return dy, Named()

    with pytest.raises(InputError, match=said):
        both([Affine(4), Surplus()], engine=engine)


@dataclass(frozen=True)
class Mixing(Layer):
    """Attention without weights, over 4 positions of 4 numbers: y = x·xᵀ·x and the largest of each row beside it."""

    def forward(self, p: Named, x: Any, mode: Any) -> Any:
        scores = ops.matmul_nt(x, x)
        top = ops.max_columns(x)
        return ops.matmul(scores, x) - top, Named(x=x, scores=scores, top=top)

    def backward(self, p: Named, saved: Named, dy: Any) -> Any:
        x, scores = saved.x, saved.scores
        dscores = ops.matmul_nt(dy, x)
        first = ops.matmul(dscores, x) + ops.matmul_tn(dscores, x) + ops.matmul_tn(scores, dy)
        return first - ops.greater_equal(x, saved.top) * ops.sum_columns(dy), Named()


def test_batched_products_and_a_maximum_over_three_dimensions_run_whatever_the_engine() -> None:
    layers = [Mixing(), Flatten(), Affine(4)]
    x = np.random.default_rng(5).normal(size=(31, 4, 4))
    net, reference = both(layers, input_shape=(4, 4))
    assert reference.check_gradients(x, T).ok
    assert error(net.predict(x), reference.predict(x)) < 1e-12
    for each in (net, reference):
        each.fit(x, T, epochs=2, batch_size=7, optimizer=SGD(0.001), verbose=0)
    assert error(net.parameters.flat, reference.parameters.flat) < 1e-11


# Recorded once -------------------------------------------------------------------------------------------------------


def test_a_network_records_each_plan_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[Any] = Counter()

    def counting(name: str) -> None:
        right = getattr(compiled, name)

        def call(model: Any, *given: Any, **options: Any) -> Any:
            kept = [g for g in given if isinstance(g, bool | Optimizer)]
            counts[(name, *map(str, kept))] += 1
            return right(model, *given, **options)

        monkeypatch.setattr(compiled, name, call)

    for name in ("record_prediction", "record_evaluation", "record_passes", "record_step", "record_gradient"):
        counting(name)
    counting("record_apply")
    optimizer = SGD(0.1)
    t = np.arange(31) % 3
    net = Network([Affine(3), Sigmoid()], MeanSquaredError(), input_shape=4)
    net.fit(X, t, epochs=2, batch_size=7, optimizer=optimizer, validation_data=(X, t), verbose=0)
    net.fit(X, t, epochs=1, batch_size=20, optimizer=optimizer, verbose=0)  # larger batches
    for _ in range(2):
        net.step(X, t, optimizer)
        net.step(X[:1], t[:1], optimizer)
        net.evaluate(X, t), net.predict(X), net.gradient(X, t), net.predict(X[:1])
        net.apply(net.gradient(X, t, training=True)[1], optimizer)
        net.fit(X, t, epochs=1, optimizer=SGD(0.1), verbose=0)  # an equal one
    assert counts and set(counts.values()) == {1}, counts
    before = dict(counts)
    net.step(X, t, Momentum(0.1))
    new = {key: n for key, n in counts.items() if before.get(key) != n}
    assert list(new.values()) == [1] and next(iter(new))[0] == "record_step"
