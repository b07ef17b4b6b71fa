"""An exported ONNX file, asked for actions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime

from agents.observations import Observations

GRAPH = "policy.onnx"


class OnnxActor:
    """The ONNX file of a folder, as an actor of one robot."""

    def __init__(self, folder: Path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(folder / GRAPH, options, ["CPUExecutionProvider"])
        self._inputs = {one.name: one for one in self.session.get_inputs()}
        self._outputs = [one.name for one in self.session.get_outputs()]
        self._memory = {
            name: np.zeros((1, one.shape[1]), np.float32) for name, one in self._inputs.items() if name[1:] == "_in"
        }

    def __call__(self, observations: Observations, starts: np.ndarray) -> np.ndarray:
        """Return the actions (1, ...) for observations (1, ...), given whether an episode begins with them."""
        for values in self._memory.values():
            values[starts] = 0.0
        seen = observations if isinstance(observations, Mapping) else {"obs": observations}
        given = {name: np.asarray(one).astype(_dtype(self._inputs[name].type)) for name, one in seen.items()}
        outputs = dict(zip(self._outputs, self.session.run(None, given | self._memory), strict=True))
        self._memory = {name: outputs[f"{name[0]}_out"] for name in self._memory}
        return outputs["actions"]


def _dtype(onnx_type: str) -> str:
    return {"tensor(float)": "float32", "tensor(uint8)": "uint8"}.get(onnx_type, "int64")
