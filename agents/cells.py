"""Recurrent cells in numpy, with hand-written products with their Jacobians."""

from __future__ import annotations

from collections.abc import Sequence
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
    size: int  # of the output
    state_size: int

    def copy(self) -> Cell:
        """Return the cell as it is now, whatever becomes of the parameters."""

    def step(self, drive: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Return the next state, and what the products with the Jacobian need of the step."""

    def linearised(self, known: Sequence[tuple[np.ndarray, ...]], keeps: np.ndarray) -> LinearisedCell:
        """Return the cell at some steps, for products with its Jacobian.

        Args:
            known: what `step` returned of each.
            keeps: 0 where an episode begins with a step, 1 elsewhere (shards, L, S, 1).
        """


class LinearisedCell(Protocol):
    """A cell over sequences (shards, L, S, ...): products with its Jacobian, step by step.

    All that does not depend on what comes from the step before, or after, is computed for all steps at once.
    """

    before: np.ndarray
    """The outputs (shards, L, S, size) before each step."""

    def push(self, drive: np.ndarray, recurrent: np.ndarray) -> np.ndarray:
        """Return the changes of the outputs (shards, L, S, size).

        Args:
            drive: change of what the inputs put into the gates (shards, L, S, gates * size).
            recurrent: change of the recurrent products by their weights alone, of the same shape.
        """

    def pull(self, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the slopes by the drive and by the recurrent products, given those by the outputs."""


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

    def linearised(self, known: Sequence[tuple[np.ndarray, ...]], keeps: np.ndarray) -> LinearisedGru:
        return LinearisedGru(self.parameters.weight_hh, known, keeps)


class LinearisedGru:
    """A `LinearisedCell`."""

    def __init__(self, weight: np.ndarray, known: Sequence[tuple[np.ndarray, ...]], keeps: np.ndarray):
        self.before, gates, inner, candidate = stacked(known)
        self._weight, self._keeps = weight, keeps
        self._size = size = candidate.shape[-1]
        reset, self._keep = gates[..., :size], gates[..., size:]
        # Slopes of h' by what is in the gates (the drive), and by the recurrent products in them.
        self._by_candidate = (1 - candidate * candidate) * (1 - self._keep)
        by_reset = self._by_candidate * inner * reset * (1 - reset)
        by_keep = (self.before - candidate) * self._keep * (1 - self._keep)
        self._recurrent = np.concatenate([by_reset, by_keep, self._by_candidate * reset], axis=-1)

    def push(self, drive: np.ndarray, recurrent: np.ndarray) -> np.ndarray:
        size, back = self._size, np.ascontiguousarray(self._weight.T)
        changes = self._by_candidate * drive[..., 2 * size :]
        direct = recurrent.copy()
        direct[..., : 2 * size] += drive[..., : 2 * size]
        add_thirds(changes, direct, self._recurrent)
        for t in range(1, changes.shape[1]):
            state = changes[:, t - 1] * self._keeps[:, t]
            add_thirds(changes[:, t], state @ back, self._recurrent[:, t])
            state *= self._keep[:, t]
            changes[:, t] += state
        return changes

    def pull(self, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shards, steps, sequences, size = slopes.shape
        recurrent, drive = np.empty_like(self._recurrent), np.empty_like(self._recurrent)
        apart = (shards, sequences, 3, size)
        state = np.zeros_like(slopes[:, 0])
        for t in reversed(range(steps)):
            state += slopes[:, t]
            np.multiply(self._by_candidate[:, t], state, out=drive[:, t, :, 2 * size :])
            gates = self._recurrent[:, t].reshape(apart) * state[:, :, None]
            recurrent[:, t] = gates.reshape(shards, sequences, 3 * size)
            state *= self._keep[:, t]
            state += recurrent[:, t] @ self._weight
            state *= self._keeps[:, t]
        drive[..., : 2 * size] = recurrent[..., : 2 * size]
        return drive, recurrent


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

    def linearised(self, known: Sequence[tuple[np.ndarray, ...]], keeps: np.ndarray) -> LinearisedLstm:
        return LinearisedLstm(self.parameters.weight_hh, known, keeps)


class LinearisedLstm:
    """A `LinearisedCell`."""

    def __init__(self, weight: np.ndarray, known: Sequence[tuple[np.ndarray, ...]], keeps: np.ndarray):
        states, gates, shown = stacked(known)
        self._weight, self._keeps = weight, keeps
        self._size = size = shown.shape[-1]
        self.before, cells = states[..., :size], states[..., size:]
        enter, self._keep, candidate, leave = (gates[..., i * size : (i + 1) * size] for i in range(4))
        # Slopes of c' by what is in its three gates, of h' by c', and of h' by what is in its own gate.
        by_enter, by_keep = candidate * enter * (1 - enter), cells * self._keep * (1 - self._keep)
        self._gates = np.concatenate([by_enter, by_keep, enter * (1 - candidate * candidate)], axis=-1)
        self._by_cell, self._by_leave = leave * (1 - shown * shown), shown * leave * (1 - leave)

    def push(self, drive: np.ndarray, recurrent: np.ndarray) -> np.ndarray:
        size, back = self._size, np.ascontiguousarray(self._weight.T)
        direct = drive + recurrent
        cells = np.zeros_like(self._by_cell)
        add_thirds(cells, direct[..., : 3 * size], self._gates)
        changes = self._by_leave * direct[..., 3 * size :]
        for t in range(cells.shape[1]):
            if t:
                gates = (changes[:, t - 1] * self._keeps[:, t]) @ back
                add_thirds(cells[:, t], gates[..., : 3 * size], self._gates[:, t])
                cells[:, t] += cells[:, t - 1] * self._keeps[:, t] * self._keep[:, t]
                changes[:, t] += self._by_leave[:, t] * gates[..., 3 * size :]
            changes[:, t] += self._by_cell[:, t] * cells[:, t]
        return changes

    def pull(self, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shards, steps, sequences, size = slopes.shape
        drive = np.empty((shards, steps, sequences, 4 * size), slopes.dtype)
        apart = (shards, sequences, 3, size)
        output, cell = np.zeros_like(slopes[:, 0]), np.zeros_like(slopes[:, 0])
        for t in reversed(range(steps)):
            output += slopes[:, t]
            np.multiply(self._by_leave[:, t], output, out=drive[:, t, :, 3 * size :])
            output *= self._by_cell[:, t]
            cell += output
            gates = self._gates[:, t].reshape(apart) * cell[:, :, None]
            drive[:, t, :, : 3 * size] = gates.reshape(shards, sequences, 3 * size)
            cell *= self._keep[:, t]
            cell *= self._keeps[:, t]
            output = drive[:, t] @ self._weight
            output *= self._keeps[:, t]
        return drive, drive


def stacked(known: Sequence[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
    """Return the arrays (shards, L, ...) of what is known of L steps, each (shards, ...)."""
    return [np.stack(arrays, axis=1) for arrays in zip(*known, strict=True)]


def add_thirds(total: np.ndarray, changes: np.ndarray, slopes: np.ndarray) -> None:
    """Add to a total (..., size) the products of changes and slopes (..., 3 * size), gate after gate."""
    size = total.shape[-1]
    products = changes * slopes
    for i in range(3):
        total += products[..., i * size : (i + 1) * size]


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
