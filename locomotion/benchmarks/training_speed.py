"""Speed of training, end to end: our TRPO against sb3-contrib's and the bare physics; A3C with one and two workers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from agents.policies import ActorCritic
from envs.registry import GYMNASIUM_TASKS, short_name
from locomotion.benchmarks.peers import build, check_packages, zoo_peer
from locomotion.benchmarks.process_speed import short_training
from locomotion.benchmarks.world_speed import BarePhysics
from locomotion.environments import batched, known_environment, make_env
from locomotion.progress import each
from locomotion.runs.recipes import usual_settings
from locomotion.runs.settings import Settings
from locomotion.tables import markdown_table
from locomotion.threads import set_threads
from locomotion.training.learners import build_learner
from locomotion.training.place import place

PHYSICS_STEPS = 200
COPIES = 64  # of a robot, of the bare physics
PEER = "sb3-contrib"
LOG_ROWS = 6  # in one turn of A3C
SILENT = 1_000_000  # iterations between two rows of the log


@dataclass(frozen=True)
class TrainingSpeed:
    """One robot's env steps per second, medians over the rounds."""

    env: str
    ours: float
    peer: float  # sb3-contrib's TRPO with the zoo's settings; NaN of a robot that is not Gymnasium's
    physics: float  # the bare Batch.step of 64 copies at the model's own step, repeating what ours do


@dataclass(frozen=True)
class WorkerSpeed:
    """One robot's env steps per second with A3C, medians over the rounds, and the median ratio within a round."""

    env: str
    one: float
    two: float
    ratio: float


def measure_training(robots: Sequence[str], rounds: int = 5) -> Iterator[TrainingSpeed]:
    """Yield the figures of one robot after the other; the contenders take turns.

    Raises:
        UsageError: where sb3-contrib is not installed, for the robots that it can learn.
    """
    ids = [known_environment(robot) for robot in robots]
    if not GYMNASIUM_TASKS.keys().isdisjoint(ids):
        check_packages([PEER])
    for env in ids:
        peer = PeerSpeed(env) if env in GYMNASIUM_TASKS else None
        count = place(usual_settings(env, "trpo")).size
        speeds: dict[str, list[float]] = {"ours": [], "peer": [], "physics": []}
        for _ in each(range(rounds), env, rounds):
            ours = short_training(env, "trpo", count)
            speeds["ours"].append(ours.steps_per_second)
            speeds["peer"].append(math.nan if peer is None else peer.measured())
            speeds["physics"].append(bare_speed(env, ours.policy))
        yield TrainingSpeed(env, *(float(np.median(speeds[name])) for name in ("ours", "peer", "physics")))


class PeerSpeed:
    """sb3-contrib's TRPO with the zoo's settings, past its first iterations.

    Args:
        env: the robot's canonical id.
    """

    def __init__(self, env: str):
        set_threads()
        peer = zoo_peer(PEER, env)
        self._steps = 2 * peer.batch
        self._learner, _ = build(peer, env, seed=0)
        self.measured()

    def measured(self) -> float:
        """Learn on for two iterations; return steps per second."""
        start = time.perf_counter()
        self._learner.learn(self._steps, reset_num_timesteps=False, log_interval=SILENT)
        return self._steps / (time.perf_counter() - start)


def bare_speed(env: str, policy: ActorCritic) -> float:
    """Return the steps per second of `Batch.step` alone on all cores, at the model's own step.

    Args:
        env: the robot's canonical id.
        policy: moves them, by sampled actions.
    """
    robots = batched(make_env(env, COPIES, threads=set_threads(), task={"timestep": None}))
    assert robots is not None
    robots.reset()
    noise = policy.sample_noise(PHYSICS_STEPS, COPIES)
    seconds = BarePhysics(robots).replay(
        robots.get_state(), PHYSICS_STEPS, lambda t, observations: policy.clip(policy.act(observations, noise[t]))
    )
    robots.close()
    return PHYSICS_STEPS * COPIES / seconds


def training_table(rows: Sequence[TrainingSpeed]) -> str:
    """Return the figures as a Markdown table; cells are empty where there is no peer."""
    head = ["robot", "ours, steps/s", "sb3-contrib TRPO", "ours / sb3-contrib", "Batch.step", "ours / Batch.step"]
    return markdown_table(
        head,
        [
            (
                short_name(row.env),
                f"{row.ours:,.0f}",
                "" if math.isnan(row.peer) else f"{row.peer:,.0f}",
                "" if math.isnan(row.peer) else f"{row.ours / row.peer:.1f}",
                f"{row.physics:,.0f}",
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
