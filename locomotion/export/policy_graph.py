"""A policy as one ONNX graph: each of its layers as operators on the same numbers in the same order.

The graph has all that stands between an observation and an action: the normaliser, the mirror, the memory, bounded
means and the mean of the clipped actions. It is built from the layers, not traced: what it lacks is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx
from gymnasium import spaces
from onnx import TensorProto
from stable_baselines3.common.preprocessing import is_image_space
from torch import nn

from agents import ActorCritic
from agents.choices import CoinThrows, Softmax, Softmaxes
from agents.distributions import ClippedGaussian
from agents.extractors import DictExtractor
from agents.memory import Memory
from envs.sources import Control
from locomotion.export.actor import ActorParts
from locomotion.export.graph import Graph, layer


def graph_of(
    policy: ActorCritic, control: Control | None = None, metadata: Mapping[str, str] | None = None
) -> onnx.ModelProto:
    """Return a policy's graph: `obs`, or the parts of a Dict, and memories in, `actions` and memories out.

    Args:
        policy: the policy.
        control: how its actions become controls. Where that takes the action alone, they are an output, `controls`.
        metadata: of the file.

    Raises:
        UsageError: where a layer is a user's own.
    """
    graph, actor = Graph(), ActorParts.of(policy)
    parts = actor.space.spaces if isinstance(actor.space, spaces.Dict) else {"obs": actor.space}
    value = _features(actor.extractor, graph, {name: _seen(graph, name, one) for name, one in parts.items()})
    states: dict[str, str] = {}
    for one in actor.layers:
        if isinstance(one, Memory):
            value, states = _remember(one, graph, value)
        else:
            value = layer(one, graph, value)
    actions = _mode(policy, graph, value)
    kind = TensorProto.FLOAT if policy.continuous else TensorProto.INT64
    shape = [] if isinstance(policy.action_space, spaces.Discrete) else [math.prod(policy.action_space.shape or ())]
    graph.output("actions", actions, *shape, dtype=kind)
    if control is not None and control.by_action_alone:
        graph.output("controls", _controls(control, graph, actions), len(control.index))
    for name, size in memory_sizes(policy).items():
        graph.output(f"{name}_out", states[name], size)
    return graph.model(metadata or {})


def memory_sizes(policy: ActorCritic) -> dict[str, int]:
    """Return how many numbers of each kind a policy remembers: its graph takes `h_in`, say, and returns `h_out`."""
    memory = policy.actor_memory
    if memory is None:
        return {}
    return dict.fromkeys(["h"] if memory.kind == "gru" else ["h", "c"], memory.images * memory.cell.hidden_size)


def _seen(graph: Graph, name: str, space: spaces.Space) -> str:
    """Add an input, and what SB3 does with it before a features extractor sees it."""
    if isinstance(space, spaces.Box) and space.dtype is not None:
        kind = TensorProto.UINT8 if space.dtype == np.uint8 else TensorProto.FLOAT
        real = graph.add("Cast", graph.input(name, *space.shape, dtype=kind), to=TensorProto.FLOAT)
        return graph.add("Div", real, 255.0) if is_image_space(space) else real
    given = graph.input(name, *(space.shape or ()), dtype=TensorProto.INT64)
    if isinstance(space, spaces.Discrete):
        return _one_hot(graph, given, int(space.n))
    if isinstance(space, spaces.MultiDiscrete):
        columns = [graph.add("Gather", given, np.array(i), axis=1) for i in range(len(space.nvec))]
        hot = [_one_hot(graph, column, int(n)) for column, n in zip(columns, space.nvec, strict=True)]
        return graph.add("Concat", *hot, axis=1)
    return graph.add("Cast", given, to=TensorProto.FLOAT)


def _one_hot(graph: Graph, choices: str, count: int) -> str:
    return graph.add("OneHot", choices, np.array(count), np.array([0.0, 1.0]))


def _features(extractor: nn.Module, graph: Graph, seen: dict[str, str]) -> str:
    if isinstance(extractor, DictExtractor):
        parts = [layer(one, graph, seen[name]) for name, one in extractor.extractors.items()]
        return graph.add("Concat", *parts, axis=1)
    if len(seen) == 1:
        return layer(extractor, graph, *seen.values())
    flat = [graph.add("Flatten", one, axis=1) for one in seen.values()]
    return layer(extractor, graph, graph.add("Concat", *flat, axis=1))


def _remember(memory: Memory, graph: Graph, x: str) -> tuple[str, dict[str, str]]:
    """Add a recurrent cell, gate by gate as torch has it; return its outputs, and its states after by their names.

    The states of a robot's mirror image stand beside its own, and its rows below all robots'.
    """
    cell, size, images = memory.cell, memory.images * memory.cell.hidden_size, memory.images
    h = _moved(graph, graph.input("h_in", size), images, 1, 0)
    by_input = graph.add("Gemm", x, cell.weight_ih, cell.bias_ih, transB=1)
    by_state = graph.add("Gemm", h, cell.weight_hh, cell.bias_hh, transB=1)
    if memory.kind == "gru":
        drives, states = graph.split(by_input, 3), graph.split(by_state, 3)
        reset, keep = (graph.add("Sigmoid", graph.add("Add", drives[i], states[i])) for i in range(2))
        candidate = graph.add("Tanh", graph.add("Add", drives[2], graph.add("Mul", reset, states[2])))
        hidden = graph.add("Add", candidate, graph.add("Mul", keep, graph.add("Sub", h, candidate)))
        after = {"h": hidden}
    else:
        gates = graph.split(graph.add("Add", by_input, by_state), 4)
        enter, keep, leave = (graph.add("Sigmoid", gates[i]) for i in (0, 1, 3))
        entering = graph.add("Mul", enter, graph.add("Tanh", gates[2]))
        state = graph.add(
            "Add", graph.add("Mul", keep, _moved(graph, graph.input("c_in", size), images, 1, 0)), entering
        )
        hidden = graph.add("Mul", leave, graph.add("Tanh", state))
        after = {"h": hidden, "c": state}
    return graph.add("Concat", hidden, x, axis=1), {
        name: _moved(graph, state, images, 0, 1) for name, state in after.items()
    }


def _moved(graph: Graph, value: str, parts: int, before: int, after: int) -> str:
    """Return a value whose equal parts along one axis stand along another one."""
    return value if parts == 1 else graph.add("Concat", *graph.split(value, parts, before), axis=after)


def _mode(policy: ActorCritic, graph: Graph, x: str) -> str:
    """Add what makes actions without exploration of the last layer's numbers."""
    head = policy.action_dist
    if isinstance(head, ClippedGaussian):
        return _clipped_mean(policy, head, graph, x)
    if isinstance(head, Softmax):
        return graph.add("Add", graph.add("ArgMax", x, axis=1, keepdims=0), np.array(head.start))
    if isinstance(head, Softmaxes):
        places = np.split(np.arange(sum(head.action_dims)), np.cumsum(head.action_dims)[:-1])
        choices = [graph.add("ArgMax", graph.add("Gather", x, place, axis=1), axis=1) for place in places]
        return graph.add("Add", graph.add("Concat", *choices, axis=1), np.array(head.starts))
    assert isinstance(head, CoinThrows)
    return graph.add("Cast", graph.add("Greater", x, 0.0), to=TensorProto.INT64)


def _clipped_mean(policy: ActorCritic, head: ClippedGaussian, graph: Graph, mean: str) -> str:
    """Add the mean of the clipped actions, as `ClippedNormal.clipped_mean` has it, and the actions' bounds."""
    std = policy.action_log_std.detach().exp()
    low, high = head.low.to(std), head.high.to(std)
    mean = graph.add("Min", graph.add("Max", mean, low - 1000 * std), high + 1000 * std)
    below = _expected_excess(graph, graph.add("Div", graph.add("Sub", low, mean), std))
    above = _expected_excess(graph, graph.add("Div", graph.add("Sub", mean, high), std))
    clipped = graph.add("Add", mean, graph.add("Mul", std, graph.add("Sub", below, above)))
    return graph.add("Min", graph.add("Max", clipped, low), high)


def _expected_excess(graph: Graph, z: str) -> str:
    """Add z Phi(z) + phi(z), as `agents.distributions.expected_excess` has it."""
    z = graph.add("Max", z, -30.0)
    probability = graph.add("Mul", graph.add("Add", graph.add("Erf", graph.add("Mul", z, math.sqrt(0.5))), 1.0), 0.5)
    density = graph.add("Exp", graph.add("Mul", graph.add("Mul", z, z), -0.5))
    density = graph.add("Div", density, math.sqrt(2 * math.pi))
    return graph.add("Add", graph.add("Mul", z, probability), density)


def _controls(control: Control, graph: Graph, actions: str) -> str:
    chosen = graph.add("Gather", actions, np.array(control.index), axis=1)
    wanted = graph.add("Add", graph.add("Mul", chosen, np.array(control.scale)), np.array(control.offset))
    low, high = (np.array(bound, np.float32) for bound in (control.low, control.high))
    return graph.add("Min", graph.add("Max", wanted, low), high)
