import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents import ActorCritic
from agents.baselines import (
    Constant,
    LinearFeatures,
    NoBaseline,
    OptimalConstant,
    TimeDependent,
    optimal_constant,
    squared_scores,
)
from agents.samples import Samples


def samples(observations, times, returns, features=None, actions=None):
    row = torch.zeros(len(times))
    return Samples(
        np.asarray(observations, np.float32),
        np.asarray(times),
        row[:, None] if features is None else features,
        row[:, None],
        row[:, None] if actions is None else actions,
        row,
        torch.as_tensor(np.asarray(returns, np.float32)),
    )


def random_policy():
    torch.manual_seed(0)
    policy = ActorCritic(spaces.Box(-9, 9, (3,)), spaces.Box(-1, 1, (2,)), lambda _: 1e-3, net_arch=[5])
    torch.nn.init.normal_(policy.action_net.weight)
    return policy


def test_no_baseline_stays_at_zero_and_a_constant_becomes_the_mean_return():
    data = samples(np.zeros((3, 2)), [0, 1, 2], [1.0, 2.0, 6.0])
    for baseline, expected in ((NoBaseline(), 0.0), (Constant(), 3.0)):
        assert (baseline.values(data.observations, data.times) == 0.0).all()
        baseline.fit(data)
        assert (baseline.values(np.zeros((4, 2)), np.arange(4)) == expected).all()


def test_the_optimal_constant_has_the_least_variance_of_all_constants():
    rng = np.random.default_rng(0)
    scores, noise = rng.normal(size=(4000, 3)) * rng.uniform(0.2, 3.0, (4000, 1)), rng.normal(size=4000)
    returns = (scores**2).sum(axis=1) + noise
    best = optimal_constant((scores**2).sum(axis=1), returns)

    def second_moment(b):
        return np.mean(((scores * (returns - b)[:, None]) ** 2).sum(axis=1))

    grid = np.linspace(best - 5, best + 5, 1001)
    assert grid[np.argmin([second_moment(b) for b in grid])] == pytest.approx(best, abs=0.011)
    assert second_moment(best) < 0.9 * second_moment(returns.mean())


def test_squared_scores_are_those_of_single_samples():
    policy = random_policy()
    features, actions = torch.randn(70, 3), torch.randn(70, 2)
    for i, square in enumerate(squared_scores(policy, features, actions)):
        log_prob = policy.log_prob(features[i : i + 1], actions[i : i + 1]).sum()
        gradient = torch.autograd.grad(log_prob, policy.actor_parameters())
        assert float(square) == pytest.approx(sum(float((part**2).sum()) for part in gradient), rel=1e-4)


def test_the_optimal_constant_weighs_returns_by_the_policys_squared_scores():
    policy = random_policy()
    features, actions, returns = torch.randn(50, 3), torch.randn(50, 2), np.arange(50.0)
    baseline = OptimalConstant(policy)
    baseline.fit(samples(np.zeros((50, 3)), np.zeros(50, int), returns, features, actions))
    weights = squared_scores(policy, features, actions).numpy()
    assert baseline.values(np.zeros((1, 3)), np.zeros(1))[0] == pytest.approx(np.average(returns, weights=weights))


def test_time_dependent_is_the_mean_at_each_time():
    baseline = TimeDependent()
    baseline.fit(samples(np.zeros((5, 1)), [0, 0, 1, 3, 3], [1.0, 3.0, 5.0, 8.0, 10.0]))
    # No sample at time 2: halfway between its neighbours; later than 3, as at 3.
    np.testing.assert_allclose(baseline.values(np.zeros((6, 1)), np.arange(6)), [2, 5, 7, 9, 9, 9])


def test_linear_features_find_a_quadratic_of_the_observation_and_a_cubic_of_time():
    rng = np.random.default_rng(1)
    observations, times = rng.normal(size=(500, 2)), rng.integers(0, 200, 500)

    def truth(x, t):
        return 3 + x[:, 0] - 2 * x[:, 1] + 0.5 * x[:, 0] ** 2 + 4 * (t / 100) - (t / 100) ** 3

    baseline = LinearFeatures()
    baseline.fit(samples(observations, times, truth(observations, times)))
    new, later = rng.normal(size=(100, 2)), rng.integers(0, 200, 100)
    np.testing.assert_allclose(baseline.values(new, later), truth(new, later), atol=0.02)


@pytest.mark.parametrize("make", [Constant, TimeDependent, LinearFeatures])
def test_comes_back_from_its_state(make):
    rng = np.random.default_rng(2)
    baseline, fresh = make(), make()
    baseline.fit(samples(rng.normal(size=(20, 2)), np.arange(20), rng.normal(size=20)))
    fresh.restore({name: array.copy() for name, array in baseline.state().items()})
    asked = rng.normal(size=(7, 2)), np.arange(7)
    np.testing.assert_array_equal(fresh.values(*asked), baseline.values(*asked))
    assert np.abs(baseline.values(*asked)).max() > 0
