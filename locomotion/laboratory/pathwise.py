"""The pathwise derivative: the return differentiated through the dynamics, trajectory by trajectory."""

from typing import NamedTuple

import numpy as np


class Derivatives(NamedTuple):
    """First derivatives of dynamics, reward and policy along M trajectories of H steps.

    x_{t+1} = f(x_t, u_t), r_t = r(x_t, u_t), u_t = pi(x_t, theta), with all random numbers fixed. The state has n
    numbers, the action m; there are P parameters.
    """

    dynamics_by_state: np.ndarray  # df/dx (H, M, n, n)
    dynamics_by_action: np.ndarray  # df/du (H, M, n, m)
    reward_by_state: np.ndarray  # dr/dx (H, M, n)
    reward_by_action: np.ndarray  # dr/du (H, M, m)
    action_by_state: np.ndarray  # du/dx (H, M, m, n)
    action_by_parameters: np.ndarray  # du/dtheta (H, M, m, P)


def pathwise_gradients(derivatives: Derivatives) -> np.ndarray:
    """Return the derivative of each trajectory's undiscounted return by the parameters (M, P).

    Their mean is an unbiased estimate of the policy gradient where returns are smooth in the parameters. Unlike the
    likelihood ratio it moves the paths themselves, needs derivatives of the dynamics, and misses jumps such as a
    termination. One backward sweep (the adjoint method; Heess et al. 2015, section 3, undiscounted):

        g_t = dr/du + (df/du)' lambda_{t+1},                      derivative by the action u_t,
        lambda_t = dr/dx + (df/dx)' lambda_{t+1} + (du/dx)' g_t,  derivative by the state x_t, lambda_H = 0,
        dR/dtheta = sum_t (du/dtheta)' g_t.

    Args:
        derivatives: along M trajectories. The first state does not depend on the parameters.
    """
    (steps, count, size), parameters = derivatives.reward_by_state.shape, derivatives.action_by_parameters.shape[-1]
    gradients, worth = np.zeros((count, parameters)), np.zeros((count, size))
    for t in reversed(range(steps)):
        f_x, f_u, r_x, r_u, u_x, u_theta = (each[t] for each in derivatives)
        action_worth = r_u + np.vecmat(worth, f_u)
        gradients += np.vecmat(action_worth, u_theta)
        worth = r_x + np.vecmat(worth, f_x) + np.vecmat(action_worth, u_x)
    return gradients
