"""Graphs of layers: wired as told, differentiated through every branch, kept in files, and clear about mistakes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid
from cases import numbers
from pellucid import Graph, Network, Residual, checkpoint
from pellucid.engines import Model, check_data
from pellucid.engines.recording import record_gradient
from pellucid.errors import CheckpointError, InputError
from pellucid.gradient_check import check_gradients
from pellucid.layers import Add, Affine, Concatenate, Dropout, Join, Layer, Mode, Named, ReLU, Sigmoid, Tanh
from pellucid.losses import MeanSquaredError, SoftmaxCrossEntropy
from pellucid.ops import Array
from pellucid.optimizers import SGD, Momentum
from pellucid.trace.html import as_html

F8 = np.dtype(np.float64)
X, T = numbers(1, (7, 5)), numbers(2, (7, 3))


def diamond() -> Graph:
    """x is read by two layers, and what the first made by two more."""
    graph = Graph()
    a = graph.add(Affine(4), graph.input)
    b = graph.add(Tanh(), a)
    c = graph.add(Affine(4), graph.input)
    d = graph.add(Add(), a, b, c)
    graph.add(Affine(3), d)
    return graph


def network(layers: Any = None, **options: Any) -> Network:
    options = {"engine": "reference", "dtype": "float64", "seed": 3} | options
    return Network(layers or diamond(), MeanSquaredError(), input_shape=5, **options)


# What it computes ---------------------------------------------------------------------------------------------------


def test_each_layer_reads_what_it_was_given() -> None:
    net = network()
    p = net.parameters
    a, c = X @ p["0.W"] + p["0.b"], X @ p["2.W"] + p["2.b"]
    np.testing.assert_allclose(net.predict(X), (a + np.tanh(a) + c) @ p["4.W"] + p["4.b"], rtol=1e-13)
    assert net.model.inputs == ((0,), (1,), (0,), (1, 2, 3), (4,))
    assert net.model.shapes == [(5,), (4,), (4,), (4,), (4,), (3,)]


def test_a_list_is_a_chain() -> None:
    model = Model([Affine(4), Tanh(), Affine(3)], None, (5,), 0, F8)
    assert model.inputs == ((0,), (1,), (2,))


def test_the_order_of_reading_counts() -> None:
    graph = Graph()
    a = graph.add(Affine(2), graph.input)
    graph.add(Concatenate(), graph.input, a)
    net = network(graph)
    np.testing.assert_array_equal(net.predict(X)[:, :5], X)
    np.testing.assert_allclose(net.predict(X)[:, 5:], X @ net.parameters["0.W"], rtol=1e-13)


def test_gradients_of_a_value_that_several_read_are_added() -> None:
    graph = Graph()
    graph.add(Affine(3), graph.add(Add(), graph.input, graph.input))
    traced = network(graph).trace(X, T)
    np.testing.assert_allclose(traced[0].y, 2 * X)
    report = network(graph).check_gradients(X, T)
    assert report.ok, str(report)
    assert {"layer 0 (Add): dx1", "layer 0 (Add): dx2"} <= set(report.rows)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Layers that read any earlier values; what nobody read is joined at the end."""
    graph = Graph()
    values = [(graph.input, 5)]
    for _ in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from(["affine", "tanh", "relu", "add", "concatenate"]))
        value, width = draw(st.sampled_from(values))
        if kind == "affine":
            width = draw(st.integers(1, 6))
            values.append((graph.add(Affine(width), value), width))
        elif kind in ("tanh", "relu"):
            values.append((graph.add(Tanh() if kind == "tanh" else ReLU(), value), width))
        elif kind == "add":
            fitting = st.sampled_from([known for known in values if known[1] == width])
            others = draw(st.lists(fitting, min_size=1, max_size=2))
            values.append((graph.add(Add(), value, *(other for other, _ in others)), width))
        else:
            others = draw(st.lists(st.sampled_from(values), min_size=1, max_size=2))
            joined = graph.add(Concatenate(), value, *(other for other, _ in others))
            values.append((joined, width + sum(w for _, w in others)))
    unread = [values[number][0] for number in graph.unread() if number]
    graph.add(Affine(3), graph.add(Concatenate(), values[0][0], *unread, values[-1][0]))
    return graph


@settings(max_examples=25, deadline=None)
@given(graph=graphs(), seed=st.integers(0, 99))
def test_backpropagation_through_any_graph_agrees_with_numeric_differentiation(graph: Graph, seed: int) -> None:
    model = Model(graph, MeanSquaredError(), (5,), seed, F8)
    report = check_gradients(model, X, T, seed=seed)
    assert report.ok, str(report)
    for name in model.parameters:
        assert name in report.rows


@settings(max_examples=25, deadline=None)
@given(graph=graphs())
def test_any_graph_is_the_same_on_both_engines_and_from_a_description(graph: Graph) -> None:
    ours, theirs = network(graph, engine="auto"), network(graph)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-11, atol=1e-12)
    for net in (ours, theirs):
        for _ in range(2):
            net.step(X, T, Momentum(0.01))
    np.testing.assert_allclose(ours.parameters.flat, theirs.parameters.flat, rtol=1e-9, atol=1e-11)
    described = json.loads(json.dumps(checkpoint.describe_model(theirs.model)))
    again = Graph.wired(theirs.layers, described["inputs"])
    assert (again.layers, again.inputs) == (theirs.layers, theirs.model.inputs)


def test_a_graph_is_recorded_into_one_plan() -> None:
    plan = record_gradient(network().model, labels=False)
    assert [step.op for step in plan.steps].count("affine") == 3
    names = [plan.buffers[number].name for number in plan.updates]
    assert len(names) == 6 and all(name.startswith("gradient ") for name in names)


# Residual -----------------------------------------------------------------------------------------------------------


def test_a_residual_is_its_layers_its_shortcut_and_an_add() -> None:
    model = Model([Residual([Affine(5), Tanh()]), Affine(3), Residual([Affine(2)], [Affine(2)])], None, (5,), 0, F8)
    assert model.layers == (Affine(5), Tanh(), Add(), Affine(3), Affine(2), Affine(2), Add())
    assert model.inputs == ((0,), (1,), (2, 0), (3,), (4,), (4,), (5, 6))


def test_a_residual_adds_what_came_in() -> None:
    net = network([Residual([Affine(5), Residual([Sigmoid()])]), Affine(3)])
    u = X @ net.parameters["0.W"]
    np.testing.assert_allclose(net.trace(X, T)[3].y, X + u + 1 / (1 + np.exp(-u)), rtol=1e-12)
    assert net.check_gradients(X, T).ok


def test_a_residual_in_a_graph_reads_one_value() -> None:
    graph = Graph()
    a = graph.add(Residual([Affine(5)]), graph.input)
    graph.add(Residual([Affine(3)], shortcut=[Affine(3)]), a)
    assert graph.inputs == ((0,), (1, 0), (2,), (2,), (3, 4))
    with pytest.raises(InputError, match="a Residual reads one value, got 2"):
        graph.add(Residual([Affine(3)]), a, a)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Residual([]), "layers of a Residual is empty"),
        (lambda: Residual(Affine(3)), r"layers of a Residual is Affine\(units=3.*, not a list of layers"),
        (lambda: Residual([Affine(5)], "x"), "shortcut of a Residual is 'x', not a list"),
        (lambda: network([Residual([Affine(5), Tanh])]), r"layer 1 is the class Tanh; make one: Tanh\(...\)"),
        (lambda: network([Residual([Affine(4)])]), r"layer 1, Add\(\): .*\(4,\) and \(5,\)"),
    ],
)
def test_a_residual_that_cannot_be_says_why(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


# Mistakes -----------------------------------------------------------------------------------------------------------


def add(layer: Any, count: int) -> None:
    graph = Graph()
    graph.add(layer, *[graph.input] * count)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: add(Affine(3), 0), r"layer 0, Affine\(3\), reads one value, got 0; say which: graph.input"),
        (lambda: add(Affine(3), 2), r"layer 0, Affine\(3\), reads one value, got 2; join them first"),
        (lambda: add(Add(), 1), r"layer 0, Add\(\), joins two values or more, got 1"),
        (lambda: add(Affine, 1), r"layer 0 is the class Affine; make one: Affine\(...\)"),
        (lambda: add("relu", 1), "layer 0 is 'relu', not a layer; see pellucid.layers"),
        (lambda: network([Affine(3), Add()]), r"layer 1, Add\(\), joins two values or more, got 1; in a Graph"),
        (lambda: network(Graph()), "layers is empty; a network needs at least one"),
        (lambda: Graph().add(Tanh(), Graph().input), r"layer 0, Tanh\(\), reads <the input>, which is no value of"),
        (lambda: Graph().add(Tanh(), 0), r"layer 0, Tanh\(\), reads 0, which is no value of this graph"),
        (lambda: Graph.wired([Tanh()], [[1]]), r"layer 0, Tanh\(\), reads the values \[1\], but only 0 to 0 exist"),
        (lambda: Graph.wired([Tanh()], [[-1]]), r"reads the values \[-1\], but only 0 to 0 exist before it"),
    ],
)
def test_a_graph_that_cannot_be_says_why(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_shapes_that_do_not_fit_are_both_named() -> None:
    graph = Graph()
    graph.add(Add(), graph.add(Affine(4), graph.input), graph.input)
    with pytest.raises(InputError, match=r"layer 1, Add\(\): .*\(4,\) and \(5,\)"):
        network(graph)


def test_a_value_that_leads_nowhere_is_named() -> None:
    graph = Graph()
    graph.add(Affine(4), graph.input)
    graph.add(Affine(3), graph.input)
    with pytest.raises(InputError, match=r"the output of layer 0 \(Affine\(4\)\) leads nowhere: no layer reads it"):
        network(graph)


def test_a_network_keeps_the_graph_that_it_was_given() -> None:
    graph = diamond()
    net = network(graph)
    graph.add(Tanh(), graph.input)
    assert len(net.layers) == 5 and net.predict(X).shape == (7, 3)


# What is seen of it -------------------------------------------------------------------------------------------------


def test_the_network_says_what_each_layer_reads() -> None:
    lines = repr(network()).splitlines()
    assert lines[3].endswith("-> (4,)") and lines[4].endswith("(4,)  reads the input")
    assert lines[5].endswith("-> (4,)  reads layer 0, layer 1, layer 2") and lines[6].endswith("-> (3,)")
    assert "reads" not in lines[2]


def test_a_trace_shows_all_that_a_join_read_and_what_a_delta_is_made_of() -> None:
    traced = network().trace(X, T, SGD(0.1))
    add = traced[3]
    assert add.reads == (1, 2, 3) and add.x is add.xs[0] and add.dx is add.dxs[0]
    for x, below in zip(add.xs, (traced[0], traced[1], traced[2]), strict=True):
        assert x is below.y
    np.testing.assert_allclose(traced[0].delta, traced[1].dx + add.dxs[0], rtol=1e-13)
    text = str(traced)
    assert "*** x₂ = the output of layer 1 (Tanh) ***" in text
    assert "*** du = du of layer 1 (Tanh) + dx₁ of layer 3 (Add) ***" in text
    assert "*** dx₃" in text and max(map(len, text.splitlines())) <= 80
    assert {"x₁", "x₂", "x₃", "dx₁", "dx₂", "dx₃"} <= {name for name, _ in add.arrays()}
    page = as_html(traced)
    assert "x₂" in page and "du of layer 1 (Tanh) + dx₁ of layer 3 (Add)" in page


@dataclass(frozen=True)
class Product(Join):
    """y = x₁ x₂, but one derivative is forgotten."""

    def output_shape(self, input_shapes: Any) -> Any:
        return input_shapes[0]

    def forward(self, p: Named, xs: tuple[Array, ...], mode: Mode) -> tuple[Array, Named]:  # type: ignore[override]
        return xs[0] * xs[1], Named(a=xs[0], b=xs[1])

    def backward(self, p: Named, saved: Named, dy: Array) -> tuple[tuple[Array, ...], Named]:  # type: ignore[override]
        return (dy * saved.b, dy * saved.b), Named()


def test_a_wrong_derivative_of_a_join_of_ones_own_is_found_where_it_is() -> None:
    graph = Graph()
    a, b = graph.add(Affine(4), graph.input), graph.add(Affine(4), graph.input)
    graph.add(Affine(3), graph.add(Product(), a, b))
    report = network(graph).check_gradients(X, T)
    assert [row.name for row in report.faults] == ["layer 2 (Product): dx2"]


# Kept in files ------------------------------------------------------------------------------------------------------


def test_a_file_brings_back_the_graph(tmp_path: Path) -> None:
    net = network()
    net.save(tmp_path / "net.safetensors")
    again = Network.load(tmp_path / "net.safetensors", engine="reference")
    assert again.model.inputs == net.model.inputs and again.layers == net.layers
    np.testing.assert_array_equal(again.predict(X), net.predict(X))


def test_the_description_of_a_chain_is_what_it_was() -> None:
    described = checkpoint.describe_model(network([Affine(4), Tanh(), Affine(3)]).model)
    assert list(described) == ["layers", "loss", "input_shape", "seed", "dtype"]


@pytest.mark.parametrize(
    "inputs", [[[0], [1], [0], [1, 2, 9], [4]], [[0], [1], [0], [1, 2, 3]], [[0.0], [1], [0], [1, 2], [4]], 7, [0, 1]]
)
def test_a_file_with_impossible_wiring_is_refused(tmp_path: Path, inputs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    describe = checkpoint.describe_model
    monkeypatch.setattr(checkpoint, "describe_model", lambda model: describe(model) | {"inputs": inputs})
    network().save(tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError):
        Network.load(tmp_path / "net.safetensors")


def test_a_run_of_another_wiring_is_not_resumed(tmp_path: Path) -> None:
    def wired(*values: int) -> Network:
        return network(Graph.wired([Affine(5), Affine(5), Add(), Affine(3)], [[0], [1], values, [3]]))

    class Saving(pellucid.training.Callback):  # type: ignore[name-defined, misc]
        def on_epoch_end(self, run: Any, epoch: int, logs: Any) -> None:
            run.save(tmp_path / f"{epoch}")

    options: dict[str, Any] = {"epochs": 3, "batch_size": 2, "optimizer": Momentum(0.01), "verbose": 0}
    whole = wired(1, 2)
    whole.fit(X, T, callbacks=[Saving()], **options)
    again = wired(1, 2)
    again.fit(X, T, resume=tmp_path / "1", **options)
    np.testing.assert_array_equal(again.parameters.flat, whole.parameters.flat)
    with pytest.raises(CheckpointError, match="is of a run with another inputs"):
        wired(2, 0).fit(X, T, resume=tmp_path / "1", **options)


def test_graphs_learn_and_name_where_nan_comes_up() -> None:
    graph = Graph()
    a = graph.add(Residual([Affine(5), Dropout(0.1), Tanh()]), graph.input)
    graph.add(Affine(3), a)
    net = Network(graph, SoftmaxCrossEntropy(), input_shape=5, engine="reference")
    labels = np.arange(7) % 3
    history = net.fit(X, labels, epochs=30, batch_size=3, optimizer=SGD(0.3), verbose=0)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    net.parameters["0.W"][0, 0] = 3e38
    with pytest.raises(pellucid.errors.NotFiniteError, match=r"in the output of layer 0 \(Affine\)"):
        net.step(X * 100, labels, SGD())
    assert check_data(X, labels, net.model).rows == 7
    assert isinstance(net.layers[3], Layer) and net.layers[3] == Add()
