"""Scores of policies at several steps of the physics, and how far bodies sink into each other at each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
import torch

import envs
from envs.contract import InvalidTask, compiled
from envs.registry import require_task, short_name
from locomotion.environments import batched
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import EVALUATION_SEED, actor_of, evaluate_stored
from locomotion.evaluation.scores import Evaluation
from locomotion.policies.stored import StoredPolicy
from locomotion.progress import each
from locomotion.tables import markdown_table

ROBOTS = 16  # whose contacts are measured
STEPS = 400  # actions of each


@dataclass(frozen=True)
class TimeStepScores:
    """One policy at one step of the physics."""

    timestep: float  # s
    scores: Evaluation
    depths: np.ndarray  # m, of all contacts in which two bodies overlap


def usual(policies: Sequence[str], timesteps: Sequence[float]) -> list[tuple[StoredPolicy, float]]:
    """Return each policy with each step of the physics, in s.

    Args:
        policies: names, or folders of runs.
        timesteps: in s; without any, those of `own_steps`.

    Raises:
        UsageError: for a policy of a robot that is not stepped as a batch, or a step that its robot cannot take.
    """
    found = []
    for stored in map(StoredPolicy.find, policies):
        if envs.task_class(stored.env) is None:
            raise UsageError(f"{stored.env} is stepped by its own code; name policies of robots stepped as batches")
        for step in timesteps:
            require_step(stored, step)
        found += [(stored, step) for step in timesteps or own_steps(stored)]
    return found


def require_step(stored: StoredPolicy, step: float) -> None:
    """Refuse a step of the physics that a policy's robot cannot take."""
    try:
        task = require_task(stored.env, **stored.numbers("evaluation", {"timestep": step}))
        task.substeps(compiled(task))
    except (TypeError, ValueError) as error:
        raise UsageError(f"--timesteps {step}: {error}") from error


def own_steps(stored: StoredPolicy) -> list[float]:
    """Return twice, once and half the physics step of a policy's evaluation, in s, where actions stay as far apart."""
    numbers = stored.numbers("evaluation")
    usual = compiled(require_task(stored.env, **numbers)).opt.timestep

    def interval(step: float) -> float:
        task = require_task(stored.env, **numbers | {"timestep": step})
        try:
            return task.substeps(compiled(task)) * step
        except InvalidTask:  # actions would fall between two steps
            return math.nan

    return [step for step in (2 * usual, usual, usual / 2) if math.isclose(interval(step), interval(usual))]


def measure_time_steps(
    pairs: Sequence[tuple[StoredPolicy, float]], episodes: int | None, threads: int
) -> Iterator[TimeStepScores]:
    """Yield each policy's scores at a step of the physics.

    Args:
        pairs: the policies, each with a step in s.
        episodes: of each evaluation; by default as on the policy's card.
        threads: of the physics.
    """
    for stored, step in each(pairs, "scoring", len(pairs)):
        asked = {"timestep": step}
        scores = evaluate_stored(stored, episodes, threads=threads, task=asked)
        yield TimeStepScores(step, scores, penetrations(stored, asked))


@torch.no_grad()
def penetrations(stored: StoredPolicy, asked: Mapping[str, Any]) -> np.ndarray:
    """Return by how much bodies overlap, in m, in all such contacts after each action of a few robots.

    Args:
        stored: the policy that moves them.
        asked: numbers of its task.
    """
    env = stored.environment(ROBOTS, task=asked, seed=EVALUATION_SEED)
    robots = batched(env)
    assert robots is not None
    sim, data = robots.world.sim, mujoco.MjData(robots.world.model)
    actor, observations, starts = actor_of(stored.load(), ROBOTS, None), env.reset(), np.ones(ROBOTS, bool)
    depths = [np.zeros(0)]
    for _ in range(STEPS):
        observations, _, starts, _ = env.step(actor(observations, starts))  # type: ignore[arg-type]
        for i in range(ROBOTS):
            data.qpos[:], data.mocap_pos[:], data.mocap_quat[:] = sim.qpos[i], sim.mocap_pos[i], sim.mocap_quat[i]
            mujoco.mj_kinematics(sim.model, data)
            mujoco.mj_collision(sim.model, data)
            depths.append(-data.contact.dist[data.contact.dist < 0.0])
    env.close()
    return np.concatenate(depths)


def time_steps_table(rows: Sequence[TimeStepScores]) -> str:
    """Return the scores as a table in Markdown: a column of the task's figures, and depths in mm."""
    head = ["robot", "physics step, ms", "return", "figures", "depth of contacts, mm: median", "99 %", "deepest"]
    cells = []
    for row in rows:
        figures = ", ".join(f"{name} {value:.3g}" for name, value in row.scores.metrics.items())
        depths = 1e3 * row.depths if len(row.depths) else np.zeros(1)
        deep = (f"{depth:.1f}" for depth in (np.median(depths), np.quantile(depths, 0.99), depths.max()))
        robot = short_name(row.scores.env)
        cells.append([robot, f"{1e3 * row.timestep:.3g}", f"{row.scores.return_mean:.1f}", figures, *deep])
    return markdown_table(head, cells)
