"""The policy-gradient estimators of the lecture, as the laboratory measures them.

An estimator turns M independent paths into independent estimates of the gradient of the undiscounted return. Whatever
is learned (baselines, critics) is learned from paths of its own, on which nothing is measured: a baseline that knew the
returns it is subtracted from would not leave the estimate unbiased.
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
CRITIC_GAMMA = 0.95  # where discount and critic go together
LAMBDAS = (0.0, 0.5, 0.9, 0.95, 0.99, 1.0)
LOOKS_AHEAD = (1, 5, 20)
DIFFERENCE = 1e-3  # h of the finite differences: their bias of O(h^2) is far below what can be measured here
LARGE_DIFFERENCE = 0.1  # h where a return is a number of steps: shorter ones change it seldom, and by whole steps
OLDER_POLICY = 0.05  # what is added to each parameter for the policy whose samples are weighted

Values = Callable[[np.ndarray, np.ndarray], np.ndarray]  # observations (B, n), times (B,) -> what is expected (B,)
B = TypeVar("B", bound=Baseline)


@dataclass(frozen=True)
class Estimator:
    """A way to estimate the policy gradient.

    Args:
        name: as in tables.
        estimate: paths -> independent estimates (M / cost, P).
        unbiased: whether theory says so, of the gradient of the undiscounted return.
        cost: paths that one estimate takes.
    """

    name: str
    estimate: Callable[[Any], np.ndarray]
    unbiased: bool
    cost: int = 1


@dataclass(eq=False)
class Valued:
    """Paths as `agents.advantages.Steps`: with what a baseline says of them."""

    rewards: np.ndarray
    values: np.ndarray
    next_values: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, paths: Paths, values: Values) -> Valued:
        """Ask a baseline for its opinion of all states of the paths, in one batch."""
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
    """A critic that is not told the time, as a value network is not: the best V(s) where V(s, t) is the truth.

    Its error is that of real critics on tasks that end, large near the end, and no amount of data mends it: so the
    bias of looking ahead by it shows at any number of paths.
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
    baseline.fit(Samples(observations, paths.times[:-1][wanted], seen, seen, actions, targets, targets))
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
    baseline.value[0] = optimal_constant((scores**2).sum(axis=-1), returns)
    return baseline


def path_return_estimators(paths: Paths) -> list[Estimator]:
    """Return the estimators that weigh all scores of a path by its return (slides 4 to 8), fitted to other paths.

    A time-dependent baseline would be the constant mean: all of a path's steps have the same return.
    """
    baselines: dict[str, Baseline] = {
        "": NoBaseline(),
        " - mean": learned(Constant(), paths, whole=True),
        " - optimal constant": least_variance(paths, whole=True),
        " - linear features": learned(LinearFeatures(), paths, whole=True),
    }
    return [Estimator("path return" + k, likelihood_ratio(PathReturn(), b.values), True) for k, b in baselines.items()]


def reward_to_go_estimators(paths: Paths) -> list[Estimator]:
    """Return the estimators that weigh a score by what came after it (slides 9 to 13), fitted to other paths."""
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
    """Return the estimators that let a critic stand in for the future (slide 14), fitted to other paths."""
    values = learned(Timeless(), paths).values
    discounting = learned(Timeless(), paths, CRITIC_GAMMA).values
    story = [(f"GAE({k:g}), critic, gamma {CRITIC_GAMMA:g}", GAE(k)) for k in (1.0, 0.95)]
    return [
        *look_ahead_estimators("critic", values, exact=False),
        *(Estimator(name, likelihood_ratio(rule, discounting, CRITIC_GAMMA), False) for name, rule in story),
    ]


def look_ahead_estimators(critic: str, values: Values, *, exact: bool) -> list[Estimator]:
    """Return the k-step estimators and GAE with a critic, which is V itself or is not."""
    steps = [Estimator(f"{k}-step, {critic}", likelihood_ratio(KStep(k), values), exact) for k in LOOKS_AHEAD]
    averages = [
        Estimator(f"GAE({k:g}), {critic}", likelihood_ratio(GAE(k), values), exact or k == 1.0) for k in LAMBDAS
    ]
    return steps + averages


def quadratic_estimators(world: QuadraticWorld) -> list[Estimator]:
    """Return what needs more than paths: V itself, the dynamics' derivatives, or other parameters' paths."""
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
    """Return what takes other parameters' paths.

    Nothing pathwise is among them: the return's derivative along a path is 0, for it changes only when the pole falls
    a step sooner or later.
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
    """Return the estimators that can be measured in a world, fitted to paths on which they will not be."""
    rules = path_return_estimators(fitting) + reward_to_go_estimators(fitting) + critic_estimators(fitting)
    if isinstance(world, QuadraticWorld):
        return rules + quadratic_estimators(world)
    return rules + (cart_pole_estimators(world) if isinstance(world, CartPoleWorld) else [])
