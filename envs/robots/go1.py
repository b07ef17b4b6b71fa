"""Go1: a robot dog follows commanded velocities: forward, sideways, turning, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Cosine, Count, NotNegative, Positive, Share
from envs.mirror import MirroredParts, SignedPermutation
from envs.orientation import body_frame, quaternion_about_z
from envs.reflection import ROTATION, VECTOR
from envs.robots.dog import HOME, HOME_HEIGHT, MIRRORED_JOINTS, Dog
from envs.robots.pushes import DRAWS, draw_pushes, memory_of, push
from envs.simulation import Fields
from envs.sources import Source, base_lin_vel, command, gait_clock, last_action, projected_gravity
from envs.task import Measured, Trial, fall_rate

FOOT_RADIUS = 0.023  # m
TROT = np.array([0.0, 0.5, 0.5, 0.0])  # periods of the gait: FR steps with RL, FL with RR
STILL = 0.01  # m/s, rad/s: a command with no greater number is to stand
SEGMENTS = 8  # commands per episode, at most
PUSHES = 4  # pushes per episode


@dataclass(frozen=True)
class Go1(Dog):
    """Follow commanded velocities (forward, to the left, turning left) on four legs in spite of pushes.

    Actions move the targets of the twelve joints away from a stance. Observations include the command and a gait clock,
    which stands still while the command is to stand. Each episode has its own floor friction, load and motor strength.
    The reward is never negative: otherwise an early fall would pay.
    """

    # Reward
    tracking_weight: float = 1.0  # reward per step at the commanded velocity
    turning_weight: float = 1.0  # reward per step at the commanded turning rate
    tolerance: Positive = 0.25  # (m/s)^2, (rad/s)^2: squared error at which the broad half of either falls to 1/e
    fine_tolerance: Positive = 0.03  # (m/s)^2, (rad/s)^2: squared error at which the narrow half falls to 1/e
    gait_weight: float = 1.0  # reward per step with all feet in time with the clock
    pose_weight: float = 0.5  # reward per step with all joints at the stance
    pose_sharpness: tuple[float, float, float] = (1.0, 1.0, 0.1)  # 1/rad^2, decay of the pose reward, per joint
    tilt_weight: float = 2.0  # cost per step and squared sine of the trunk's tilt
    bounce_weight: float = 0.5  # cost per step and (m/s)^2 of the trunk's vertical velocity
    wobble_weight: float = 0.05  # cost per step and (rad/s)^2 of rolling and pitching
    effort_weight: float = 1e-4  # cost per step and (N m)^2, over all joints
    action_rate_weight: float = 0.01  # cost per squared change of the action
    slip_weight: float = 0.1  # cost per step and (m/s)^2 of feet on the ground

    # Gait
    step_frequency: NotNegative = 2.0  # Hz, of the gait clock
    step_height: NotNegative = 0.08  # m, height of a foot at the top of its swing
    step_tolerance: Positive = 0.03  # m off the swing's height at which a flying foot's share falls to 1/e
    slip_tolerance: Positive = 0.05  # (m/s)^2, squared speed at which a standing foot's share falls to 1/e

    # Actions and failure
    action_scale: Positive = 0.5  # rad, distance of a joint's target from the stance at action 1
    min_height: float = 0.15  # m, height of the trunk below which the robot has fallen
    min_upright: Cosine = 0.5  # cosine of the trunk's tilt below which the robot has fallen

    # Commands
    max_velocity: tuple[float, float] = (-0.75, 1.25)  # m/s, slowest and fastest command forward
    max_sideways: NotNegative = 0.5  # m/s, fastest command to either side
    max_turning: NotNegative = 0.9  # rad/s, fastest turning command to either side
    hold: Positive = 5.0  # s, mean duration of a command
    zeroed: tuple[Share, Share, Share] = (0.1, 0.4, 0.4)  # probabilities that a command's three components are zero
    standing: Share = 0.1  # probability that a command is to stand
    grid: bool = False  # one command per episode, which the seed picks from `grid_commands`, and pushes of full speed
    settling_time: NotNegative = 1.0  # s after a new command or a push that tracking errors leave out

    # Randomness of start and pushes
    angle_noise: NotNegative = 0.05  # rad, bound on the joints' first angles from the stance
    speed_noise: NotNegative = 0.2  # rad/s, bound on the joints' first speeds
    push_interval: Positive = 5.0  # s between pushes, of which an episode has four
    push_speed: NotNegative = 1.0  # m/s, greatest change of the trunk's velocity by a push

    episode_steps: Count = 1000  # steps of 0.02 s after which an episode is truncated

    memory: ClassVar = {  # drawn at an episode's start and read by its steps
        "phase": 1,  # of the gait at first, in periods
        "switches": SEGMENTS,  # s, when each command begins
        "commands": 3 * SEGMENTS,  # m/s forward, m/s to the left, rad/s to the left
        **memory_of(PUSHES),
    }
    remembered: ClassVar[tuple[str, ...]] = ("action",)
    camera: ClassVar = {"trackbodyid": 1, "distance": 1.6, "lookat": (0, 0, 0.22), "azimuth": 130.0, "elevation": -18.0}
    grid_commands: ClassVar = np.array(
        [(x, y, turn) for x in (-0.5, 0.0, 0.5, 1.0) for y in (-0.4, 0.0, 0.4) for turn in (-0.8, 0.0, 0.8)]
    )
    evaluation: ClassVar = {"grid": True, "push_speed": 0.0}
    shown: ClassVar = {"push_speed": 0.0}
    trials: ClassVar = {
        "pushed": Trial({"push_speed": 0.5}, ("fall_rate", "linear_error_rms", "angular_error_rms")),
        "hard_pushed": Trial({"push_speed": 1.0}, ("fall_rate",)),
    }

    @property
    def commands(self) -> Mapping[str, tuple[float, float]]:
        return {
            "forward (m/s)": self.max_velocity,
            "left (m/s)": (-self.max_sideways, self.max_sideways),
            "turn left (rad/s)": (-self.max_turning, self.max_turning),
        }

    def mirrored(self, model: mujoco.MjModel) -> MirroredParts:
        joints = MIRRORED_JOINTS
        vector, rotation = SignedPermutation.in_place(*VECTOR), SignedPermutation.in_place(*ROTATION)
        parts = {
            "velocity": vector,
            "turning": rotation,
            "up": vector,
            "joint_angles": joints,
            "joint_speeds": joints,
            "action": joints,
            "command": SignedPermutation.in_place(1, -1, -1),
            "clock": SignedPermutation.in_place(-1, -1),
        }
        return MirroredParts(parts, joints)

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        sim.ctrl[:] = HOME + self.reach(sim) * np.clip(action, -1.0, 1.0)
        push(sim)

    def reach(self, sim: Fields) -> np.ndarray | float:
        """Return the distance of the joints' targets from the stance at action 1, in rad; (N, 1), or of all robots."""
        return self.action_scale

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        now = sim.time[:, None]
        command, since_command = self.present_command(sim)
        moving = (np.abs(command) > STILL).any(axis=1)
        since_push = now - sim.memory.push_times
        since_push[since_push <= 0.0] = np.inf
        quiet = np.minimum(since_command, since_push.min(axis=1))
        phase = sim.memory.phase + self.step_frequency * sim.time
        up, velocity = body_frame(sim.qpos[:, 3:7], sim.qvel[:, :3])
        return {
            "command": command,  # m/s forward, m/s to the left, rad/s to the left
            "moving": moving,
            "quiet": quiet,  # s since the last push or new command
            "phase": phase,  # of the gait, in periods
            "up": up,
            "velocity": velocity,  # m/s, in the trunk's frame
            "height": sim.qpos[:, 2],  # m, of the trunk above the ground
            "turning": sim.qvel[:, 3:6],  # rad/s, in the trunk's frame
            "linear_error": np.hypot(command[:, 0] - velocity[:, 0], command[:, 1] - velocity[:, 1]),  # m/s
            "angular_error": command[:, 2] - sim.qvel[:, 5],  # rad/s
            "contact": sim.sensordata[:, :4] > 0.0,
            "feet": sim.site_xpos[:, -4:, 2] - FOOT_RADIUS,  # m above the ground
            "sliding": np.square(sim.sensordata[:, 4:16:3]) + np.square(sim.sensordata[:, 5:16:3]),  # (m/s)^2
            "action": (sim.ctrl - HOME) / self.action_scale,
        }

    def present_command(self, sim: Fields) -> tuple[np.ndarray, np.ndarray]:
        """Return the present commands (N, 3), in m/s, m/s and rad/s, and the time (N,) since they began, in s."""
        rows, switches = np.arange(len(sim.qpos)), sim.memory.switches
        # Half a step of slack: the clock is a sum of timesteps.
        segment = (sim.time[:, None] + sim.dt / 2 >= switches).sum(axis=1) - 1
        commands = sim.memory.commands.reshape(-1, SEGMENTS, 3)
        return commands[rows, segment], sim.time - switches[rows, segment]

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        angle = 2 * np.pi * now.phase
        return {
            "velocity": now.velocity,  # m/s, of the trunk, in its frame
            "turning": now.turning,  # rad/s, of the trunk, in its frame
            "up": now.up,  # the direction of up in the trunk's frame
            "joint_angles": sim.qpos[:, 7:] - HOME,  # rad from the stance
            "joint_speeds": 0.1 * sim.qvel[:, 6:],  # 10 rad/s
            "action": now.action,  # the last one
            "command": now.command,  # m/s forward, m/s to the left, rad/s to the left
            # Sine and cosine of the gait's phase; zero while the command is to stand.
            "clock": np.stack([np.sin(angle), np.cos(angle)], axis=1) * now.moving[:, None],
        }

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        return {
            "velocity": base_lin_vel(),
            "up": projected_gravity(scale=-1.0),
            "action": last_action(),
            "command": command(),
            "clock": gait_clock(self.step_frequency, float(sim.memory.phase[0]), STILL),
        }

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "tracking": self.tracking_weight * self._closeness(now.linear_error),
            "turning": self.turning_weight * self._closeness(now.angular_error),
            "gait": self.gait_weight * self._in_step(now),
            "pose": self.pose_weight * np.exp(-np.square(sim.qpos[:, 7:] - HOME) @ np.tile(self.pose_sharpness, 4)),
            "tilt": -self.tilt_weight * np.square(now.up[:, :2]).sum(axis=1),
            "bounce": -self.bounce_weight * np.square(now.velocity[:, 2]),
            "wobble": -self.wobble_weight * np.square(now.turning[:, :2]).sum(axis=1),
            "effort": -self.effort_weight * np.square(sim.qfrc_actuator[:, 6:]).sum(axis=1),
            "action_rate": -self.action_rate_weight * np.square(now.action - before.action).sum(axis=1),
            "slip": -self.slip_weight * (now.contact * now.sliding).sum(axis=1),
        }

    def total(self, terms: dict[str, np.ndarray]) -> np.ndarray:
        return np.maximum(super().total(terms), 0.0)

    def _closeness(self, error: np.ndarray) -> np.ndarray:
        """Return 1 where there is no error (N,): a broad peak that shows the way, and a narrow one on its top."""
        squared = np.square(error)
        return (np.exp(-squared / self.tolerance) + np.exp(-squared / self.fine_tolerance)) / 2

    def _in_step(self, now: Measured) -> np.ndarray:
        """Return the share of feet (N,) in time with the clock: in the air at the swing's height, or standing still."""
        height = self.step_height * np.sin(2 * np.pi * (now.phase[:, None] + TROT))
        flying = (height > 0.0) & now.moving[:, None]
        fly = ~now.contact * np.exp(-np.square((now.feet - height) / self.step_tolerance))
        stand = now.contact * np.exp(-now.sliding / self.slip_tolerance)
        return np.where(flying, fly, stand).mean(axis=1)

    def terminated(self, sim: Fields, now: Measured) -> np.ndarray:
        return (now.height < self.min_height) | (now.up[:, 2] < self.min_upright)

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        joints = sim.model.nu
        draws = np.array([rng.random(5 + 2 * joints + 8 * SEGMENTS + DRAWS * PUSHES) for rng in rngs])
        bounds = np.cumsum([5, 2 * joints, 8 * SEGMENTS])
        own, start, orders, pushes = np.split(draws, bounds, axis=1)
        sim.qpos[:, 2] = HOME_HEIGHT
        sim.qpos[:, 3:7] = quaternion_about_z(self.headings(own[:, 4]))
        noise = 2 * start - 1
        sim.qpos[:, 7:] = HOME + self.angle_noise * noise[:, :joints]
        sim.qvel[:, 6:] = self.speed_noise * noise[:, joints:]
        sim.ctrl[:] = HOME
        self.draw_body(sim, own[:, :3])
        memory = sim.memory
        memory.phase = own[:, 3]
        switches, commands = self._orders(orders.reshape(-1, SEGMENTS, 8))
        if self.grid:  # the whole episode long
            switches[:, 1:] = np.inf
            commands[:] = self.grid_commands[[seed % len(self.grid_commands) for seed in seeds]][:, None]
        memory.switches = switches
        memory.commands = commands.reshape(len(rngs), -1)
        slowest = self.push_speed if self.grid else 0.0
        draw_pushes(sim, pushes, self.push_interval, (slowest, self.push_speed))

    def headings(self, shares: np.ndarray) -> np.ndarray:
        """Return the headings (E,) at the start, in rad, given draws from 0 to 1."""
        return 2 * np.pi * shares

    def _orders(self, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the commands' beginnings (E, segments) and values (E, segments, 3), from draws (E, segments, 8)."""
        lasting = -self.hold * np.log1p(-draws[:, :, 0])
        switches = np.concatenate([np.zeros((len(draws), 1)), np.cumsum(lasting, axis=1)[:, :-1]], axis=1)
        slowest, fastest = self.max_velocity
        low = np.array([slowest, -self.max_sideways, -self.max_turning])
        high = np.array([fastest, self.max_sideways, self.max_turning])
        commands = low + (high - low) * draws[:, :, 1:4]
        commands *= draws[:, :, 4:7] >= self.zeroed  # so that going straight and turning on the spot are frequent
        commands *= draws[:, :, 7:] >= self.standing
        return switches, commands

    def set_commands(self, sim: Fields, commands: np.ndarray) -> None:
        sim.memory.commands = np.tile(commands, SEGMENTS)

    def command_tracking(self, sim: Fields) -> tuple[np.ndarray, np.ndarray]:
        command, _ = self.present_command(sim)
        _, velocity = body_frame(sim.qpos[:, 3:7], sim.qvel[:, :3])
        return command, np.column_stack([velocity[:, :2], sim.qvel[:, 5]])

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        settled = now.quiet >= self.settling_time
        return {
            "settled": settled * sim.dt,  # s
            "linear_error": settled * np.square(now.linear_error) * sim.dt,  # (m/s)^2 s
            "angular_error": settled * np.square(now.angular_error) * sim.dt,  # (rad/s)^2 s
        }

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        settled = episodes["settled"].sum()
        return {
            "linear_error_rms": float(np.sqrt(episodes["linear_error"].sum() / settled)),  # m/s
            "angular_error_rms": float(np.sqrt(episodes["angular_error"].sum() / settled)),  # rad/s
        } | fall_rate(episodes)
