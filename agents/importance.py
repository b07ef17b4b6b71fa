"""Importance sampling: estimates for the present policy from samples of an older one (the lecture's slide 6)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


def surrogate(log_prob: Tensor, old_log_prob: Tensor, advantages: Tensor) -> Tensor:
    """Return the mean of pi(a|s) / pi_old(a|s) A, whose gradient at pi = pi_old is the policy gradient.

    Tang and Abbeel 2011, equation 7; with a bound on the distance of pi from pi_old it is TRPO's objective (equation
    14). The ratio is that of single actions: the distribution of states is taken to be that of pi_old.

    Args:
        log_prob: of the actions (B,), with a graph that leads to the parameters.
        old_log_prob: of the same actions under the policy that sampled them (B,).
        advantages: (B,).
    """
    return ((log_prob - old_log_prob).exp() * advantages).mean()


def effective_sample_size(weights: Tensor) -> float:
    """Return the number of unweighted samples with the same variance: (sum w)^2 / sum w^2 (Kong 1992)."""
    return float(weights.sum() ** 2 / (weights**2).sum())


class Remembered(NamedTuple):
    """Samples of an earlier iteration."""

    observations: np.ndarray  # (B, ...)
    actions: Tensor  # (B, ...)
    advantages: Tensor  # (B,)
    log_prob: Tensor  # (B,) under the policy that sampled them


def joined(samples: list[Remembered]) -> Remembered:
    """Return all samples in one row."""
    observations, actions, advantages, log_prob = zip(*samples, strict=True)
    return Remembered(np.concatenate(observations), torch.cat(actions), torch.cat(advantages), torch.cat(log_prob))
