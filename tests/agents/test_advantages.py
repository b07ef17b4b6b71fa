import numpy as np
import pytest

from agents.advantages import gae


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
