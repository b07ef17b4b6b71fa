"""How fast training is, end to end: our TRPO against sb3-contrib's, and against the bare physics, in one run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm

import envs
from agents.policy_gradient import PolicyGradient
from locomotion.benchmarks.peers import build, check_packages, zoo_peer
from locomotion.benchmarks.world_speed import Bare
from locomotion.environments import make_env
from locomotion.runs.recipes import usual_settings
from locomotion.tables import lines_of
from locomotion.training.learners import build_learner

PHYSICS_STEPS = 200
PEER = "sb3-contrib"


@dataclass(frozen=True)
class Row:
    """One robot's figures in env steps per second: medians over the rounds."""

    env: str
    ours: float
    peer: float  # sb3-contrib's TRPO with the zoo's settings
    physics: float  # the bare Batch.step of as many robots, doing what ours do


def measure(robots: Sequence[str], threads: int = 1, rounds: int = 5) -> Iterator[Row]:
    """Yield the figures of one robot after the other; the learners take turns, a few iterations each.

    Raises:
        UsageError: where sb3-contrib is not installed, or a robot is none of Gymnasium's.
    """
    check_packages([PEER])
    for env in robots:
        zoo = zoo_peer(PEER, env)
        ours, vec_env = _ours(env, threads)
        peer, _ = build(zoo, env, seed=0)
        bare = Bare(vec_env)
        speeds: dict[str, list[float]] = {"ours": [], "peer": [], "physics": []}
        batch = ours.n_steps * vec_env.num_envs
        for learner, steps in ((ours, 10 * batch), (peer, 2 * zoo.batch)):  # past the first falls
            learner.learn(steps, log_interval=1_000_000)
        for _ in range(rounds):
            speeds["ours"].append(_speed(ours, 6 * batch))
            speeds["peer"].append(_speed(peer, 2 * zoo.batch))
            speeds["physics"].append(PHYSICS_STEPS * ours.n_envs / _physics_seconds(ours, vec_env, bare))
        vec_env.close()
        yield Row(env, *(float(np.median(speeds[name])) for name in ("ours", "peer", "physics")))


def _speed(learner: BaseAlgorithm, steps: int) -> float:
    start = time.perf_counter()
    learner.learn(steps, reset_num_timesteps=False, log_interval=1_000_000)
    return steps / (time.perf_counter() - start)


def _physics_seconds(ours: PolicyGradient, vec_env: envs.BatchedVecEnv, bare: Bare) -> float:
    """Return the seconds of PHYSICS_STEPS bare steps of the robots, acting by the policy as it is now."""
    noise = ours.policy.sample_noise(PHYSICS_STEPS, vec_env.num_envs)

    def act(t: int, observations: np.ndarray) -> np.ndarray:
        return ours.policy.clip(ours.policy.act(observations, noise[t]))

    return bare.replay(vec_env.get_state(), PHYSICS_STEPS, act)


def _ours(env: str, threads: int) -> tuple[PolicyGradient, envs.BatchedVecEnv]:
    settings = usual_settings(env, "trpo")
    vec_env = make_env(env, settings.rollout.num_envs, threads=threads)
    assert isinstance(vec_env, envs.BatchedVecEnv)
    return build_learner(settings, vec_env), vec_env


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        ["robot", "ours, steps/s", "sb3-contrib TRPO", "ours / sb3-contrib", "share of bare physics"],
        ["---", "---:", "---:", "---:", "---:"],
    ]
    for row in rows:
        ratio, share = row.ours / row.peer, row.ours / row.physics
        lines.append([row.env, f"{row.ours:,.0f}", f"{row.peer:,.0f}", f"{ratio:.1f}", f"{share:.2f}"])
    return lines_of(lines)
