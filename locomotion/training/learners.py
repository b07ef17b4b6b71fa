"""From settings to an untrained learner: which update rule, advantage estimator and baseline, with which numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.common.vec_env import VecEnv

import envs
from agents import A2C, A3C, NPG, PPO, TRPO, VPG, ActorCritic
from agents.advantages import GAE, AdvantageEstimator, KStep, PathReturn, RewardToGo
from agents.baselines import (
    Baseline,
    Constant,
    LinearFeatures,
    NoBaseline,
    OptimalConstant,
    TimeDependent,
    ValueNetwork,
)
from agents.critics import AdamFit, CriticFit, TrustRegionFit
from agents.policy_gradient import PolicyGradient
from envs.world import available_cores
from locomotion.environments import make_env
from locomotion.errors import UsageError
from locomotion.policies.files import ACTIVATIONS
from locomotion.runs.settings import Settings

LEARNERS: dict[str, type[PolicyGradient]] = {
    "trpo": TRPO,
    "npg": NPG,
    "ppo": PPO,
    "vpg": VPG,
    "a2c": A2C,
    "a3c": A3C,
}
BASELINES: dict[str, Callable[[ActorCritic], Baseline]] = {
    "none": lambda policy: NoBaseline(),
    "constant": lambda policy: Constant(),
    "optimal-constant": OptimalConstant,
    "time": lambda policy: TimeDependent(),
    "linear": lambda policy: LinearFeatures(),
}


def build_learner(settings: Settings, env: VecEnv) -> PolicyGradient:
    """Return an untrained learner.

    Raises:
        UsageError: where it cannot learn in this environment, or on this machine.
    """
    learner = LEARNERS[settings.algo]
    if learner is A3C and worker_count(settings) > available_cores():
        raise UsageError(f"--workers must lie in [1, {available_cores()}], a core for each, got {settings.workers}")
    try:
        return learner(
            "MlpPolicy",
            env,
            n_steps=settings.n_steps,
            episodic=settings.episodic,
            gamma=settings.gamma,
            gae_lambda=settings.gae_lambda,
            advantage=advantage_estimator(settings),
            target=KStep(1) if settings.critic == "fitted-v" else None,
            baseline=BASELINES.get(settings.baseline, partial(ValueNetwork, critic=critic_fit(settings))),
            learning_rate=settings.learning_rate,
            seed=settings.seed,
            policy_kwargs={
                "net_arch": {"pi": list(settings.actor), "vf": list(settings.value)},
                "activation_fn": ACTIVATIONS[settings.activation],
                "log_std_init": settings.log_std_init,
                "min_std": settings.min_std,
                "mean_bound": math.inf if settings.mean_bound is None else settings.mean_bound,
                "features_extractor_kwargs": {"epsilon": settings.obs_epsilon},
                "mirror": mirror_of(env, settings.env) if settings.mirror else None,
            },
            **update_rule(settings),
        )
    except (AssertionError, NotImplementedError, ValueError) as error:  # as SB3 and we refuse spaces
        raise UsageError(f"{learner.__name__} cannot learn in {settings.env}: {error}") from error


def update_rule(settings: Settings) -> dict[str, Any]:
    """Return the arguments that the learner's own update rule takes."""
    trust_region: dict[str, Any] = {
        "target_kl": partial(narrowing, first=settings.target_kl, final=settings.final_kl),
        "max_std": std_bound(settings),
        "cg_damping": settings.cg_damping,
        "fisher_stride": settings.fisher_stride,
    }
    ascent: dict[str, Any] = {
        "actor_learning_rate": partial(falling, first=settings.actor_learning_rate)  # no lambda: workers are sent it
    }
    workers: dict[str, Any] = {
        "workers": worker_count(settings),
        "make_env": partial(make_env, settings.env, settings.num_envs, threads=1, stagger=settings.stagger),
    }
    return {
        "trpo": trust_region | {"backtrack": settings.backtrack},
        "npg": trust_region,
        "ppo": ascent | {"clip": settings.clip, "epochs": settings.actor_epochs, "batch_size": settings.batch_size},
        "vpg": ascent | {"reuse": settings.reuse},
        "a2c": ascent | {"entropy_weight": settings.entropy_weight},
        "a3c": ascent | {"entropy_weight": settings.entropy_weight} | workers,
    }[settings.algo]


def std_bound(settings: Settings) -> Schedule | float:
    """Return the bound on the actions' standard deviation."""
    if settings.final_std is None:
        return math.inf
    return partial(quietening, first=math.exp(settings.log_std_init), final=settings.final_std)


def advantage_estimator(settings: Settings) -> AdvantageEstimator:
    """Return the advantage estimator that the settings name."""
    if settings.advantage == "gae":
        return GAE(settings.gae_lambda)
    if settings.advantage == "k-step":
        return KStep(settings.look_ahead)
    return RewardToGo() if settings.advantage == "reward-to-go" else PathReturn()


def critic_fit(settings: Settings) -> CriticFit:
    """Return how the value network is fitted."""
    if settings.critic == "trust-region":
        return TrustRegionFit()
    if settings.algo in ("a2c", "a3c"):  # in step with its actor
        return AdamFit(epochs=1, max_batches=1)
    return AdamFit(settings.critic_epochs, proximity=settings.proximity if settings.critic == "fitted-v" else 0.0)


def worker_count(settings: Settings) -> int:
    """Return how many processes learn (a3c)."""
    return available_cores() if settings.workers is None else settings.workers


def mirror_of(env: VecEnv, name: str) -> envs.Mirror:
    """Return how the robot's left and right are exchanged.

    Raises:
        UsageError: where it has no such symmetry.
    """
    mirror = env.world.mirror if isinstance(env, envs.BatchedVecEnv) else None
    if mirror is None:
        raise UsageError(f"--mirror: {name} is not known to be mirror symmetric")
    return mirror


def falling(remaining: float, first: float) -> float:
    """Return a learning rate that falls from `first` to its hundredth in a straight line.

    Args:
        remaining: share of the training still to do, from 1 to 0.
        first: learning rate at the beginning.
    """
    return first * max(remaining, 0.01)


def narrowing(remaining: float, first: float, final: float) -> float:
    """Return a bound that is `first` for four fifths of the training, then falls to `final` in a straight line.

    Args:
        remaining: share of the training still to do, from 1 to 0.
        first: bound of most of the training.
        final: bound of its end.
    """
    return final + (first - final) * min(1.0, max(0.0, 5 * remaining))


def quietening(remaining: float, first: float, final: float) -> float:
    """Return a bound that falls from `first` to `final` in a straight line, and stays there for the last fifth.

    Args:
        remaining: share of the training still to do, from 1 to 0.
        first: bound at the beginning.
        final: bound of the last fifth.
    """
    return final + (first - final) * max(0.0, 1.25 * remaining - 0.25)
