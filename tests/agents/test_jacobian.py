import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn
from torch.distributions import kl_divergence

from agents import ActorCritic, Network
from agents.jacobian import (
    AutogradJacobian,
    NumpyJacobian,
    differentiable_actor,
    differentiable_critic,
    gauss_newton_product,
)
from agents.numpy_networks import NumpyNetwork
from agents.team import Shards, Team, one_shard
from agents.trust_region import assign, flat

OBSERVATIONS = spaces.Box(-np.inf, np.inf, (5,))
ACTIONS = spaces.Box(np.array([-0.4, 3, -np.inf], np.float32), np.array([0.4, 4, 2], np.float32))
MIRROR = (([1, 0, 2, 3, 4], [1, 1, -1, 1, -1]), ([0, 2, 1], [-1, 1, 1]))
SIZES = [4, 4, 3, 5]
NETWORKS = [
    {"network": Network(actor=(7, 6), value=(7, 6))},
    {"network": Network(actor=(7, 6), value=(7, 6), activation="elu", min_std=0.3)},
    {"network": Network(actor=(7,), value=(7,), activation="relu")},
    {"network": Network(actor=(7, 6), mean_bound=1.5), "action_space": spaces.Box(-2, 3, (3,))},
    {"network": Network(actor=(7, 6)), "mirror": MIRROR, "action_space": spaces.Box(-1, 1, (3,))},
    {"network": Network(actor=(7, 6), mean_bound=0.5), "mirror": MIRROR, "action_space": spaces.Box(-1, 1, (3,))},
    {"network": Network(actor=(7,)), "action_space": spaces.Discrete(4)},
    {"network": Network(), "activation_fn": nn.Softsign},  # which numpy does not have
]


def make(action_space=ACTIONS, **kwargs):
    torch.manual_seed(0)
    policy = ActorCritic(OBSERVATIONS, action_space, lambda _: 1e-3, ortho_init=False, **kwargs)
    return policy.double()


def by_autograd(policy, features):
    return AutogradJacobian(policy.distribution_parameters, policy.actor_parameters(), features, SIZES)


@pytest.mark.parametrize("arguments", NETWORKS)
def test_the_actors_products_are_those_of_autograd(arguments):
    policy, features = make(**arguments), torch.randn(16, 5, dtype=torch.float64)
    actor_at = differentiable_actor(policy)
    for _ in range(2):
        mine, reference = actor_at(features, SIZES), by_autograd(policy, features)
        vector = torch.randn_like(flat(policy.actor_parameters()))
        slopes = [torch.randn_like(output) for output in reference.outputs]
        for one, other in zip(mine.outputs, reference.outputs, strict=True):
            torch.testing.assert_close(one, other)
        for one, other in zip(mine.push(vector), reference.push(vector), strict=True):
            torch.testing.assert_close(one, other)
        torch.testing.assert_close(mine.pull(slopes), reference.pull(slopes))
        before = [output.clone() for output in mine.outputs]
        assign(policy.actor_parameters(), flat(policy.actor_parameters()) + 0.1 * vector)  # it follows them
        assert all(map(torch.equal, mine.outputs, before))  # but what it was at some rows stays


@pytest.mark.parametrize("arguments", [NETWORKS[0], NETWORKS[-1]])
def test_the_critics_products_are_those_of_its_error_in_units_of_the_returns_spread(arguments):
    policy, features = make(**arguments), torch.randn(16, 5, dtype=torch.float64)
    returns = 100 + 30 * torch.randn(16, dtype=torch.float64)
    shards = Shards(Team(8), SIZES)
    policy.value_net.update(*shards.moments(returns[:, None]))
    policy.value_net.moments.double()
    critic = differentiable_critic(policy)(features, SIZES)
    error = critic.outputs[0] - policy.value_net.normalise(returns[:, None])
    scaled = (policy.values(features) - returns) / policy.value_net.std
    torch.testing.assert_close(error.squeeze(1), scaled.detach(), rtol=1e-5, atol=1e-5)
    gradient = torch.autograd.grad((scaled**2).mean(), policy.critic_parameters())
    torch.testing.assert_close(shards.mean_of(critic.pull([2 * error])), flat(gradient), rtol=1e-5, atol=1e-5)


def dense(product, size):
    return torch.stack([product(row) for row in torch.eye(size, dtype=torch.float64)])


def test_gauss_newton_product_equals_the_dense_matrix():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    inputs, parameters = torch.randn(20, 3, dtype=torch.float64), list(network.parameters())
    at = NumpyJacobian(NumpyNetwork.of(network), inputs, [8, 12])
    product = gauss_newton_product(at, Shards(Team(4), [8, 12]), lambda tangents: tangents, damping=0.3)
    rows = network(inputs).squeeze(1)
    jacobian = torch.stack([flat(torch.autograd.grad(y, parameters, retain_graph=True)) for y in rows])
    expected = jacobian.T @ jacobian / 20 + 0.3 * torch.eye(jacobian.shape[1], dtype=torch.float64)
    torch.testing.assert_close(dense(product, jacobian.shape[1]), expected)


@pytest.mark.parametrize("arguments", [NETWORKS[1], NETWORKS[4], NETWORKS[6]])
def test_with_the_fisher_information_it_is_the_hessian_of_the_divergence(arguments):
    policy, features = make(**arguments), torch.randn(16, 5, dtype=torch.float64)
    actor = differentiable_actor(policy)(features, [16])
    parameters = policy.actor_parameters()
    old = policy.distribution(actor.outputs)
    product = gauss_newton_product(
        actor, one_shard(16), lambda t: policy.action_dist.information(actor.outputs, t), damping=0.0
    )

    def divergence_slope(vector):
        start = flat(parameters).detach()
        assign(parameters, vector)
        new = policy.distribution(policy.distribution_parameters(features))
        slope = flat(torch.autograd.grad(kl_divergence(old, new).mean(), parameters))
        assign(parameters, start)
        return slope

    start, size = flat(parameters).detach().clone(), flat(parameters).numel()
    along = 1e-5 * torch.eye(size, dtype=torch.float64)[::7]
    hessian = torch.stack([(divergence_slope(start + d) - divergence_slope(start - d)) / 2e-5 for d in along])
    torch.testing.assert_close(dense(product, size)[::7], hessian, rtol=1e-5, atol=1e-7)


def test_a_shards_gradient_does_not_depend_on_the_other_shards_to_the_last_bit():
    policy = make(**NETWORKS[4]).float()
    features, slopes = torch.randn(96, 5), [torch.randn(96, 3), torch.randn(96, 3)]
    actor_at = differentiable_actor(policy)
    whole = actor_at(features, [12] * 8)
    vector = torch.randn_like(flat(policy.actor_parameters()))
    for count in (1, 2, 4):
        for first in range(0, 8, count):
            own = slice(12 * first, 12 * (first + count))
            part = actor_at(features[own], [12] * count)
            assert torch.equal(part.outputs[0], whole.outputs[0][own])
            assert torch.equal(part.push(vector)[0], whole.push(vector)[0][own])
            gradient = part.pull([slope[own] for slope in slopes])
            assert torch.equal(gradient, whole.pull(slopes)[first : first + count])
