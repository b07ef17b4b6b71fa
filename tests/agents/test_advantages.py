import numpy as np
import pytest

from agents.advantages import gae, k_step, path_returns, rewards_to_go, whole_episodes


def by_definition(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    """The O(T^2) sum of discounted residuals up to the end of each step's own episode."""
    steps, robots = rewards.shape
    advantages = np.zeros_like(rewards)
    for i in range(robots):
        for t in range(steps):
            for k in range(t, steps):
                future = 0.0 if terminated[k, i] else next_values[k, i]
                residual = rewards[k, i] + gamma * future - values[k, i]
                advantages[t, i] += (gamma * gae_lambda) ** (k - t) * residual
                if terminated[k, i] or truncated[k, i]:
                    break
    return advantages


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


@pytest.mark.parametrize(("gamma", "gae_lambda"), [(0.0, 0.5), (0.9, 0.0), (0.99, 0.95), (1.0, 1.0)])
def test_equals_the_definition(gamma, gae_lambda):
    rng = np.random.default_rng(0)
    rewards, values, next_values = rng.normal(size=(3, 40, 5))
    terminated, truncated = rng.random((2, 40, 5)) < 0.1
    arguments = (rewards, values, next_values, terminated, truncated, gamma, gae_lambda)
    np.testing.assert_allclose(gae(*arguments), by_definition(*arguments), atol=1e-12)


def test_lambda_one_is_the_discounted_return_minus_the_value():
    rng = np.random.default_rng(1)
    rewards, values = rng.normal(size=(2, 30, 1))
    next_values = np.vstack([values[1:], [[0.7]]])
    nothing = np.zeros((30, 1), bool)
    returns = [sum(0.9**k * rewards[t + k, 0] for k in range(30 - t)) + 0.9 ** (30 - t) * 0.7 for t in range(30)]
    advantages = gae(rewards, values, next_values, nothing, nothing, 0.9, 1.0)
    np.testing.assert_allclose(advantages[:, 0] + values[:, 0], returns, atol=1e-12)


def test_keeps_float32():
    ones = np.ones((4, 2), np.float32)
    nothing = np.zeros((4, 2), bool)
    assert gae(ones, ones, ones, nothing, nothing, 0.99, 0.95).dtype == np.float32


def episodes(seed, steps=40, robots=5):
    """Random numbers with random ends, and where episodes begin."""
    rng = np.random.default_rng(seed)
    rewards, values, next_values = rng.normal(size=(3, steps, robots))
    terminated, truncated = rng.random((2, steps, robots)) < 0.1
    ends = terminated | truncated
    next_values[:-1] = np.where(ends[:-1], next_values[:-1], values[1:])
    first = np.vstack([rng.random((1, robots)) < 0.5, ends[:-1]])
    return rewards, values, next_values, terminated, truncated, first


def test_one_step_ahead_is_gae_with_lambda_zero():
    *numbers, _ = episodes(2)
    np.testing.assert_allclose(k_step(*numbers, 0.9, 1), gae(*numbers, 0.9, 0.0), atol=1e-12)


def test_ahead_to_the_end_is_gae_with_lambda_one():
    *numbers, _ = episodes(3)
    np.testing.assert_allclose(k_step(*numbers, 0.9, 1000), gae(*numbers, 0.9, 1.0), atol=1e-12)


@pytest.mark.parametrize("k", [2, 5])
def test_k_steps_ahead_by_definition(k):
    rewards, values, next_values, terminated, truncated, _ = episodes(4)
    advantages = k_step(rewards, values, next_values, terminated, truncated, 0.9, k)
    for t, i in np.ndindex(rewards.shape):
        total, last = 0.0, t
        for step in range(t, min(t + k, len(rewards))):
            total += 0.9 ** (step - t) * rewards[step, i]
            last = step
            if terminated[step, i] or truncated[step, i]:
                break
        ahead = 0.0 if terminated[last, i] else 0.9 ** (last - t + 1) * next_values[last, i]
        assert advantages[t, i] == pytest.approx(total + ahead - values[t, i], abs=1e-12)


def test_gae_is_the_weighted_mean_of_all_looks_ahead():
    *numbers, _ = episodes(5)
    mixed = sum((1 - 0.8) * 0.8 ** (k - 1) * k_step(*numbers, 0.9, k) for k in range(1, 300))
    np.testing.assert_allclose(mixed, gae(*numbers, 0.9, 0.8), atol=1e-12)


def test_rewards_to_go_and_path_returns_by_definition():
    rewards, _, _, terminated, truncated, first = episodes(6)
    to_go = rewards_to_go(rewards, terminated, truncated, 0.9)
    whole = path_returns(rewards, terminated, truncated, first, 0.9)
    complete = whole_episodes(first, terminated, truncated)
    assert 0 < complete.sum() < complete.size
    for i in range(rewards.shape[1]):
        begin = None
        for t in range(len(rewards)):
            begin = t if first[t, i] else begin
            ends = np.flatnonzero((terminated | truncated)[t:, i])
            assert complete[t, i] == (begin is not None and len(ends) > 0)
            if complete[t, i]:
                end = t + ends[0] + 1
                assert to_go[t, i] == pytest.approx(0.9 ** np.arange(end - t) @ rewards[t:end, i])
                assert whole[t, i] == pytest.approx(0.9 ** np.arange(end - begin) @ rewards[begin:end, i])
