"""The worlds of the estimator laboratory: one fixed stochastic policy in each, and sample paths of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np

import envs
from envs.robots.cartpole import CartPole
from locomotion.laboratory.linear_quadratic import LinearQuadratic, Trajectories, pushed_mass


@dataclass(frozen=True, eq=False)
class Paths:
    """M whole paths of one policy, at most T steps long, with everything a likelihood-ratio estimator needs.

    After the end of a path, its steps have reward 0 and score 0.
    """

    observations: np.ndarray  # s_0 ... s_T (T + 1, M, n)
    actions: np.ndarray  # (T, M, m)
    rewards: np.ndarray  # (T, M)
    terminated: np.ndarray  # (T, M); the last step is one: the finite horizon is part of the problem
    scores: np.ndarray  # grad log pi(u_t | s_t) (T, M, P)

    @property
    def times(self) -> np.ndarray:
        """Steps since the beginning of each path (T + 1, M)."""
        steps, count = self.rewards.shape
        return np.repeat(np.arange(steps + 1)[:, None], count, axis=1)

    @property
    def lived(self) -> np.ndarray:
        """Whether a step is part of its path (T, M)."""
        ended = np.logical_or.accumulate(self.terminated, axis=0)
        return np.concatenate([np.ones_like(ended[:1]), ~ended[:-1]])


@dataclass(frozen=True, eq=False)
class QuadraticPaths(Paths):
    """Paths in the linear-quadratic world, whose noise can be used again with other parameters."""

    trajectories: Trajectories


@dataclass(frozen=True, eq=False)
class CartPolePaths(Paths):
    """Paths of the cart-pole, whose seeds and noise can be used again with other parameters."""

    seeds: list[int | None]  # of the first states (M,)
    noise: np.ndarray  # of the actions (T, M), standard normal


class LaboratoryWorld(Protocol):
    """A world, and the policy whose gradient is estimated."""

    @property
    def name(self) -> str: ...

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the P components of the gradient."""

    def sample(self, count: int, rng: np.random.Generator) -> Paths:
        """Return `count` independent paths."""


@dataclass(frozen=True, eq=False)
class QuadraticWorld:
    """A mass pushed to the origin (`linear_quadratic.pushed_mass`), with exact gradient and V."""

    problem: LinearQuadratic
    theta: np.ndarray  # gain K, log sigma (P,)
    name: str = "lq"
    parameters: tuple[str, ...] = ("gain on place", "gain on speed", "log sigma")

    @classmethod
    def make(cls) -> QuadraticWorld:
        """Return the world with a policy that is stable and far from optimal."""
        return cls(pushed_mass(), np.array([-0.8, -0.9, np.log(0.5)]))

    def sample(self, count: int, rng: np.random.Generator) -> QuadraticPaths:
        return self.paths(self.problem.simulate(self.theta, self.problem.draw(count, rng)))

    def paths(self, trajectories: Trajectories) -> QuadraticPaths:
        """Return trajectories of any policy as paths, with the scores of this one."""
        terminated = np.zeros(trajectories.rewards.shape, bool)
        terminated[-1] = True
        return QuadraticPaths(
            observations=trajectories.states,
            actions=trajectories.actions,
            rewards=trajectories.rewards,
            terminated=terminated,
            scores=self.problem.scores(self.theta, trajectories),
            trajectories=trajectories,
        )

    def values(self, observations: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return the exact V (B,) at states (B, n), `times` (B,) steps after the beginning."""
        matrices, constants = self.problem.costs_to_go(self.theta)
        return -(np.vecdot(np.vecmat(observations, matrices[times]), observations) + constants[times])

    def log_probabilities(self, theta: np.ndarray, trajectories: Trajectories) -> np.ndarray:
        """Return log pi(u_t | x_t) (H, M) under any parameters, up to a common constant."""
        gain, std = self.problem.split(theta)
        eps = (trajectories.actions - trajectories.states[:-1] @ gain.T) / std
        return -(eps**2 / 2 + np.log(std)).sum(axis=-1)


@dataclass(frozen=True, eq=False)
class CartPoleWorld:
    """`Locomotion/CartPole-v0` for its first 50 steps, under u = K s + sigma * eps with weak gains: many poles fall.

    The environment clips the action; the score is that of the action before it was clipped.
    """

    name: str = "cartpole"
    parameters: tuple[str, ...] = ("gain on place", "gain on speed", "gain on angle", "gain on turning", "log sigma")
    threads: int = 1  # of the physics
    steps: int = 50  # 1 s
    theta: ClassVar[np.ndarray] = np.array([0.0, 0.0, 0.5, 0.1, np.log(0.5)])  # K per m, m/s, rad, rad/s; log sigma

    def sample(self, count: int, rng: np.random.Generator) -> CartPolePaths:
        seeds: list[int | None] = rng.integers(2**31, size=count).tolist()
        return self.live(self.theta, seeds, rng.standard_normal((self.steps, count)))

    def live(self, theta: np.ndarray, seeds: list[int | None], noise: np.ndarray) -> CartPolePaths:
        """Return M paths of parameters (P,), from seeds of first states (M,) and noise of actions (T, M)."""
        gain, std, count = theta[:-1], np.exp(theta[-1]), len(seeds)
        robots = envs.World(CartPole(), count, self.threads, auto_reset=False)
        seen = [robots.reset(np.arange(count), seeds)]
        taken, rewards, terminated = [], [], []
        for eps in noise:
            taken.append(seen[-1] @ gain + std * eps)
            step = robots.step(taken[-1][:, None])
            seen.append(step.observations)
            rewards.append(step.rewards)
            terminated.append(step.terminated)
        terminated[-1] = np.ones(count, bool)
        observations = np.array(seen)
        by_gain = (noise / std)[..., None] * observations[:-1]
        scores = np.concatenate([by_gain, noise[..., None] ** 2 - 1], axis=-1)
        what = (observations, np.array(taken)[..., None], np.array(rewards), np.array(terminated), scores)
        paths = CartPolePaths(*what, seeds, noise)
        paths.rewards[~paths.lived] = 0.0
        paths.scores[~paths.lived] = 0.0
        return paths


def make_world(name: Literal["lq", "cartpole"], threads: int = 1) -> LaboratoryWorld:
    """Return a world; `threads` are those of CartPole's physics."""
    return QuadraticWorld.make() if name == "lq" else CartPoleWorld(threads=threads)
