"""The gradient of an expected return by perturbing the parameters, without derivatives of policy or world."""

from collections.abc import Callable

import numpy as np


def central_differences(
    returns: Callable[[np.ndarray], np.ndarray], parameters: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the gradient by (R(theta + h e_p) - R(theta - h e_p)) / 2h, one parameter p after the other.

    The bias is O(h^2). The variance depends on the random numbers in `returns`: with the same numbers for every
    parameter vector, trajectory by trajectory, and a smooth R it stays bounded as h shrinks; with separate numbers it
    grows as 1/h^2 (Glasserman and Yao 1992; Glasserman 2003, section 7.1). The lecture calls natural steps "equally
    applicable to perturbation analysis and finite differences": `trust_region.conjugate_gradient` and `natural_step`
    take this gradient like any other.

    Args:
        returns: parameter vectors (K, P) -> the returns of M trajectories of each (K, M). It provides the common
            random numbers: trajectory i must have the same noise in every row.
        parameters: theta (P,).
        step: h, in the parameters' units.

    Returns:
        The gradient (P,), and the estimates of single trajectories (M, P), of which it is the mean.
    """
    if not step > 0:
        raise ValueError(f"step must be positive, got {step}")
    moves = step * np.eye(len(parameters))
    plus, minus = np.split(returns(np.concatenate([parameters + moves, parameters - moves])), 2)
    estimates = ((plus - minus) / (2 * step)).T
    return estimates.mean(axis=0), estimates
