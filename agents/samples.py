"""What an update rule and a baseline learn from: the steps of a rollout that count, in one row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor


class Samples(NamedTuple):
    """B steps."""

    observations: np.ndarray  # (B, ...) as the robots saw them
    times: np.ndarray  # (B,) steps since the episode began
    features: Tensor  # (B, F) what the actor sees of them
    critic_features: Tensor  # (B, F) what the critic sees
    actions: Tensor  # (B, ...) as sampled, not clipped
    advantages: Tensor  # (B,) scaled to a spread of 1
    returns: Tensor  # (B,) what the baseline shall learn
