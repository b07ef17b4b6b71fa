import numpy as np
import pytest
import torch
from torch import nn

from agents.activations import ACTIVATIONS
from agents.layers import LiveChain


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_by_hand_is_autograds_also_after_the_parameters_have_moved(activation):
    torch.manual_seed(0)
    module = ACTIVATIONS[activation].module
    network = nn.Sequential(nn.Linear(5, 7), module(), nn.Linear(7, 4), module(), nn.Linear(4, 1)).double()
    chain = LiveChain(network)
    for _ in range(2):
        features, targets = torch.randn(30, 5, dtype=torch.float64), torch.randn(30, dtype=torch.float64)
        chain.differentiate(features.numpy(), targets.numpy())
        by_hand = [parameter.grad.clone() for parameter in network.parameters()]
        error = ((network(features).squeeze(1) - targets) ** 2).mean()
        for mine, reference in zip(by_hand, torch.autograd.grad(error, list(network.parameters())), strict=True):
            np.testing.assert_allclose(mine, reference, atol=1e-12)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))


def test_a_layer_that_is_not_known_is_refused():
    with pytest.raises(TypeError, match="Softmax"):
        LiveChain([nn.Linear(3, 2), nn.Softmax(dim=1)])
