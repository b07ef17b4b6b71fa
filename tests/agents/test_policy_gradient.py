"""The base of all learners: the baseline's target, scaled advantages, schedules, saving and loading."""

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback

import envs
from agents import A2C, NPG, PPO, TRPO, VPG, ActorCritic
from agents.advantages import GAE, KStep, PathReturn, RewardToGo, gae, rewards_to_go
from agents.baselines import Constant, NoBaseline, OptimalConstant, TimeDependent, ValueNetwork
from agents.critics import AdamFit
from agents.trust_region import flat


def actor(model):
    return flat(model.policy.actor_parameters()).detach().clone()


def balance(learner, **kwargs):
    return learner("MlpPolicy", envs.make_vec("CartPole", 8, num_threads=1), seed=0, **{"n_steps": 100} | kwargs)


@pytest.mark.parametrize("baseline", [lambda _: TimeDependent(), lambda policy: ValueNetwork(policy, AdamFit())])
def test_of_a_paths_return_the_baseline_learns_what_is_still_to_come(baseline):
    model = balance(VPG, advantage=PathReturn(), baseline=baseline, episodic=True)
    model.learn(8 * 100)
    steps = model.rollout_buffer
    to_go = rewards_to_go(steps.rewards, steps.terminated, steps.truncated, model.gamma)
    np.testing.assert_allclose(steps.returns[steps.counts], to_go[steps.counts], rtol=1e-4, atol=1e-4)


def test_a_constant_learns_the_mean_return_of_whole_paths():
    model = balance(VPG, advantage=PathReturn(), baseline=lambda _: Constant(), episodic=True, gamma=1.0)
    model.learn(1)
    steps = model.rollout_buffer
    lengths, returns = steps.counts.sum(axis=0), (steps.rewards * steps.counts).sum(axis=0)
    assert model.baseline.value[0] == pytest.approx((lengths * returns).sum() / lengths.sum(), rel=1e-5)


def test_it_matters_which_constant_is_subtracted():
    learned = []
    for baseline in (lambda _: NoBaseline(), lambda _: Constant(), OptimalConstant):
        model = balance(VPG, advantage=RewardToGo(), baseline=baseline, episodic=True, actor_learning_rate=0.01)
        model.learn(8 * 100 * 3)
        learned.append(actor(model))
    none, mean, optimal = learned
    assert (none - mean).abs().max() > 1e-3
    assert (mean - optimal).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("learner", "name", "kwargs"),
    [
        (NPG, "target_kl", {}),
        (VPG, "actor_learning_rate", {"actor_optimizer": torch.optim.SGD, "max_grad_norm": 1e9}),
    ],
)
def test_a_schedule_ends_with_the_training_though_the_last_rollout_goes_beyond(quadratic, learner, name, kwargs):
    seen = []

    def schedule(remaining):
        seen.append(remaining)
        return 0.02 * remaining

    model, _ = quadratic(learner, **{name: schedule} | kwargs)
    model.learn(4 * 64)
    before = actor(model)
    model.learn(4 * 64 // 2)
    assert seen[-1] == 0.0
    assert torch.equal(actor(model), before)


def test_a_single_step_teaches_nothing_and_spoils_nothing():
    model = VPG("MlpPolicy", envs.make_vec("CartPole", 1), n_steps=1, seed=0)
    before = actor(model)
    model.learn(1)
    assert torch.equal(actor(model), before)


def test_after_a_rollout_that_was_broken_off_steps_are_counted_on():
    class StopAtFive(BaseCallback):
        def _on_step(self):
            return self.n_calls < 5

    model = balance(TRPO)
    model.learn(10_000, callback=StopAtFive())
    ages = model.env.world.episodes.elapsed.copy()
    model.learn(8, reset_num_timesteps=False)
    np.testing.assert_array_equal(model.rollout_buffer.times[0], ages)
    assert ages.max() == 5


@pytest.mark.parametrize("given", [None, GAE(0.5)])
def test_gamma_and_lambda_may_be_changed_later(given):
    model = balance(TRPO, gae_lambda=0.3, advantage=given)
    assert model.gae_lambda == (0.3 if given is None else 0.5)
    for gamma, gae_lambda in [(0.9, 0.8), (0.5, 0.0)]:
        model.gamma, model.gae_lambda = gamma, gae_lambda
        model.learn(8 * 100)
        s = model.rollout_buffer
        assert model.advantage == GAE(gae_lambda)
        expected = gae(s.rewards, s.values, s.next_values, s.terminated, s.truncated, gamma, gae_lambda)
        np.testing.assert_array_equal(s.advantages, expected)


def test_the_advantage_estimator_may_be_changed_later(tmp_path):
    model = balance(VPG)
    model.advantage = KStep(3)
    assert model.advantage == KStep(3)
    model.save(tmp_path / "model")
    assert VPG.load(tmp_path / "model").advantage == KStep(3)
    model.advantage = GAE(0.4)
    assert (model.advantage, model.gae_lambda) == (GAE(0.4), 0.4)


@pytest.mark.parametrize("learner", [TRPO, PPO])
def test_actor_and_critic_may_have_normalisers_of_their_own(learner, tmp_path):
    shared, apart = (
        balance(learner, policy_kwargs={"share_features_extractor": share}).learn(8 * 100 * 3)
        for share in (True, False)
    )
    assert apart.policy.pi_features_extractor is not apart.policy.vf_features_extractor
    assert torch.equal(actor(apart), actor(shared))
    assert apart.policy.vf_features_extractor.moments.count == 8 * 100 * 3
    apart.policy.save(str(tmp_path / "policy"))
    loaded = ActorCritic.load(str(tmp_path / "policy"))
    for name, tensor in apart.policy.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name


def learner_of_everything():
    return balance(
        PPO,
        baseline=lambda _: TimeDependent(),
        advantage=RewardToGo(),
        n_steps=300,
    )


def test_sb3s_load_brings_the_whole_learner_back(tmp_path):
    model = learner_of_everything()
    model.learn(8 * 300 * 2)
    model.save(tmp_path / "model")
    loaded = PPO.load(tmp_path / "model", env=envs.make_vec("CartPole", 8, num_threads=1))
    for name, tensor in model.policy.state_dict().items():
        assert torch.equal(tensor, loaded.policy.state_dict()[name]), name
    state, statistics = model.actor_optimizer.state_dict()["state"], loaded.actor_optimizer.state_dict()["state"]
    assert len(state) == len(statistics) > 0
    for i in state:
        torch.testing.assert_close(statistics[i], state[i], rtol=0, atol=0)
    assert len(model.baseline.means) > 10
    np.testing.assert_array_equal(loaded.baseline.means, model.baseline.means)
    loaded.learn(8 * 300, reset_num_timesteps=False)
    assert loaded.num_timesteps == 8 * 300 * 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KStep(0), "k must be at least 1, got 0"),
        (lambda: GAE(2.0), r"gae_lambda must lie in \[0, 1\], got 2.0"),
    ],
)
def test_estimators_refuse_numbers_out_of_bounds(make, message):
    with pytest.raises(ValueError, match=message):
        make()


class Spoil(BaseCallback):
    """Gives robot 2 of 4 an infinite velocity after its third step of each rollout."""

    steps = 0

    def _on_rollout_start(self):
        self.steps = 0

    def _on_step(self):
        self.steps += 1
        if self.steps == 3:
            self.training_env.world.sim.qvel[2] = np.inf
        return True


def test_the_last_blow_ups_are_kept_with_their_steps():
    model = TRPO("MlpPolicy", envs.make_vec("CartPole", 4, num_threads=1), seed=0, n_steps=8)
    model.learn(4 * 8 * 7, Spoil())
    assert model.physics_errors == 7
    assert [step for step, _, _ in model.blow_ups] == [4 * (8 * iteration + 4) for iteration in range(2, 7)]
    assert all(isinstance(told, envs.BlowUp) and told.robot == robot == 2 for _, robot, told in model.blow_ups)


CHANGES = {
    "gae_lambda": (TRPO, 0.0),
    "gamma": (TRPO, 0.5),
    "n_steps": (TRPO, 40),
    "target_kl": (TRPO, 1e-4),
    "max_std": (TRPO, 0.1),
    "advantage": (TRPO, KStep(1)),
    "target": (TRPO, KStep(1)),
    "episodic": (TRPO, True),
    "learning_rate": (PPO, 0.3),
    "clip_range": (PPO, 1e-3),
    "actor_learning_rate": (PPO, 3e-3),
    "max_grad_norm": (VPG, 1e-9),
    "reuse": (VPG, 3),
    "ent_coef": (A2C, 100.0),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_argument_counts_when_it_is_changed_as_when_it_is_given(name, tmp_path):
    learner, value = CHANGES[name]
    adam = {"baseline": lambda policy: ValueNetwork(policy, AdamFit())} if learner is PPO else {}

    def outcome(model):
        model.set_random_seed(0)
        model.learn(8 * 100 * 2)
        return torch.cat([parameter.detach().flatten() for parameter in model.policy.parameters()])

    given, as_it_was, changed = (
        balance(learner, **{name: value}, **adam),
        balance(learner, **adam),
        balance(learner, **adam),
    )
    changed.save(tmp_path / "model")
    loaded = learner.load(tmp_path / "model", env=envs.make_vec("CartPole", 8, num_threads=1), **{name: value})
    setattr(changed, name, value)
    expected = outcome(given)
    assert torch.equal(outcome(changed), expected)
    assert torch.equal(outcome(loaded), expected)
    assert not torch.equal(outcome(as_it_was), expected)


def test_a_baseline_may_be_given_to_a_loaded_learner(tmp_path):
    balance(TRPO).save(tmp_path / "model")
    loaded = TRPO.load(tmp_path / "model", baseline=lambda _: TimeDependent())
    assert isinstance(loaded.baseline, TimeDependent)


@pytest.mark.parametrize(
    ("name", "value"), [("gae_lamda", 0.0), ("actor_optimizer", torch.optim.SGD), ("clip_range", 0.1)]
)
def test_an_argument_at_load_that_would_not_count_is_refused(name, value, tmp_path):
    balance(VPG).save(tmp_path / "model")
    with pytest.raises(TypeError, match=rf"'{name}' cannot be given to VPG.load; it takes actor_learning_rate, advant"):
        VPG.load(tmp_path / "model", **{name: value})


def test_an_argument_at_load_keeps_its_range(tmp_path):
    balance(VPG).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"gae_lambda must lie in \[0, 1\], got 3"):
        VPG.load(tmp_path / "model", gae_lambda=3.0)


@pytest.mark.parametrize(("rule", "small"), [(TRPO, {"target_kl": 1e-6}), (VPG, {"actor_learning_rate": 1e-9})])
def test_a_policy_whose_actions_are_nearly_all_clipped_says_so_once_where_it_was_called(rule, small):
    model = balance(rule, policy_kwargs={"log_std_init": 5.0}, **small)
    with pytest.warns(UserWarning, match="% of the actions lie beyond their bounds and are clipped") as caught:
        model.learn(8 * 100 * 3)
    assert [warning.filename for warning in caught] == [__file__]
