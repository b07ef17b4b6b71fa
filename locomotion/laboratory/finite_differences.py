"""The gradient of an expected return by perturbing the parameters: nothing of policy or world is differentiated."""

from collections.abc import Callable

import numpy as np


def central_differences(
    returns: Callable[[np.ndarray], np.ndarray], parameters: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the gradient by (R(theta + h e_p) - R(theta - h e_p)) / 2h, one parameter p after the other.

    The bias is O(h^2). The variance hangs on the chance in `returns`: where every parameter vector meets the same
    random numbers, trajectory by trajectory, and R is smooth, it stays bounded as h shrinks; where each meets its own,
    it grows as 1/h^2 (Glasserman and Yao 1992; Glasserman 2003, section 7.1). The lecture calls natural
    steps "equally applicable to perturbation analysis and finite differences": the gradient goes into
    `trust_region.conjugate_gradient` and `natural_step` as any other does.

    Args:
        returns: parameter vectors (K, P) -> the returns of M trajectories of each (K, M). Common random numbers are
            this function's part: trajectory i must be made of the same noise in every row.
        parameters: theta (P,).
        step: h, in the parameters' own unit.

    Returns:
        The gradient (P,), and each trajectory's estimate of it (M, P), whose mean it is.
    """
    if not step > 0:
        raise ValueError(f"step must be positive, got {step}")
    moves = step * np.eye(len(parameters))
    plus, minus = np.split(returns(np.concatenate([parameters + moves, parameters - moves])), 2)
    estimates = ((plus - minus) / (2 * step)).T
    return estimates.mean(axis=0), estimates
