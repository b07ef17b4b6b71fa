"""Steps in the order of time, for policies that remember: what their trained layers take, and the networks over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from agents.cells import Cell, driven
from agents.memory import LinearisedMemory, Memory, apart, together
from agents.numpy_networks import NumpyNetwork


@dataclass(frozen=True)
class Sequences:
    """Steps of robots in one row of B, shard by shard, those of a shard moment by moment.

    Gradients reach back to the beginning of a window: the states there are those of the rollout.
    """

    rows: Tensor  # (B, ...) what layers before the memory take
    starts: Tensor  # (B,) whether an episode begins with a step
    robots: Tensor  # (B,) whose step it is: a column of `states`
    states: Tensor  # (windows, robots, state_size) at the beginning of each window
    steps: int  # of each robot

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: Tensor) -> Sequences:
        """Return the steps (b,) of some robots, all of each, still shard by shard and moment by moment."""
        return replace(self, rows=self.rows[places], starts=self.starts[places], robots=self.robots[places])

    def split(self, sizes: Sequence[int]) -> list[Sequences]:
        """Return the steps of each shard, given their numbers."""
        parts = zip(*(one.split(list(sizes)) for one in (self.rows, self.starts, self.robots)), strict=True)
        return [replace(self, rows=rows, starts=starts, robots=robots) for rows, starts, robots in parts]

    def stacked(self, stacks: Sequence[tuple[int, int]]) -> list[StackedSequences]:
        """Return runs of equal shards, each a stack, for the number of shards and of the steps of each in a run."""
        parts = self.split([shards * size for shards, size in stacks])
        return [StackedSequences(part, shards) for part, (shards, _) in zip(parts, stacks, strict=True)]

    def through(self, memory: Memory, latent: Tensor) -> Tensor:
        """Return a memory's outputs for its inputs (images * B, ...), of one shard."""
        layout = Layout.of(self, 1)
        starts = layout.laid(self.starts[:, None])[0, ..., 0]
        outputs, _ = memory.over(layout.laid(latent)[0], starts, layout.states(self)[0])
        return layout.flat(outputs[None])


@dataclass(frozen=True)
class Layout:
    """How B rows become arrays (shards, steps of a window, windows x robots, ...), for numpy's arrays and tensors.

    Where a shard's rows are followed by those of mirror images, these are laid as if they were more windows.
    """

    shards: int
    windows: int
    steps: int  # of a window
    robots: int  # of a shard

    @classmethod
    def of(cls, sequences: Sequences, shards: int) -> Layout:
        """Return the layout of equal shards."""
        windows = len(sequences.states)
        return cls(shards, windows, sequences.steps // windows, len(sequences) // (sequences.steps * shards))

    def laid(self, rows: Tensor) -> Tensor:
        """Return rows (B, n) as (shards, steps of a window, windows x robots, n)."""
        windows = self._windows(len(rows) // self.steps)
        apart = rows.reshape(self.shards, windows, self.steps, self.robots, rows.shape[-1])
        return apart.swapaxes(1, 2).reshape(self.shards, self.steps, windows * self.robots, rows.shape[-1])

    def flat(self, laid: Tensor) -> Tensor:
        """Return the rows (B, n): the inverse of `laid`."""
        windows = self._windows(self.shards * laid.shape[2])
        apart = laid.reshape(self.shards, self.steps, windows, self.robots, laid.shape[-1])
        return apart.swapaxes(1, 2).reshape(self.shards * windows * self.steps * self.robots, laid.shape[-1])

    def _windows(self, sequences: int) -> int:
        """Return the windows of a shard, those of images included, given how many sequences all shards have."""
        return sequences // (self.shards * self.robots) if self.robots else self.windows

    def states(self, sequences: Sequences) -> Tensor:
        """Return the states (shards, windows x robots, state_size) at the windows' beginnings."""
        robots = sequences.robots.reshape(self.shards, self.windows * self.steps, self.robots)[:, 0]
        states = sequences.states[:, robots]  # (windows, shards, robots, state_size)
        return states.swapaxes(0, 1).reshape(self.shards, self.windows * self.robots, states.shape[-1])


def network_of(modules: Sequence[nn.Module]) -> NumpyNetwork | RecurrentNetwork | None:
    """Return the network of torch's modules, or None where numpy does not have all of them."""
    memories = [i for i, module in enumerate(modules) if isinstance(module, Memory)]
    if not memories:
        return NumpyNetwork.of(modules)
    (place,) = memories
    memory, before, after = modules[place], NumpyNetwork.of(modules[:place]), NumpyNetwork.of(modules[place + 1 :])
    if before is None or after is None:
        return None
    assert isinstance(memory, Memory)
    return RecurrentNetwork(before, memory.as_numpy(), after, memory.images)


class StackedSequences:
    """Equal shards of sequences as numpy's arrays.

    Args:
        sequences: of these shards.
        shards: how many there are.
    """

    def __init__(self, sequences: Sequences, shards: int):
        layout = Layout.of(sequences, shards)
        self.layout = layout
        rows = sequences.rows.flatten(1)
        self.rows = rows.numpy().reshape(shards, len(rows) // shards, rows.shape[1])
        self.keeps = layout.laid(~sequences.starts[:, None]).numpy()[..., 0]
        self.states = layout.states(sequences).numpy()

    def laid(self, rows: np.ndarray) -> np.ndarray:
        """Return rows (shards, b, n) as the layout has them."""
        return self.layout.laid(torch.from_numpy(rows).flatten(0, 1)).numpy()

    def flat(self, laid: np.ndarray) -> np.ndarray:
        """Return rows (shards, b, n): the inverse of `laid`."""
        rows = self.layout.flat(torch.from_numpy(laid)).numpy()
        return rows.reshape(self.layout.shards, len(rows) // self.layout.shards, laid.shape[-1])


class RecurrentNetwork:
    """A chain of layers, a memory and a chain of layers, in numpy.

    Args:
        before: layers before the memory.
        cell: the memory.
        after: layers after it.
        images: of each robot, of which the memory takes rows, itself included.
    """

    def __init__(self, before: NumpyNetwork, cell: Cell, after: NumpyNetwork, images: int):
        self.before, self.cell, self.after, self.images = before, cell, after, images

    def copy(self) -> RecurrentNetwork:
        """Return the network as it is now, whatever becomes of the modules."""
        return RecurrentNetwork(self.before.copy(), self.cell.copy(), self.after.copy(), self.images)

    def step(self, rows: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return outputs (shards, S, outputs) and states for rows (shards, S, F) and the states before."""
        latent = self.before(rows)
        states, _ = self.cell.step(driven(self.cell.parameters, latent), apart(states, self.images))
        outputs = self.after(np.concatenate([states[..., : self.cell.size], latent], axis=-1))
        return outputs, together(states, self.images)

    def linearised(self, sequences: StackedSequences) -> LinearisedRecurrentNetwork:
        """Return the network at sequences."""
        return LinearisedRecurrentNetwork(self, sequences)


class LinearisedRecurrentNetwork:
    """A recurrent network at some sequences: its outputs (shards, b, outputs), and products with their Jacobian.

    Args:
        network: the network.
        sequences: its inputs.
    """

    def __init__(self, network: RecurrentNetwork, sequences: StackedSequences):
        self._sequences = sequences
        self._before = network.before.linearised(sequences.rows)
        latent = sequences.laid(self._before.outputs)
        keeps = np.tile(sequences.keeps, network.images)
        self._memory = LinearisedMemory(network.cell, latent, keeps, apart(sequences.states, network.images))
        self._after = network.after.linearised(sequences.flat(self._memory.outputs))
        self._memory_size = sum(one.size for one in network.cell.parameters)
        self.outputs = self._after.outputs

    def push(self, vector: np.ndarray) -> np.ndarray:
        """Return by how much the outputs change as the parameters move along a vector (P,)."""
        sizes = [self._before.size, self._memory_size]
        before, memory, after = np.split(vector, np.cumsum(sizes))
        change = self._before.push(before)
        laid = None if change is None else self._sequences.laid(change)
        change = self._after.push(after, self._sequences.flat(self._memory.push(memory, laid)))
        assert change is not None
        return change

    def pull(self, slopes: np.ndarray) -> np.ndarray:
        """Return the gradient (shards, P) of each shard's sum, given that by the outputs."""
        after, slopes = self._after.pull_through(slopes)
        memory, slopes = self._memory.pull(self._sequences.laid(slopes))
        return np.concatenate([self._before.pull(self._sequences.flat(slopes)), memory, after], axis=1)


Inputs = Tensor | Sequences  # of B samples: rows (B, ...), or, where there is a memory, as many steps of sequences


def remembering(memory: Memory | None, inputs: Inputs, latent: Tensor) -> Tensor:
    """Return what the layers after a memory take, given what it takes itself (B, ...); without one, the same.

    Single rows are the first of their episodes: nothing is remembered before them.
    """
    if memory is None:
        return latent
    if isinstance(inputs, Sequences):
        return inputs.through(memory, latent)
    return memory.step(latent, latent.new_zeros(len(latent) // memory.images, memory.state_size))[0]


def steps_together(inputs: Inputs) -> int:
    """Return how many steps of a robot must stay together."""
    return inputs.steps if isinstance(inputs, Sequences) else 1
