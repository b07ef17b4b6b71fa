"""Speed of training, end to end: our TRPO against sb3-contrib's and the bare physics; A3C with one and two workers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

import envs
from agents.policy_gradient import PolicyGradient
from locomotion.benchmarks.peers import build, check_packages, zoo_peer
from locomotion.benchmarks.world_speed import BarePhysics
from locomotion.environments import batched, make_env
from locomotion.progress import each
from locomotion.runs.recipes import usual_settings
from locomotion.runs.settings import Settings
from locomotion.tables import markdown_table
from locomotion.training.learners import build_learner

PHYSICS_STEPS = 200
PEER = "sb3-contrib"
LOG_ROWS = 6  # in one turn of A3C
SILENT = 1_000_000  # iterations between two rows of the log


@dataclass(frozen=True)
class TrainingSpeed:
    """One robot's env steps per second, medians over the rounds."""

    env: str
    ours: float
    peer: float  # sb3-contrib's TRPO with the zoo's settings
    physics: float  # the bare Batch.step of as many robots, repeating what ours do


@dataclass(frozen=True)
class WorkerSpeed:
    """One robot's env steps per second with A3C, medians over the rounds, and the median ratio within a round."""

    env: str
    one: float
    two: float
    ratio: float


def measure_training(robots: Sequence[str], threads: int = 1, rounds: int = 5) -> Iterator[TrainingSpeed]:
    """Yield the figures of one robot after the other; the learners take turns of a few iterations.

    Raises:
        UsageError: where sb3-contrib is not installed, or a robot is not one of Gymnasium's.
    """
    check_packages([PEER])
    for env in robots:
        zoo = zoo_peer(PEER, env)
        ours, vec_env = _ours(env, threads)
        peer, _ = build(zoo, env, seed=0)
        bare = BarePhysics(vec_env)
        speeds: dict[str, list[float]] = {"ours": [], "peer": [], "physics": []}
        batch = ours.n_steps * vec_env.num_envs
        for learner, steps in ((ours, 10 * batch), (peer, 2 * zoo.batch)):  # past the first falls
            learner.learn(steps, log_interval=SILENT)
        for _ in each(range(rounds), env, rounds):
            speeds["ours"].append(_learning_speed(ours, 6 * batch))
            speeds["peer"].append(_learning_speed(peer, 2 * zoo.batch))
            speeds["physics"].append(PHYSICS_STEPS * ours.n_envs / _physics_seconds(ours, vec_env, bare))
        vec_env.close()
        yield TrainingSpeed(env, *(float(np.median(speeds[name])) for name in ("ours", "peer", "physics")))


def _learning_speed(learner: BaseAlgorithm, steps: int) -> float:
    start = time.perf_counter()
    learner.learn(steps, reset_num_timesteps=False, log_interval=SILENT)
    return steps / (time.perf_counter() - start)


def _physics_seconds(ours: PolicyGradient, vec_env: envs.BatchedVecEnv, bare: BarePhysics) -> float:
    """Return the seconds of PHYSICS_STEPS bare steps of the robots, acting by the present policy."""
    noise = ours.policy.sample_noise(PHYSICS_STEPS, vec_env.num_envs)

    def act(t: int, observations: np.ndarray) -> np.ndarray:
        return ours.policy.clip(ours.policy.act(observations, noise[t]))

    return bare.replay(vec_env.get_state(), PHYSICS_STEPS, act)


def _ours(env: str, threads: int) -> tuple[PolicyGradient, envs.BatchedVecEnv]:
    settings = usual_settings(env, "trpo")
    vec_env = batched(make_env(env, settings.rollout.num_envs, threads=threads))
    assert vec_env is not None
    return build_learner(settings, vec_env), vec_env


def training_table(rows: Sequence[TrainingSpeed]) -> str:
    """Return the figures as a Markdown table."""
    return markdown_table(
        ["robot", "ours, steps/s", "sb3-contrib TRPO", "ours / sb3-contrib", "share of bare physics"],
        [
            (
                row.env,
                f"{row.ours:,.0f}",
                f"{row.peer:,.0f}",
                f"{row.ours / row.peer:.1f}",
                f"{row.ours / row.physics:.2f}",
            )
            for row in rows
        ],
    )


class LogTimer(BaseCallback):
    """Times A3C's log rows but for the first, while the workers start, and the last, when they end one by one."""

    def _init_callback(self) -> None:
        self._ends: list[tuple[float, int]] = []  # s, steps

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self._ends.append((time.perf_counter(), self.num_timesteps))

    @property
    def steps_per_second(self) -> float:
        """Env steps per second over the timed rows."""
        (start, first), (end, last) = self._ends[0], self._ends[-2]
        return (last - first) / (end - start)


def measure_workers(robots: Sequence[str], rounds: int = 5) -> Iterator[WorkerSpeed]:
    """Yield the figures of one robot after the other: one worker and two take turns, 16 robots x 16 steps each.

    Raises:
        UsageError: where there are not two cores.
    """
    for env in robots:
        turns = each(range(rounds), env, rounds)
        speeds = np.array([[_worker_speed(env, workers) for workers in (1, 2)] for _ in turns])  # (rounds, 2)
        one, two = np.median(speeds, axis=0)
        yield WorkerSpeed(env, one, two, float(np.median(speeds[:, 1] / speeds[:, 0])))


def _worker_speed(env: str, workers: int) -> float:
    settings = Settings.of(env, "a3c", workers=workers, num_envs=16, n_steps=16)
    robots = make_env(env, settings.rollout.num_envs, threads=1)
    learner = build_learner(settings, robots)
    timer = LogTimer()
    learner.learn(LOG_ROWS * 64 * settings.rollout.num_envs * settings.rollout.n_steps, callback=timer, log_interval=64)
    robots.close()
    return timer.steps_per_second


def workers_table(rows: Sequence[WorkerSpeed]) -> str:
    """Return the figures as a Markdown table."""
    return markdown_table(
        ["robot", "1 worker, steps/s", "2 workers", "2 workers / 1 worker"],
        [(row.env, f"{row.one:,.0f}", f"{row.two:,.0f}", f"{row.ratio:.2f}") for row in rows],
    )
