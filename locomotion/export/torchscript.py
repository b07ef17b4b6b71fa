"""A policy as TorchScript, policy.pt, for programs that have torch but not this package.

Torch deprecates TorchScript in favour of `torch.export`. Its files are written all the same: what loads policies on
robots (torch in C++ above all) loads them, and nothing needs to be compiled.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import preprocess_obs
from torch import Tensor, nn

from agents import ActorCritic
from agents.distributions import ClippedGaussian
from agents.observations import Observations
from locomotion.export.actor import ActorParts

FILE = "policy.pt"
SIZE = "states"  # a file inside it, which says how many numbers are remembered


class Scripted(nn.Module):
    """The layers of a policy, from observations to actions without exploration.

    It takes observations (B, ...) and, with a memory, its states (B, numbers), zero where an episode begins; an LSTM's
    are h and c side by side. It returns actions (B, ...) within their bounds and, with a memory, its states after.
    """

    def __init__(self, policy: ActorCritic):
        super().__init__()
        parts = ActorParts.of(policy)
        layers, self.memory = parts.layers, parts.memory
        place = len(layers) if self.memory is None else layers.index(self.memory)
        self.before, self.after = nn.Sequential(*layers[:place]), nn.Sequential(*layers[place + 1 :])
        self.extractor, self.space, self.head = parts.extractor, parts.space, policy.action_dist
        self.log_std = [policy.action_log_std.detach()] if policy.continuous else []

    def forward(self, observations: Any, states: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return actions and, with a memory, its states after."""
        x = self.before(self.extractor(preprocess_obs(observations, self.space)))
        after: list[Tensor] = []
        if self.memory is not None:
            assert states is not None
            x, states = self.memory.step(x, states)
            after = [states]
        parameters = self.after(x)
        actions = self.head.mode_at(parameters, *(one.expand_as(parameters) for one in self.log_std))
        if isinstance(self.head, ClippedGaussian):
            actions = actions.clamp(self.head.low, self.head.high)
        return (actions, *after)


def write_torchscript(policy: ActorCritic, folder: Path) -> None:
    """Write a policy's actor into a folder as TorchScript."""
    module = Scripted(policy).eval()
    states = 0 if module.memory is None else module.memory.state_size
    examples = (_example(module.space), *([torch.zeros(2, states)] if states else []))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # of checks of shapes
        traced = torch.jit.trace(module, examples, strict=False, check_trace=False)
        torch.jit.save(torch.jit.freeze(traced), folder / FILE, _extra_files={SIZE: str(states)})


def _example(space: spaces.Space) -> Any:
    if isinstance(space, spaces.Dict):
        return {name: _example(part) for name, part in space.spaces.items()}
    return torch.as_tensor(np.stack([np.asarray(space.sample())] * 2))


class TorchScriptActor:
    """The TorchScript of a folder, as an actor of one robot."""

    def __init__(self, folder: Path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            size = {SIZE: ""}
            self._module = torch.jit.load(folder / FILE, _extra_files=size)
        self._states = torch.zeros(1, int(size[SIZE]))

    @torch.no_grad()
    def __call__(self, observations: Observations, starts: np.ndarray) -> np.ndarray:
        """Return the actions (1, ...) for observations (1, ...), given whether an episode begins with them."""
        self._states[starts] = 0.0
        seen = _tensors(observations)
        actions, *states = self._module(*((seen, self._states) if self._states.numel() else (seen,)))
        self._states = states[0] if states else self._states
        return actions.numpy()


def _tensors(observations: Observations) -> Any:
    if isinstance(observations, Mapping):
        return {name: torch.as_tensor(part) for name, part in observations.items()}
    return torch.as_tensor(observations)
