"""The standard deviations of a policy's actions, where these are real numbers."""

from __future__ import annotations

import math

import torch
from gymnasium import spaces
from torch import Tensor, nn

from agents.distributions import ActionRange
from agents.network import Network

LEAST_LOG_STD = -10.0  # as for `Network.log_std_init`


class ActionNoise:
    """A policy's exploration noise: log standard deviations that do not depend on the state."""

    action_space: spaces.Space
    network: Network
    log_std: nn.Parameter
    action_range: ActionRange | None

    @property
    def continuous(self) -> bool:
        """Whether actions are real vectors."""
        return isinstance(self.action_space, spaces.Box)

    @torch.no_grad()
    def limit_std(self, bound: float) -> None:
        """Lower the standard deviations of the actions in the actor's unit, `min_std` not counted, to `bound`.

        They keep a least value, below which the numbers of a policy that needs no noise would not stay finite.
        """
        if self.continuous:
            self.log_std.clamp_(min=LEAST_LOG_STD, max=math.log(bound))

    @property
    def floored_log_std(self) -> Tensor:
        """Log standard deviation of the actions (actions,) in the actor's unit, `min_std` included."""
        min_std = self.network.min_std
        return (min_std + self.log_std.exp()).log() if min_std else self.log_std

    @property
    def floored_log_std_slope(self) -> Tensor:
        """Slope of `floored_log_std` by `log_std` (actions,)."""
        return self.log_std.exp() / (self.network.min_std + self.log_std.exp())

    @property
    def action_log_std(self) -> Tensor:
        """Log standard deviation of the actions (actions,) in the environment's unit, `min_std` included."""
        log_std = self.floored_log_std
        return log_std if self.action_range is None else log_std + self.action_range.reach.log()
