"""Scores of a policy over seeded episodes: all of them are counted, and none is favoured for being short."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv

import envs
from agents import ActorCritic, acting
from agents.observations import Observations
from envs.registry import require_task
from locomotion.environments import EVALUATION_STEPS, batched, make_env, task_numbers
from locomotion.errors import UsageError
from locomotion.evaluation.scores import Evaluation
from locomotion.evaluation.statistics import bootstrap
from locomotion.policies.stored import StoredPolicy
from locomotion.progress import phase
from locomotion.threads import set_threads

EVALUATION_SEED = 1_000_000  # far from training's seeds: no policy was trained from these start states
EPISODES = 100

# (observations (N, ...) of all robots, whether an episode begins with them (N,)) -> actions (N, ...) within bounds
Actor = Callable[[Observations, np.ndarray], np.ndarray]


def evaluate_folder(name: str | Path, *args: Any, **kwargs: Any) -> Evaluation:
    """Score the policy that `StoredPolicy.find` finds, as `evaluate_stored` does."""
    return evaluate_stored(StoredPolicy.find(name), *args, **kwargs)


def evaluate_stored(
    stored: StoredPolicy,
    episodes: int | None = None,
    seed: int | None = None,
    *,
    stochastic: bool = False,
    threads: int | None = None,
    task: Mapping[str, Any] | None = None,
    evaluation_steps: int | None = None,
) -> Evaluation:
    """Score a policy in the environment it was trained in, under every trial its task names.

    Args:
        stored: the policy.
        episodes: of each trial; by default as many as on the policy's card, or 100.
        seed: of the first of them; by default that of the policy's card, or `EVALUATION_SEED`.
        stochastic: whether actions are sampled.
        threads: of the physics.
        task: numbers of the task that differ from those it is evaluated with; a trial's own take precedence.
        evaluation_steps: after which an episode is cut off; by default as on the card, or `EVALUATION_STEPS`.

    Raises:
        UsageError: where a number is out of bounds.
    """
    if episodes is not None and episodes < 1:
        raise UsageError(f"--episodes must be at least 1, got {episodes}")
    if seed is not None and seed < 0:
        raise UsageError(f"--seed must not be negative, got {seed}")
    if evaluation_steps is not None and evaluation_steps < 1:
        raise UsageError(f"--evaluation-steps must be at least 1, got {evaluation_steps}")
    promised = stored.card.evaluation or {"episodes": EPISODES, "seed": EVALUATION_SEED}
    episodes = promised["episodes"] if episodes is None else episodes
    seed = promised["seed"] if seed is None else seed
    limit = promised.get("evaluation_steps", EVALUATION_STEPS) if evaluation_steps is None else evaluation_steps
    count = set_threads(threads)
    with closing(stored.environment(task=task)) as like:
        policy, env = stored.load(like), stored.env

    def score(numbers: Mapping[str, Any], **others: Any) -> Evaluation:
        options: dict[str, Any] = {"stochastic": stochastic, "threads": count, "evaluation_steps": limit}
        return evaluate(policy, env, episodes, seed, task=numbers, **options, **others)

    numbers = stored.numbers("evaluation", task)
    scores = replace(score(numbers, name=str(stored.folder)), task=dict(task or {}))
    trials = require_task(env, **numbers).trials if envs.task_class(env) else {}
    for prefix, trial in trials.items():
        if trial.forget_at is not None and policy.actor_memory is None:
            continue  # nothing would be different
        tried = score({**numbers, **trial.fields}, forget_at=trial.forget_at).metrics
        found = {f"{prefix}_{name}": tried[name] for name in trial.metrics if name in tried}
        scores = replace(scores, metrics=scores.metrics | found)
    return scores


def evaluate(
    policy: ActorCritic,
    env: str,
    episodes: int,
    seed: int,
    *,
    name: str = "",
    stochastic: bool = False,
    threads: int | None = None,
    task: Mapping[str, Any] | None = None,
    evaluation_steps: int = EVALUATION_STEPS,
    forget_at: str | None = None,
) -> Evaluation:
    """Run one episode on each of `episodes` robots, all in one batch, and score them.

    The mean actions are used, or sampled ones with `stochastic` (from the seed alone). Each robot's first episode
    counts, later ones do not; one that has not ended after `evaluation_steps` is cut off there. `task` holds the task's
    numbers; by default those of its `evaluation`. `forget_at` is a trial's.
    """
    actor = actor_of(policy, episodes, seed if stochastic else None)
    options: dict[str, Any] = {"name": name, "threads": threads, "task": task, "evaluation_steps": evaluation_steps}
    options["forget_at"] = forget_at
    return evaluate_actor(actor, env, episodes, seed, **options)


def actor_of(policy: ActorCritic, robots: int, noise_seed: int | None) -> Actor:
    """Return a policy as an actor: without exploration, or, given a seed, with it."""
    policy.set_training_mode(False)
    actor = acting.actor_of(policy, robots)
    if noise_seed is None:
        return lambda observations, starts: policy.clip(actor.mode(observations, starts))
    generator = torch.Generator().manual_seed(noise_seed)

    def sample(observations: Observations, starts: np.ndarray) -> np.ndarray:
        return policy.clip(actor.sample(observations, starts, policy.sample_noise(robots, generator=generator)))

    return sample


def evaluate_actor(
    actor: Actor,
    env: str,
    episodes: int,
    seed: int,
    *,
    name: str = "",
    threads: int | None = None,
    task: Mapping[str, Any] | None = None,
    evaluation_steps: int = EVALUATION_STEPS,
    forget_at: str | None = None,
) -> Evaluation:
    """Score any actor, just as `evaluate` scores a policy."""
    numbers = task_numbers(env, "evaluation") if task is None else task
    vec_env = make_env(env, episodes, seed=seed, threads=threads, task=numbers)
    try:
        records = play(actor, vec_env, evaluation_steps, forget_at)
    finally:
        vec_env.close()
    returns = np.array([record["return"] for record in records])
    lengths = np.array([record["length"] for record in records])
    interval = bootstrap(np.mean, returns, repetitions=10_000)
    seconds, metrics = None, {}
    robots = batched(vec_env)
    if robots is not None:
        seconds = lengths * robots.world.dt
        columns = {"seconds": seconds, "terminated": np.array([record["terminated"] for record in records])}
        columns |= {key: np.array([record["terms"][key] for record in records]) for key in records[0]["terms"]}
        with np.errstate(invalid="ignore", divide="ignore"):
            found = robots.task.metrics(columns)
        metrics = {
            key: value for key, value in found.items() if np.isfinite(value)
        }  # a mean over no samples is no metric
    return Evaluation(
        env=env,
        policy=name,
        episodes=episodes,
        seed=seed,
        return_mean=float(returns.mean()),
        return_std_error=float(returns.std(ddof=1) / np.sqrt(episodes)) if episodes > 1 else 0.0,
        return_ci95=(float(interval.low), float(interval.high)),
        length_mean=float(lengths.mean()),
        seconds_mean=None if seconds is None else float(seconds.mean()),
        metrics=metrics,
        cut_off=sum(record["cut_off"] for record in records),
        evaluation_steps=evaluation_steps,
        physics_errors=sum(record["broken"] for record in records),
        returns=returns,
    )


@torch.no_grad()
def play(
    actor: Actor, vec_env: VecEnv, evaluation_steps: int = EVALUATION_STEPS, forget_at: str | None = None
) -> list[dict[str, Any]]:
    """Return the first episode's record of every robot, in their order, after at most `evaluation_steps` steps.

    Args:
        actor: that moves them.
        vec_env: the robots.
        evaluation_steps: after which an episode is cut off.
        forget_at: a quantity of the robots' task: where it is true, the actor takes an episode to begin.
    """
    robots = batched(vec_env)
    observations, starts = vec_env.reset(), np.ones(vec_env.num_envs, bool)
    records: dict[int, dict[str, Any]] = {}
    returns = np.zeros(vec_env.num_envs)
    episodes = "1 episode" if vec_env.num_envs == 1 else f"{vec_env.num_envs} episodes"
    with phase(f"scoring {episodes}", min(longest_episode(vec_env), evaluation_steps)) as shown:
        for _ in range(evaluation_steps):
            observations, rewards, dones, infos = vec_env.step(actor(observations, starts))  # type: ignore[arg-type]
            starts = dones
            if forget_at is not None and robots is not None:
                starts = dones | robots.world.task.measure(robots.world.sim)[forget_at].astype(bool)
            returns += rewards
            for i in np.flatnonzero(dones):
                if i in records:
                    continue
                info = infos[i]
                records[int(i)] = {
                    "return": info["episode"]["r"],
                    "length": info["episode"]["l"],
                    "terminated": not info["TimeLimit.truncated"],
                    "cut_off": False,
                    "broken": "physics_error" in info,
                    "terms": {**info["episode"].get("terms", {}), **info["episode"].get("tracked", {})},
                }
            if len(records) == vec_env.num_envs:
                break
            shown.advance()
    rest = np.array(sorted(set(range(vec_env.num_envs)) - set(records)), int)
    failed = np.zeros(len(rest), bool)
    sums = [{}] * len(rest) if robots is None else robots.world.episodes.summaries(rest, failed, {})
    for robot, so_far in zip(rest.tolist(), sums, strict=True):
        records[robot] = {
            "return": float(returns[robot]),  # a first episode's: none has ended
            "length": evaluation_steps,
            "terminated": False,
            "cut_off": True,
            "broken": False,
            "terms": {**so_far.get("terms", {}), **so_far.get("tracked", {})},
        }
    return [records[i] for i in range(vec_env.num_envs)]


def longest_episode(vec_env: VecEnv) -> float:
    """Return the steps after which an environment's episodes end at the latest, as far as it says."""
    robots = batched(vec_env)
    if robots is not None:
        return robots.task.episode_steps
    spec = vec_env.get_attr("spec")[0]
    return getattr(spec, "max_episode_steps", None) or math.inf
