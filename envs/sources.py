"""Where an observation comes from, in words that a robot's own computer can follow without this package.

A `Source` says how one part of `Task.observe` is found in MuJoCo's data. Parts that are multiples of its fields are
found by `envs.probing`; those that are not, a task names in `Task.observation_sources`. A runner reads the words back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Numbers = float | tuple[float, ...]  # one for all numbers of a part, or one for each


@dataclass(frozen=True)
class Source:
    """The origin of a part of an observation: ``clip(scale * origin + offset)``."""

    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)  # of this kind, as JSON values
    unit: str = ""  # of the origin
    scale: Numbers = 1.0
    offset: Numbers = 0.0
    clip: tuple[float, float] | None = None

    def as_data(self) -> dict[str, Any]:
        """Return the source as JSON values."""
        return {"kind": self.kind, **self.arguments}


def field_of_data(name: str, index: Sequence[int], function: str = "identity", **changes: Any) -> Source:
    """Return numbers of a field of MjData.

    Args:
        name: of the field, such as `qpos`.
        index: of the numbers in the field, one row after the other.
        function: of each number: `identity`, `sin` or `cos`.
        **changes: `unit`, `scale`, `offset` and `clip`.
    """
    arguments: dict[str, Any] = {"field": name, "index": list(index)}
    if function != "identity":
        arguments["function"] = function
    return Source("field", arguments, **changes)


def joined(parts: Sequence[Source]) -> Source:
    """Return several sources one after the other, or the only one."""
    return parts[0] if len(parts) == 1 else Source("joined", {"parts": [whole(part) for part in parts]})


def total(*parts: Source, unit: str = "") -> Source:
    """Return the sum of several sources of one size."""
    return Source("sum", {"parts": [whole(part) for part in parts]}, unit)


def whole(part: Source) -> dict[str, Any]:
    """Return a source with its scale, offset and clip, as JSON values."""
    others = {"scale": part.scale, "offset": part.offset, "clip": part.clip}
    return part.as_data() | {name: value for name, value in others.items() if value != getattr(Source, name)}


def base_lin_vel() -> Source:
    """Return the velocity (3,) of the first joint, which is free, in its body's frame."""
    return Source("base_lin_vel", unit="m/s")


def projected_gravity(**changes: Any) -> Source:
    """Return the direction (3,) of gravity in the frame of the first joint's body, which is free."""
    return Source("projected_gravity", **changes)


def last_action() -> Source:
    """Return the action before, within the bounds of the action space; zero at an episode's start."""
    return Source("last_action")


def command() -> Source:
    """Return the present command: a number for each of `Task.commands`."""
    return Source("command")


def gait_clock(frequency: float, phase: float, still: float) -> Source:
    """Return sine and cosine of a gait's phase; both are zero while the command is to stand.

    Args:
        frequency: in Hz.
        phase: at the start, in periods.
        still: size of a command's greatest number up to which it is to stand.
    """
    return Source("gait_clock", {"frequency": frequency, "phase": phase, "still": still})


def touching(sensors: Sequence[Sequence[str]]) -> Source:
    """Return for each group of sensors, given by their names, how many of them read anything but zero."""
    return Source("touching", {"sensors": [list(group) for group in sensors]})


def position_in_body(of: str, body: str) -> Source:
    """Return the position (3,) of a body in the frame of another one."""
    return Source("position_in_body", {"of": of, "body": body}, "m")


def angle_in_body(of: str, body: str, times: int) -> Source:
    """Return cosine and sine of a multiple of the angle of a body about the z axis of another one."""
    return Source("angle_in_body", {"of": of, "body": body, "times": times})


def base_height(above: float, abyss: float) -> Source:
    """Return the height (1,) of the first joint's body above the ground, in m: geoms of group 0, met by a ray.

    Args:
        above: height above the body from which the ray falls, in m.
        abyss: length of a ray that meets nothing, in m.
    """
    return Source("base_height", {"above": above, "abyss": abyss}, "m")


def height_scan(points: Sequence[Sequence[float]], above: float, abyss: float, **changes: Any) -> Source:
    """Return by how much the ground at some points is higher than under the first joint's body, in m.

    Args:
        points: ahead of the body and to its left, in m.
        above: as for `base_height`.
        abyss: as for `base_height`.
        **changes: `offset` and `clip`.
    """
    places = [list(point) for point in points]
    return Source("height_scan", {"points": places, "above": above, "abyss": abyss}, "m", **changes)


@dataclass(frozen=True)
class Control:
    """How an action becomes controls.

    ``clip(gain * scale * action[index] + offset)``, where the gain is the sum of a source's numbers, or 1. Of a target
    that moves on from the present control, which it is added to, `lead` bounds the distance from what is `measured`;
    MuJoCo's own range of controls bounds it, too.
    """

    index: tuple[int, ...]  # of the action's number, for each control
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    measured: Source | None = None
    lead: tuple[float, ...] | None = None
    gain: Source | None = None

    @property
    def by_action_alone(self) -> bool:
        """Whether nothing but the action decides."""
        return self.measured is None and self.gain is None
