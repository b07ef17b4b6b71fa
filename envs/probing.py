"""What a task's methods do with the physics, found by asking them: which numbers of MuJoCo's fields they return.

The fields are replaced by random numbers. An observed number that is a multiple of one of these in every row, between
bounds, can be nothing else: no two of them are alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from gymnasium import spaces

from envs.simulation import Fields, Memory
from envs.sources import Control, Source, field_of_data, joined
from envs.task import Measured
from envs.world import World

ROWS = 64
FUNCTIONS: dict[str, np.ufunc] = {"identity": np.positive, "sin": np.sin, "cos": np.cos}
NEAR = 1e-9  # share of the greatest number, within which two are equal
DIGITS = 12  # after the point, of numbers that were found


class StandIn(Fields):
    """Random numbers in place of the fields of a world's robots."""

    def __init__(self, world: World, rng: np.random.Generator):
        self._world, self._rng = world, rng
        self.model, self.dt = world.model, world.dt
        self.memory = Memory(self.userdata, world.task.memory)

    def body(self, name: str | int) -> int:
        return self._world.sim.body(name)

    def ray(self, points: np.ndarray, directions: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shape = np.broadcast_shapes(points.shape, directions.shape)[:-1]
        return self._rng.random(shape), np.full(shape, -1)

    def __getattr__(self, name: str) -> np.ndarray:
        shape = getattr(self._world.sim, name).shape[1:]
        spread = 10.0 ** self._rng.uniform(-1.0, 2.0, (ROWS, *shape))  # far beyond most bounds, and well within
        values = self._rng.standard_normal((ROWS, *shape)) * spread
        setattr(self, name, values)
        return values

    def columns(self) -> dict[str, np.ndarray]:
        """Return the fields that were asked for as (ROWS, numbers); positions and velocities first."""
        fields = {name: values for name, values in vars(self).items() if isinstance(values, np.ndarray)}
        del fields["userdata"]
        order = sorted(fields, key=lambda name: name not in ("qpos", "qvel"))
        return {name: fields[name].reshape(ROWS, -1) for name in order}


class Multiple(NamedTuple):
    """One number as a multiple of another: ``clip(scale * function(field[place]) + offset)``."""

    field: str
    function: str
    place: int
    scale: float
    offset: float
    low: float
    high: float


def found_sources(world: World) -> dict[str, Source]:
    """Return the sources of those parts of a world's observations that are multiples of MuJoCo's fields."""
    task, sim = world.task, StandIn(world, np.random.default_rng(0))
    with np.errstate(all="ignore"):
        try:
            parts = task.observe(sim, Measured(**task.measure(sim)))
        except Exception:  # of a stranger's task, which random numbers may lead anywhere
            return {}
    columns = sim.columns()
    found = {}
    for name, values in parts.items():
        numbers = [multiple_of(columns, number) for number in np.asarray(values, float).reshape(ROWS, -1).T]
        known = [number for number in numbers if number is not None]
        if len(known) == len(numbers):
            found[name] = joined([_source(run) for run in _runs(known)])
    return found


def found_control(world: World) -> Control | None:
    """Return how a world's actions become controls, where each control is a multiple of one number of the action."""
    task, rng = world.task, np.random.default_rng(0)
    if not isinstance(world.action_space, spaces.Box):
        return None
    sim = StandIn(world, rng)
    controls = sim.ctrl  # written by `apply`
    action = rng.standard_normal((ROWS, *world.action_space.shape)) * 10.0 ** rng.uniform(-2.0, 2.0, (ROWS, 1))
    with np.errstate(all="ignore"):
        try:
            task.apply(sim, action)
        except Exception:  # as above
            return None
    numbers = [multiple_of({"action": action}, control, ("identity",)) for control in controls.T]
    known = [number for number in numbers if number is not None]
    if not known or len(known) < len(numbers):
        return None
    low, high = (tuple(bounds) for bounds in zip(*((one.low, one.high) for one in known), strict=True))
    return Control(tuple(one.place for one in known), *_columns(known), low, high)


def multiple_of(
    columns: Mapping[str, np.ndarray], number: np.ndarray, functions: tuple[str, ...] = tuple(FUNCTIONS)
) -> Multiple | None:
    """Return what a number (ROWS,) is a multiple of; None where it is none, or constant."""
    least, greatest = number.min(), number.max()
    if not np.isfinite(number).all() or least == greatest:
        return None
    low = least if np.count_nonzero(number == least) > 1 else -np.inf
    high = greatest if np.count_nonzero(number == greatest) > 1 else np.inf
    inside = np.flatnonzero((number > low) & (number < high))
    if len(inside) < 4:
        return None
    first, last = inside[number[inside].argmin()], inside[number[inside].argmax()]
    for function in functions:
        for name, values in columns.items():
            x = FUNCTIONS[function](values)
            with np.errstate(all="ignore"):
                scale = (number[last] - number[first]) / (x[last] - x[first])
                offset = number[first] - scale * x[first]
                guess = np.clip(scale * x + offset, low, high)
            near = np.abs(guess - number[:, None]).max(axis=0) <= NEAR * np.abs(number).max()
            if near.any():
                i = int(near.argmax())
                rounded = (float(np.round(value, DIGITS)) + 0.0 for value in (scale[i], offset[i], low, high))
                return Multiple(name, function, i, *rounded)
    return None


def _runs(numbers: list[Multiple]) -> Iterator[list[Multiple]]:
    """Yield neighbours that are of one field, function and bounds."""
    run: list[Multiple] = []
    for one in numbers:
        if run and (one[:2], one[-2:]) != (run[-1][:2], run[-1][-2:]):
            yield run
            run = []
        run.append(one)
    yield run


def _source(run: list[Multiple]) -> Source:
    field, function, low, high = run[0].field, run[0].function, run[0].low, run[0].high
    scale, offset = (values[0] if len(set(values)) == 1 else values for values in _columns(run))
    clip = (low, high) if np.isfinite([low, high]).any() else None
    return field_of_data(field, [one.place for one in run], function, scale=scale, offset=offset, clip=clip)


def _columns(run: list[Multiple]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(one.scale for one in run), tuple(one.offset for one in run)
