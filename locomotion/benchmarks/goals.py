"""Goals of a race: the scores that are named for each robot, and shares of the way to our best for any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SHARES = (0.5, 0.75, 0.9)  # of the way from the untrained policy's return to the best


@dataclass(frozen=True)
class Goal:
    """Bounds of a policy's figures, of which the return is one and the task's metrics are others."""

    name: str
    least: Mapping[str, float] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)

    def reached(self, figures: Mapping[str, float]) -> bool:
        """Return whether a policy's figures are all there, and within the bounds."""
        high_enough = all(name in figures and figures[name] >= bound for name, bound in self.least.items())
        return high_enough and all(name in figures and figures[name] <= bound for name, bound in self.most.items())


def return_of(score: float, name: str = "") -> Goal:
    """Return the goal of a mean return."""
    digits = 1 if abs(score) < 100 else 0
    return Goal(f"{name}{score:,.{digits}f}", {"return": score})


# Our own robots' are close to what their policies reach in the end. Of 20 episodes one is 5 %.
GOALS: dict[str, tuple[Goal, ...]] = {
    "Ant-v5": tuple(map(return_of, (1000, 2000, 3000))),
    "HalfCheetah-v5": tuple(map(return_of, (2000, 3500, 5000))),
    "Hopper-v5": tuple(map(return_of, (1000, 2000, 3000))),
    "Walker2d-v5": tuple(map(return_of, (1000, 2000, 3000))),
    "Locomotion/Biped-v0": (Goal("3.3 m/s, falls in 5 %", {"speed_mean": 3.3}, {"fall_rate": 0.05}),),
    "Locomotion/Go1-v0": (
        Goal(
            "errors 0.10 m/s and 0.08 rad/s, no falls",
            most={"linear_error_rms": 0.10, "angular_error_rms": 0.08, "fall_rate": 0.0},
        ),
    ),
    "Locomotion/Grasp-v0": (Goal("lifts all", {"success_rate": 1.0}),),
    "Locomotion/PickAndPlace-v0": (Goal("places all", {"success_rate": 1.0}),),
    "Locomotion/Quadruped-v0": (Goal("4.0 m/s, falls in 5 %", {"speed_mean": 4.0}, {"fall_rate": 0.05}),),
    "Locomotion/RoughTerrain-v0": (
        Goal("91 % of the distance, falls in 5 %", {"distance_share": 0.91}, {"fall_rate": 0.05}),
    ),
    "Locomotion/StandUp-v0": (Goal("stands in 95 %", {"stand_rate": 0.95}),),
}


def goals_of(env: str, untrained: float, best: float) -> tuple[Goal, ...]:
    """Return a robot's goals, the easiest first.

    Args:
        env: canonical id.
        untrained: our policy's return before training, for a robot whose goals are not named.
        best: its highest return.
    """
    if env in GOALS:
        return GOALS[env]
    return tuple(return_of(untrained + share * (best - untrained), f"{share:.0%} of ours: ") for share in SHARES)
