"""The one description of actor and critic, and SB3's names for parts of it."""

import subprocess
import sys
import typing
from dataclasses import asdict

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from agents import TRPO, ActorCritic, Network
from agents.activations import ACTIVATIONS
from agents.symmetry import identity_mirror
from envs import make_vec

OBSERVATIONS = spaces.Box(-np.inf, np.inf, (5,), np.float64)
ACTIONS = spaces.Box(-1.0, 1.0, (3,), np.float32)
MIRROR = (([1, 0, 2, 3, 4], [1, 1, -1, 1, -1]), ([0, 2, 1], [-1, 1, 1]))
ROWS = np.random.default_rng(0).normal(size=(50, 5))
ODD = Network((7,), (5, 6), "elu", log_std_init=-1.5, min_std=0.2, mean_bound=1.2, obs_epsilon=1e-3)


def make(*args, **kwargs):
    torch.manual_seed(0)
    return ActorCritic(OBSERVATIONS, ACTIONS, lambda _: 1e-3, *args, **kwargs)


def test_a_policy_is_built_as_its_network_says():
    policy = make(ODD)
    assert policy.network == ODD
    assert [layer.out_features for layer in policy.mlp_extractor.policy_net if isinstance(layer, nn.Linear)] == [7]
    assert [layer.out_features for layer in policy.mlp_extractor.value_net if isinstance(layer, nn.Linear)] == [5, 6]
    assert isinstance(policy.mlp_extractor.policy_net[1], nn.ELU)
    assert (policy.log_std == -1.5).all()
    assert policy.features_extractor.epsilon == 1e-3


@pytest.mark.parametrize(
    ("arguments", "network"),
    [
        ({}, Network()),
        ({"net_arch": [8, 4]}, Network(actor=(8, 4), value=(8, 4))),
        ({"net_arch": {"pi": [], "vf": [8]}}, Network(actor=(), value=(8,))),
        ({"activation_fn": nn.ReLU, "log_std_init": -1.0}, Network(activation="relu", log_std_init=-1.0)),
        ({"features_extractor_kwargs": {"epsilon": 0.1, "clip": 5.0}}, Network(obs_epsilon=0.1)),
        ({"network": Network(min_std=0.1), "net_arch": [8]}, Network((8,), (8,), min_std=0.1)),
        ({"mirror": MIRROR}, Network(mirror=True)),
    ],
)
def test_sb3s_arguments_become_a_network(arguments, network):
    assert make(**arguments).network == network
    given = {name: value for name, value in arguments.items() if name == "mirror"}
    same = make(network, **given)
    for name, tensor in make(**arguments).state_dict().items():
        assert torch.equal(tensor, same.state_dict()[name]), name


def test_every_activation_with_a_name_is_one_of_the_table():
    hints = typing.get_type_hints(Network)
    assert set(typing.get_args(hints["activation"])) == set(ACTIVATIONS)


def test_an_activation_without_a_name_may_be_used():
    policy = make(activation_fn=nn.Softsign)
    assert policy.network.activation == "Softsign"
    assert isinstance(policy.mlp_extractor.value_net[1], nn.Softsign)


def test_a_symmetric_actor_needs_to_know_its_mirror():
    with pytest.raises(ValueError, match=r"network.mirror is set: mirror must say how"):
        make(Network(mirror=True))


@pytest.mark.parametrize("arguments", [{"network": ODD}, {"mirror": MIRROR}, {"activation_fn": nn.Softsign}])
def test_sb3_saves_and_loads_a_policy_with_its_network(arguments, tmp_path):
    policy = make(**arguments, ortho_init=False)
    policy.update_normalizer(ROWS * 3 + 1)
    policy.save(str(tmp_path / "policy"))
    loaded = ActorCritic.load(str(tmp_path / "policy"))
    assert loaded.network == policy.network
    np.testing.assert_array_equal(loaded.deterministic(ROWS), policy.deterministic(ROWS))


def test_sb3_saves_and_loads_a_learner_with_its_network(tmp_path):
    env = make_vec("CartPole", 2, num_threads=1)
    model = TRPO("MlpPolicy", env, n_steps=8, seed=0, policy_kwargs={"network": ODD})
    model.learn(16)
    model.save(tmp_path / "model")
    loaded = TRPO.load(tmp_path / "model", env=env)
    assert loaded.policy.network == ODD
    observations = np.random.default_rng(0).normal(size=(9, 4))
    np.testing.assert_array_equal(loaded.policy.deterministic(observations), model.policy.deterministic(observations))


def test_a_symmetric_policys_state_dict_brings_its_mirror():
    policy = make(mirror=MIRROR, ortho_init=False)
    loaded = make(Network(mirror=True), identity_mirror(OBSERVATIONS, ACTIONS))
    loaded.load_state_dict(policy.state_dict())
    np.testing.assert_array_equal(loaded.deterministic(ROWS), policy.deterministic(ROWS))


def test_a_network_is_plain_data():
    assert Network(**asdict(ODD)) == ODD


def test_a_network_is_described_without_importing_torch():
    code = "import sys, agents; from agents.network import Network; Network(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "agents.network" in modules
    assert not {"torch", "numpy", "stable_baselines3", "gymnasium"} & set(modules)
