"""Update rules on a problem that is solved by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from stable_baselines3.common.logger import Logger

import envs
from agents import A2C, NPG, PPO, TRPO, VPG
from agents.a2c import RMSProp
from agents.advantages import PathReturn, RewardToGo
from agents.baselines import Constant, TimeDependent, ValueNetwork
from agents.critics import AdamFit
from agents.iteration_log import record_rollout
from agents.ppo import clipped_surrogate
from agents.rollout import Rows
from agents.team import one_shard


def bias_and_log_std(policy):
    return torch.cat([policy.action_net.bias, policy.log_std]).detach().double().numpy()


def gradient_by_hand(model, before):
    """The policy gradient of the last rollout, and its normalised advantages, for a Gaussian of mean b and std 1."""
    rollout = model.rollout_buffer
    actions, advantages = rollout.actions.reshape(-1, 2).astype(float), rollout.advantages.reshape(-1).astype(float)
    advantages = (advantages - advantages.mean()) / advantages.std(ddof=1)
    score = np.concatenate([actions - before[:2], (actions - before[:2]) ** 2 - 1], axis=1)
    return (score * advantages[:, None]).mean(axis=0)


@pytest.mark.parametrize("learner", [VPG, A2C])
def test_the_first_step_goes_along_the_policy_gradient(quadratic, learner):
    model, _ = quadratic(learner, actor_optimizer=torch.optim.SGD, actor_learning_rate=lambda _: 0.01)
    model.max_grad_norm = 1e9
    before = bias_and_log_std(model.policy)
    model.learn(4 * 64)
    moved = bias_and_log_std(model.policy) - before
    np.testing.assert_allclose(moved, 0.01 * gradient_by_hand(model, before), rtol=1e-3, atol=1e-6)


def test_the_natural_gradient_is_the_gradient_over_the_fisher_matrix_and_no_line_search_shortens_it(quadratic):
    model, rows = quadratic(NPG, target_kl=0.003, cg_damping=0.0, cg_max_steps=20, sub_sampling_factor=1)
    before = bias_and_log_std(model.policy)
    model.learn(4 * 64)
    gradient = gradient_by_hand(model, before)
    natural = gradient / np.array([1, 1, 2, 2])  # a Gaussian's Fisher matrix at std 1: 1 for b, 2 for log_std
    step = natural * np.sqrt(2 * 0.003 / (gradient @ natural))
    np.testing.assert_allclose(bias_and_log_std(model.policy) - before, step, rtol=1e-3, atol=1e-5)
    assert rows[0]["train/kl"] == pytest.approx(0.003, rel=0.3)


def test_clipping_pays_for_no_move_out_of_the_region_but_for_every_move_back():
    ratio = torch.tensor([1.5, 0.5, 1.5, 0.5], requires_grad=True)
    advantages = torch.tensor([1.0, -1.0, -1.0, 1.0])
    objective = clipped_surrogate(ratio.log(), torch.zeros(4), advantages, clip=0.2).mean()
    assert float(objective.detach()) == pytest.approx((1.2 - 0.8 - 1.5 + 0.5) / 4)
    slopes = torch.autograd.grad(objective, ratio)[0]
    torch.testing.assert_close(slopes, torch.tensor([0.0, 0.0, -0.25, 0.25]))


def test_entropy_is_paid_for(quadratic):
    rich, _ = quadratic(A2C, ent_coef=10.0, actor_learning_rate=0.01)
    rich.learn(4 * 64 * 20)
    poor, _ = quadratic(A2C, actor_learning_rate=0.01)
    poor.learn(4 * 64 * 20)
    assert float(rich.policy.log_std.detach().mean()) > float(poor.policy.log_std.detach().mean()) + 0.1


@pytest.mark.parametrize(
    ("learner", "kwargs"),
    [
        (VPG, {"actor_learning_rate": 0.03}),
        (VPG, {"actor_learning_rate": 0.03, "reuse": 2}),
        (NPG, {"target_kl": 0.05}),
        (PPO, {"actor_learning_rate": 3e-3}),
        (A2C, {"actor_learning_rate": 0.03}),
    ],
)
def test_finds_the_optimum_of_the_quadratic(quadratic, learner, kwargs):
    model, _ = quadratic(learner, **kwargs)
    model.learn(4 * 64 * 100)
    np.testing.assert_allclose(model.policy.deterministic(np.zeros((1, 1)))[0], [1.5, -0.5], atol=0.2)


def test_samples_that_are_used_again_count_for_less_the_older_they_are(quadratic):
    model, rows = quadratic(VPG, actor_learning_rate=0.03, reuse=3)
    model.learn(4 * 64 * 6)
    sizes = [row["train/effective_samples"] for row in rows]
    assert sizes[0] == pytest.approx(256.0)
    assert 256.0 < sizes[1] < 512.0
    assert sizes[-1] < 4 * 256.0
    assert len(model.earlier) == 3


@pytest.mark.parametrize("advantage", [RewardToGo(), PathReturn()])
def test_only_whole_episodes_are_learned_from_where_the_estimator_needs_them(logged, advantage):
    env = envs.make_vec("CartPole", 4, num_threads=1)
    model = VPG("MlpPolicy", env, n_steps=16, seed=0, advantage=advantage, baseline=lambda _: Constant())
    rows = logged(model)
    before = torch.cat([p.flatten() for p in model.policy.actor_parameters()]).clone()
    model.learn(4 * 16)
    after = torch.cat([p.flatten() for p in model.policy.actor_parameters()])
    counted = rows[0]["train/samples"]
    assert counted == model.rollout_buffer.counts.sum() < 64
    assert torch.equal(before, after) == (counted == 0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rule", [VPG, TRPO])
def test_a_learner_that_idles_says_so_once_where_it_was_called(rule):
    env = envs.make_vec("Hopper-v5", 4, num_threads=1)
    model = rule("MlpPolicy", env, n_steps=4, seed=0, advantage=RewardToGo(), baseline=lambda _: Constant())
    with pytest.warns(UserWarning, match=r"learns from none of its 16 steps, .* n_steps, 4, should be") as caught:
        model.learn(3 * 16)
    assert [warning.filename for warning in caught] == [__file__]
    rule("MlpPolicy", env, n_steps=4, seed=0).learn(16)  # the future is not cut off where a critic stands in for it


@pytest.mark.filterwarnings("error")
def test_returns_whose_squares_overflow_in_float32_have_an_explained_variance():
    logger, returns = Logger(None, []), np.array([1e30, -1e30], np.float32)
    rollout = SimpleNamespace(values=np.zeros((2, 1), np.float32), returns=returns[:, None])
    steps = Rows(one_shard(2), slice(None))
    record_rollout(logger, rollout, SimpleNamespace(continuous=False), steps, steps)
    assert dict(logger.name_to_value) == {"train/samples": 2, "train/explained_variance": 0.0}


def adam(policy):
    return ValueNetwork(policy, AdamFit())


POLES = {
    "npg": (NPG, 40_000, {"n_steps": 128}),
    "ppo": (PPO, 40_000, {"n_steps": 128, "batch_size": 256, "learning_rate": 1e-3, "baseline": adam}),
    "a2c": (A2C, 80_000, {"n_steps": 8, "actor_learning_rate": 2e-3, "learning_rate": 5e-3}),
    "vpg": (VPG, 80_000, {"n_steps": 128, "actor_learning_rate": 0.02}),
    "no critic": (TRPO, 80_000, {"n_steps": 512, "advantage": RewardToGo(), "baseline": lambda _: TimeDependent()}),
}


def test_an_episodic_iteration_is_an_episode_of_each_robot_begun_anew(logged):
    model = TRPO("MlpPolicy", envs.make_vec("CartPole", 3, num_threads=1), n_steps=200, episodic=True, seed=0)
    rows = logged(model)
    model.learn(150)
    rollout = model.rollout_buffer
    assert len(rows) > 1
    assert (rollout.times[0] == 0).all()
    lengths = rollout.counts.sum(axis=0)
    assert lengths.max() == len(rollout.rewards) < 200
    assert rollout.terminated[lengths - 1, range(3)].all()
    assert rows[-1]["train/samples"] == lengths.sum()


# Episodes last up to 500 and 1000 steps; a random policy balances for about 30 and 6.
@pytest.mark.parametrize(("env", "bar"), [("CartPole", 150), ("InvertedPendulum-v5", 60)])
@pytest.mark.parametrize("name", POLES)
def test_learns_to_balance_a_pole(name, env, bar):
    learner, steps, kwargs = POLES[name]
    robots = envs.make_vec(env, 16, num_threads=1)
    noise = {"log_std_init": -float(np.log(robots.action_space.high[0]))}  # 1 N in both
    model = learner("MlpPolicy", robots, seed=1, policy_kwargs=noise, **kwargs)
    model.learn(steps)
    assert np.mean([episode["l"] for episode in model.ep_info_buffer]) > bar


@pytest.mark.parametrize(
    ("learner", "kwargs", "message"),
    [
        (VPG, {"actor_learning_rate": 0.0}, "actor_learning_rate must be positive, got 0.0"),
        (VPG, {"reuse": -1}, "reuse must not be negative, got -1"),
        (PPO, {"clip_range": 0.0}, "clip_range must be positive, got 0.0"),
        (PPO, {"n_epochs": 0}, "n_epochs must be at least 1, got 0"),
        (PPO, {"batch_size": 0}, "batch_size must be at least 1, got 0"),
        (NPG, {"target_kl": -1.0}, "target_kl must be positive, got -1.0"),
        (NPG, {"max_std": 0.0}, "max_std must be positive, got 0.0"),
    ],
)
def test_refuses_numbers_out_of_bounds(quadratic, learner, kwargs, message):
    with pytest.raises(ValueError, match=message):
        quadratic(learner, **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"advantage": "k-step"}, r"advantage must be .* GAE\(0.97\), KStep\(5\), .* got 'k-step'"),
        ({"advantage": RewardToGo}, "advantage must be .* got <class"),
        ({"target": 0.9}, "target must be an estimator .* got 0.9"),
        ({"baseline": "time"}, "baseline must be a function .* got 'time'"),
    ],
)
def test_refuses_the_name_of_a_part_instead_of_the_part(quadratic, kwargs, message):
    with pytest.raises(TypeError, match=message):
        quadratic(TRPO, **kwargs)


def test_rmsprop_begins_with_short_steps():
    """By hand: the mean square goes from 1 to 0.99 + 0.01 g^2, then on from there."""
    parameter = torch.zeros(2, requires_grad=True)
    optimizer = RMSProp([parameter], lr=0.1)
    gradient = np.array([0.5, -0.01])
    square, expected = np.ones(2), np.zeros(2)
    for _ in range(2):
        parameter.grad = torch.tensor(gradient, dtype=torch.float32)
        optimizer.step()
        square = 0.99 * square + 0.01 * gradient**2
        expected -= 0.1 * gradient / np.sqrt(square)
        np.testing.assert_allclose(parameter.detach(), expected, rtol=1e-5)
