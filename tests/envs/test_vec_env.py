import types
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor, VecNormalize

import envs
from envs.vec_env import BatchedVecEnv


def idle(env: VecEnv) -> np.ndarray:
    return np.zeros((env.num_envs, *env.action_space.shape), np.float32)


def run_until_an_end(env: VecEnv) -> tuple[np.ndarray, list[dict], np.ndarray]:
    """Step until an episode ends; return the observations, the infos and the rows that ended."""
    rng = np.random.default_rng(0)
    while True:
        actions = rng.uniform(-1, 1, (env.num_envs, *env.action_space.shape)).astype(np.float32)
        observations, _, dones, infos = env.step(actions)
        if dones.any():
            return observations, infos, dones.nonzero()[0]


def test_robots_of_ours_are_batched_and_others_are_stable_baselines3s():
    assert isinstance(envs.make_vec("Hopper-v5", 2), BatchedVecEnv)
    assert isinstance(envs.make_vec("CartPole", 2), BatchedVecEnv)
    assert isinstance(envs.make_vec("Pendulum-v1", 2), DummyVecEnv)


def test_another_environment_is_seeded_monitored_and_given_its_arguments():
    env = envs.make_vec("Pendulum-v1", 2, seed=4, g=2.5)
    assert env.get_attr("g") == [2.5, 2.5]
    assert env.env_is_wrapped(Monitor) == [True, True]
    observations = env.reset()
    single = gymnasium.make("Pendulum-v1", g=2.5)
    for i in range(2):
        np.testing.assert_array_equal(observations[i], single.reset(seed=4 + i)[0])


@pytest.mark.parametrize("env_id", ["Hopper-v5", "Pendulum-v1"])
def test_zero_robots_are_refused(env_id):
    with pytest.raises(ValueError, match="number of robots must be at least 1, got 0"):
        envs.make_vec(env_id, 0)


def test_bad_arguments_are_refused():
    with pytest.raises(TypeError, match="no argument 'wheels'"):
        envs.make_vec("Hopper-v5", 1, wheels=2)
    with pytest.raises(ValueError, match="seed must not be negative"):
        envs.make_vec("Hopper-v5", 1, seed=-1)
    with pytest.raises(ValueError, match="render_mode"):
        envs.make_vec("Hopper-v5", 1, render_mode="human")
    for make in (gymnasium.make, gymnasium.make_vec):
        with pytest.raises(ValueError, match="render_mode"):
            make("envs:Locomotion/CartPole-v0", render_mode="banana")
    with pytest.raises(ValueError, match="episode_steps must be at least 1, got 0"):
        envs.make_vec("Biped", 1, episode_steps=0)
    with pytest.raises(envs.UnknownEnvironment, match="Hopper-v5"):
        envs.make_vec("Hoper-v5", 1)


def test_seeds_are_used_once_and_then_chance_goes_on():
    env = envs.make_vec("Hopper-v5", 3, seed=11)
    first, second = env.reset(), env.reset()
    assert (first != second).any()
    env.seed(11)
    np.testing.assert_array_equal(env.reset(), first)
    np.testing.assert_array_equal(env.reset(), second)
    shifted = envs.make_vec("Hopper-v5", 2, seed=12).reset()
    np.testing.assert_array_equal(shifted, first[1:])


def test_no_seed_means_chance():
    a, b = envs.make_vec("Hopper-v5", 1, seed=None), envs.make_vec("Hopper-v5", 1, seed=None)
    assert (a.reset() != b.reset()).any()


def test_an_ended_episode_tells_its_end_and_the_next_begins():
    env = envs.make_vec("Hopper-v5", 4)
    env.reset()
    env.reset_infos = [{"stale": True} for _ in range(4)]
    observations, infos, ended = run_until_an_end(env)
    for i in range(4):
        assert ("terminal_observation" in infos[i]) == (i in ended)
        assert ("episode" in infos[i]) == (i in ended)
        assert env.reset_infos[i] == ({} if i in ended else {"stale": True})
    i = ended[0]
    assert np.abs(observations[i, 5:]).max() <= 5e-3  # the reset noise: a new episode's speeds
    assert np.abs(infos[i]["terminal_observation"][5:]).max() > 0.1


def test_episode_statistics_are_those_of_sb3s_monitor():
    env = VecMonitor(envs.make_vec("Hopper-v5", 4))
    env.reset()
    for _ in range(3):
        _, infos, ended = run_until_an_end(env)
        for i in ended:
            monitored = infos[i]["episode"]
            assert set(monitored) == {"r", "l", "t"}  # VecMonitor writes over ours
    env = envs.make_vec("Hopper-v5", 4)
    env.reset()
    totals, lengths = np.zeros(4), np.zeros(4, int)
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(100):
        _, rewards, dones, infos = env.step(rng.uniform(-1, 1, (4, 3)).astype(np.float32))
        totals += rewards
        lengths += 1
        for i in dones.nonzero()[0]:
            episode = infos[i]["episode"]
            assert episode["r"] == pytest.approx(totals[i], abs=1e-4)
            assert episode["l"] == lengths[i]
            assert sum(episode["terms"].values()) == pytest.approx(episode["r"], abs=1e-4)
            totals[i], lengths[i] = 0, 0
            seen += 1
    assert seen > 3


def test_arrays_and_infos_are_the_callers_to_keep():
    env = envs.make_vec("InvertedPendulum-v5", 3)
    kept = [env.reset()]
    copies = [kept[0].copy()]
    for _ in range(20):
        observations, rewards, dones, infos = env.step(np.full((3, 1), 2, np.float32))
        kept += [observations, rewards, dones]
        copies += [observations.copy(), rewards.copy(), dones.copy()]
        for info in infos:
            assert "mark" not in info
            info["mark"] = True
    for array, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    env.step(idle(env))[0][:] = 99
    assert np.abs(env.step(idle(env))[0]).max() < 99


def test_attributes_and_methods_of_the_robots():
    env = envs.make_vec("Hopper-v5", 3, forward_reward_weight=2.0)
    assert env.get_attr("forward_reward_weight") == [2.0] * 3
    assert env.get_attr("render_mode", indices=1) == [None]
    assert env.get_attr("action_space") == [env.action_space] * 3
    assert env.get_attr("spec") == [None] * 3
    assert env.has_attr("healthy_reward")
    assert not env.has_attr("wheels")
    env.set_attr("nickname", "hoppy", indices=[0, 2])
    assert env.get_attr("nickname", indices=[2, 0]) == ["hoppy", "hoppy"]
    assert not env.has_attr("nickname")  # the robot in the middle has none
    with pytest.raises(AttributeError, match="forward_reward_weight is fixed"):
        env.set_attr("forward_reward_weight", 1.0)
    assert env.env_method("render") == [None] * 3
    assert env.env_is_wrapped(gymnasium.Wrapper) == [False] * 3
    assert env.env_is_wrapped(Monitor, indices=[1]) == [True]  # `infos` are as of one
    assert [robot is robot.unwrapped for robot in env.robots] == [True] * 3
    assert env.metadata["render_fps"] == 125


def test_options_are_taken_at_the_next_reset():
    env = envs.make_vec("Hopper-v5", 2)
    env.set_options({"anything": 1})
    env.reset()
    assert env._options == [{}, {}]


def test_rendering_without_a_render_mode_gives_no_pictures():
    assert envs.make_vec("Hopper-v5", 2).get_images() == [None, None]


def test_a_blow_up_is_told_and_no_nan_leaves():
    env = envs.make_vec("Walker2d-v5", 3)
    env.reset()
    actions = idle(env)
    actions[1] = np.nan
    observations, rewards, dones, infos = env.step(actions)
    assert np.isfinite(observations).all()
    assert np.isfinite(rewards).all()
    assert dones.tolist() == [False, True, False]
    assert isinstance(infos[1]["physics_error"], envs.BlowUp)
    assert infos[1]["TimeLimit.truncated"] is False
    assert np.isfinite(infos[1]["terminal_observation"]).all()
    assert "physics_error" not in infos[0]
    assert env.world.physics_errors == 1


def test_state_resumes_exactly():
    env = envs.make_vec("Ant-v5", 3)
    env.reset()
    plan = np.random.default_rng(0).uniform(-1, 1, (80, 3, 8)).astype(np.float32)
    for actions in plan[:40]:
        env.step(actions)
    state = env.get_state()
    expected = [env.step(actions) for actions in plan[40:]]
    other = envs.make_vec("Ant-v5", 3, seed=99)
    other.reset()
    other.set_state(state)
    for (observations, rewards, dones, _), actions in zip(expected, plan[40:], strict=True):
        mine = other.step(actions)
        np.testing.assert_array_equal(mine[0], observations)
        np.testing.assert_array_equal(mine[1], rewards)
        np.testing.assert_array_equal(mine[2], dones)


def test_sb3s_ppo_learns_on_it():
    env = VecNormalize(VecMonitor(envs.make_vec("InvertedPendulum-v5", 4)))
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=2, seed=0, device="cpu")
    before = [parameter.clone() for parameter in model.policy.parameters()]
    model.learn(512)
    assert model.num_timesteps == 512
    assert any((old != new).any() for old, new in zip(before, model.policy.parameters(), strict=True))
    assert len(model.ep_info_buffer) > 5
    env.training = False
    mean, _ = evaluate_policy(model, env, n_eval_episodes=4)
    assert np.isfinite(mean)
    assert mean >= 1


def test_staggered_first_episodes_end_one_after_the_other_and_are_not_reported():
    env = envs.make_vec("HalfCheetah-v5", 4, stagger=True)
    env.reset()
    ends: dict[int, list[int]] = {i: [] for i in range(4)}
    for t in range(1, 1501):
        _, _, dones, infos = env.step(idle(env))
        for i in dones.nonzero()[0]:
            ends[i].append(t)
            assert infos[i]["TimeLimit.truncated"]
            assert "terminal_observation" in infos[i]
            whole = len(ends[i]) > 1 or i == 3  # the last robot's share is a whole episode
            assert ("episode" in infos[i]) == whole
            if whole:
                assert infos[i]["episode"]["l"] == 1000
    assert ends == {0: [250, 1250], 1: [500, 1500], 2: [750], 3: [1000]}


def test_episodes_cut_short_by_staggering_are_no_failures():
    env = envs.make_vec("Grasp", 2, stagger=True)
    env.reset()
    told = [["is_success" in info for info in env.step(idle(env))[3]] for _ in range(100)]
    assert np.any(told, axis=0).tolist() == [
        False,
        True,
    ]  # the first one's was cut to 50 steps


def test_only_our_own_episodes_can_be_staggered():
    with pytest.raises(ValueError, match="only the episodes of our own tasks"):
        envs.make_vec("Pendulum-v1", 2, stagger=True)


def test_sb3_evaluates_by_the_episodes_that_our_infos_tell():
    env = envs.make_vec("CartPole", 2, seed=0, episode_steps=9)
    still = types.SimpleNamespace(predict=lambda observations, **_: (idle(env), None))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # SB3 warns where there is no Monitor
        returns, lengths = evaluate_policy(still, env, n_eval_episodes=4, return_episode_rewards=True)
    assert returns == [9.0] * 4
    assert lengths == [9] * 4


@pytest.mark.parametrize("space", [spaces.Text(3), spaces.Dict({"a": spaces.Dict({"b": spaces.Discrete(2)})})])
def test_observations_that_no_array_holds_are_refused_in_one_sentence(space, monkeypatch):
    class Odd(gymnasium.Env):
        observation_space, action_space = space, spaces.Discrete(2)

    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium.envs.registration.registry)
    gymnasium.register("Odd-v0", Odd)
    with pytest.raises(ValueError, match="observations must be arrays, or a Dict or Tuple of arrays, got"):
        envs.make_vec("Odd-v0", 2)
