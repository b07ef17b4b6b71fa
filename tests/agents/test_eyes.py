"""Policies that see images, choices and Dicts, for every update rule."""

import copy
import itertools
from functools import partial

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecTransposeImage
from torch.distributions import kl_divergence

from agents import A2C, NPG, PPO, TRPO, VPG, ActorCritic, Network
from agents.baselines import ValueNetwork
from agents.critics import AdamFit
from agents.extractors import DictExtractor
from agents.jacobian import AutogradJacobian, differentiable_actor, gauss_newton_product
from agents.normalization import ObservationNormalizer
from agents.sb3_policies import CnnActorCritic, policy_class
from agents.team import one_shard
from agents.trust_region import flat

RULES = [TRPO, NPG, PPO, VPG, A2C]
IMAGE = spaces.Box(0, 255, (36, 40, 1), np.uint8)  # channels last, as cameras have them
CHANNELS_FIRST = spaces.Box(0, 255, (1, 36, 40), np.uint8)
MIXED = spaces.Dict(
    {
        "camera": CHANNELS_FIRST,
        "speed": spaces.Box(-9, 9, (2,)),
        "gear": spaces.Discrete(3),
        "on": spaces.MultiBinary(2),
    }
)
ACTIONS = {
    "vector": spaces.Box(-1, 1, (2,)),
    "matrix": spaces.Box(-1, 1, (2, 2)),
    "choice": spaces.Discrete(3),
    "choices": spaces.MultiDiscrete([2, 3]),
    "switches": spaces.MultiBinary(2),
}


class Drawn(gymnasium.Env):
    """Observations drawn from their space; the reward is the mean of the action. Episodes last five steps."""

    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed=None, options=None):
        if seed is not None:
            self.observation_space.seed(seed)
        self.left = 5
        return self.observation_space.sample(), {}

    def step(self, action):
        assert self.action_space.contains(np.asarray(action, self.action_space.dtype)), action
        self.left -= 1
        return self.observation_space.sample(), float(np.mean(action)), False, self.left == 0, {}


def learner(rule, observation_space, action_space=ACTIONS["vector"], policy=None, **kwargs):
    observation_space = copy.deepcopy(observation_space)
    robots = DummyVecEnv([lambda: Drawn(observation_space, action_space)] * 4)
    if policy is None:
        policy = "MultiInputPolicy" if isinstance(observation_space, spaces.Dict) else "CnnPolicy"
    return rule(policy, robots, **{"n_steps": 8, "seed": 0, **kwargs})


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("space", [IMAGE, MIXED], ids=["image", "dict"])
def test_every_rule_trains_actor_and_critic_from_eyes_to_hands(rule, space):
    model = learner(rule, space, baseline=lambda policy: ValueNetwork(policy, AdamFit(epochs=1)))
    assert isinstance(model.get_env(), VecTransposeImage) == (space is IMAGE)
    before = copy.deepcopy(model.policy.state_dict())
    model.learn(4 * 8)
    for name, parameter in model.policy.named_parameters():
        assert not torch.equal(parameter, before[name]), name


@pytest.mark.parametrize("rule", [TRPO, PPO])
@pytest.mark.parametrize("actions", ACTIONS)
def test_every_kind_of_action_is_learned(rule, actions, tmp_path):
    model = learner(
        rule, spaces.MultiDiscrete([3, 4]), ACTIONS[actions], "MlpPolicy", n_steps=64, learning_rate=0.01, gamma=0.0
    )
    model.learn(4 * 64 * 12)
    seen = model.get_env().reset()
    chosen, _ = model.predict(seen, deterministic=True)
    assert chosen.shape == (4, *ACTIONS[actions].shape)
    likely = model.policy.action_dist.mode_at(*model.policy.distribution_parameters(model.policy.inputs(seen)[0]))
    np.testing.assert_array_equal(model.policy.clip(likely.detach().numpy()), chosen)
    least = {"choice": 2, "choices": [1, 2], "switches": 1}  # the highest; of a vector's means well above 0
    assert (chosen >= least.get(actions, 0.3)).all()
    model.save(tmp_path / "model")
    again = rule.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(seen, deterministic=True)[0], chosen)


def small(space=MIXED, action_space=ACTIONS["vector"], **kwargs):
    """A policy whose images take few numbers, in float64."""
    torch.manual_seed(0)
    extractor = {"features_extractor_kwargs": {"cnn_output_dim": 3}} if isinstance(space, spaces.Dict) else {}
    network = Network(actor=(4,), value=(4,))
    return policy_class(space)(space, action_space, lambda _: 1e-3, network=network, **extractor, **kwargs)


def seen_by(policy, count=6):
    drawn = DummyVecEnv([lambda: Drawn(policy.observation_space, policy.action_space)] * count)
    return policy.inputs(drawn.reset())[0]


@pytest.mark.parametrize("actions", ["vector", "choices"])
def test_a_fisher_product_reaches_into_the_eyes(actions):
    policy = small(action_space=ACTIONS[actions])
    inputs, parameters = seen_by(policy), policy.actor_parameters()
    assert any(parameter.ndim == 4 for parameter in parameters)  # a convolution's
    actor = differentiable_actor(policy)(inputs, [2, 4])
    information = partial(policy.action_dist.information, actor.outputs)
    product = gauss_newton_product(actor, one_shard(6), information, damping=0.0)
    tangent = 0.1 * torch.randn_like(flat(parameters))
    divergence = kl_divergence(policy.distribution(actor.outputs), policy.pi(inputs)).mean()
    slope = flat(torch.autograd.grad(divergence, parameters, create_graph=True))
    expected = flat(torch.autograd.grad(slope @ tangent, parameters))
    torch.testing.assert_close(product(tangent), expected, rtol=1e-3, atol=1e-6)


def test_actor_and_critic_have_eyes_of_their_own_unless_asked_to_share():
    apart, shared = small(), small(share_features_extractor=True)
    for policy in (apart, shared):
        actor, critic = ({id(p) for p in part()} for part in (policy.actor_parameters, policy.critic_parameters))
        assert not actor & critic
        assert actor | critic == {id(p) for p in policy.parameters()}
        eyes = {id(p) for p in policy.vf_features_extractor.parameters()}
        assert eyes <= (actor if policy is shared else critic)


def test_a_critic_with_shared_eyes_leaves_the_actor_alone():
    policy = small(share_features_extractor=True)
    inputs = seen_by(policy, 8)
    before = policy.distribution_parameters(inputs)[0].detach()
    AdamFit(epochs=3).fit(policy, inputs, torch.randn(8), one_shard(8))
    assert torch.equal(policy.distribution_parameters(inputs)[0], before)


def test_vectors_of_a_dict_are_normalised_images_scaled_and_choices_left():
    model = learner(TRPO, MIXED)
    model.learn(4 * 8)
    rollout, extractor = model.rollout_buffer.observations, model.policy.pi_features_extractor
    assert isinstance(extractor, DictExtractor)
    columns = model.policy.packing.unpack(torch.from_numpy(rollout.reshape(-1, rollout.shape[-1])))
    speed = columns["speed"].double()
    for eyes in (extractor, model.policy.vf_features_extractor):
        assert isinstance(eyes.extractors["speed"], ObservationNormalizer)
        torch.testing.assert_close(eyes.extractors["speed"].moments.mean, speed.mean(0))
        torch.testing.assert_close(eyes.extractors["speed"].moments.var, speed.var(0, correction=0))
    one = {name: column[:1] for name, column in columns.items()}
    features = model.policy.extract_features(one)[0].detach()
    assert torch.equal(features[:, :256], extractor.extractors["camera"](one["camera"] / 255.0))
    start = 256 + np.array([0, 3, 3 + 2, 3 + 2 + 2])  # the parts in the order of their names: gear, on, speed
    gear, on, seen_speed = (features[:, a:b] for a, b in itertools.pairwise(start))
    np.testing.assert_array_equal(gear[0], np.arange(3) == int(one["gear"]))
    np.testing.assert_array_equal(on, one["on"])
    torch.testing.assert_close(seen_speed, ((speed - speed.mean(0)) / speed.std(0, correction=0))[:1].float())


def test_images_too_small_for_a_cnn_are_vectors():
    assert policy_class(spaces.Box(0, 255, (1, 20, 20), np.uint8)) is ActorCritic
    assert policy_class(CHANNELS_FIRST) is CnnActorCritic
    space = spaces.Dict({"camera": spaces.Box(0, 255, (1, 4, 4), np.uint8)})
    policy = ActorCritic(space, ACTIONS["vector"], lambda _: 1e-3)
    assert not policy.trained_features
    assert policy.inputs({"camera": np.full((2, 1, 4, 4), 255, np.uint8)})[0].tolist() == [[1.0] * 16] * 2


def test_a_cnn_policy_takes_images_that_are_too_small_as_vectors():
    model = learner(PPO, spaces.Box(0, 255, (10, 10, 3), np.uint8))
    assert isinstance(model.policy.features_extractor, ObservationNormalizer)
    model.learn(4 * 8)


@pytest.mark.parametrize("actions", ["vector", "choice"])
@pytest.mark.parametrize("space", [IMAGE, MIXED], ids=["image", "dict"])
def test_what_is_seen_is_remembered_too(space, actions):
    model = learner(PPO, space, ACTIONS[actions], policy_kwargs={"network": Network(memory="gru", memory_size=4)})
    before = copy.deepcopy(model.policy.state_dict())
    model.learn(4 * 8)
    for name, parameter in model.policy.named_parameters():
        if "critic" not in name and "value" not in name:
            assert not torch.equal(parameter, before[name]), name
    seen = model.get_env().reset()
    first, state = model.predict(seen, deterministic=True)
    assert state[0].any()
    assert first.shape == (4, *ACTIONS[actions].shape)


def test_a_rollout_keeps_images_as_bytes():
    model = learner(PPO, IMAGE)
    model.learn(4 * 8)
    assert model.rollout_buffer.observations.dtype == np.uint8
    assert model.rollout_buffer.observations.shape == (8, 4, 1, 36, 40)
    assert model.rollout_buffer.observations.std() > 50


def test_shards_see_nothing_of_each_other():
    policy = small()
    inputs = seen_by(policy, 8)
    whole = AutogradJacobian(policy.distribution_parameters, policy.actor_parameters(), inputs, [4, 4])
    part = AutogradJacobian(policy.distribution_parameters, policy.actor_parameters(), inputs[4:], [4])
    slopes = [torch.randn_like(output) for output in whole.outputs]
    assert torch.equal(whole.pull(slopes)[1], part.pull([slope[4:] for slope in slopes])[0])


def test_the_eyes_learn_to_tell_bright_from_dark():
    class Bright(Drawn):
        def reset(self, *, seed=None, options=None):
            self.bright = not getattr(self, "bright", False)
            return np.full(IMAGE.shape, 255 * self.bright, np.uint8), {}

        def step(self, action):
            return np.zeros(IMAGE.shape, np.uint8), float(action == self.bright), True, False, {}

    robots = DummyVecEnv([lambda: Bright(IMAGE, spaces.Discrete(2))] * 8)
    model = TRPO(
        "CnnPolicy", robots, n_steps=16, seed=0, policy_kwargs={"features_extractor_kwargs": {"features_dim": 16}}
    )
    model.learn(8 * 16 * 6)
    images = np.stack([np.zeros(IMAGE.shape, np.uint8), np.full(IMAGE.shape, 255, np.uint8)])
    assert model.predict(images, deterministic=True)[0].tolist() == [0, 1]
    returns = [episode["r"] for episode in model.ep_info_buffer]
    assert all(
        later >= earlier for earlier, later in itertools.pairwise([np.mean(returns[:20]), np.mean(returns[-20:])])
    )
