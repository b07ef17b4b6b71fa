"""RoughRecovery: the robot dog follows commands over rubble, slopes and steps, and gets up where it has fallen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from envs.arguments import Cosine, NotNegative
from envs.robots.recovering import ENDLESS, Recovering
from envs.robots.rough_terrain import RoughTerrain


@dataclass(frozen=True)
class RoughRecovery(Recovering, RoughTerrain):
    """Follow commands over rough ground as RoughTerrain does, get up after a fall, and go on."""

    min_height: float = 0.12  # m, height of the trunk above the ground below which the robot has fallen
    standing_height: float = 0.18  # m, least height of the trunk above the ground at which a robot is up again
    standing_upright: Cosine = 0.8  # least cosine of the trunk's tilt at which a robot is up again
    push_speed: NotNegative = 1.0  # m/s, greatest change of the trunk's velocity by a push

    shown: ClassVar = {**RoughTerrain.shown, **ENDLESS}
    evaluation: ClassVar = {**RoughTerrain.evaluation, **ENDLESS}
    trials: ClassVar = {}
    unused: ClassVar[tuple[str, ...]] = ("fall_weight",)  # what a fall costs is told by the rewards of getting up
