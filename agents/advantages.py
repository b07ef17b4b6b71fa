"""Advantage estimators: pure functions over arrays (T, N), T steps of N robots."""

import numpy as np


def gae(
    rewards: np.ndarray,
    values: np.ndarray,
    next_values: np.ndarray,
    terminated: np.ndarray,
    truncated: np.ndarray,
    gamma: float,
    gae_lambda: float,
) -> np.ndarray:
    """Generalised advantage estimates: sum over l of (gamma lambda)^l delta_{t+l}, delta = r + gamma V(s') - V(s).

    Schulman, Moritz, Levine, Jordan and Abbeel 2016, equation 16. Where an episode terminated there is no future:
    V(s') counts as 0. Where it was truncated, or the rollout ends, V(s') stands for the future that was cut off.

    Args:
        rewards: r_t (T, N).
        values: V(s_t) (T, N).
        next_values: V of the observation each step led to (T, N): at an episode's end of its final observation,
            never of the first one of the next episode.
        terminated: whether the step ended its episode for good (T, N).
        truncated: whether the step was its episode's last because time ran out (T, N).
        gamma: discount, in [0, 1].
        gae_lambda: weight of longer look-aheads, in [0, 1]: 0 is the one-step residual, 1 Monte Carlo minus V.

    Returns:
        The advantages (T, N), of the dtype of `rewards`.
    """
    residuals = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    decay = np.where(terminated | truncated, 0.0, gamma * gae_lambda)
    advantages = np.empty_like(rewards)
    following = np.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        following = residuals[t] + decay[t] * following
        advantages[t] = following
    return advantages
