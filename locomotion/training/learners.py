"""From settings to an untrained learner: its update rule, advantage estimator, baseline and network."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial

from stable_baselines3.common.vec_env import VecEnv

import envs
from agents import ActorCritic
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
from agents.cannot_learn import CannotLearn
from agents.critics import AdamFit, CriticFit, TrustRegionFit
from agents.policy_gradient import PolicyGradient
from agents.sb3_policies import policy_class
from locomotion.environments import batched
from locomotion.errors import UsageError
from locomotion.runs.rules import rule_named
from locomotion.runs.settings import Advantage, Critic, Settings

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
    rule = rule_named(settings.algo)
    learner, rollout, advantage, critic = rule.learner_class, settings.rollout, settings.advantage, settings.critic
    own = settings.rule.arguments(settings)
    mirror = mirror_of(env, settings.env) if settings.network.mirror else None
    fit = critic_fit(critic, one_step=rule.one_critic_step)
    with unable_told(learner, settings.env):
        return learner(
            policy_class(env.observation_space),
            env,
            n_steps=rollout.n_steps,
            episodic=rollout.episodic,
            memory_steps=rollout.memory_steps,
            gamma=advantage.gamma,
            advantage=advantage_estimator(advantage),
            target=KStep(1) if critic.critic == "fitted-v" else None,
            baseline=BASELINES.get(advantage.baseline, partial(ValueNetwork, critic=fit)),
            learning_rate=critic.learning_rate,
            seed=settings.seed,
            policy_kwargs={"network": settings.network, "mirror": mirror},
            **own,
        )


@contextlib.contextmanager
def unable_told(learner: type[PolicyGradient], env: str, advice: Callable[[], str] = str) -> Iterator[None]:
    """Say in one sentence why a learner cannot learn in an environment, or on this machine.

    Args:
        learner: its class.
        env: canonical id.
        advice: what is kept and how to go on; it follows the sentence.

    Raises:
        UsageError: where it cannot, or the environment's task makes a mistake.
    """
    try:
        yield
    except CannotLearn as error:
        raise UsageError(f"{learner.__name__} cannot learn in {env}: {error}{advice()}") from error
    except envs.InvalidTask as error:
        raise UsageError(f"{error}{advice()}") from error


def advantage_estimator(advantage: Advantage) -> AdvantageEstimator:
    """Return the advantage estimator that the settings name."""
    if advantage.advantage == "gae":
        return GAE(advantage.gae_lambda)
    if advantage.advantage == "k-step":
        return KStep(advantage.look_ahead)
    return RewardToGo() if advantage.advantage == "reward-to-go" else PathReturn()


def critic_fit(critic: Critic, *, one_step: bool) -> CriticFit:
    """Return how the value network is fitted: by one step of Adam in an iteration, or as the settings say."""
    if critic.critic == "trust-region":
        return TrustRegionFit()
    if one_step:
        return AdamFit(epochs=1, max_batches=1)
    return AdamFit(critic.critic_epochs, proximity=critic.proximity if critic.critic == "fitted-v" else 0.0)


def mirror_of(env: VecEnv, name: str) -> envs.Mirror:
    """Return how the robot's left and right are exchanged.

    Raises:
        UsageError: where it has no such symmetry.
    """
    robots = batched(env)
    mirror = robots.world.mirror if robots else None
    if mirror is None:
        raise UsageError(
            f"--mirror: {name} is not known to be mirror symmetric: a robot of your own defines Task.mirrored"
        )
    return mirror
