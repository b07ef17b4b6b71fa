import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

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
from agents.team import one_shard


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
        one_shard(len(times)),
    )


RETURNS = st.floats(-1e4, 1e4, width=32)
TOLERANCE = {"rtol": 1e-5, "atol": 0.02}  # of sums of returns in float32


@st.composite
def episodes(draw):
    """Samples of steps at any times, with two observed numbers."""
    count, longest = draw(st.integers(1, 20)), draw(st.sampled_from([0, 5, 1000]))
    observations = draw(arrays(np.float32, (count, 2), elements=st.floats(-20, 20, width=32)))
    times = draw(arrays(np.int64, count, elements=st.integers(0, longest)))
    return samples(observations, times, draw(arrays(np.float32, count, elements=RETURNS)))


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


@given(episodes())
def test_a_constant_is_the_mean_return(data):
    baseline = Constant()
    baseline.fit(data)
    np.testing.assert_allclose(baseline.value, np.mean(data.returns.tolist()), **TOLERANCE)


@given(st.lists(st.tuples(st.just(0.0) | st.floats(0.01, 100), RETURNS), min_size=1, max_size=20))
def test_the_optimal_constant_has_the_least_variance_of_all_constants(pairs):
    weights, returns = np.array(pairs).T
    best = optimal_constant(torch.tensor(weights), torch.tensor(returns), one_shard(len(pairs)))
    assert returns.min() - 0.01 <= best <= returns.max() + 0.01

    def second_moment(b):
        return np.mean(weights * (returns - b) ** 2)

    least = min(second_moment(b) for b in np.linspace(returns.min(), returns.max(), 201))
    assert second_moment(best) <= least * (1 + 1e-9) + 1e-9


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


@given(episodes())
def test_time_dependent_is_the_mean_of_each_time(data):
    baseline = TimeDependent()
    baseline.fit(data)
    by_time = {}
    for time, value in zip(data.times.tolist(), data.returns.tolist(), strict=True):
        by_time.setdefault(time, []).append(value)
    times = sorted(by_time)
    means = [np.mean(by_time[time]) for time in times]
    np.testing.assert_allclose(baseline.values(None, np.array(times)), means, **TOLERANCE)
    np.testing.assert_allclose(baseline.values(None, np.array([0, 5000])), [means[0], means[-1]], **TOLERANCE)


def test_time_dependent_is_linear_between_the_times_of_samples():
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


@given(episodes())
def test_linear_features_are_least_squares_with_a_row_for_each_weights_ridge(data):
    baseline = LinearFeatures()
    baseline.fit(data)
    seen, time = np.clip(data.observations, -10, 10).astype(float), data.times[:, None] / 100
    features = np.hstack([seen, seen**2, time, time**2, time**3, np.ones_like(time)])
    count, size = features.shape
    rows = np.vstack([features / count**0.5, 1e-5**0.5 * np.eye(size)])
    targets = np.concatenate([data.returns.numpy() / count**0.5, np.zeros(size)])
    expected = features @ np.linalg.lstsq(rows, targets)[0]
    np.testing.assert_allclose(baseline.values(data.observations, data.times), expected, **TOLERANCE)


@pytest.mark.parametrize("make", [Constant, TimeDependent, LinearFeatures])
@given(episodes(), episodes())
def test_comes_back_from_its_state(make, data, asked):
    baseline, fresh = make(), make()
    baseline.fit(data)
    fresh.restore({name: array.copy() for name, array in baseline.state().items()})
    expected = baseline.values(asked.observations, asked.times)
    np.testing.assert_array_equal(fresh.values(asked.observations, asked.times), expected)
    assert expected.dtype == np.float32
