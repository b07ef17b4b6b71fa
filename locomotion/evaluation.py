"""How good a policy is: seeded episodes, all of them counted, none favoured for being short."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv

import envs
from agents import ActorCritic
from locomotion.environments import make_env
from locomotion.errors import UsageError
from locomotion.policy_files import find_policy, load_policy, read_card
from locomotion.threads import set_threads

EVALUATION_SEED = 1_000_000  # far from the seeds of training: start states no policy was trained from


@dataclass(frozen=True)
class Evaluation:
    """The scores of one policy over seeded episodes."""

    env: str
    policy: str
    episodes: int
    seed: int  # episode i starts as `gymnasium.make(env).reset(seed=seed + i)` does
    return_mean: float
    return_std_error: float
    return_ci95: tuple[float, float]  # bootstrap percentiles
    length_mean: float  # steps
    seconds_mean: float | None  # simulated, where the environment is one of ours
    metrics: dict[str, float] = field(default_factory=dict)  # the task's own quantities
    returns: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)  # of each episode

    def as_json(self) -> dict[str, Any]:
        """Return everything but the single returns, as JSON values."""
        values = asdict(self)
        del values["returns"]
        return values

    def table(self) -> str:
        """Return the scores as lines for a reader."""
        low, high = self.return_ci95
        lines = [
            f"{self.env}, {self.episodes} episodes from seed {self.seed}, policy {self.policy}",
            f"  return     {self.return_mean:10.2f} +- {self.return_std_error:.2f}"
            f" (95 % interval {low:.2f} to {high:.2f})",
            f"  length     {self.length_mean:10.1f} steps",
        ]
        if self.seconds_mean is not None:
            lines.append(f"  simulated  {self.seconds_mean:10.2f} s")
        lines += [f"  {name:<16} {value:10.3f}" for name, value in self.metrics.items()]
        return "\n".join(lines)


def evaluate_folder(
    name: str | Path, episodes: int, seed: int, stochastic: bool = False, threads: int | None = None
) -> Evaluation:
    """Score the policy in a folder in the environment it was trained in.

    Raises:
        UsageError: where there is no such policy, or a number is out of bounds.
    """
    if episodes < 1:
        raise UsageError(f"--episodes must be at least 1, got {episodes}")
    if seed < 0:
        raise UsageError(f"--seed must not be negative, got {seed}")
    folder = find_policy(name)
    card = read_card(folder)
    count = set_threads(threads)
    env = make_env(card.env, 1, threads=count)
    policy = load_policy(folder, env)
    env.close()
    return evaluate(policy, card.env, episodes, seed, name=str(folder), stochastic=stochastic, threads=count)


def evaluate(
    policy: ActorCritic,
    env: str,
    episodes: int,
    seed: int,
    *,
    name: str = "",
    stochastic: bool = False,
    threads: int | None = None,
) -> Evaluation:
    """Run one episode on each of `episodes` robots, all in one batch, and score them.

    The mean actions are used, or sampled ones with `stochastic` (from the seed alone). Every robot's first episode
    counts and nothing after it.
    """
    vec_env = make_env(env, episodes, seed=seed, threads=threads)
    try:
        records = play(policy, vec_env, seed if stochastic else None)
    finally:
        vec_env.close()
    returns = np.array([record["return"] for record in records])
    lengths = np.array([record["length"] for record in records])
    seconds, metrics = None, {}
    if isinstance(vec_env, envs.BatchedVecEnv):
        seconds = lengths * vec_env.world.dt
        columns = {"seconds": seconds, "terminated": np.array([record["terminated"] for record in records])}
        columns |= {key: np.array([record["terms"][key] for record in records]) for key in records[0]["terms"]}
        metrics = vec_env.task.metrics(columns)
    return Evaluation(
        env=env,
        policy=name,
        episodes=episodes,
        seed=seed,
        return_mean=float(returns.mean()),
        return_std_error=float(returns.std(ddof=1) / np.sqrt(episodes)) if episodes > 1 else 0.0,
        return_ci95=bootstrap_interval(returns),
        length_mean=float(lengths.mean()),
        seconds_mean=None if seconds is None else float(seconds.mean()),
        metrics=metrics,
        returns=returns,
    )


@torch.no_grad()
def play(policy: ActorCritic, vec_env: VecEnv, noise_seed: int | None) -> list[dict[str, Any]]:
    """Return the first episode's record of every robot, in their order."""
    policy.set_training_mode(False)
    generator = None if noise_seed is None else torch.Generator().manual_seed(noise_seed)
    observations = vec_env.reset()
    records: dict[int, dict[str, Any]] = {}
    while len(records) < vec_env.num_envs:
        if generator is None:
            actions = policy.mode(observations)  # type: ignore[arg-type]
        else:
            noise = policy.sample_noise(vec_env.num_envs, generator=generator)
            actions = policy.act(observations, noise)  # type: ignore[arg-type]
        observations, _, dones, infos = vec_env.step(policy.clip(actions))
        for i in np.flatnonzero(dones):
            if i in records:
                continue
            info = infos[i]
            records[int(i)] = {
                "return": info["episode"]["r"],
                "length": info["episode"]["l"],
                "terminated": not info["TimeLimit.truncated"],
                "terms": {**info["episode"].get("terms", {}), **info["episode"].get("tracked", {})},
            }
    return [records[i] for i in range(vec_env.num_envs)]


def bootstrap_interval(values: np.ndarray, level: float = 0.95, resamples: int = 10_000) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean (Efron 1979), from a fixed seed."""
    draws = np.random.default_rng(0).choice(values, (resamples, len(values))).mean(axis=1)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
