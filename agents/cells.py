"""Recurrent cells in numpy, with hand-written products with their Jacobians."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np


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
