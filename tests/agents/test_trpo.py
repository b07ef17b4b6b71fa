import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv

import agents.trpo
from agents import TRPO
from agents.baselines import ValueNetwork
from agents.cannot_learn import Diverged
from agents.critics import AdamFit
from agents.team import one_shard
from agents.trust_region import flat


def adam(policy):
    return ValueNetwork(policy, AdamFit())


@pytest.fixture
def trpo(quadratic):
    return lambda **kwargs: quadratic(TRPO, sub_sampling_factor=1, **kwargs)


def test_first_step_is_the_exact_natural_gradient(trpo):
    delta = 0.003
    model, rows = trpo(target_kl=delta, cg_damping=0.0, cg_max_steps=20)
    policy = model.policy
    before = torch.cat([policy.action_net.bias, policy.log_std]).detach().double().numpy()
    model.learn(4 * 64)
    after = torch.cat([policy.action_net.bias, policy.log_std]).detach().double().numpy()

    rollout = model.rollout_buffer
    actions = rollout.actions.reshape(-1, 2).astype(float)
    advantages = rollout.advantages.reshape(-1).astype(float)
    advantages = (advantages - advantages.mean()) / advantages.std(ddof=1)
    # Scores of a Gaussian N(b, e^(2s)) at s = 0, and its Fisher matrix: 1 for b, 2 for s.
    score = np.concatenate([actions - before[:2], (actions - before[:2]) ** 2 - 1], axis=1)
    gradient = (score * advantages[:, None]).mean(axis=0)
    natural = gradient / np.array([1, 1, 2, 2])
    step = natural * np.sqrt(2 * delta / (gradient @ natural))
    np.testing.assert_allclose(after - before, rows[0]["train/step_fraction"] * step, rtol=1e-3, atol=1e-5)
    assert rows[0]["train/step_fraction"] > 0


def test_finds_the_optimum_of_the_trpo(trpo):
    model, _ = trpo(target_kl=0.05)
    model.learn(4 * 64 * 80)
    np.testing.assert_allclose(model.policy.deterministic(np.zeros((1, 1)))[0], [1.5, -0.5], atol=0.15)


def test_every_step_stays_inside_the_region_and_improves_the_surrogate(trpo):
    model, rows = trpo(target_kl=0.01)
    model.learn(4 * 64 * 20)
    assert len(rows) == 20
    for row in rows:
        assert row["train/kl"] <= 0.01
        assert row["train/surrogate_after"] > row["train/surrogate_before"]
    logged = {"entropy", "step_fraction", "cg_residual", "explained_variance", "std", "clipped_actions"}
    assert {f"train/{name}" for name in logged} <= set(rows[0])
    assert {"time/steps_per_second", "time/physics_share"} <= set(rows[0])


def test_the_noise_falls_as_its_bound_does(trpo):
    model, rows = trpo(max_std=lambda remaining: 0.1 + remaining)
    model.learn(4 * 64 * 10)
    assert rows[0]["train/std"] == pytest.approx(1.0, abs=0.1)  # which is how the policy begins
    assert model.policy.log_std.detach().exp().numpy() == pytest.approx(0.1, rel=1e-5)
    free, _ = trpo()
    free.learn(4 * 64 * 10)
    assert free.policy.log_std.detach().exp().min() > 0.2


def test_parameters_are_restored_when_the_line_search_fails(trpo, monkeypatch):
    model, rows = trpo()
    before = flat(model.policy.actor_parameters()).clone()

    def refuse(measure, accept, shrink, max_backtracks):
        measure(1.0)
        assert not torch.equal(before, flat(model.policy.actor_parameters()))

    monkeypatch.setattr(agents.trpo, "line_search", refuse)
    model.learn(4 * 64)
    assert torch.equal(before, flat(model.policy.actor_parameters()))
    assert rows[0]["train/step_fraction"] == 0.0


def test_a_curvature_that_is_not_finite_ends_learning_with_the_policy_before(trpo):
    model, _ = trpo()
    before = flat(model.policy.actor_parameters()).clone()
    model.fisher = lambda *_: lambda v: v * float("nan")
    with pytest.raises(Diverged, match="train/cg_residual became nan in iteration 1"):
        model.learn(4 * 64)
    assert torch.equal(before, flat(model.policy.actor_parameters()))


@pytest.mark.filterwarnings("error")
def test_a_critic_that_diverges_is_told_in_one_sentence_alone():
    env = DummyVecEnv([lambda: gymnasium.make("CartPole-v1")] * 4)
    model = TRPO("MlpPolicy", env, n_steps=64, learning_rate=1e30, baseline=adam, seed=0)
    with pytest.raises(Diverged, match="the critic's parameters became nan in iteration 1"):
        model.learn(4 * 64)


def test_no_update_where_the_curvature_is_negative(trpo):
    model, rows = trpo()
    before = flat(model.policy.actor_parameters()).clone()
    model.fisher = lambda *_: lambda v: -v
    model.learn(4 * 64)
    assert torch.equal(before, flat(model.policy.actor_parameters()))
    assert rows[0]["train/curvature_ok"] == 0.0


def test_the_fisher_matrix_knows_log_std(trpo):
    model, _ = trpo(cg_damping=0.0)
    product = model.fisher(torch.zeros(10, 1), one_shard(10))
    # Parameters in order: weight (2), bias (2), log_std (2); the weights meet only zeros.
    matrix = torch.stack([product(row) for row in torch.eye(6)])
    torch.testing.assert_close(matrix, torch.diag(torch.tensor([0.0, 0, 1, 1, 2, 2])))


def test_learns_to_balance_a_pole_with_discrete_actions_on_sb3s_own_vec_env():
    env = DummyVecEnv([lambda: gymnasium.make("CartPole-v1")] * 4)
    model = TRPO("MlpPolicy", env, n_steps=256, gamma=0.99, gae_lambda=0.95, seed=0)
    model.learn(40_000)
    mean, _ = evaluate_policy(model, gymnasium.make("CartPole-v1"), n_eval_episodes=10, warn=False)
    assert mean > 300  # a random policy gets about 22, of 500


def test_learns_to_balance_our_own_cart_pole():
    import envs

    env = envs.make_vec("CartPole", 16, num_threads=1)
    model = TRPO("MlpPolicy", env, n_steps=128, seed=0)
    model.learn(16 * 128)
    early = np.mean([episode["l"] for episode in model.ep_info_buffer])
    model.learn(60_000, reset_num_timesteps=False)
    late = np.mean([episode["l"] for episode in model.ep_info_buffer])
    assert early < 60
    assert late > 350  # of 500


def test_a_callback_sees_every_step_and_may_stop_training(trpo):
    class StopAtTen(BaseCallback):
        def _on_step(self):
            assert self.locals["rewards"].shape == (4,)
            return self.n_calls < 10

    model, _ = trpo()
    model.learn(10_000, callback=StopAtTen())
    assert model.num_timesteps == 40


def test_sb3s_save_and_set_parameters_bring_the_policy_back(trpo, tmp_path):
    model, _ = trpo()
    model.learn(4 * 64 * 2)
    model.save(tmp_path / "model")
    fresh, _ = trpo()
    fresh.set_parameters(str(tmp_path / "model.zip"))
    for name, tensor in model.policy.state_dict().items():
        assert torch.equal(tensor, fresh.policy.state_dict()[name]), name


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"gamma": 1.5}, r"gamma must lie in \[0, 1\], got 1.5"),
        ({"gae_lambda": -0.1}, r"gae_lambda must lie in \[0, 1\], got -0.1"),
        ({"target_kl": 0.0}, "target_kl must be positive, got 0.0"),
    ],
)
def test_refuses_numbers_out_of_bounds(trpo, kwargs, message):
    with pytest.raises(ValueError, match=message):
        trpo(**kwargs)
