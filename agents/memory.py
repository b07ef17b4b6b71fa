"""Memories: what a policy remembers of an episode so far, in torch and, over sequences, in numpy.

A memory is a row of numbers: a GRU's output h (Cho et al. 2014), or an LSTM's h and c (Hochreiter and Schmidhuber
1997). It is zero where an episode begins. Parameters are torch's, gate after gate.
"""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from agents.cells import Cell, Gru, LinearisedCell, Lstm, Parameters, driven
from agents.network import GATES

Array = TypeVar("Array", np.ndarray, Tensor)
KEEP = 1.0  # bias of the gate that keeps the state: a GRU's update gate, an LSTM's forget gate (Gers et al. 2000)


class Memory(nn.Module):
    """A recurrent layer whose outputs stand beside its inputs.

    A mirror-symmetric actor gives it rows of S robots and, below them, of their mirror images: then it remembers both
    histories, one beside the other.

    Args:
        kind: "gru" or "lstm".
        inputs: size of its inputs.
        size: numbers of its output h.
        images: of each robot, itself included: 2 with its mirror image.
    """

    def __init__(self, kind: str, inputs: int, size: int, images: int = 1):
        super().__init__()
        self.kind, self.images = kind, images
        self.cell = nn.GRUCell(inputs, size) if kind == "gru" else nn.LSTMCell(inputs, size)
        self.outputs = size + inputs
        self.state_size: int = images * (size if kind == "gru" else 2 * size)
        for weight in (self.cell.weight_ih, self.cell.weight_hh):
            for gate in weight.chunk(GATES[kind]):
                nn.init.orthogonal_(gate)
        for bias in (self.cell.bias_ih, self.cell.bias_hh):
            nn.init.zeros_(bias)
        with torch.no_grad():  # keep what is remembered, at first
            self.cell.bias_ih[size : 2 * size] = KEEP

    def step(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs and states (S, state_size) for the inputs of S robots and the states before.

        Inputs and outputs, (images * S, inputs) and (images * S, size + inputs), are of all robots, then of their
        mirror images.
        """
        state = apart(state, self.images)
        if isinstance(self.cell, nn.GRUCell):
            state = hidden = self.cell(inputs, state)
        else:
            hidden, cell = self.cell(inputs, state.chunk(2, dim=1))
            state = torch.cat([hidden, cell], dim=1)
        return torch.cat([hidden, inputs], dim=1), together(state, self.images)

    def over(self, inputs: Tensor, starts: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs (L, images * S, size + inputs) and states (L, S, state_size) of S sequences of L steps.

        Args:
            inputs: (L, images * S, inputs).
            starts: whether an episode begins with a step (L, S).
            state: before the first one (S, state_size).
        """
        steps = []
        for row, start in zip(inputs, starts, strict=True):
            output, state = self.step(row, state * (~start).to(state)[:, None])
            steps.append((output, state))
        outputs, states = map(torch.stack, zip(*steps, strict=True))
        return outputs, states

    def as_numpy(self) -> Cell:
        """Return the cell in numpy, which shares the parameters."""
        weights = (self.cell.weight_ih, self.cell.weight_hh, self.cell.bias_ih, self.cell.bias_hh)
        parameters = Parameters(*(weight.detach().numpy() for weight in weights))
        return Gru(parameters) if self.kind == "gru" else Lstm(parameters)


def apart(states: Array, images: int) -> Array:
    """Return states (..., S, images * numbers) as (..., images * S, numbers): all robots', then those of images."""
    if images == 1:
        return states
    *lead, robots, numbers = states.shape
    each = states.reshape(*lead, robots, images, numbers // images)
    return each.swapaxes(-3, -2).reshape(*lead, images * robots, numbers // images)


def together(states: Array, images: int) -> Array:
    """Return the states (..., S, images * numbers): the inverse of `apart`."""
    if images == 1:
        return states
    *lead, rows, numbers = states.shape
    each = states.reshape(*lead, images, rows // images, numbers)
    return each.swapaxes(-3, -2).reshape(*lead, rows // images, images * numbers)


class LinearisedMemory:
    """A cell over sequences: its outputs, and products with their Jacobian by parameters and inputs.

    Args:
        cell: the cell.
        inputs: of each step (shards, L, S, inputs).
        keeps: 0 where an episode begins with a step, 1 elsewhere (shards, L, S).
        states: before the first step (shards, S, state_size).
    """

    def __init__(self, cell: Cell, inputs: np.ndarray, keeps: np.ndarray, states: np.ndarray):
        self._cell, self._inputs = cell, inputs
        self._keeps = keeps[..., None].astype(inputs.dtype)
        drive = driven(cell.parameters, inputs)
        self._known = []
        self.states = np.empty((*inputs.shape[:3], cell.state_size), inputs.dtype)
        for t in range(inputs.shape[1]):
            states, known = cell.step(drive[:, t], states * self._keeps[:, t])
            self._known.append(known)
            self.states[:, t] = states
        self.outputs = np.concatenate([self.states[..., : self._cell.size], inputs], axis=-1)

    @cached_property  # not sooner: a line search needs the outputs alone
    def _linearised(self) -> LinearisedCell:
        return self._cell.linearised(self._known, self._keeps)

    def push(self, vector: np.ndarray, inputs: np.ndarray | None) -> np.ndarray:
        """Return the change of the outputs as the parameters move along a vector (P,), and the inputs change."""
        moved = self._cell.parameters.split(vector)
        drive = driven(moved, self._inputs)
        if inputs is not None:
            drive += inputs @ np.ascontiguousarray(self._cell.parameters.weight_ih.T)
        recurrent = self._linearised.before @ np.ascontiguousarray(moved.weight_hh.T)
        recurrent += moved.bias_hh
        changes = self._linearised.push(drive, recurrent)
        beside = np.zeros_like(self._inputs) if inputs is None else inputs
        return np.concatenate([changes, beside], axis=-1)

    def pull(self, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient (shards, P) of each shard's sum, and the slopes by the inputs, given those by outputs."""
        shards = len(slopes)
        drive, recurrent = self._linearised.pull(slopes[..., : self._cell.size])
        by_drive, by_recurrent, seen, known = (
            array.reshape(shards, -1, array.shape[-1])
            for array in (drive, recurrent, self._inputs, self._linearised.before)
        )
        parts = [
            by_drive.swapaxes(1, 2) @ seen,
            by_recurrent.swapaxes(1, 2) @ known,
            by_drive.sum(axis=1),
            by_recurrent.sum(axis=1),
        ]
        gradient = np.concatenate([part.reshape(shards, -1) for part in parts], axis=1)
        return gradient, drive @ self._cell.parameters.weight_ih + slopes[..., self._cell.size :]
