"""Book-keeping of episodes: their age, their end, and the sums over each robot's present one."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from envs.blow_up import BlowUp


class Episodes:
    """The present episodes of N robots.

    Args:
        num_robots: N.
        dt: s between two actions.
        terms: the names of the reward's terms.
        tracked: the names of the quantities that the task tracks.
    """

    def __init__(self, num_robots: int, dt: float, terms: Collection[str], tracked: Collection[str]):
        self.dt = dt
        self.elapsed = np.zeros(num_robots, np.int64)  # steps so far
        self.limits = np.zeros(num_robots, np.int64)  # steps after which the episodes are cut off
        self.whole = np.ones(num_robots, bool)  # whether `stagger` has not made them shorter
        self.returns = np.zeros(num_robots)
        self._totals = np.zeros((len(terms) + len(tracked), num_robots))
        rows = iter(self._totals)
        self._sums = {
            "terms": {name: next(rows) for name in terms},
            "tracked": {name: next(rows) for name in tracked},
        }
        self._started = time.perf_counter()

    def __getstate__(self) -> dict[str, Any]:
        """Return what equal episodes are made of, for copies and pickles: the sums are views of one array."""
        return {"arguments": (len(self.elapsed), self.dt, self.terms, self.tracked), "arrays": self.arrays}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        Episodes.__init__(self, *kept["arguments"])
        for name, array in self.arrays.items():
            array[:] = kept["arrays"][name]

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All numbers that are kept, by the keys of a saved state: live arrays (N,)."""
        return {
            "elapsed": self.elapsed,
            "limits": self.limits,
            "whole": self.whole,
            "returns": self.returns,
            **{f"{kind}.{name}": total for kind, totals in self._sums.items() for name, total in totals.items()},
        }

    @property
    def terms(self) -> tuple[str, ...]:
        """The names of the reward's terms."""
        return tuple(self._sums["terms"])

    @property
    def tracked(self) -> tuple[str, ...]:
        """The names of the quantities that the task tracks."""
        return tuple(self._sums["tracked"])

    def so_far(self, name: str) -> np.ndarray:
        """Return the sums (N,) of a tracked quantity over the present episodes."""
        return self._sums["tracked"][name].copy()

    def begin(self, ids: np.ndarray, limits: np.ndarray) -> None:
        """Begin a new episode for the robots `ids`, of at most `limits` steps."""
        self.elapsed[ids] = 0
        self.limits[ids] = limits
        self.whole[ids] = True
        self.returns[ids] = 0.0
        self._totals[:, ids] = 0.0

    def stagger(self, first: int = 0, of: int | None = None) -> None:
        """Spread the ends of the present episodes, and of others, evenly over an episode's length.

        Args:
            first: number of the first of these robots among all.
            of: number of all; by default these.
        """
        count = of or len(self.limits)
        turn = first + np.arange(1, len(self.limits) + 1)
        self.limits[:] = self.limits * turn // count
        self.whole[:] = turn == count

    def add(
        self, rewards: np.ndarray, terms: Mapping[str, np.ndarray], tracked: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """Count one more step of all robots; return which episodes (N,) are out of time."""
        self.elapsed += 1
        self.returns += rewards
        for kind, values in (("terms", terms), ("tracked", tracked)):
            for name, value in values.items():
                self._sums[kind][name] += value
        return self.elapsed >= self.limits

    def summaries(
        self, ended: np.ndarray, terminated: np.ndarray, blow_ups: Mapping[int, BlowUp]
    ) -> list[dict[str, Any]]:
        """Describe the episodes of the robots `ended` (E,), which end here: `terminated` (E,) or out of time."""
        terms, tracked, now = self.terms, self.tracked, time.perf_counter() - self._started
        numbers = (self.returns[ended], self.elapsed[ended], terminated, self.whole[ended], self._totals[:, ended].T)
        return [
            {
                "return": value,
                "length": length,
                "seconds": length * self.dt,
                "wall_time": now,
                "terminated": failed,
                "physics_error": blow_ups.get(i),
                "whole": whole,
                "terms": dict(zip(terms, sums, strict=False)),  # the first of the sums; then come the tracked ones
                "tracked": dict(zip(tracked, sums[len(terms) :], strict=True)),
            }
            for i, value, length, failed, whole, sums in zip(
                ended.tolist(), *(values.tolist() for values in numbers), strict=True
            )
        ]


def outcome(episode: dict[str, Any]) -> dict[str, Any]:
    """Return the entries of an episode's last `info` about its end, given its summary."""
    success = {} if episode["succeeded"] is None else {"is_success": episode["succeeded"]}
    blow_up = episode["physics_error"]
    return success if blow_up is None else success | {"physics_error": blow_up}
