"""onnxruntime: predictions only, one thread, NumPy arrays in and out."""

from time import perf_counter

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.problems import SOFTMAX, Array, Data, Problem, Unsupported


class OnnxRuntime:
    """One session over Gemm nodes with their activations."""

    def __init__(self, problem: Problem, data: Data, threads: int) -> None:
        self.problem, self.x = problem, data.x
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        model = _model(problem, data).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def reset(self) -> None:
        pass

    def run(self) -> float:
        samples = [{"x": self.x[i : i + 1]} for i in range(self.problem.steps)]
        names, run = ["y"], self.session.run
        began = perf_counter()
        for feed in samples:
            run(names, feed)
        return perf_counter() - began

    def result(self) -> list[Array]:
        return [np.asarray(self.session.run(["y"], {"x": self.x[:100]})[0])]


def _model(problem: Problem, data: Data) -> onnx.ModelProto:
    nodes, constants, value = [], [], "x"
    last = len(data.layers) - 1
    for index, (w, b) in enumerate(data.layers):
        constants += [numpy_helper.from_array(w, f"W{index}"), numpy_helper.from_array(b, f"b{index}")]
        nodes.append(helper.make_node("Gemm", [value, f"W{index}", f"b{index}"], [f"u{index}"]))
        hidden = "Relu" if problem.hidden == "relu" else "Sigmoid"
        kind = hidden if index < last else "Softmax" if problem.loss == SOFTMAX else "Sigmoid"
        value = f"a{index}" if index < last else "y"
        nodes.append(helper.make_node(kind, [f"u{index}"], [value]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", problem.sizes[0]])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", problem.sizes[-1]])
    graph = helper.make_graph(nodes, "network", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def make(problem: Problem, data: Data, threads: int) -> OnnxRuntime:
    if problem.kind != "predict":
        raise Unsupported("predicts only")
    return OnnxRuntime(problem, data, threads)
