"""What environments of others give a learner when something in them breaks."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from agents import A2C, NPG, PPO, TRPO, VPG
from agents.cannot_learn import CannotLearn, Diverged
from agents.guarded_env import GuardedVecEnv, guarded


class Walk(gymnasium.Env):
    """Ten steps an episode, reward 1 each; every `every`-th step of its life `what` is `value` instead."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, what="nothing", value=np.nan, every=25):
        self.what, self.value, self.every = what, value, every
        self.life = self.steps = self.begun = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.begun += 1
        bad = self.what == "every first observation" or (self.what == "first observation" and self.begun % 3 == 2)
        return np.full(2, self.value if bad else 0.0, np.float32), {}

    def step(self, action):
        self.life += 1
        self.steps += 1
        odd = self.life % self.every == 0
        observation = np.array([self.steps, action[0]], np.float32)
        if odd and self.what == "observation":
            observation[1] = self.value
        end = self.steps == 10
        if end and self.what == "last observation":
            observation[0] = self.value
        return observation, self.value if odd and self.what == "reward" else 1.0, False, end, {}


def lived(env, steps):
    """All observations, and the infos of all ends with their rewards, of some steps without a warning's notice."""
    seen, ends = [env.reset()], []
    for _ in range(steps):
        observations, rewards, dones, infos = env.step(np.zeros((env.num_envs, 1)))
        seen.append(observations)
        ends += [(infos[i], rewards[i]) for i in np.flatnonzero(dones)]
    return np.array(seen), ends


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("what", ["reward", "observation", "last observation", "first observation"])
def test_a_number_that_is_not_finite_ends_the_episode_and_goes_no_further(what, value):
    env = guarded(make_vec_env(lambda: Walk(what, value), 3))
    where = "a first observation that" if what == "first observation" else r".* in step \d+ of its episode"
    with pytest.warns(RuntimeWarning, match=rf"robot \d was given {where}") as caught:
        seen, ends = lived(env, 120)
    assert len(caught) == 1
    assert np.isfinite(seen).all()
    broken = [(info, reward) for info, reward in ends if "physics_error" in info]
    assert 0 < len(broken) <= len(ends)
    if what in ("reward", "observation"):
        assert len(broken) == 3 * (120 // 25) < len(ends)
    for info, reward in ends:
        spoiled = "physics_error" in info and what != "first observation"  # which is of the next episode
        assert np.isfinite(info["terminal_observation"]).all()
        assert info["episode"]["r"] == info["episode"]["l"] - spoiled
        assert reward == 1.0 - spoiled
        assert info["TimeLimit.truncated"] != spoiled


def test_sound_environments_are_passed_on_as_they_are():
    plain, watched = (make_vec_env(Walk, 2, seed=0) for _ in range(2))
    watched = guarded(watched)
    assert guarded(watched) is watched
    np.testing.assert_array_equal(plain.reset(), watched.reset())
    for _ in range(25):
        for ours, theirs in zip(plain.step(np.ones((2, 1))), watched.step(np.ones((2, 1))), strict=True):
            if isinstance(ours, list):
                assert [sorted(info) for info in ours] == [sorted(info) for info in theirs]
            else:
                np.testing.assert_array_equal(ours, theirs)


def test_statistics_of_wrappers_stay_finite():
    env = VecNormalize(make_vec_env(lambda: Walk("observation"), 2))
    assert guarded(env) is env
    assert isinstance(env.venv, GuardedVecEnv)
    with pytest.warns(RuntimeWarning, match="not finite"):
        seen, _ = lived(env, 60)
    assert np.isfinite(seen).all()
    assert np.isfinite(env.obs_rms.mean).all()
    assert np.isfinite(env.ret_rms.var)


@pytest.mark.parametrize("learner", [TRPO, NPG, PPO, VPG, A2C])
@pytest.mark.parametrize("what", ["reward", "observation"])
@pytest.mark.filterwarnings("ignore:robot")
def test_no_rule_learns_from_what_is_not_finite(learner, what):
    model = learner("MlpPolicy", make_vec_env(lambda: Walk(what, np.inf), 4), n_steps=32, seed=0)
    model.learn(4 * 32 * 4)
    assert model.physics_errors == 4 * (32 * 4 // 25)
    assert all(torch.isfinite(tensor).all() for tensor in model.policy.state_dict().values())
    assert np.isfinite([episode["r"] for episode in model.ep_info_buffer]).all()


def test_a_training_does_not_begin_with_what_is_not_finite():
    env = guarded(make_vec_env(lambda: Walk("first observation"), 2))
    for robot in env.unwrapped.envs:
        robot.unwrapped.begun = 1  # the next one is the second
    with pytest.warns(RuntimeWarning, match="robot 0 was given a first observation that is not finite"):
        assert np.isfinite(env.reset()).all()


def test_noise_without_bounds_ends_learning():
    model = PPO("MlpPolicy", make_vec_env(Walk, 2), n_steps=20, seed=0)
    with torch.no_grad():
        model.policy.log_std += 89.0  # whose exponential is infinite in float32
    model.improve = lambda samples: None
    with pytest.raises(Diverged, match="became inf in iteration 1"):
        model.learn(40)


def test_a_robot_that_never_begins_soundly_is_refused():
    with pytest.raises(CannotLearn, match="robot 0 begins with an observation that is not finite, 10 times in a row"):
        guarded(make_vec_env(lambda: Walk("every first observation"), 1)).reset()


class Forgetful(DummyVecEnv):
    """Cuts episodes off without their last observation."""

    def step_wait(self):
        *step, infos = super().step_wait()
        for info in infos:
            info.pop("terminal_observation", None)
        return *step, infos


def test_an_episode_without_its_last_observation_counts_as_terminated():
    model = VPG("MlpPolicy", Forgetful([Walk] * 2), n_steps=20, seed=0)
    with pytest.warns(RuntimeWarning, match=r"without its last observation .* counts as terminated"):
        model.learn(40)
    assert model.rollout_buffer.terminated.sum() == 4
    assert not model.rollout_buffer.truncated.any()


def test_what_a_wrapper_spoils_ends_learning_with_the_policy_before():
    env = VecNormalize(make_vec_env(Walk, 2))
    model = TRPO("MlpPolicy", env, n_steps=20, seed=0)
    model.learn(40)
    before = {name: tensor.clone() for name, tensor in model.policy.state_dict().items()}
    env.ret_rms.var = np.float64(np.nan)
    with pytest.raises(Diverged, match="the rollout's rewards became nan in iteration 2"):
        model.learn(40, reset_num_timesteps=False)
    for name, tensor in model.policy.state_dict().items():
        assert torch.equal(tensor, before[name])


class Unbounded(Walk):
    """Walk whose reward is minus the distance of the action from 3."""

    action_space = spaces.Box(-np.inf, np.inf, (1,), np.float32)

    def step(self, action):
        observation, _, *end = super().step(action)
        return observation, -abs(float(action[0]) - 3.0), *end


@pytest.mark.parametrize("wrap", [lambda env: env, VecNormalize])
def test_actions_without_bounds_are_learned_in_units_of_1(wrap):
    with pytest.warns(RuntimeWarning, match="have no finite bounds: the policy's unit is 1 there"):
        model = TRPO("MlpPolicy", wrap(make_vec_env(Unbounded, 8)), n_steps=50, seed=0, target_kl=0.1)
    model.learn(8 * 50 * 40)
    action, _ = model.predict(np.zeros(2, np.float32), deterministic=True)
    assert 2.0 < action[0] < 4.0
