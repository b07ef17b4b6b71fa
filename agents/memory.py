"""Recurrent cells: what a policy remembers of an episode so far, in torch and, with hand-written products, in numpy.

A memory is a row of numbers: a GRU's output h (Cho et al. 2014), or an LSTM's h and c (Hochreiter and Schmidhuber
1997). It is zero where an episode begins. Parameters are torch's, gate after gate.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn


class Memory(nn.Module):
    """A recurrent layer whose outputs stand beside its inputs.

    Args:
        kind: "gru" or "lstm".
        inputs: size of its inputs.
        size: numbers of its output h.
    """

    def __init__(self, kind: str, inputs: int, size: int):
        super().__init__()
        self.kind = kind
        self.cell = nn.GRUCell(inputs, size) if kind == "gru" else nn.LSTMCell(inputs, size)
        self.outputs = size + inputs
        self.state_size: int = size if kind == "gru" else 2 * size
        for weight in (self.cell.weight_ih, self.cell.weight_hh):
            for gate in weight.chunk(3 if kind == "gru" else 4):
                nn.init.orthogonal_(gate)
        for bias in (self.cell.bias_ih, self.cell.bias_hh):
            nn.init.zeros_(bias)
        with torch.no_grad():  # keep what is remembered, at first
            self.cell.bias_ih[size : 2 * size] = KEEP

    def step(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs (S, size + inputs) and states (S, state_size) for inputs (S, inputs) and the states before."""
        if isinstance(self.cell, nn.GRUCell):
            state = hidden = self.cell(inputs, state)
        else:
            hidden, cell = self.cell(inputs, state.chunk(2, dim=1))
            state = torch.cat([hidden, cell], dim=1)
        return torch.cat([hidden, inputs], dim=1), state

    def over(self, inputs: Tensor, starts: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs (L, S, size + inputs) and states (L, S, state_size) of S sequences of L steps.

        Args:
            inputs: (L, S, inputs).
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


KEEP = 1.0  # bias of the gate that keeps the state: a GRU's update gate, an LSTM's forget gate (Gers et al. 2000)


class Parameters(NamedTuple):
    """A cell's parameters."""

    weight_ih: np.ndarray  # (gates * size, inputs)
    weight_hh: np.ndarray  # (gates * size, size)
    bias_ih: np.ndarray  # (gates * size,)
    bias_hh: np.ndarray  # (gates * size,)

    def split(self, vector: np.ndarray) -> Parameters:
        """Return the parts of a vector (P,), in the parameters' shapes."""
        ends = np.cumsum([one.size for one in self])[:-1]
        parts = zip(np.split(vector, ends), self, strict=True)
        return Parameters(*(part.reshape(one.shape) for part, one in parts))


class Cell(Protocol):
    """A cell in numpy; rows are (..., S, numbers), and `drive` is what the inputs put into the gates."""

    parameters: Parameters
    state_size: int

    def copy(self) -> Cell:
        """Return the cell as it is now, whatever becomes of the parameters."""

    def step(self, drive: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Return the next state, and what `push` and `pull` need to know of the step."""

    def push(
        self, known: tuple[np.ndarray, ...], drive: np.ndarray, recurrent: np.ndarray, state: np.ndarray
    ) -> np.ndarray:
        """Return the change of the next state.

        Args:
            known: of the step.
            drive: change of the drive.
            recurrent: change of the recurrent products by their weights alone.
            state: change of the state before.
        """

    def pull(self, known: tuple[np.ndarray, ...], slope: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the slopes by the drive, the recurrent products and the state before, given that by the next state."""


class Gru:
    """A gated recurrent unit: reset and update gates and a candidate, h' = (1 - z) n + z h."""

    def __init__(self, parameters: Parameters):
        self.parameters = parameters
        self.size = self.state_size = parameters.weight_hh.shape[1]

    def copy(self) -> Gru:
        return Gru(Parameters(*(one.copy() for one in self.parameters)))

    def step(self, drive: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        size = self.size
        recurrent = state @ self.parameters.weight_hh.T
        recurrent += self.parameters.bias_hh
        gates = sigmoid(drive[..., : 2 * size] + recurrent[..., : 2 * size])
        reset, keep = gates[..., :size], gates[..., size:]
        inner = recurrent[..., 2 * size :]
        candidate = np.tanh(drive[..., 2 * size :] + reset * inner)
        return candidate + keep * (state - candidate), (state, gates, inner, candidate)

    def push(
        self, known: tuple[np.ndarray, ...], drive: np.ndarray, recurrent: np.ndarray, state: np.ndarray
    ) -> np.ndarray:
        before, gates, inner, candidate = known
        size = self.size
        recurrent = recurrent + state @ self.parameters.weight_hh.T
        changes = gates * (1 - gates) * (drive[..., : 2 * size] + recurrent[..., : 2 * size])
        reset, keep = gates[..., :size], gates[..., size:]
        through = drive[..., 2 * size :] + changes[..., :size] * inner + reset * recurrent[..., 2 * size :]
        moved = (1 - candidate * candidate) * through
        return moved + changes[..., size:] * (before - candidate) + keep * (state - moved)

    def pull(self, known: tuple[np.ndarray, ...], slope: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        before, gates, inner, candidate = known
        size = self.size
        reset, keep = gates[..., :size], gates[..., size:]
        into = slope * (1 - keep) * (1 - candidate * candidate)
        by_gates = np.concatenate([into * inner, slope * (before - candidate)], axis=-1)
        by_gates *= gates * (1 - gates)
        recurrent = np.concatenate([by_gates, into * reset], axis=-1)
        by_state = slope * keep + recurrent @ self.parameters.weight_hh
        return np.concatenate([by_gates, into], axis=-1), recurrent, by_state


class Lstm:
    """Long short-term memory: input, forget and output gates and a candidate, c' = f c + i g, h' = o tanh(c')."""

    def __init__(self, parameters: Parameters):
        self.parameters = parameters
        self.size = parameters.weight_hh.shape[1]
        self.state_size = 2 * self.size

    def copy(self) -> Lstm:
        return Lstm(Parameters(*(one.copy() for one in self.parameters)))

    def step(self, drive: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        size = self.size
        drive = drive + state[..., :size] @ self.parameters.weight_hh.T
        drive += self.parameters.bias_hh
        gates = sigmoid(drive)
        gates[..., 2 * size : 3 * size] = np.tanh(drive[..., 2 * size : 3 * size])
        enter, keep, candidate, leave = (gates[..., i * size : (i + 1) * size] for i in range(4))
        cell = keep * state[..., size:] + enter * candidate
        shown = np.tanh(cell)
        return np.concatenate([leave * shown, cell], axis=-1), (state, gates, shown)

    def push(
        self, known: tuple[np.ndarray, ...], drive: np.ndarray, recurrent: np.ndarray, state: np.ndarray
    ) -> np.ndarray:
        before, gates, shown = known
        size = self.size
        changes = drive + recurrent + state[..., :size] @ self.parameters.weight_hh.T
        changes *= self._slopes(gates)
        enter, keep, candidate, leave = (gates[..., i * size : (i + 1) * size] for i in range(4))
        d_enter, d_keep, d_candidate, d_leave = (changes[..., i * size : (i + 1) * size] for i in range(4))
        cell = d_keep * before[..., size:] + keep * state[..., size:] + d_enter * candidate + enter * d_candidate
        return np.concatenate([d_leave * shown + leave * (1 - shown * shown) * cell, cell], axis=-1)

    def pull(self, known: tuple[np.ndarray, ...], slope: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        before, gates, shown = known
        size = self.size
        enter, keep, candidate, leave = (gates[..., i * size : (i + 1) * size] for i in range(4))
        by_cell = slope[..., size:] + slope[..., :size] * leave * (1 - shown * shown)
        parts = [by_cell * candidate, by_cell * before[..., size:], by_cell * enter, slope[..., :size] * shown]
        drive = np.concatenate(parts, axis=-1)
        drive *= self._slopes(gates)
        by_state = np.concatenate([drive @ self.parameters.weight_hh, by_cell * keep], axis=-1)
        return drive, drive, by_state

    def _slopes(self, gates: np.ndarray) -> np.ndarray:
        slopes = gates * (1 - gates)
        candidate = gates[..., 2 * self.size : 3 * self.size]
        slopes[..., 2 * self.size : 3 * self.size] = 1 - candidate * candidate
        return slopes


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), by tanh, which does not overflow."""
    y = np.tanh(0.5 * x)
    y += 1
    y *= 0.5
    return y


def driven(parameters: Parameters, inputs: np.ndarray) -> np.ndarray:
    """Return what inputs (..., inputs) put into the gates (..., gates * size)."""
    drive = inputs @ np.ascontiguousarray(parameters.weight_ih.T)
    drive += parameters.bias_ih
    return drive


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
        self._size = cell.parameters.weight_hh.shape[1]
        drive = driven(cell.parameters, inputs)
        self._known = []
        self.states = np.empty((*inputs.shape[:3], cell.state_size), inputs.dtype)
        for t in range(inputs.shape[1]):
            states, known = cell.step(drive[:, t], states * self._keeps[:, t])
            self._known.append(known)
            self.states[:, t] = states
        self.outputs = np.concatenate([self.states[..., : self._size], inputs], axis=-1)

    def push(self, vector: np.ndarray, inputs: np.ndarray | None) -> np.ndarray:
        """Return the change of the outputs as the parameters move along a vector (P,), and the inputs change."""
        moved = self._cell.parameters.split(vector)
        drive = driven(moved, self._inputs)
        if inputs is not None:
            drive += inputs @ np.ascontiguousarray(self._cell.parameters.weight_ih.T)
        before = np.stack([known[0][..., : self._size] for known in self._known], axis=1)
        recurrent = before @ np.ascontiguousarray(moved.weight_hh.T)
        recurrent += moved.bias_hh
        state = np.zeros_like(self.states[:, 0])
        changes = np.zeros_like(self.outputs)
        for t, known in enumerate(self._known):
            state = self._cell.push(known, drive[:, t], recurrent[:, t], state * self._keeps[:, t])
            changes[:, t, :, : self._size] = state[..., : self._size]
        if inputs is not None:
            changes[..., self._size :] = inputs
        return changes

    def pull(self, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient (shards, P) of each shard's sum, and the slopes by the inputs, given those by outputs."""
        shards, steps = slopes.shape[:2]
        gates = len(self._cell.parameters.bias_ih)
        drive = np.empty((*slopes.shape[:3], gates), slopes.dtype)
        recurrent = np.empty_like(drive)
        state = np.zeros_like(self.states[:, 0])
        for t in reversed(range(steps)):
            state[..., : self._size] += slopes[:, t, :, : self._size]
            drive[:, t], recurrent[:, t], state = self._cell.pull(self._known[t], state)
            state *= self._keeps[:, t]
        before = np.stack([known[0][..., : self._size] for known in self._known], axis=1)
        by_drive, by_recurrent, seen, known = (
            array.reshape(shards, steps * slopes.shape[2], array.shape[-1])
            for array in (drive, recurrent, self._inputs, before)
        )
        parts = [
            by_drive.swapaxes(1, 2) @ seen,
            by_recurrent.swapaxes(1, 2) @ known,
            by_drive.sum(axis=1),
            by_recurrent.sum(axis=1),
        ]
        gradient = np.concatenate([part.reshape(shards, -1) for part in parts], axis=1)
        return gradient, drive @ self._cell.parameters.weight_ih + slopes[..., self._size :]
