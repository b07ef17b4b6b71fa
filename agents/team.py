"""The processes that learn one policy: sums over all robots that do not depend on how many processes there are.

The robots are cut into shards, always the same ones for so many robots, and a process has whole shards. Whatever is
added up over samples is first added up within each shard, by operations that see that shard alone, and then over the
shards along one fixed binary tree. Floating-point sums depend on their order: so each has one order only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from agents.places import Place, Somewhere, own_robots, own_shards, shard_count

T = TypeVar("T")


class Exchange(Place, Protocol):
    """What processes tell each other."""

    def gather(self, mine: Tensor) -> list[Tensor]:
        """Return the tensors, of one shape, that all processes hand in, by rank."""

    def collect(self, mine: Any) -> list[Any] | None:
        """Return, in process 0, the objects that all processes hand in, by rank; in others nothing."""

    def announce(self, mine: Any) -> Any:
        """Return the object of process 0."""


class Alone:
    """The exchange of a single process."""

    rank = 0
    size = 1

    def gather(self, mine: Tensor) -> list[Tensor]:
        return [mine]

    def collect(self, mine: Any) -> list[Any]:
        return [mine]

    def announce(self, mine: Any) -> Any:
        return mine


class Team:
    """The robots of all processes in shards, and sums over them.

    Args:
        robots: of all processes together.
        exchange: between the processes.

    Raises:
        ValueError: for more processes than shards.
    """

    def __init__(self, robots: int, exchange: Exchange | None = None):
        self.exchange = exchange or Alone()
        self.robots = robots
        self.shards = shard_count(robots)
        places = [Somewhere(rank, self.exchange.size) for rank in range(self.exchange.size)]
        self.all_own = [own_shards(robots, place) for place in places]  # of each process
        self.own = self.all_own[self.exchange.rank]
        self.own_robots = own_robots(robots, self.exchange)  # their rows among all
        # The nodes of the tree that each process reaches by itself.
        self._highest = [highest(own, self.shards) for own in self.all_own]

    def total(self, parts: Tensor) -> Tensor:
        """Return the sum (...) over all shards of all processes of one tensor for each shard of this one (own, ...)."""
        level, first = 0, self.own.start
        while len(parts) > 1 and len(parts) % 2 == first % 2 == 0:  # whole levels of the tree at once
            parts = parts[0::2] + parts[1::2]
            level, first = level + 1, first // 2
        sums = climb({(level, first + i): part for i, part in enumerate(parts)}, self.shards)
        if self.exchange.size > 1:
            mine = parts.new_zeros(max(map(len, self._highest)), *parts.shape[1:])
            for place, node in zip(mine, self._highest[self.exchange.rank], strict=False):
                place.copy_(sums[node])
            sums = {}
            for nodes, told in zip(self._highest, self.exchange.gather(mine), strict=True):
                sums |= dict(zip(nodes, told, strict=False))
            sums = climb(sums, self.shards)
        (result,) = sums.values()
        return result

    def sizes(self, own: Sequence[int]) -> list[int]:
        """Return a number for each shard of all processes, given those of this one."""
        mine = torch.zeros(max(map(len, self.all_own)), dtype=torch.int64)
        mine[: len(own)] = torch.tensor(own)
        told = zip(self.exchange.gather(mine), self.all_own, strict=True)
        return [size for some, shards in told for size in some[: len(shards)].tolist()]

    def most(self, mine: int) -> int:
        """Return the greatest of the numbers that the processes hand in."""
        return max(int(number) for number in self.exchange.gather(torch.tensor([mine])))


class Shards:
    """The samples of this process, shard by shard, and means over those of all processes.

    Args:
        team: the processes.
        sizes: number of samples of each shard of this process.
        all_sizes: of each shard of all processes, where that is known; they are asked otherwise.
    """

    def __init__(self, team: Team, sizes: Sequence[int], all_sizes: Sequence[int] | None = None):
        self.team = team
        self.sizes = list(sizes)
        self.all_sizes = team.sizes(self.sizes) if all_sizes is None else list(all_sizes)
        self.count = sum(self.all_sizes)  # of samples of all processes

    @property
    def count_here(self) -> int:
        """Number of samples of this process."""
        return sum(self.sizes)

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean (...) over the samples of all processes, given those of this one (B, ...)."""
        return self.mean_of(torch.stack([part.sum(0) for part in values.split(self.sizes)]))

    def mean_of(self, sums: Tensor) -> Tensor:
        """Return the mean (...) over the samples of all processes, given each shard's sum (own shards, ...)."""
        return self.team.total(sums) / max(self.count, 1)

    def moments(self, rows: Tensor) -> tuple[int, Tensor, Tensor]:
        """Return number, mean and variance (n,) of the rows of all processes, in float64, given this one's (B, n)."""
        parts = rows.double().split(self.sizes)
        mean = self.mean_of(torch.stack([part.sum(0) for part in parts]))
        return self.count, mean, self.mean_of(torch.stack([((part - mean) ** 2).sum(0) for part in parts]))

    def batches(self, count: int, together: int = 1) -> Iterator[tuple[Tensor, Shards]]:
        """Cut the samples at random into so many batches with an equal share of every shard.

        Args:
            count: of batches; at most as many as there are robots, where those stay whole.
            together: samples of a robot that stay together, moment by moment: all of them, or 1.

        Yields:
            The samples' places (b,), shard by shard, and their shards.
        """
        # Every process draws this number alike; what it does to a shard depends on the shard alone.
        seed = int(torch.randint(2**31, ()))
        robots = [size // together for size in self.all_sizes]  # or single samples
        count = min(count, sum(robots))
        # Where no shard has enough for all batches, each goes on with the batch at which the one before it ended.
        scarce = together > 1 or max(robots) < count
        turns = [sum(robots[:shard]) % count if scarce else 0 for shard in range(len(robots))]
        places, begin = [], 0
        for shard, size in zip(self.team.own, self.sizes, strict=True):
            order = torch.randperm(size // together, generator=torch.Generator().manual_seed(seed + shard))
            parts = [begin + moments(part, size, together) for part in order.tensor_split(count)]
            places.append(turned(parts, turns[shard]))
            begin += size
        own = self.team.own
        everyones = [
            turned([together * (few // count + (i < few % count)) for i in range(count)], turn)
            for few, turn in zip(robots, turns, strict=True)
        ]  # as `tensor_split` has them
        for some, sizes in zip(zip(*places, strict=True), zip(*everyones, strict=True), strict=True):
            yield torch.cat(some), Shards(self.team, sizes[own.start : own.stop], sizes)


def turned(parts: list[T], turn: int) -> list[T]:
    """Return parts of which the first stands at place `turn`, and the last ones before it."""
    return [*parts[len(parts) - turn :], *parts[: len(parts) - turn]]


def moments(robots: Tensor, size: int, together: int) -> Tensor:
    """Return the places of all samples of some robots, moment by moment, in a shard of so many samples."""
    return (torch.arange(together)[:, None] * (size // together) + robots).reshape(-1)


def strided(shards: Shards, stride: int, together: int = 1) -> tuple[Tensor, Shards]:
    """Return the places of every `stride`-th sample of each shard, and the shards of these.

    Each shard begins at another one: all moments of a short episode are among them.

    Args:
        shards: of the samples.
        stride: of the samples, or of the robots.
        together: samples of a robot that stay together, as for `Shards.batches`.
    """
    own, begin, places = shards.team.own, 0, []
    for shard, size in zip(own, shards.sizes, strict=True):
        robots = torch.arange(size // together)[shard % stride :: stride]
        places.append(begin + moments(robots, size, together))
        begin += size
    sizes = [
        together * len(range(shard % stride, size // together, stride)) for shard, size in enumerate(shards.all_sizes)
    ]
    return torch.cat(places), Shards(shards.team, sizes[own.start : own.stop], sizes)


def one_shard(samples: int) -> Shards:
    """Return so many samples of a single process as one shard."""
    return Shards(Team(1), [samples])


Node = tuple[int, int]  # level and number in a binary tree; level 0 are the leaves


def climb(sums: dict[Node, Tensor], leaves: int) -> dict[Node, Tensor]:
    """Add up neighbours in a binary tree over so many leaves, as far as both are there; return the highest sums.

    Together with those of the other leaves they give the root, the same to the last bit whoever added what.
    """
    sums = dict(sums)
    for left, right, above in pairs(leaves):
        if left in sums and right is None:
            sums[above] = sums.pop(left)
        elif left in sums and right in sums:
            sums[above] = sums.pop(left) + sums.pop(right)
    return sums


def highest(own: range, leaves: int) -> list[Node]:
    """Return the nodes that `climb` reaches from some of so many leaves."""
    return sorted(climb({(0, leaf): torch.zeros(()) for leaf in own}, leaves))


def pairs(leaves: int) -> Iterator[tuple[Node, Node | None, Node]]:
    """Yield, from the leaves up, two neighbours and the node above them; the last of an odd number has no neighbour."""
    level, width = 0, leaves
    while width > 1:
        for number in range(0, width, 2):
            right = (level, number + 1) if number + 1 < width else None
            yield (level, number), right, (level + 1, number // 2)
        level, width = level + 1, (width + 1) // 2


def shards_of(array: np.ndarray, shards: int) -> np.ndarray:
    """Return an array (T, N, ...) as (shards, T, robots of a shard, ...)."""
    moments, robots = array.shape[:2]
    return array.reshape(moments, shards, robots // shards, *array.shape[2:]).swapaxes(0, 1)
