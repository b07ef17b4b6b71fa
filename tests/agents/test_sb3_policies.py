import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from agents import PPO, TRPO, ActorCritic
from agents.baselines import ValueNetwork
from agents.critics import AdamFit
from agents.jacobian import AutogradJacobian, differentiable_actor
from agents.sb3_arguments import REFUSED
from agents.trust_region import flat


class Trunk(nn.Module):
    """A user's layers: one that actor and critic share, and one of the critic's own."""

    latent_dim_pi, latent_dim_vf = 6, 5

    def __init__(self, features):
        super().__init__()
        self.shared = nn.Linear(features, 6)
        self.of_the_critic = nn.Linear(6, 5)

    def forward(self, features):
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features):
        return self.shared(features).tanh()

    def forward_critic(self, features):
        return self.of_the_critic(self.shared(features)).tanh()


class Custom(ActorCriticPolicy):
    """A policy as SB3's manual has its users write one."""

    def _build_mlp_extractor(self):
        self.mlp_extractor = Trunk(self.features_dim)

    def forward(self, obs, deterministic=False):
        actions, values, log_prob = super().forward(obs, deterministic)
        return actions, torch.full_like(values, 3.0), log_prob


@pytest.mark.parametrize("rule", [TRPO, PPO])
def test_a_policy_of_sb3s_kind_learns_and_keeps_its_own_methods(rule, tmp_path):
    model = rule(Custom, "Pendulum-v1", n_steps=64, seed=0, baseline=lambda policy: ValueNetwork(policy, AdamFit()))
    policy = model.policy
    assert isinstance(policy, Custom)
    assert isinstance(policy, ActorCritic)
    actor, critic = policy.actor_parameters(), policy.critic_parameters()
    expected = [*policy.mlp_extractor.shared.parameters(), *policy.action_net.parameters(), policy.log_std]
    assert {*map(id, actor)} == {*map(id, expected)}
    assert {*map(id, critic)} == {*map(id, policy.parameters())} - {*map(id, actor)}
    inputs = policy.inputs(np.ones((2, 3)))[0]
    assert isinstance(differentiable_actor(policy)(inputs, [2]), AutogradJacobian)
    before = flat(actor).detach().clone(), flat(critic).detach().clone()
    model.learn(128)
    assert (model.rollout_buffer.values == 3.0).all()  # as `forward` says
    for old, new in zip(before, (actor, critic), strict=True):
        assert not torch.equal(flat(new), old)
    model.save(tmp_path / "model")
    seen = np.ones((4, 3), np.float32)
    again, _ = rule.load(tmp_path / "model").predict(seen, deterministic=True)
    np.testing.assert_array_equal(again, model.predict(seen, deterministic=True)[0])


def test_sb3s_own_classes_are_ours():
    assert type(PPO(ActorCriticPolicy, "CartPole-v1").policy) is ActorCritic


@pytest.mark.parametrize("name", REFUSED)
def test_an_argument_without_an_effect_is_refused_in_one_sentence(name):
    with pytest.raises(ValueError, match=rf"^{name} of 0\.7 is not supported: [^.]*(\.rollout\.Rollout)?$"):
        PPO("MlpPolicy", "CartPole-v1", **{name: 0.7})


def test_arguments_that_ask_for_nothing_and_unknown_ones():
    PPO("MlpPolicy", "CartPole-v1", use_sde=False, clip_range_vf=None)
    with pytest.raises(TypeError, match="PPO has no argument 'n_epoch'"):
        PPO("MlpPolicy", "CartPole-v1", n_epoch=3)


def test_trpo_takes_sb3_contribs_arguments():
    model = TRPO(
        "MlpPolicy",
        gymnasium.make("CartPole-v1"),
        batch_size=32,
        cg_max_steps=3,
        line_search_shrinking_factor=0.7,
        line_search_max_iter=4,
        n_critic_updates=2,
        sub_sampling_factor=2,
        normalize_advantage=False,
        n_steps=64,
    )
    assert model.baseline.critic == AdamFit(epochs=2, batch_size=32)
    model.learn(64)
    with pytest.raises(ValueError, match="batch_size and n_critic_updates are of the critic's Adam"):
        TRPO("MlpPolicy", "CartPole-v1", batch_size=32, baseline=lambda policy: ValueNetwork(policy, AdamFit()))


def test_ppo_ends_its_passes_once_the_policy_has_gone_too_far():
    def passes(**kwargs):
        model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, n_epochs=20, seed=0, learning_rate=0.05, **kwargs)
        climbed = []
        climb = model.climb
        model.climb = lambda *arguments: climbed.append(climb(*arguments))
        model.learn(64)
        return len(climbed)

    assert passes() == 20
    assert 1 <= passes(target_kl=0.01) < 20
