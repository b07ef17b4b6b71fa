"""ONNX graphs in the making, and the operators of each layer that our policies are made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from stable_baselines3.common.torch_layers import FlattenExtractor, NatureCNN
from torch import Tensor, nn

from agents.distributions import ActionRange, BoundedMean
from agents.normalization import ObservationNormalizer
from agents.symmetry import MirrorAverage, Reflection, WithMirrorImages
from locomotion.errors import UsageError

OPSET = 18
IR_VERSION = 9  # of files: onnxruntime reads it since 1.17
ROWS = "batch"  # name of the first dimension of all values


class Graph:
    """A graph in the making: its operators, their constants, and what goes in and comes out."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, *shape: int, dtype: int = TensorProto.FLOAT) -> str:
        """Add an input (batch, *shape); return its name."""
        self._inputs.append(helper.make_tensor_value_info(name, dtype, [ROWS, *shape]))
        return name

    def output(self, name: str, value: str, *shape: int, dtype: int = TensorProto.FLOAT) -> None:
        """Make a value (batch, *shape) an output of this name."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, dtype, [ROWS, *shape]))

    def add(self, operator: str, *inputs: str | Tensor | np.ndarray | float, **attributes: Any) -> str:
        """Add an operator of one output; return the name of that.

        Args:
            operator: of ONNX.
            *inputs: names of values, or numbers, which are float32 unless they are whole.
            **attributes: of the operator.
        """
        return self._node(operator, inputs, 1, attributes)[0]

    def split(self, value: str, parts: int, axis: int = 1) -> list[str]:
        """Return the names of equal parts of a value."""
        return self._node("Split", (value,), parts, {"axis": axis, "num_outputs": parts})

    def model(self, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """Return the finished graph, checked, as the content of a file."""
        graph = helper.make_graph(self._nodes, "policy", self._inputs, self._outputs, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model

    def _node(self, operator: str, inputs: tuple[Any, ...], outputs: int, attributes: dict[str, Any]) -> list[str]:
        names = [one if isinstance(one, str) else self._constant(one) for one in inputs]
        made = [f"{operator.lower()}_{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(operator, names, made, **attributes))
        return made

    def _constant(self, value: Tensor | np.ndarray | float) -> str:
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array.copy(), name))
        return name


@singledispatch
def layer(module: nn.Module, graph: Graph, x: str) -> str:
    """Add a module's operators on a value (batch, ...); return the name of the result.

    Raises:
        UsageError: where there are none for it.
    """
    raise UsageError(f"a layer of a user's own cannot be exported, got {type(module).__name__}")


@layer.register
def _(module: nn.Linear, graph: Graph, x: str) -> str:
    return graph.add("Gemm", x, module.weight, module.bias, transB=1)


@layer.register
def _(module: nn.Conv2d, graph: Graph, x: str) -> str:
    assert module.bias is not None  # as in SB3's CNNs, without padding
    return graph.add("Conv", x, module.weight, module.bias, strides=list(module.stride))


@layer.register
def _(module: nn.Tanh, graph: Graph, x: str) -> str:
    return graph.add("Tanh", x)


@layer.register
def _(module: nn.ELU, graph: Graph, x: str) -> str:
    return graph.add("Elu", x)


@layer.register
def _(module: nn.ReLU, graph: Graph, x: str) -> str:
    return graph.add("Relu", x)


@layer.register(nn.Flatten)
@layer.register(FlattenExtractor)
def _(module: nn.Module, graph: Graph, x: str) -> str:
    return graph.add("Flatten", x, axis=1)


@layer.register
def _(module: nn.Sequential, graph: Graph, x: str) -> str:
    for one in module:
        x = layer(one, graph, x)
    return x


@layer.register
def _(module: NatureCNN, graph: Graph, x: str) -> str:
    return layer(module.linear, graph, layer(module.cnn, graph, x))


@layer.register
def _(module: ObservationNormalizer, graph: Graph, x: str) -> str:
    flat = graph.add("Flatten", x, axis=1)
    scaled = graph.add("Mul", graph.add("Sub", flat, module.shift), module.scale)
    return graph.add("Clip", scaled, -module.clip, module.clip)


@layer.register
def _(module: WithMirrorImages, graph: Graph, x: str) -> str:
    return graph.add("Concat", x, _reflected(module, graph, x), axis=0)


@layer.register
def _(module: MirrorAverage, graph: Graph, x: str) -> str:
    straight, mirrored = graph.split(x, 2, axis=0)
    return graph.add("Div", graph.add("Add", straight, _reflected(module, graph, mirrored)), 2.0)


def _reflected(module: Reflection, graph: Graph, x: str) -> str:
    return graph.add("Mul", graph.add("Gather", x, module.order, axis=1), module.sign)


@layer.register
def _(module: ActionRange, graph: Graph, x: str) -> str:
    return graph.add("Add", module.middle, graph.add("Mul", module.reach, x))


@layer.register
def _(module: BoundedMean, graph: Graph, x: str) -> str:
    inner = graph.add("Div", graph.add("Sub", x, module.middle), module.reach)
    return graph.add("Add", module.middle, graph.add("Mul", module.reach, graph.add("Tanh", inner)))
