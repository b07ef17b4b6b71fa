"""Go1Recovery: the robot dog follows commands, and when it has fallen it gets up and goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from envs.arguments import NotNegative
from envs.robots.go1 import Go1
from envs.robots.recovering import ENDLESS, FIGURES, Recovering
from envs.task import Trial


@dataclass(frozen=True)
class Go1Recovery(Recovering, Go1):
    """Follow commands as Go1 does, in spite of pushes that throw the robot over: it gets up and goes on."""

    push_speed: NotNegative = 2.5  # m/s, greatest change of the trunk's velocity by a push

    evaluation: ClassVar = {**Go1.evaluation, **ENDLESS}
    shown: ClassVar = {"push_speed": 2.5, **ENDLESS}
    trials: ClassVar = {
        "pushed": Trial({"push_speed": 1.0}, FIGURES),
        "hard_pushed": Trial({"push_speed": 2.0}, FIGURES),
    }
