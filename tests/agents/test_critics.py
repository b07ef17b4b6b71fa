import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch.nn.utils import parameters_to_vector

from agents import ActorCritic
from agents.activations import ACTIVATIONS
from agents.critics import AdamFit, TrustRegionFit
from agents.team import one_shard


@pytest.fixture
def problem():
    torch.manual_seed(0)
    policy = ActorCritic(spaces.Box(-np.inf, np.inf, (3,)), spaces.Discrete(2), lambda _: 3e-3, net_arch=[16])
    features = torch.randn(512, 3)
    returns = 100.0 + 40.0 * torch.sin(features).sum(1)
    policy.value_net.update(*one_shard(512).moments(returns[:, None]))
    return policy, features, returns


def error(policy, features, returns):
    with torch.no_grad():
        return float(((policy.values(features) - returns) ** 2).mean())


@pytest.mark.parametrize("fit", [AdamFit(epochs=30, batch_size=64), TrustRegionFit(epsilon=1.0, steps=30)])
def test_fits_returns_of_any_scale_and_leaves_the_actor_alone(problem, fit):
    policy, features, returns = problem
    before, actor = error(*problem), parameters_to_vector(policy.actor_parameters()).clone()
    fit.fit(policy, features, returns, one_shard(512))
    assert error(*problem) < 0.05 * before
    assert torch.equal(actor, parameters_to_vector(policy.actor_parameters()))


def test_a_step_stays_inside_the_trust_region(problem):
    policy, features, returns = problem
    with torch.no_grad():
        old = policy.values(features)
    sigma_squared = error(*problem)
    epsilon = 1e-3
    TrustRegionFit(epsilon=epsilon, steps=1, damping=0.0).fit(policy, features, returns, one_shard(len(features)))
    with torch.no_grad():
        moved = float(((policy.values(features) - old) ** 2).mean()) / (2 * sigma_squared)
    assert moved == pytest.approx(epsilon, rel=0.05)  # on the border, but for the network's curvature


def test_a_wide_region_gives_the_least_squares_solution_of_a_linear_critic():
    torch.manual_seed(0)
    policy = ActorCritic(
        spaces.Box(-np.inf, np.inf, (3,)), spaces.Discrete(2), lambda _: 1e-3, net_arch={"pi": [4], "vf": []}
    ).double()
    features = torch.randn(200, 3, dtype=torch.float64)
    returns = features @ torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64) + 3.0
    TrustRegionFit(epsilon=1e9, steps=1, damping=0.0).fit(policy, features, returns, one_shard(len(features)))
    np.testing.assert_allclose(policy.values(features).detach(), returns, atol=1e-3)


def test_adam_takes_the_same_steps_whether_the_gradient_comes_by_hand_or_by_autograd(problem, monkeypatch):
    policy, features, returns = problem
    start = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    unmoved = parameters_to_vector(policy.critic_parameters()).detach().clone()
    fitted = []
    for known in (ACTIVATIONS, {}):  # without activations it knows, the gradient by hand gives up
        monkeypatch.setattr("agents.activations.ACTIVATIONS", known)
        policy.load_state_dict(start)
        policy.optimizer.state.clear()
        torch.manual_seed(1)
        AdamFit(epochs=3).fit(policy, features, returns, one_shard(512))
        fitted.append(parameters_to_vector(policy.critic_parameters()).detach().clone())
    torch.testing.assert_close(*fitted, rtol=1e-4, atol=1e-5)
    assert (fitted[0] - unmoved).abs().max() > 1e-3


def test_fitted_v_iteration_on_a_chain_comes_to_the_solution_of_bellmans_equation():
    """Three states in a row, the last one ends: V = (I - gamma P)^-1 r, by a critic that is a table."""
    torch.manual_seed(0)
    policy = ActorCritic(spaces.Box(0, 1, (3,)), spaces.Discrete(2), lambda _: 0.05, net_arch={"pi": [4], "vf": []})
    rewards, gamma = np.array([1.0, -2.0, 5.0]), 0.9
    steps = torch.eye(3)
    transitions = np.array([[0.0, 1, 0], [0, 0, 1], [0, 0, 0]])
    exact = np.linalg.solve(np.eye(3) - gamma * transitions, rewards)
    fit, shards = AdamFit(epochs=60, proximity=0.01), one_shard(3)
    for _ in range(40):
        with torch.no_grad():
            values = policy.values(steps)
        targets = torch.as_tensor(rewards, dtype=torch.float32) + gamma * torch.as_tensor(transitions).float() @ values
        policy.value_net.update(*shards.moments(targets[:, None]))
        fit.fit(policy, steps, targets, shards)
    np.testing.assert_allclose(policy.values(steps).detach(), exact, atol=0.15)


def test_proximity_keeps_the_parameters_where_they_were(problem):
    policy, features, returns = problem
    start = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    moved = []
    for proximity in (0.0, 1.0):
        policy.load_state_dict(start)
        policy.optimizer.state.clear()
        before = parameters_to_vector(policy.critic_parameters()).detach().clone()
        AdamFit(epochs=20, proximity=proximity).fit(policy, features, returns, one_shard(512))
        moved.append(float((parameters_to_vector(policy.critic_parameters()) - before).detach().norm()))
    assert moved[0] > 1.3 * moved[1]
