"""Importance sampling: estimates for the present policy from samples of an older one (the lecture's slide 6)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from agents.team import Shards


def surrogate(log_prob: Tensor, old_log_prob: Tensor, advantages: Tensor) -> Tensor:
    """Return pi(a|s) / pi_old(a|s) A (B,), whose mean's gradient at pi = pi_old is the policy gradient.

    Tang and Abbeel 2011, equation 7; with a bound on the distance of pi from pi_old it is TRPO's objective (equation
    14). The ratio is that of single actions: the distribution of states is taken to be that of pi_old.

    Args:
        log_prob: of the actions (B,), with a graph that leads to the parameters.
        old_log_prob: of the same actions under the policy that sampled them (B,).
        advantages: (B,).
    """
    return (log_prob - old_log_prob).exp() * advantages


def effective_sample_size(weights: Tensor, shards: Shards) -> float:
    """Return the number of unweighted samples with the same variance: (sum w)^2 / sum w^2 (Kong 1992).

    Args:
        weights: of this process's samples (B,).
        shards: of the samples.
    """
    mean, square = shards.mean(torch.stack([weights, weights**2], dim=1)).tolist()
    return shards.count * mean**2 / square


class Remembered(NamedTuple):
    """Samples of an earlier iteration, shard by shard."""

    observations: Tensor  # (B, ...)
    actions: Tensor  # (B, ...)
    advantages: Tensor  # (B,)
    log_prob: Tensor  # (B,) under the policy that sampled them
    sizes: Tensor  # (shards,) number of samples of each


def joined(iterations: list[Remembered]) -> Remembered:
    """Return the samples of several iterations, still shard by shard."""
    sizes = torch.stack([samples.sizes for samples in iterations])
    columns: list[Tensor] = []
    for rows in list(zip(*iterations, strict=True))[:-1]:
        parts = [some.split(size.tolist()) for some, size in zip(rows, sizes, strict=True)]
        columns.append(torch.cat([part for shard in zip(*parts, strict=True) for part in shard]))
    return Remembered._make([*columns, sizes.sum(0)])
