"""How robots are shared out over the processes that learn one policy: whole shards of them. It imports no torch."""

from __future__ import annotations

from typing import NamedTuple, Protocol

MOST_SHARDS = 16  # more processes cannot share the robots; smaller shards would slow a single one down
FEWEST_ROBOTS = 2  # of a shard: products with a single row have kernels of their own


def shard_count(robots: int) -> int:
    """Return into how many shards so many robots are cut: equal ones, at most 16, of at least two robots each."""
    most = max(1, min(MOST_SHARDS, robots // FEWEST_ROBOTS))
    return max(count for count in range(1, most + 1) if robots % count == 0)


class Place(Protocol):
    """Which one a process is, and of how many."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...


def own_shards(robots: int, place: Place) -> range:
    """Return the shards of a process, whose robots are cut into them together with all others' (see `shard_count`).

    Raises:
        ValueError: for more processes than shards.
    """
    shards = shard_count(robots)
    if place.size > shards:
        raise ValueError(
            f"{robots} robots, in equal shares of {FEWEST_ROBOTS} or more, can be shared by at most {shards} processes,"
            f" got {place.size}"
        )
    return range(place.rank * shards // place.size, (place.rank + 1) * shards // place.size)


def own_robots(robots: int, place: Place) -> slice:
    """Return the rows of a process's robots among all.

    Raises:
        ValueError: for more processes than shards.
    """
    own, size = own_shards(robots, place), robots // shard_count(robots)
    return slice(own.start * size, own.stop * size)


class Somewhere(NamedTuple):
    """The place of a process that has no exchange yet."""

    rank: int
    size: int
