"""Go1: a robot dog that goes where it is told to: forward, sideways, round, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Cosine, Count, NotNegative, Positive, Share
from envs.orientation import body_frame, quaternion_about_z
from envs.simulation import Fields
from envs.task import Measured, Mirror, SignedPermutation, Task, Trial, fall_rate

HOME = np.array([-0.1, 0.9, -1.8, 0.1, 0.9, -1.8, -0.1, 0.9, -1.8, 0.1, 0.9, -1.8])  # rad: FR, FL, RR, RL
HOME_HEIGHT = 0.29  # m, of the trunk: the feet just above the ground
FOOT_RADIUS = 0.023  # m
TROT = np.array([0.0, 0.5, 0.5, 0.0])  # of a gait's period: FR steps with RL, FL with RR
SEGMENTS = 8  # commands an episode has at most
PUSHES = 4  # pushes an episode has

# What an episode's start draws and its steps read: columns of userdata.
FRICTION, LOAD, STRENGTH, PHASE = range(4)
SWITCHES = slice(4, 4 + SEGMENTS)  # s, when each command begins
COMMANDS = slice(SWITCHES.stop, SWITCHES.stop + 3 * SEGMENTS)
PUSH_TIMES = slice(COMMANDS.stop, COMMANDS.stop + PUSHES)  # s
PUSH_VELOCITIES = slice(PUSH_TIMES.stop, PUSH_TIMES.stop + 2 * PUSHES)  # m/s
DRAWN = PUSH_VELOCITIES.stop


@dataclass(frozen=True)
class Go1(Task):
    """Follow commanded velocities (forward, to the left, turning left) on four legs, unsettled by pushes.

    Actions move the targets of the twelve joints away from a stance. Observations (50) are the trunk's velocity and
    turning rate and the direction of up, all in the trunk's frame, the joints' angles from the stance, a tenth of their
    speeds, the last action, the command, and a gait clock, which stands still while the command is to stand.

    Each episode has a floor, a load and motors of its own. The reward is never negative, lest falling be an escape.
    """

    tracking_weight: float = 1.0  # per step, at the commanded velocity
    turning_weight: float = 1.0  # per step, at the commanded turning rate
    tolerance: Positive = 0.25  # (m/s)^2, (rad/s)^2: squared error at which a first half of either falls to 1/e
    fine_tolerance: Positive = 0.03  # (m/s)^2, (rad/s)^2: the same of the second half
    gait_weight: float = 1.0  # per step, with all feet in time with the clock
    step_frequency: NotNegative = 2.0  # Hz
    step_height: NotNegative = 0.08  # m, a foot's at the top of its swing
    step_tolerance: Positive = 0.03  # m off the swing's height at which a flying foot's share falls to 1/e
    slip_tolerance: Positive = 0.05  # (m/s)^2, squared speed at which a standing foot's share does
    pose_weight: float = 0.5  # per step, with all joints at the stance
    pose_sharpness: tuple[float, float, float] = (1.0, 1.0, 0.1)  # per rad^2 that hip, thigh and knee are off it
    tilt_weight: float = 2.0  # per squared sine of the trunk's tilt, in each step
    bounce_weight: float = 0.5  # per (m/s)^2 up and down, in each step
    wobble_weight: float = 0.05  # per (rad/s)^2 of rolling and pitching, in each step
    effort_weight: float = 1e-4  # per (N m)^2, over all joints, in each step
    action_rate_weight: float = 0.01  # per squared change of the action
    slip_weight: float = 0.1  # per (m/s)^2 of feet on the ground, in each step
    action_scale: Positive = 0.5  # rad from the stance at action 1
    min_height: float = 0.15  # m, of the trunk: lower, it has fallen
    min_upright: Cosine = 0.5  # cosine of the trunk's tilt: below it, it has fallen
    max_velocity: tuple[float, float] = (-0.75, 1.25)  # m/s, slowest and fastest command forward
    max_sideways: NotNegative = 0.5  # m/s
    max_turning: NotNegative = 0.9  # rad/s
    hold: Positive = 5.0  # s a command lasts, on average
    zeroed: tuple[Share, Share, Share] = (0.1, 0.4, 0.4)  # probability that a command has no speed forward, ...
    standing: Share = 0.1  # probability that a command is to stand
    angle_noise: NotNegative = 0.05  # rad: each joint begins within it around the stance ...
    speed_noise: NotNegative = 0.2  # rad/s: ... and turns within it
    friction: tuple[NotNegative, NotNegative] = (0.4, 1.25)  # of the floor
    load: tuple[float, float] = (-1.0, 1.0)  # kg on top of the trunk's own
    strength: tuple[NotNegative, NotNegative] = (0.9, 1.1)  # of the motors, as a share of their nominal stiffness
    push_interval: Positive = 5.0  # s between pushes, of which an episode has four
    push_speed: NotNegative = 1.0  # m/s by which a push changes the trunk's velocity, at most
    grid: bool = False  # whether an episode has one command, its seed's turn of `grid_commands`, and full pushes
    settling_time: NotNegative = 1.0  # s after a new command or a push which tracking errors leave out
    episode_steps: Count = 1000  # of 0.02 s

    model = "go1.xml"
    control_dt = 0.02  # s
    remembered = ("action",)
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

    def mirror(self, model: mujoco.MjModel) -> Mirror:
        # Left legs for right ones; outward is a positive angle on the left side, a negative one on the right.
        joints = np.array([3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]), np.tile([-1.0, 1.0, 1.0], 4)
        vector, rotation = (np.arange(3), [1, -1, 1]), (np.arange(3), [-1, 1, -1])
        command, clock = (np.arange(3), [1, -1, -1]), (np.arange(2), [-1, -1])
        observation = [vector, rotation, vector, joints, joints, joints, command, clock]
        return Mirror(SignedPermutation.joined(observation), SignedPermutation(*joints))

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        sim.ctrl[:] = HOME + self.action_scale * np.clip(action, -1.0, 1.0)
        now = sim.time[:, None]
        due = np.abs(now - sim.userdata[:, PUSH_TIMES]) < sim.dt / 2
        if due.any():
            velocities = sim.userdata[:, PUSH_VELOCITIES].reshape(-1, PUSHES, 2)
            sim.qvel[:, :2] += (due[:, :, None] * velocities).sum(axis=1)

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        now, drawn = sim.time[:, None], sim.userdata
        command, since_command = self.present_command(sim)
        moving = (np.abs(command) > 0.01).any(axis=1)
        since_push = now - drawn[:, PUSH_TIMES]
        since_push[since_push <= 0.0] = np.inf
        quiet = np.minimum(since_command, since_push.min(axis=1))
        phase = drawn[:, PHASE] + self.step_frequency * sim.time
        up, velocity = body_frame(sim.qpos[:, 3:7], sim.qvel[:, :3])
        return {
            "command": command,  # m/s forward, m/s to the left, rad/s to the left
            "moving": moving,
            "quiet": quiet,  # s since the last surprise
            "phase": phase,  # of the gait, in periods
            "up": up,
            "velocity": velocity,  # m/s, in the trunk's frame
            "height": sim.qpos[:, 2],  # m, of the trunk above the ground
            "turning": sim.qvel[:, 3:6],  # rad/s, in the trunk's frame
            "linear_error": np.hypot(command[:, 0] - velocity[:, 0], command[:, 1] - velocity[:, 1]),  # m/s
            "angular_error": command[:, 2] - sim.qvel[:, 5],  # rad/s
            "contact": sim.sensordata[:, :4] > 0.0,
            "feet": sim.site_xpos[:, -4:, 2] - FOOT_RADIUS,  # m above the ground
            "sliding": np.square(sim.sensordata[:, 4:16].reshape(-1, 4, 3)[:, :, :2]).sum(axis=2),  # (m/s)^2
            "action": (sim.ctrl - HOME) / self.action_scale,
        }

    def present_command(self, sim: Fields) -> tuple[np.ndarray, np.ndarray]:
        """Return the commands (N, 3) that hold now, in m/s, m/s and rad/s, and for how long (N,) they have, in s."""
        rows, switches = np.arange(len(sim.qpos)), sim.userdata[:, SWITCHES]
        # Half a step of slack: the clock is a sum of timesteps.
        segment = (sim.time[:, None] + sim.dt / 2 >= switches).sum(axis=1) - 1
        commands = sim.userdata[:, COMMANDS].reshape(-1, SEGMENTS, 3)
        return commands[rows, segment], sim.time - switches[rows, segment]

    def observe(self, sim: Fields, now: Measured) -> np.ndarray:
        angle = 2 * np.pi * now.phase
        clock = np.stack([np.sin(angle), np.cos(angle)], axis=1) * now.moving[:, None]
        motion = [now.velocity, now.turning, now.up]
        joints = [sim.qpos[:, 7:] - HOME, 0.1 * sim.qvel[:, 6:], now.action]
        return np.concatenate([*motion, *joints, now.command, clock], axis=1)

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
        """Return 1 where there is no error (N,): a broad hill to find the way up, and a narrow one on its top."""
        squared = np.square(error)
        return (np.exp(-squared / self.tolerance) + np.exp(-squared / self.fine_tolerance)) / 2

    def _in_step(self, now: Measured) -> np.ndarray:
        """Return how many of the feet (N,), as a share, do what the clock says: fly at its height, or stand still."""
        height = self.step_height * np.sin(2 * np.pi * (now.phase[:, None] + TROT))
        flying = (height > 0.0) & now.moving[:, None]
        fly = ~now.contact * np.exp(-np.square((now.feet - height) / self.step_tolerance))
        stand = now.contact * np.exp(-now.sliding / self.slip_tolerance)
        return np.where(flying, fly, stand).mean(axis=1)

    def terminated(self, sim: Fields, now: Measured) -> np.ndarray:
        return (now.height < self.min_height) | (now.up[:, 2] < self.min_upright)

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        joints = sim.model.nu
        draws = np.array([rng.random(5 + 2 * joints + 8 * SEGMENTS + 3 * PUSHES) for rng in rngs])
        bounds = np.cumsum([5, 2 * joints, 8 * SEGMENTS])
        own, start, orders, pushes = np.split(draws, bounds, axis=1)
        sim.qpos[:, 2] = HOME_HEIGHT
        sim.qpos[:, 3:7] = quaternion_about_z(2 * np.pi * own[:, 4])
        noise = 2 * start - 1
        sim.qpos[:, 7:] = HOME + self.angle_noise * noise[:, :joints]
        sim.qvel[:, 6:] = self.speed_noise * noise[:, joints:]
        sim.ctrl[:] = HOME
        drawn = sim.userdata
        for column, (low, high) in ((FRICTION, self.friction), (LOAD, self.load), (STRENGTH, self.strength)):
            drawn[:, column] = low + (high - low) * own[:, column]
        drawn[:, PHASE] = own[:, PHASE]
        switches, commands = self._orders(orders.reshape(-1, SEGMENTS, 8))
        if self.grid:  # the whole episode long
            switches[:, 1:] = np.inf
            commands[:] = self.grid_commands[[seed % len(self.grid_commands) for seed in seeds]][:, None]
        drawn[:, SWITCHES] = switches
        drawn[:, COMMANDS] = commands.reshape(len(rngs), -1)
        when, direction, size = np.moveaxis(pushes.reshape(-1, PUSHES, 3), 2, 0)
        drawn[:, PUSH_TIMES] = self.push_interval * (np.arange(PUSHES) + 0.5 + 0.5 * when)
        speed = self.push_speed * (np.ones_like(size) if self.grid else size)
        angle = 2 * np.pi * direction
        velocities = speed[:, :, None] * np.stack([np.cos(angle), np.sin(angle)], axis=2)
        drawn[:, PUSH_VELOCITIES] = velocities.reshape(len(rngs), -1)

    def _orders(self, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return when commands begin (E, segments) and what they are (E, segments, 3), from draws (E, segments, 8)."""
        lasting = -self.hold * np.log1p(-draws[:, :, 0])
        switches = np.concatenate([np.zeros((len(draws), 1)), np.cumsum(lasting, axis=1)[:, :-1]], axis=1)
        slowest, fastest = self.max_velocity
        low = np.array([slowest, -self.max_sideways, -self.max_turning])
        high = np.array([fastest, self.max_sideways, self.max_turning])
        commands = low + (high - low) * draws[:, :, 1:4]
        commands *= draws[:, :, 4:7] >= self.zeroed  # often enough straight on, or turning on the spot
        commands *= draws[:, :, 7:] >= self.standing
        return switches, commands

    def physics(self, sim: Fields) -> dict[str, np.ndarray]:
        model, count = sim.model, len(sim.qpos)
        friction, load, strength = sim.userdata[:, [FRICTION, LOAD, STRENGTH]].T
        frictions = np.repeat(model.geom_friction[None], count, axis=0)
        frictions[:, model.geom("floor").id, 0] = friction
        masses = np.repeat(model.body_mass[None], count, axis=0)
        masses[:, sim.body("trunk")] += load
        gains = model.actuator_gainprm * strength[:, None, None]
        biases = np.repeat(model.actuator_biasprm[None], count, axis=0)
        biases[:, :, 1] *= strength[:, None]
        return {"geom_friction": frictions, "body_mass": masses, "actuator_gainprm": gains, "actuator_biasprm": biases}

    def steer(self, sim: Fields, commands: np.ndarray) -> None:
        sim.userdata[:, COMMANDS] = np.tile(commands, SEGMENTS)

    def obedience(self, sim: Fields) -> tuple[np.ndarray, np.ndarray]:
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
