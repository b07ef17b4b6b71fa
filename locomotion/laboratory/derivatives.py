"""Check of the pathwise derivative through MuJoCo's physics: its error and time against central differences."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Box

import envs
from locomotion.environments import known_environment
from locomotion.errors import UsageError
from locomotion.laboratory.finite_differences import central_differences
from locomotion.laboratory.physics_derivatives import StatePaths, record_paths, return_gradients
from locomotion.progress import each
from locomotion.tables import markdown_table

DIFFERENCE = 1e-5  # h of the central differences, in the parameters' units
GAIN, STD = -0.02, 0.05  # of the policy: far from the bounds of the actions
ACTION_WEIGHT = 0.1  # of the return's squared actions


@dataclass(frozen=True, eq=False)
class DerivativeCheck:
    """One robot's comparison of the pathwise derivative of a return with central differences of that return."""

    env: str
    states: int  # n, as `dynamics_derivatives` counts them
    parameters: int  # P
    contact_share: float  # of the steps: those in which a contact of the robot is active
    errors: np.ndarray  # of each trajectory: |pathwise - differences| / |differences| (M,)
    pathwise_seconds: float
    difference_seconds: float


class VelocityFeedback:
    """A robot under the policy u = b + k D' v + sigma eps, with parameters theta = (b, k, log sigma), P = actions + 2.

    v are the velocities (qvel), D is a fixed random matrix with columns of length 1. All random numbers are drawn once:
    the paths are functions of theta alone.

    Args:
        task: the robot's.
        steps: H, of each path.
        copies: M paths.
        seed: of start states, D and noise.

    Raises:
        UsageError: where the robot's actions are choices.
    """

    def __init__(self, task: envs.Task, steps: int, copies: int, seed: int):
        self._task, self._steps, self._copies, self._seed = task, steps, copies, seed
        world = self.world()
        if not isinstance(world.action_space, Box):
            raise UsageError(f"{type(task).__name__} has choices as actions, by which nothing can be differentiated")
        rng, (actions,) = np.random.default_rng(seed), world.action_space.shape
        directions = rng.standard_normal((world.model.nv, actions))
        self.model = world.model
        self.directions = directions / np.linalg.norm(directions, axis=0)  # D (nv, actions)
        self.noise = rng.standard_normal((steps, copies, actions))
        self.theta = np.concatenate([np.zeros(actions), [GAIN, np.log(STD)]])

    def world(self) -> envs.World:
        """Return the robots at the beginning of their episodes, the same at each call; one thread steps them."""
        world = envs.World(self._task, self._copies, num_threads=1, auto_reset=False)
        world.reset(np.arange(self._copies), [self._seed + i for i in range(self._copies)])
        return world

    def paths(self, world: envs.World, theta: np.ndarray) -> StatePaths:
        """Return the paths that parameters (P,) make, in a world that is at its beginning."""
        bias, gain, std = theta[:-2], theta[-2], np.exp(theta[-1])
        return record_paths(
            world, lambda t, _: bias + gain * world.sim.qvel @ self.directions + std * self.noise[t], self._steps
        )

    def reward(self, paths: StatePaths) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a smooth reward (H, M), minus mean squared velocity and action, and its derivatives by x and u."""
        velocities, actions = paths.velocities, paths.actions
        nv, nu = velocities.shape[-1], actions.shape[-1]
        rewards = -(velocities**2).mean(axis=-1) - ACTION_WEIGHT * (actions**2).mean(axis=-1)
        by_state = np.zeros((*rewards.shape, 2 * nv + self.model.na))
        by_state[..., nv : 2 * nv] = -2 * velocities / nv
        return rewards, by_state, -2 * ACTION_WEIGHT * actions / nu

    def policy_derivatives(self, paths: StatePaths) -> tuple[np.ndarray, np.ndarray]:
        """Return du/dx (H, M, actions, n) and du/dtheta (H, M, actions, P)."""
        nv, actions = self.directions.shape
        by_state = np.zeros((*paths.actions.shape, 2 * nv + self.model.na))
        by_state[..., nv : 2 * nv] = self.theta[-2] * self.directions.T
        by_bias = np.broadcast_to(np.eye(actions), (*paths.actions.shape, actions))
        by_gain, by_log_std = paths.velocities @ self.directions, np.exp(self.theta[-1]) * self.noise
        return by_state, np.concatenate([by_bias, by_gain[..., None], by_log_std[..., None]], axis=-1)


def measure_derivatives(
    robots: Sequence[str], steps: int = 20, copies: int = 4, seed: int = 0
) -> Iterator[DerivativeCheck]:
    """Yield the check of one robot after the other, over `copies` paths of `steps` actions each.

    Raises:
        UsageError: where a robot is unknown or not one of ours.
    """
    for env in map(known_environment, robots):
        task = envs.make_task(env)
        if task is None:
            raise UsageError(f"{env} is not one of our robots: its physics cannot be differentiated")
        yield check_derivatives(env, VelocityFeedback(task, steps, copies, seed))


def check_derivatives(env: str, robot: VelocityFeedback) -> DerivativeCheck:
    """Return the check of one robot."""
    world = robot.world()
    paths = robot.paths(world, robot.theta)
    start = time.perf_counter()
    _, pathwise = return_gradients(world, paths, robot.reward, *robot.policy_derivatives(paths))
    middle = time.perf_counter()

    def simulated(thetas: np.ndarray) -> np.ndarray:
        varied = each(thetas, f"differences of {env}", len(thetas))
        return np.array([robot.reward(robot.paths(robot.world(), theta))[0].sum(axis=0) for theta in varied])

    _, differences = central_differences(simulated, robot.theta, DIFFERENCE)
    end = time.perf_counter()
    return DerivativeCheck(
        env=env,
        states=2 * robot.model.nv + robot.model.na,
        parameters=len(robot.theta),
        contact_share=float(paths.contacts.mean()),
        errors=np.linalg.norm(pathwise - differences, axis=1) / np.linalg.norm(differences, axis=1),
        pathwise_seconds=middle - start,
        difference_seconds=end - middle,
    )


def derivatives_table(checks: Sequence[DerivativeCheck]) -> str:
    """Return the checks as a Markdown table, with notes on how to read it."""
    head = ["robot", "states", "parameters", "steps in contact", "median error", "largest error"]
    lines = [
        (
            *(check.env, check.states, check.parameters, f"{check.contact_share:.0%}"),
            *(f"{np.median(check.errors):.1e}", f"{check.errors.max():.1e}"),
            *(f"{check.pathwise_seconds:.2f}", f"{check.difference_seconds:.2f}"),
        )
        for check in checks
    ]
    notes = [
        "Error of a path: |pathwise - differences| / |differences|, for the derivative of a smooth return by the",
        "policy's parameters. The time of differences grows with the number of parameters, that of the pathwise",
        "derivative with the size of the state. Contacts make paths stiff: derivatives are valid only very near by,",
        "and a solver that stops before it has converged (Go1's) adds an error. The arm's tasks compute controls from",
        "the state as well, which the pathwise derivative leaves out.",
    ]
    return "\n".join([markdown_table([*head, "pathwise, s", "differences, s"], lines), "", *notes])
