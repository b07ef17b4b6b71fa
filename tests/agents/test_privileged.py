"""A part of the observations that the critic alone sees."""

import copy

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from agents import A2C, NPG, PPO, TRPO, VPG, Network
from agents.acting import actor_of
from agents.baselines import ValueNetwork
from agents.cannot_learn import CannotLearn
from agents.critics import AdamFit
from agents.jacobian import differentiable_actor
from tests.agents.test_eyes import CHANNELS_FIRST, Drawn

RULES = [TRPO, NPG, PPO, VPG, A2C]
SEEN, HIDDEN = spaces.Box(-9, 9, (3,)), spaces.Box(-9, 9, (2,))
VECTORS = spaces.Dict({"observation": SEEN, "privileged": HIDDEN})
WITH_IMAGE = spaces.Dict({"camera": CHANNELS_FIRST, "privileged": HIDDEN, "speed": SEEN})
ACTIONS = spaces.Box(-1, 1, (2,))


def learner(rule, space=VECTORS, memory="none", mirror=None, **kwargs):
    space = copy.deepcopy(space)
    robots = DummyVecEnv([lambda: Drawn(space, ACTIONS)] * 4)
    network = Network(actor=(6,), value=(5,), memory=memory, memory_size=4)
    policy_kwargs = {"network": network, "mirror": mirror}
    return rule("MultiInputPolicy", robots, n_steps=8, seed=0, **{"policy_kwargs": policy_kwargs, **kwargs})


def observed(space, robots=4):
    space.seed(3)
    several = [space.sample() for _ in range(robots)]
    return {name: np.stack([one[name] for one in several]) for name in space.spaces}


def otherwise(observations):
    """Return observations with another privileged part."""
    return {**observations, "privileged": observations["privileged"] + 1}


@pytest.mark.parametrize("memory", ["none", "gru"])
@pytest.mark.parametrize("space", [VECTORS, WITH_IMAGE], ids=["vectors", "image"])
def test_actions_do_not_depend_on_it_and_values_do(space, memory):
    model = learner(TRPO, space, memory)
    model.learn(64)
    seen = observed(space)
    without = {name: part for name, part in seen.items() if name != "privileged"}
    more = {**seen, "privileged": np.ones((4, 5))}  # of a larger world
    one = {name: part[0] for name, part in without.items()}
    acted, _ = model.predict(seen, deterministic=True)
    for other in (otherwise(seen), without, more):
        np.testing.assert_array_equal(model.predict(other, deterministic=True)[0], acted)
    np.testing.assert_allclose(model.predict(one, deterministic=True)[0], acted[0], atol=1e-6)
    acting = [actor_of(model.policy, 4).mode(each, np.ones(4, bool)) for each in (seen, without, more)]
    np.testing.assert_array_equal(acting, [acting[0]] * 3)
    values, others = (model.policy.rollout_values(each) for each in (seen, otherwise(seen)))
    assert (values != others).all()


@pytest.mark.parametrize("memory", ["none", "lstm"])
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_trains_all_parameters_and_normalises_both_parts(rule, memory):
    model = learner(rule, VECTORS, memory, baseline=lambda policy: ValueNetwork(policy, AdamFit(epochs=1)))
    assert model.policy.plain_vectors  # acted and learned from in numpy, as vectors alone are
    before = copy.deepcopy(model.policy.state_dict())
    model.learn(64)
    for name, parameter in model.policy.named_parameters():
        assert not torch.equal(parameter, before[name]), name
    moments = model.policy.features_extractor.moments
    assert moments.count == 64
    rollout = model.rollout_buffer.observations.reshape(-1, 5)
    assert (np.abs(moments.mean.numpy() - rollout.mean(axis=0)) < 3).all()
    assert (moments.var.numpy() > 1).all()


def test_numpy_acts_as_torch_does():
    model = learner(TRPO)
    model.learn(64)
    seen, noise = observed(VECTORS), np.zeros((4, 2), np.float32)
    acted = actor_of(model.policy, 4).sample(seen, np.zeros(4, bool), noise)
    np.testing.assert_allclose(acted, model.policy.act(seen, noise), atol=1e-6)


def test_the_slopes_of_an_actor_by_its_parameters_are_those_of_torch():
    model = learner(TRPO)
    policy = model.policy
    inputs, _ = policy.inputs(observed(VECTORS))
    jacobian = differentiable_actor(policy)(inputs, [4])
    slopes = torch.randn(jacobian.outputs[0].shape, generator=torch.Generator().manual_seed(0))
    ours = jacobian.pull([slopes, *(torch.zeros_like(one) for one in jacobian.outputs[1:])])
    mean = policy.distribution_parameters(inputs)[0]
    parameters = policy.actor_parameters()
    theirs = torch.autograd.grad(mean, parameters, slopes, allow_unused=True, materialize_grads=True)
    torch.testing.assert_close(ours.reshape(-1), torch.cat([one.flatten() for one in theirs]))


def test_a_symmetric_actor_sees_no_more():
    signs = np.array([-1.0, 1, 1, -1, 1])
    model = learner(TRPO, mirror=((np.arange(5), signs), ([1, 0], [1.0, 1])))
    model.learn(64)
    seen, still = observed(VECTORS), np.zeros((4, 2), np.float32)
    acted = model.policy.act(seen, still)
    np.testing.assert_array_equal(model.policy.act(otherwise(seen), still), acted)
    image = {**otherwise(seen), "observation": seen["observation"] * signs[:3]}
    np.testing.assert_allclose(model.policy.act(image, still), acted[:, ::-1], atol=1e-6)


def test_a_saved_learner_acts_and_values_alike(tmp_path):
    model = learner(TRPO)
    model.learn(64)
    model.save(tmp_path / "model.zip")
    again = TRPO.load(tmp_path / "model.zip")
    seen = observed(VECTORS)
    np.testing.assert_array_equal(
        again.predict(seen, deterministic=True)[0], model.predict(seen, deterministic=True)[0]
    )
    torch.testing.assert_close(again.policy.rollout_values(seen), model.policy.rollout_values(seen), rtol=0, atol=0)


@pytest.mark.parametrize("parts", [{"privileged": HIDDEN}, {"privileged": CHANNELS_FIRST, "speed": SEEN}])
def test_it_must_be_a_vector_beside_other_parts(parts):
    with pytest.raises(CannotLearn, match="must be a vector beside other parts"):
        learner(TRPO, spaces.Dict(parts))


def test_a_users_own_features_cannot_be_told_apart():
    from stable_baselines3.common.torch_layers import CombinedExtractor

    kwargs = {"features_extractor_class": CombinedExtractor}
    with pytest.raises(CannotLearn, match="goes with our features extractors, got CombinedExtractor"):
        learner(TRPO, policy_kwargs=kwargs)
