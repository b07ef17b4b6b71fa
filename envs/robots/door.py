"""Door: an arm presses a door's handle and pulls the door open."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import mujoco
import numpy as np
from annotated_types import Interval

from envs.arguments import Count, NotNegative
from envs.orientation import quaternion_about_z
from envs.robots.arm import Arm, around, between, in_hand, nearness
from envs.simulation import Fields
from envs.sources import Source, position_in_body
from envs.task import Measured, norm, on_last_step

DOOR, HANDLE = 7, 8  # in qpos, rad, and in qvel, rad/s
HANDLE_TO_HINGES = 0.19  # m
HOLD_AHEAD = 0.022  # m before the hinges where the lever is to be held: the pads' tips stay clear of the door
TO_TIP = 0.025  # m from where the lever is to be held to its end
UNLATCHED = 0.5  # rad by which the handle must turn for the bolt to clear the strike, and a little
AJAR = 0.05  # rad of the door, from which on the bolt is past the strike
WIDE = np.pi / 3  # rad, the goal


Lever = Annotated[float, Interval(gt=TO_TIP, lt=HANDLE_TO_HINGES)]


@dataclass(frozen=True)
class Door(Arm):
    """Press a door's handle down against its spring, and pull the door open by 60 degrees.

    The lever is a round bar too near the door for a finger behind it: the pads must pinch it. The wrist bends to both
    sides of the forearm, so that the hand can point ahead.
    """

    joint_lead: NotNegative = 0.12  # rad, greatest distance of a target from its joint: no push that jams the door
    hold_radius: tuple[NotNegative, NotNegative] = (0.42, 0.48)  # m from the arm's axis, where the lever is to be held
    hold_azimuth: NotNegative = 0.6  # rad, bound on that place to either side of straight ahead
    hold_height: tuple[NotNegative, NotNegative] = (0.16, 0.24)  # m of the handle above the table
    lever_length: tuple[Lever, Lever] = (0.08, 0.13)  # m from the handle's axis to the lever's end
    friction: tuple[NotNegative, NotNegative] = (0.1, 0.25)  # N m in the door's hinges
    episode_steps: Count = 150  # steps of 0.04 s after which an episode is truncated

    reach_weight: float = 1.0  # reward per step with the grip where the lever is to be held
    reach_scale: NotNegative = 5.0  # 1/m, decay of the reach reward with the distance
    grasp_weight: float = 0.5  # reward per step in which both pads press the lever
    press_weight: float = 1.0  # reward per step with the bolt away from the strike, growing with the handle's angle
    ajar_weight: float = 2.0  # reward per step with the door ajar, less the less it is; a push against its stop costs
    open_weight: float = 4.0  # reward per step with the door wide open, growing with its angle
    goal_weight: float = 2.0  # reward per step once it is open that wide

    model = "door.xml"
    # The hand points ahead, open, one pad above the other, 0.2 m above the table.
    home: ClassVar = np.array([0.0, 0.38, 0.81, -2.76, -1.57, 0.03, 0.03])
    camera: ClassVar = Arm.camera | {"azimuth": 50.0}
    memory: ClassVar = {
        "length": 1,  # m of the lever
        "friction": 1,  # N m
    }

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        spec.joint("wrist").range[0] = -2.9
        return spec

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        arm, opened = super().measure(sim), sim.qpos[:, DOOR]
        return {
            **arm,
            "to_hold": sim.xpos[:, sim.body("hold")] - arm["grip"],  # m
            "lever": sim.xmat[:, sim.body("handle")].reshape(-1, 3, 3)[:, :, 1],  # its direction
            "opened": opened,  # rad
            "ajar": np.clip(opened / AJAR, -1.0, 1.0),  # 1 where it is, below 0 where it is pushed against its stop
            "unlatched": np.where(opened > AJAR, 1.0, np.clip(sim.qpos[:, HANDLE] / UNLATCHED, 0.0, 1.0)),
            "wide": opened >= WIDE,
        }

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return {
            **self.joints(sim),
            "hold_in_hand": in_hand(now.to_hold, now.rotation),  # m, in the hand's frame
            **self.hand(now),
            "lever": now.lever,
            "hinges": sim.mocap_pos[:, 0],  # m
            "angles": sim.qpos[:, DOOR : HANDLE + 1],  # rad, of the door and of the handle
            "speeds": sim.qvel[:, DOOR : HANDLE + 1],  # rad/s
            "pressing": now.pressing,  # whether the left and the right pad press the lever
            "action": now.action,  # the last one
        }

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        return {**super().observation_sources(sim), "hold_in_hand": position_in_body("hold", "grip")}

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "reach": self.reach_weight * nearness(norm(now.to_hold), self.reach_scale),
            "grasp": self.grasp_weight * now.grasped,
            "press": self.press_weight * now.unlatched,
            "ajar": self.ajar_weight * now.ajar,
            "open": self.open_weight * np.clip(now.opened / WIDE, 0.0, 1.0),
            "goal": self.goal_weight * now.wide,
            **self.costs(now, before),
        }

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        draws = np.array([rng.uniform(-1.0, 1.0, 10) for rng in rngs])
        self.place_at_home(sim, draws[:, :5])
        radius, azimuth, height, length, friction = draws[:, 5:].T
        sim.memory.length = between(length, self.lever_length)
        sim.memory.friction = between(friction, self.friction)
        azimuth = self.hold_azimuth * azimuth  # the door faces the arm
        hold = around(azimuth, between(radius, self.hold_radius), between(height, self.hold_height))
        aside = HANDLE_TO_HINGES - self._hold(sim)  # m from the hinges to the hold
        to_hinges = np.column_stack([np.full(len(aside), HOLD_AHEAD), aside])
        turn = np.stack([np.cos(azimuth), np.sin(azimuth)], axis=1)
        sim.mocap_pos[:, 0] = hold
        sim.mocap_pos[:, 0, 0] += turn[:, 0] * to_hinges[:, 0] - turn[:, 1] * to_hinges[:, 1]
        sim.mocap_pos[:, 0, 1] += turn[:, 1] * to_hinges[:, 0] + turn[:, 0] * to_hinges[:, 1]
        sim.mocap_quat[:, 0] = quaternion_about_z(azimuth)

    def _hold(self, sim: Fields) -> np.ndarray:
        """Return how far (N,) from the handle's axis the lever is to be held, in m."""
        return sim.memory.length - TO_TIP

    def physics(self, sim: Fields) -> dict[str, np.ndarray]:
        model, length = sim.model, sim.memory.length
        names = ("geom_size", "geom_pos", "body_pos", "dof_frictionloss")
        fields = {name: np.repeat(getattr(model, name)[None], len(length), axis=0) for name in names}
        lever = model.geom("lever").id
        fields["geom_size"][:, lever, 1] = fields["geom_pos"][:, lever, 1] = length / 2
        fields["body_pos"][:, sim.body("hold"), 1] = self._hold(sim)
        fields["dof_frictionloss"][:, DOOR] = sim.memory.friction
        return fields

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        moving = np.abs(sim.qvel[:, DOOR]) > 0.1  # rad/s
        return {
            "success": on_last_step(sim, self.episode_steps) & now.wide,
            "until_wide": np.where(now.wide, 0.0, sim.dt),  # s
            "moving": moving * 1.0,  # steps
            "both_pads": (moving & now.grasped) * 1.0,  # steps
        }

    def succeeded(self, episode: Mapping[str, float]) -> bool:
        return episode["success"] > 0

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {
            "success_rate": float(np.mean(episodes["success"])),
            "open_seconds_median": float(np.median(episodes["until_wide"])),  # s until the door was open
            # Share of the steps with the door moving in which both pads press the lever.
            "both_pads_share": float(episodes["both_pads"].sum() / episodes["moving"].sum()),
        }

    def mirrored(self, model: mujoco.MjModel) -> None:
        return None  # the hinges are to the left
