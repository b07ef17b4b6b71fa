"""The samples that an update rule and a baseline learn from: the steps of a rollout that count, shard by shard."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from agents.sequences import Inputs
from agents.team import Shards


class Samples(NamedTuple):
    """B steps of this process's robots, those of a shard one after the other."""

    observations: np.ndarray  # (B, ...) as the environment gave them, packed: see `ActorCritic.packing`
    times: np.ndarray  # (B,) steps since the episode began
    inputs: Inputs  # B, of the actor: see `ActorCritic.inputs`
    critic_inputs: Inputs  # B
    actions: Tensor  # (B, ...) as sampled, not clipped
    advantages: Tensor  # (B,) by default scaled to a spread of 1
    returns: Tensor  # (B,) targets of the baseline
    shards: Shards  # means over the samples of all processes
