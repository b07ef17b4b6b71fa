"""The three doors to one task: SB3's VecEnv, `gymnasium.make` and `gymnasium.make_vec`."""

import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import RecordEpisodeStatistics
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3
from stable_baselines3.common.env_util import make_vec_env

import envs
from envs.single_env import SingleEnv
from envs.vector_env import VectorEnv

CARTPOLE = "envs:Locomotion/CartPole-v0"


def vectorised(num_envs: int, **kwargs) -> VectorEnv:
    return gymnasium.make_vec(CARTPOLE, num_envs, vectorization_mode="vector_entry_point", **kwargs)


def test_gymnasiums_checker_has_nothing_to_say():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(CARTPOLE).unwrapped, skip_render_check=True)


def test_sb3s_checker_has_nothing_to_say():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env_of_sb3(gymnasium.make(CARTPOLE), skip_render_check=True)


def test_the_doors_agree_to_the_last_bit():
    arguments = {"reset_noise": 0.02, "max_angle": 0.3}
    batch = envs.make_vec("CartPole", 3, seed=5, **arguments)
    vector = vectorised(3, **arguments)
    singles = [gymnasium.make(CARTPOLE, **arguments) for _ in range(3)]
    first = batch.reset()
    np.testing.assert_array_equal(vector.reset(seed=5)[0], first)
    np.testing.assert_array_equal([single.reset(seed=5 + i)[0] for i, single in enumerate(singles)], first)
    rng = np.random.default_rng(0)
    ends = 0
    for _ in range(400):
        actions = rng.uniform(-1, 1, (3, 1)).astype(np.float32)
        observations, rewards, dones, infos = batch.step(actions)
        theirs, their_rewards, terminated, truncated, vector_infos = vector.step(actions)
        np.testing.assert_array_equal(theirs, observations)
        np.testing.assert_array_equal(their_rewards.astype(np.float32), rewards)
        np.testing.assert_array_equal(terminated | truncated, dones)
        for i, single in enumerate(singles):
            observation, reward, *ended, info = single.step(actions[i])
            assert reward == their_rewards[i] == info["reward_alive"]
            assert ended == [terminated[i], truncated[i]]
            if dones[i]:
                ends += 1
                np.testing.assert_array_equal(infos[i]["terminal_observation"], observation)
                np.testing.assert_array_equal(vector_infos["final_obs"][i], observation)
                assert vector_infos["final_info"]["reward_alive"][i] == info["reward_alive"]
                observation, _ = single.reset()
            np.testing.assert_array_equal(observations[i], observation)
    assert ends > 10


def test_the_world_itself_truncates():
    env = gymnasium.make(CARTPOLE, max_angle=10.0, max_position=1000.0)
    env.reset(seed=0)
    for step in range(1, 501):
        _, reward, terminated, truncated, _ = env.step(np.zeros(1, np.float32))
        assert (reward, terminated, truncated) == (1.0, False, step == 500)


def test_an_environment_of_gymnasiums_seeding():
    env = gymnasium.make(CARTPOLE)
    a, _ = env.reset(seed=3)
    b, _ = env.reset()
    again, _ = env.reset(seed=3)
    np.testing.assert_array_equal(a, again)
    assert (a != b).any()
    assert env.unwrapped.np_random_seed == 3


def test_metadata_and_episode_statistics():
    env = RecordEpisodeStatistics(gymnasium.make(CARTPOLE))
    assert env.metadata["render_fps"] == 50
    env.reset(seed=0)
    length, ended = 0, False
    while not ended:
        _, _, terminated, truncated, info = env.step(np.ones(1, np.float32))
        length, ended = length + 1, terminated or truncated
    assert info["episode"]["l"] == length
    assert vectorised(2).metadata["autoreset_mode"] == AutoresetMode.SAME_STEP


def test_wrappers_of_gymnasiums_vector_environments_work():
    env = gymnasium.wrappers.vector.RecordEpisodeStatistics(vectorised(3))
    env.reset(seed=0)
    episodes = 0
    for _ in range(100):
        *_, infos = env.step(np.ones((3, 1), np.float32))
        if "episode" in infos:
            episodes += int(infos["_episode"].sum())
    assert episodes > 3


def test_a_mask_resets_some_robots_of_a_vector_environment():
    env = vectorised(3)
    env.reset(seed=0)
    moved, *_ = env.step(np.ones((3, 1), np.float32))
    mask = np.array([False, True, False])
    observations, _ = env.reset(seed=[None, 1, None], options={"reset_mask": mask})
    np.testing.assert_array_equal(observations[~mask], moved[~mask])
    single = gymnasium.make(CARTPOLE)
    np.testing.assert_array_equal(observations[1], single.reset(seed=1)[0])
    with pytest.raises(ValueError, match="reset_mask"):
        env.reset(options={"reset_mask": np.zeros(3, bool)})
    with pytest.raises(ValueError, match="as many seeds"):
        env.reset(seed=[1, 2])


def test_a_blow_up_is_told_at_every_door():
    env = gymnasium.make(CARTPOLE)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(np.array([np.nan], np.float32))
    assert np.isfinite(observation).all()
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert isinstance(info["physics_error"], envs.BlowUp)
    vector = vectorised(2)
    vector.reset(seed=0)
    observations, rewards, terminated, _, infos = vector.step(np.array([[0.0], [np.nan]], np.float32))
    assert np.isfinite(observations).all()
    assert np.isfinite(rewards).all()
    assert terminated.tolist() == [False, True]
    assert [isinstance(one, envs.BlowUp) for one in infos["final_info"]["physics_error"]] == [False, True]


def test_gymnasiums_robots_fit_through_the_doors_too():
    env = SingleEnv("Ant-v5")
    theirs = gymnasium.make("Ant-v5")
    np.testing.assert_array_equal(env.reset(seed=1)[0], theirs.reset(seed=1)[0])
    for action in np.random.default_rng(0).uniform(-1, 1, (20, 8)).astype(np.float32):
        mine, expected = env.step(action), theirs.step(action)
        np.testing.assert_array_equal(mine[0], expected[0])
        assert mine[1:4] == expected[1:4]
        assert mine[4]["reward_contact"] == expected[4]["reward_contact"]


def test_bad_arguments_are_refused():
    with pytest.raises(TypeError, match="no argument 'wheels'"):
        gymnasium.make(CARTPOLE, wheels=3)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        vectorised(0)


def test_other_vectorisations_build_on_the_single_environment():
    ours = vectorised(2)
    first, _ = ours.reset(seed=3)
    sync = gymnasium.make_vec(CARTPOLE, 2, vectorization_mode="sync")
    np.testing.assert_array_equal(sync.reset(seed=3)[0], first.astype(sync.single_observation_space.dtype))
    dummy = make_vec_env(CARTPOLE, 2, seed=3)
    np.testing.assert_array_equal(dummy.reset(), first)


def test_numpys_numbers_are_as_good_as_pythons_at_every_door():
    two, five = np.int64(2), np.array(5)
    fields = {"episode_steps": np.int64(30), "max_angle": np.float32(0.25), "alive_weight": np.array(1.0)}
    batch = envs.make_vec("CartPole", two, seed=five, num_threads=np.int8(1), **fields)
    vector = gymnasium.make_vec(CARTPOLE, two, num_threads=np.int64(1), **fields)
    single = gymnasium.make(CARTPOLE, **fields)
    first = batch.reset()
    np.testing.assert_array_equal(vector.reset(seed=five)[0], first)
    np.testing.assert_array_equal(vector.reset(seed=np.array([5, 6]))[0], first)
    np.testing.assert_array_equal(single.reset(seed=np.int64(5))[0], first[0])
    assert batch.task == single.unwrapped.task == envs.make_task("Locomotion/CartPole-v0", **fields)
    assert type(batch.task.max_angle) is float
    batch.seed(np.int64(5))
    np.testing.assert_array_equal(batch.reset(), first)
    foreign = envs.make_vec("Pendulum-v1", two, seed=five)
    np.testing.assert_array_equal(foreign.reset(), envs.make_vec("Pendulum-v1", 2, seed=5).reset())
    assert envs.make_vec("Ant-v5", 1, xml_file=Path("ant.xml")).task.xml_file == "ant.xml"


@pytest.mark.parametrize("env", ["CartPole", "Pendulum-v1"])
def test_a_count_that_is_no_whole_number_is_named(env):
    with pytest.raises(TypeError, match=r"the number of robots must be a whole number, got 2.5"):
        envs.make_vec(env, 2.5)
    with pytest.raises(TypeError, match="the seed must be a whole number, got 'x'"):
        envs.make_vec(env, 2, seed="x")
