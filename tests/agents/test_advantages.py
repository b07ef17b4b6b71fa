import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agents.advantages import gae, k_step, path_returns, rewards_to_go, whole_episodes

SHARES = st.floats(0.0, 1.0)


@st.composite
def rollouts(draw):
    """Rewards, V, V of what each step led to, terminated, truncated, first: episodes may end and begin anywhere."""
    shape = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    numbers = arrays(np.float32, shape, elements=st.floats(-100, 100, width=32))
    rewards, values, next_values = draw(numbers), draw(numbers), draw(numbers)
    terminated, truncated, first = (draw(arrays(bool, shape)) for _ in range(3))
    ends = terminated | truncated
    next_values[:-1] = np.where(ends[:-1], next_values[:-1], values[1:])
    first[1:] = ends[:-1]
    return rewards, values, next_values, terminated, truncated, first


def own_episode(t, i, terminated, truncated):
    """The steps from t on, to the end of robot i's episode or of the rollout."""
    ends = np.flatnonzero((terminated | truncated)[t:, i])
    return range(t, t + ends[0] + 1 if len(ends) else len(terminated))


def assert_equal_to_float32(found, expected):
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-3)  # sums of eight numbers up to 300


def column(*numbers):
    return np.array(numbers, float)[:, None]


def test_worked_example_without_an_end():
    # delta_1 = 2 + .5 * 8 - 6 = 0;  delta_0 = 1 + .5 * 6 - 3 = 1;  A_0 = 1 + .5 * .5 * 0 = 1
    advantages = gae(column(1, 2), column(3, 6), column(6, 8), column(0, 0) > 0, column(0, 0) > 0, 0.5, 0.5)
    np.testing.assert_array_equal(advantages, column(1, 0))


def test_termination_cuts_the_future_and_truncation_keeps_it():
    rewards, values, next_values = column(1, 1), column(0, 0), column(10, 10)
    end, go_on = column(1, 0) > 0, column(0, 0) > 0
    # Terminated: A_0 = 1. Truncated: A_0 = 1 + .9 * 10. Either way nothing of step 1 leaks into step 0.
    np.testing.assert_allclose(gae(rewards, values, next_values, end, go_on, 0.9, 0.95), column(1, 10))
    np.testing.assert_allclose(gae(rewards, values, next_values, go_on, end, 0.9, 0.95), column(10, 10))


@given(rollouts(), SHARES, SHARES)
def test_gae_is_the_sum_of_discounted_residuals_of_each_steps_own_episode(rollout, gamma, gae_lambda):
    rewards, values, next_values, terminated, truncated, _ = rollout
    expected = np.zeros(rewards.shape)
    for t, i in np.ndindex(rewards.shape):
        for k in own_episode(t, i, terminated, truncated):
            future = 0.0 if terminated[k, i] else float(next_values[k, i])
            residual = float(rewards[k, i]) + gamma * future - float(values[k, i])
            expected[t, i] += (gamma * gae_lambda) ** (k - t) * residual
    advantages = gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda)
    assert_equal_to_float32(advantages, expected)


@given(rollouts(), SHARES, st.integers(1, 10))
def test_k_step_is_k_rewards_and_then_the_critic(rollout, gamma, k):
    rewards, values, next_values, terminated, truncated, _ = rollout
    expected = -values.astype(float)
    for t, i in np.ndindex(rewards.shape):
        seen = own_episode(t, i, terminated, truncated)[:k]
        expected[t, i] += sum(gamma ** (step - t) * float(rewards[step, i]) for step in seen)
        if not terminated[seen[-1], i]:
            expected[t, i] += gamma ** len(seen) * float(next_values[seen[-1], i])
    assert_equal_to_float32(k_step(rewards, values, next_values, terminated, truncated, gamma, k), expected)


@given(rollouts(), SHARES)
def test_rewards_to_go_and_path_returns_are_sums_over_the_own_episode(rollout, gamma):
    rewards, _, _, terminated, truncated, first = rollout
    to_go, paths, complete = np.zeros(rewards.shape), np.zeros(rewards.shape), np.zeros(rewards.shape, bool)
    for t, i in np.ndindex(rewards.shape):
        begins = np.flatnonzero(first[: t + 1, i])
        begin = begins[-1] if len(begins) else 0
        seen = own_episode(t, i, terminated, truncated)
        to_go[t, i] = sum(gamma ** (k - t) * float(rewards[k, i]) for k in seen)
        paths[t, i] = sum(gamma ** (k - begin) * float(rewards[k, i]) for k in range(begin, seen.stop))
        complete[t, i] = len(begins) > 0 and (terminated | truncated)[seen[-1], i]
    assert_equal_to_float32(rewards_to_go(rewards, terminated, truncated, gamma), to_go)
    assert_equal_to_float32(path_returns(rewards, terminated, truncated, first, gamma), paths)
    np.testing.assert_array_equal(whole_episodes(first, terminated, truncated), complete)


def test_lambda_one_is_the_discounted_return_minus_the_value():
    rng = np.random.default_rng(1)
    rewards, values = rng.normal(size=(2, 30, 1))
    next_values = np.vstack([values[1:], [[0.7]]])
    nothing = np.zeros((30, 1), bool)
    returns = [sum(0.9**k * rewards[t + k, 0] for k in range(30 - t)) + 0.9 ** (30 - t) * 0.7 for t in range(30)]
    advantages = gae(rewards, values, next_values, nothing, nothing, 0.9, 1.0)
    np.testing.assert_allclose(advantages[:, 0] + values[:, 0], returns, atol=1e-12)


def episodes(seed, steps=40, robots=5):
    """Random numbers in float64, with random ends."""
    rng = np.random.default_rng(seed)
    rewards, values, next_values = rng.normal(size=(3, steps, robots))
    terminated, truncated = rng.random((2, steps, robots)) < 0.1
    ends = terminated | truncated
    next_values[:-1] = np.where(ends[:-1], next_values[:-1], values[1:])
    return rewards, values, next_values, terminated, truncated


def test_one_step_ahead_is_gae_with_lambda_zero():
    numbers = episodes(2)
    np.testing.assert_allclose(k_step(*numbers, 0.9, 1), gae(*numbers, 0.9, 0.0), atol=1e-12)


def test_ahead_to_the_end_is_gae_with_lambda_one():
    numbers = episodes(3)
    np.testing.assert_allclose(k_step(*numbers, 0.9, 1000), gae(*numbers, 0.9, 1.0), atol=1e-12)


def test_gae_is_the_weighted_mean_of_all_looks_ahead():
    numbers = episodes(5)
    mixed = sum((1 - 0.8) * 0.8 ** (k - 1) * k_step(*numbers, 0.9, k) for k in range(1, 300))
    np.testing.assert_allclose(mixed, gae(*numbers, 0.9, 0.8), atol=1e-12)
