"""A policy as a C header, policy.h: its numbers and one function, for controllers that have no library at all."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import singledispatch
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from agents import ActorCritic
from agents.distributions import ActionRange, BoundedMean, ClippedGaussian
from agents.normalization import ObservationNormalizer
from agents.observations import Observations
from agents.symmetry import MirrorAverage, WithMirrorImages
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import Actor
from locomotion.export.actor import ActorParts

FILE = "policy.h"
HEAD = """\
/* A policy's action for an observation, by policy_step. Needs C99 and its mathematics alone. */
#ifndef POLICY_H
#define POLICY_H
#include <math.h>

#define POLICY_OBSERVATIONS {observations}
#define POLICY_ACTIONS {actions}

/* z Phi(z) + phi(z), of the standard normal distribution */
static float policy_excess(float z) {{
    if (z < -30) z = -30;
    return z * 0.5f * (1 + erff(z * 0.70710678f)) + expf(-0.5f * z * z) * 0.39894228f;
}}

static float policy_dot(const float *a, const float *b, int size) {{
    float sum = 0;
    for (int i = 0; i < size; i++) sum += a[i] * b[i];
    return sum;
}}
"""

STEP = """
/* observation: POLICY_OBSERVATIONS numbers; action: POLICY_ACTIONS numbers, written, within their bounds */
static void policy_step(const float *observation, float *action) {{
{body}
}}
#endif
"""

CLIPPED = """\
    for (int i = 0; i < POLICY_ACTIONS; i++) {
        float low = policy_low[i], high = policy_high[i], std = policy_std[i];
        float mean = fminf(fmaxf(MEAN, low - 1000 * std), high + 1000 * std);
        mean += std * (policy_excess((low - mean) / std) - policy_excess((mean - high) / std));
        action[i] = fminf(fmaxf(mean, low), high);
    }"""


def write_c_header(policy: ActorCritic, folder: Path) -> None:
    """Write a policy into a folder as a C header.

    Raises:
        UsageError: where it is not a chain of layers from a vector to real actions.
    """
    head = policy.action_dist
    parts = ActorParts.of(policy)
    if not parts.vector:
        raise UsageError("a C header cannot have observations that are not a vector")
    if parts.memory is not None:
        raise UsageError("a C header cannot have a memory")
    if not isinstance(head, ClippedGaussian):
        raise UsageError("a C header cannot have actions that are choices")
    size = parts.extractor.features_dim  # as many as the observation has numbers
    code = Code(size)
    for layer in (parts.extractor, *parts.layers):
        c_layer(layer, code)
    std = policy.action_log_std.detach().exp()
    for name, values in (("low", head.low), ("high", head.high), ("std", std)):
        code.constant(f"policy_{name}", values)
    told = HEAD.format(observations=size, actions=len(std))
    body = "\n".join([*code.lines, CLIPPED.replace("MEAN", f"{code.value}[i]")])
    (folder / FILE).write_text("\n".join([told, *code.constants, STEP.format(body=body)]))


class Code:
    """The lines of a function in the making. Each layer makes an array (rows, size) of the one before."""

    def __init__(self, size: int):
        self.lines: list[str] = []
        self.constants: list[str] = []
        self.value, self.rows, self.size = "observation", 1, size

    def constant(self, name: str, values: Tensor) -> str:
        """Add an array of numbers; return its name."""
        numbers = ", ".join(f"{value:.9g}" for value in values.detach().flatten().tolist())
        self.constants.append(
            f"static const {'float' if values.is_floating_point() else 'int'} {name}[] = {{{numbers}}};"
        )
        return name

    def parameter(self, values: Tensor) -> str:
        """Add an array of numbers under the next free name; return that."""
        return self.constant(f"policy_{len(self.constants)}", values)

    def array(self, rows: int, size: int, number: str) -> None:
        """Add an array (rows, size), given the expression of number i of row r; x is the array before."""
        before, made = self.value, f"v{len(self.lines)}"
        loops = f"for (int r = 0; r < {rows}; r++) for (int i = 0; i < {size}; i++)"
        self.lines.append(
            f"    float {made}[{rows * size}];\n    {loops} {{\n        const float *x = {before} + r % {self.rows} *"
            f" {self.size};\n        {made}[r * {size} + i] = {number};\n    }}"
        )
        self.value, self.rows, self.size = made, rows, size

    def each(self, number: str) -> None:
        """Add a function of each number, given its expression."""
        self.array(self.rows, self.size, number)


@singledispatch
def c_layer(module: nn.Module, code: Code) -> None:
    """Add the lines of a layer.

    Raises:
        UsageError: where there are none for it.
    """
    raise UsageError(f"a C header has no layer {type(module).__name__}")


@c_layer.register
def _(module: nn.Linear, code: Code) -> None:
    weight, bias = code.parameter(module.weight), code.parameter(module.bias)
    code.array(code.rows, module.out_features, f"policy_dot({weight} + i * {code.size}, x, {code.size}) + {bias}[i]")


@c_layer.register
def _(module: nn.Tanh, code: Code) -> None:
    code.each("tanhf(x[i])")


@c_layer.register
def _(module: nn.ELU, code: Code) -> None:
    code.each("x[i] > 0 ? x[i] : expm1f(x[i])")


@c_layer.register
def _(module: nn.ReLU, code: Code) -> None:
    code.each("x[i] > 0 ? x[i] : 0")


@c_layer.register
def _(module: ObservationNormalizer, code: Code) -> None:
    shift, scale = code.parameter(module.shift), code.parameter(module.scale)
    code.each(f"fminf(fmaxf((x[i] - {shift}[i]) * {scale}[i], {-module.clip}f), {module.clip}f)")


@c_layer.register
def _(module: WithMirrorImages, code: Code) -> None:
    order, sign = code.parameter(module.order), code.parameter(module.sign)
    code.array(2, code.size, f"r == 0 ? x[i] : x[{order}[i]] * {sign}[i]")


@c_layer.register
def _(module: MirrorAverage, code: Code) -> None:
    order, sign = code.parameter(module.order), code.parameter(module.sign)
    code.array(1, code.size, f"(x[i] + x[{code.size} + {order}[i]] * {sign}[i]) / 2")


@c_layer.register
def _(module: ActionRange, code: Code) -> None:
    middle, reach = code.parameter(module.middle), code.parameter(module.reach)
    code.each(f"{middle}[i] + {reach}[i] * x[i]")


@c_layer.register
def _(module: BoundedMean, code: Code) -> None:
    middle, reach = code.parameter(module.middle), code.parameter(module.reach)
    code.each(f"{middle}[i] + {reach}[i] * tanhf((x[i] - {middle}[i]) / {reach}[i])")


def compiled(folder: Path) -> Actor | None:
    """Return a folder's C header, compiled, as an actor of one robot; None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as place:
        source, library = Path(place) / "policy.c", Path(place) / "policy.so"
        source.write_text(
            f'#include "{(folder / FILE).absolute()}"\nvoid step(const float *x, float *y) {{ policy_step(x, y); }}\n'
            "int actions(void) { return POLICY_ACTIONS; }\n"
        )
        words = [compiler, "-std=c99", "-O2", "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
        subprocess.run(words, check=True, capture_output=True)
        loaded = ctypes.CDLL(str(library))
    numbers = ctypes.POINTER(ctypes.c_float)

    def act(observations: Observations, starts: np.ndarray) -> np.ndarray:
        seen = np.ascontiguousarray(np.ravel(observations), np.float32)  # type: ignore[arg-type]  # a vector
        action = np.empty((1, loaded.actions()), np.float32)
        loaded.step(seen.ctypes.data_as(numbers), action.ctypes.data_as(numbers))
        return action

    return act
