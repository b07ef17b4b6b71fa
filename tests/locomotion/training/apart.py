"""An update rule that takes means over the samples of its own process."""

import torch

from agents.policy_gradient import PolicyGradient
from agents.samples import Samples
from agents.trust_region import assign, flat
from locomotion.runs.rules import Rule, register_rule


class Apart(PolicyGradient):
    """A step along the gradient of this process's samples."""

    def improve(self, samples: Samples) -> None:
        parameters = self.policy.actor_parameters()
        gain = (self.policy.log_prob(samples.inputs, samples.actions) * samples.advantages).mean()
        assign(parameters, flat(parameters) + 0.01 * flat(torch.autograd.grad(gain, parameters)))


register_rule("apart", Rule(Apart))
