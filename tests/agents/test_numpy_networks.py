import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from agents import ActorCritic, Network
from agents.acting import actor_in_numpy

OBSERVATIONS = spaces.Box(-np.inf, np.inf, (5,), np.float64)
ACTIONS = spaces.Box(-1.0, 1.0, (3,), np.float32)
MIRROR = (([1, 0, 2, 3, 4], [1, 1, -1, 1, -1]), ([0, 2, 1], [-1, 1, 1]))
ROWS = np.random.default_rng(0).normal(2.0, 30.0, size=(50, 5))


def make(action_space=ACTIONS, **kwargs):
    torch.manual_seed(0)
    policy = ActorCritic(OBSERVATIONS, action_space, lambda _: 1e-3, ortho_init=False, **kwargs)
    policy.update_normalizer(ROWS)
    return policy


@pytest.mark.parametrize(
    "arguments",
    [
        {"activation_fn": nn.Tanh},
        {"activation_fn": nn.ReLU},
        {"activation_fn": nn.ELU},
        {"mirror": MIRROR},
        {"network": Network(min_std=0.5, log_std_init=-1.0)},
        {"network": Network(mean_bound=0.01)},
        {"network": Network(mean_bound=0.01), "mirror": MIRROR},
        {"action_space": spaces.Box(np.array([-0.4, 3, -np.inf], np.float32), np.array([0.4, 4, 2], np.float32))},
    ],
)
def test_acts_as_the_policy_does(arguments):
    policy = make(**arguments)
    noise = policy.sample_noise(50)
    observations = ROWS * 20  # some of them beyond the normaliser's clip
    np.testing.assert_allclose(
        actor_in_numpy(policy)(observations, noise), policy.act(observations, noise), rtol=1e-4, atol=1e-5
    )


def test_is_the_actor_of_its_moment():
    policy = make()
    act, noise = actor_in_numpy(policy), policy.sample_noise(50)
    before = act(ROWS, noise)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(1.0)
    policy.update_normalizer(ROWS + 50.0)
    np.testing.assert_array_equal(act(ROWS, noise), before)
    assert np.abs(actor_in_numpy(policy)(ROWS, noise) - before).max() > 0.1


def test_leaves_to_torch_what_numpy_does_not_have():
    assert actor_in_numpy(make(activation_fn=nn.Softsign)) is None
    assert actor_in_numpy(make(action_space=spaces.Discrete(2))) is None


def test_a_robot_acts_alike_to_the_last_bit_whatever_the_other_shards():
    policy, noise = make(mirror=MIRROR), torch.randn(48, 3).numpy()
    rows = np.tile(ROWS, (1, 1))[:48]
    together = actor_in_numpy(policy, shards=8)(rows, noise)
    for shards in (1, 2, 4):  # of six robots each
        act, size = actor_in_numpy(policy, shards), 6 * shards
        for first in range(0, 48, size):
            own = slice(first, first + size)
            np.testing.assert_array_equal(act(rows[own], noise[own]), together[own])
