"""The policy-gradient estimators of the lecture, in the form the laboratory measures.

An estimator turns M independent paths into independent estimates of the gradient of the undiscounted return. Baselines
and critics are fitted to separate paths, on which nothing is measured: a baseline fitted to the returns from which it
is subtracted would bias the estimate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from agents.advantages import GAE, AdvantageEstimator, KStep, PathReturn, RewardToGo, path_returns, rewards_to_go
from agents.baselines import Baseline, Constant, LinearFeatures, NoBaseline, TimeDependent, optimal_constant
from agents.samples import Samples
from agents.team import one_shard
from locomotion.laboratory.finite_differences import central_differences
from locomotion.laboratory.linear_quadratic import Noise
from locomotion.laboratory.pathwise import pathwise_gradients
from locomotion.laboratory.worlds import (
    CartPolePaths,
    CartPoleWorld,
    LaboratoryWorld,
    Paths,
    QuadraticPaths,
    QuadraticWorld,
)

GAMMAS = (0.99, 0.95, 0.9)
CRITIC_GAMMA = 0.95  # where discount and critic are combined
LAMBDAS = (0.0, 0.5, 0.9, 0.95, 0.99, 1.0)
LOOKS_AHEAD = (1, 5, 20)
DIFFERENCE = 1e-3  # h of the finite differences; their bias of O(h^2) is far too small to be measured here
LARGE_DIFFERENCE = 0.1  # h where a return is a number of steps, which a small h seldom changes
OLDER_POLICY = 0.05  # added to each parameter: the policy whose samples importance weights correct

Values = Callable[[np.ndarray, np.ndarray], np.ndarray]  # observations (B, n), times (B,) -> values (B,)
B = TypeVar("B", bound=Baseline)


@dataclass(frozen=True)
class Estimator:
    """A way to estimate the policy gradient.

    Args:
        name: in tables.
        estimate: paths -> independent estimates (M / cost, P).
        unbiased: for the gradient of the undiscounted return, in theory.
        cost: paths that one estimate takes.
    """

    name: str
    estimate: Callable[[Any], np.ndarray]
    unbiased: bool
    cost: int = 1


@dataclass(eq=False)
class Valued:
    """Paths as `agents.advantages.Steps`: with a baseline's values."""

    rewards: np.ndarray
    values: np.ndarray
    next_values: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, paths: Paths, values: Values) -> Valued:
        """Evaluate a baseline at all states of the paths, in one batch."""
        times = paths.times
        flat = paths.observations.reshape(-1, paths.observations.shape[-1])
        expected = values(flat, times.ravel()).reshape(times.shape)
        never = np.zeros_like(paths.terminated)
        return cls(paths.rewards, expected[:-1], expected[1:], paths.terminated, never, times[:-1] == 0)


def likelihood_ratio(
    advantage: AdvantageEstimator, values: Values, gamma: float = 1.0
) -> Callable[[Paths], np.ndarray]:
    """Return the estimator sum_t grad log pi(u_t | s_t) A_t of each path (M, P) (the lecture's slides 4 to 14)."""

    def estimate(paths: Paths) -> np.ndarray:
        return np.einsum("tmp,tm->mp", paths.scores, advantage(Valued.of(paths, values), gamma))

    return estimate


class Timeless(LinearFeatures):
    """A critic without the time, like a value network: the best V(s) where the truth is V(s, t).

    Its error is that of real critics on tasks of finite length: large near the end, for any amount of data. The bias
    of estimators that bootstrap from it therefore shows at any number of paths.
    """

    def features(self, observations: np.ndarray, times: np.ndarray) -> np.ndarray:
        return super().features(observations, np.zeros_like(times))


def learned(baseline: B, paths: Paths, gamma: float = 1.0, *, whole: bool = False) -> B:
    """Return a baseline fitted to the rewards-to-go of paths, or to their whole returns at their first steps."""
    wanted = paths.lived & ((paths.times[:-1] == 0) | (not whole))
    observations = paths.observations[:-1][wanted]
    returns = rewards_to_go(paths.rewards, paths.terminated, np.zeros_like(wanted), gamma)[wanted]
    seen, targets = torch.as_tensor(observations), torch.as_tensor(returns)
    actions = torch.as_tensor(paths.actions[wanted])
    times, shards = paths.times[:-1][wanted], one_shard(len(observations))
    baseline.fit(Samples(observations, times, seen, seen, actions, targets, targets, shards))
    return baseline


def least_variance(paths: Paths, *, whole: bool = False) -> Constant:
    """Return the optimal constant (Greensmith et al. 2004): one score and return for each step, or each whole path."""
    never = np.zeros_like(paths.terminated)
    if whole:
        scores = paths.scores.sum(axis=0)
        returns = path_returns(paths.rewards, paths.terminated, never, paths.times[:-1] == 0, gamma=1.0)[0]
    else:
        scores = paths.scores
        returns = rewards_to_go(paths.rewards, paths.terminated, never, gamma=1.0)
    baseline = Constant()
    weights = torch.as_tensor((scores**2).sum(axis=-1)).flatten()
    baseline.value[0] = optimal_constant(weights, torch.as_tensor(returns).flatten(), one_shard(len(weights)))
    return baseline


def path_return_estimators(paths: Paths) -> list[Estimator]:
    """Return the estimators that weight all scores of a path by its return (slides 4 to 8), fitted to other paths.

    A time-dependent baseline would equal the constant mean: all steps of a path have the same return.
    """
    baselines: dict[str, Baseline] = {
        "": NoBaseline(),
        " - mean": learned(Constant(), paths, whole=True),
        " - optimal constant": least_variance(paths, whole=True),
        " - linear features": learned(LinearFeatures(), paths, whole=True),
    }
    return [Estimator("path return" + k, likelihood_ratio(PathReturn(), b.values), True) for k, b in baselines.items()]


def reward_to_go_estimators(paths: Paths) -> list[Estimator]:
    """Return the estimators that weight a score by the reward-to-go (slides 9 to 13), fitted to other paths."""
    baselines: dict[str, Baseline] = {
        "": NoBaseline(),
        " - mean": learned(Constant(), paths),
        " - optimal constant": least_variance(paths),
        " - time means": learned(TimeDependent(), paths),
        " - linear features": learned(LinearFeatures(), paths),
    }
    rules = [
        Estimator("reward-to-go" + k, likelihood_ratio(RewardToGo(), b.values), True) for k, b in baselines.items()
    ]
    for gamma in GAMMAS:
        values = learned(TimeDependent(), paths, gamma).values
        name = f"reward-to-go - time means, gamma {gamma:g}"
        rules.append(Estimator(name, likelihood_ratio(RewardToGo(), values, gamma), unbiased=False))
    return rules


def critic_estimators(paths: Paths) -> list[Estimator]:
    """Return the estimators in which a critic replaces later rewards (slide 14), fitted to other paths."""
    values = learned(Timeless(), paths).values
    discounting = learned(Timeless(), paths, CRITIC_GAMMA).values
    story = [(f"GAE({k:g}), critic, gamma {CRITIC_GAMMA:g}", GAE(k)) for k in (1.0, 0.95)]
    return [
        *look_ahead_estimators("critic", values, exact=False),
        *(Estimator(name, likelihood_ratio(rule, discounting, CRITIC_GAMMA), False) for name, rule in story),
    ]


def look_ahead_estimators(critic: str, values: Values, *, exact: bool) -> list[Estimator]:
    """Return the k-step estimators and GAE with a critic, either the exact V or an approximation."""
    steps = [Estimator(f"{k}-step, {critic}", likelihood_ratio(KStep(k), values), exact) for k in LOOKS_AHEAD]
    averages = [
        Estimator(f"GAE({k:g}), {critic}", likelihood_ratio(GAE(k), values), exact or k == 1.0) for k in LAMBDAS
    ]
    return steps + averages


def quadratic_estimators(world: QuadraticWorld) -> list[Estimator]:
    """Return the estimators that need more than paths: the exact V, derivatives of the dynamics, or other paths."""
    theta, problem = world.theta, world.problem
    older = theta + OLDER_POLICY

    def finite_differences(paths: QuadraticPaths) -> np.ndarray:
        noise = paths.trajectories.noise
        count = len(noise.start) // (2 * len(theta))
        common = Noise(noise.start[:count], noise.actions[:, :count], noise.disturbances[:, :count])
        return central_differences(
            lambda thetas: np.array([problem.simulate(each, common).returns for each in thetas]), theta, DIFFERENCE
        )[1]

    def pathwise(paths: QuadraticPaths) -> np.ndarray:
        return pathwise_gradients(problem.derivatives(theta, paths.trajectories))

    def weighted(paths: QuadraticPaths, *, whole: bool) -> np.ndarray:
        trajectories = problem.simulate(older, paths.trajectories.noise)
        sampled = world.paths(trajectories)
        log_ratios = world.log_probabilities(theta, trajectories) - world.log_probabilities(older, trajectories)
        ratios = np.exp(log_ratios.sum(axis=0, keepdims=True) if whole else log_ratios)
        advantages = RewardToGo()(Valued.of(sampled, world.values), 1.0)
        return np.einsum("tmp,tm->mp", sampled.scores, ratios * advantages)

    return [
        Estimator("path return - V", likelihood_ratio(PathReturn(), world.values), True),
        Estimator("reward-to-go - V", likelihood_ratio(RewardToGo(), world.values), True),
        *look_ahead_estimators("V", world.values, exact=True),
        Estimator("importance, whole paths, - V", lambda paths: weighted(paths, whole=True), True),
        Estimator("importance, single actions, - V", lambda paths: weighted(paths, whole=False), False),
        Estimator("finite differences", finite_differences, True, cost=2 * len(theta)),
        Estimator("pathwise", pathwise, True),
    ]


def cart_pole_estimators(world: CartPoleWorld) -> list[Estimator]:
    """Return the estimators that need paths of other parameters.

    None is pathwise: the return's derivative along a path is 0, because the return changes only when the pole falls a
    step sooner or later.
    """

    def finite_differences(paths: CartPolePaths) -> np.ndarray:
        count = len(paths.seeds) // (2 * len(world.theta))
        common = paths.seeds[:count], paths.noise[:, :count]
        return central_differences(
            lambda thetas: np.array([world.live(each, *common).rewards.sum(axis=0) for each in thetas]),
            world.theta,
            LARGE_DIFFERENCE,
        )[1]

    return [Estimator("finite differences", finite_differences, False, cost=2 * len(world.theta))]


def laboratory(world: LaboratoryWorld, fitting: Paths) -> list[Estimator]:
    """Return all estimators that a world allows, fitted to paths that are not measured."""
    rules = path_return_estimators(fitting) + reward_to_go_estimators(fitting) + critic_estimators(fitting)
    if isinstance(world, QuadraticWorld):
        return rules + quadratic_estimators(world)
    return rules + (cart_pole_estimators(world) if isinstance(world, CartPoleWorld) else [])
