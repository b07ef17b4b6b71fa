"""Our vector environment is Gymnasium's SyncVectorEnv of our single environments, in every mode of autoreset."""

import copy

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import (
    NormalizeObservation,
    NormalizeReward,
    RecordEpisodeStatistics,
    TransformObservation,
)

import envs

N = 3


def pair(robot, mode, **fields):
    """Our vector environment, and Gymnasium's of as many single environments."""
    env_id = f"envs:Locomotion/{robot}-v0"
    ours = gymnasium.make_vec(env_id, N, autoreset_mode=mode, num_threads=1, **fields)
    theirs = gymnasium.make_vec(env_id, N, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **fields)
    return ours, theirs


def actions(env, steps):
    low, high = env.single_action_space.low, env.single_action_space.high
    return np.random.default_rng(0).uniform(low, high, (steps, N, *low.shape)).astype(np.float32)


def assert_equal(mine, theirs):
    if isinstance(theirs, dict):
        assert mine.keys() == theirs.keys()
        for name in theirs:
            assert_equal(mine[name], theirs[name])
    elif isinstance(theirs, tuple):
        assert len(mine) == len(theirs)
        for one, other in zip(mine, theirs, strict=True):
            assert_equal(one, other)
    elif theirs.dtype == object:
        assert [each is None for each in mine] == [each is None for each in theirs]
        for one, other in zip(mine, theirs, strict=True):
            if isinstance(other, np.ndarray):
                np.testing.assert_array_equal(one, other)
    else:
        assert mine.dtype == theirs.dtype
        # numpy adds up a term of one robot in another order than those of several
        np.testing.assert_allclose(mine, theirs, rtol=1e-13 if mine.ndim == 1 else 0)


def follow(ours, theirs, mode, chosen):
    """Step both environments, compare all that comes out, and return how many episodes ended."""
    assert_equal(ours.reset(seed=5), theirs.reset(seed=5))
    ends = 0
    for action in chosen:
        mine, their = (env.step(action.copy()) for env in (ours, theirs))
        assert_equal(mine, their)
        ended = mine[2] | mine[3]
        ends += int(ended.sum())
        if mode == "Disabled" and ended.any():
            assert_equal(*(env.reset(options={"reset_mask": ended.copy()}) for env in (ours, theirs)))
    return ends


@pytest.mark.parametrize("mode", [mode.value for mode in AutoresetMode])
@pytest.mark.parametrize(
    ("robot", "fields"),
    [
        ("CartPole", {}),
        ("Grasp", {"episode_steps": 6}),  # with a success
        ("RoughTerrain", {"episode_steps": 5}),  # with a memory from one episode to the next
        ("Labyrinth", {"episode_steps": 5}),  # with walls of each robot's own
        ("StandUp", {"episode_steps": 7, "least_steps": 7}),
    ],
)
def test_all_modes_are_gymnasiums(robot, fields, mode):
    ours, theirs = pair(robot, mode, **fields)
    assert ours.metadata["autoreset_mode"] is AutoresetMode(mode)
    chosen = actions(ours, 60 if robot == "CartPole" else 20)
    assert follow(ours, theirs, mode, chosen) >= N + 2


@pytest.mark.parametrize("mode", [mode.value for mode in AutoresetMode])
def test_a_blow_up_ends_an_episode_in_every_mode(mode):
    ours, theirs = pair("CartPole", mode)
    chosen = actions(ours, 12)
    chosen[4, 1] = np.nan
    chosen[5, 1] = np.nan  # in NEXT_STEP of no effect
    assert follow(ours, theirs, mode, chosen) >= (1 if mode == "NextStep" else 2)


@pytest.mark.parametrize("mode", ["NextStep", "Disabled"])
def test_a_copy_begins_its_next_episodes_when_the_original_does(mode):
    ours, _ = pair("CartPole", mode, episode_steps=4)
    ours.reset(seed=0)
    for action in actions(ours, 4):
        ours.step(action)
    other = copy.deepcopy(ours)
    if mode == "Disabled":
        for env in (ours, other):
            with pytest.raises(ResetNeeded):
                env.step(action)
    else:
        assert_equal(other.step(action), ours.step(action))


def test_without_autoreset_a_finished_episode_must_be_reset():
    ours, _ = pair("CartPole", "Disabled", episode_steps=2)
    ours.reset(seed=0)
    still = np.zeros((N, 1), np.float32)
    ours.step(still)
    ours.reset(options={"reset_mask": np.array([False, True, False])})
    ours.step(still)
    with pytest.raises(ResetNeeded, match=r"the episodes of the robots \[0, 2\] have ended"):
        ours.step(still)
    ours.reset()
    ours.step(still)


@pytest.mark.parametrize(
    ("mode", "wrap"),
    [
        ("NextStep", NormalizeObservation),
        ("NextStep", lambda env: TransformObservation(env, np.negative, env.observation_space)),
        *((mode.value, NormalizeReward) for mode in AutoresetMode),
        *((mode, RecordEpisodeStatistics) for mode in ("NextStep", "SameStep")),
    ],
)
def test_gymnasiums_vector_wrappers_see_the_same(mode, wrap):
    ours, theirs = map(wrap, pair("CartPole", mode))
    chosen = actions(ours, 60)
    assert_equal(ours.reset(seed=1), theirs.reset(seed=1))
    for action in chosen:
        mine, their = ours.step(action), theirs.step(action)
        for infos in (mine[4], their[4]):
            infos.get("episode", {}).pop("t", None)  # wall-clock time
            infos.get("final_info", {}).get("episode", {}).pop("t", None)
        assert_equal(mine, their)
        if mode == "Disabled" and (ended := mine[2] | mine[3]).any():
            assert_equal(*(env.reset(options={"reset_mask": ended.copy()}) for env in (ours, theirs)))


def test_episode_statistics_without_autoreset_are_of_each_robots_own_episodes():
    """Gymnasium's SyncVectorEnv takes the mask out of `options`: its statistics begin anew for all robots."""
    env = RecordEpisodeStatistics(pair("CartPole", "Disabled")[0])
    env.reset(seed=1)
    ages, told = np.zeros(N, int), 0
    for action in actions(env, 60):
        *_, terminated, truncated, infos = env.step(action)
        ages += 1
        ended = terminated | truncated
        if ended.any():
            assert (infos["_episode"] == ended).all()
            assert (infos["episode"]["l"][ended] == ages[ended]).all()
            told += int(ended.sum())
            env.reset(options={"reset_mask": ended})
            ages[ended] = 0
    assert told > N


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="autoreset_mode must be one of NextStep, SameStep, Disabled, got 'never'"):
        gymnasium.make_vec("envs:Locomotion/CartPole-v0", 2, autoreset_mode="never")


def test_actions_of_another_shape_are_refused_while_robots_wait():
    ours, _ = pair("CartPole", "NextStep", episode_steps=1)
    ours.reset(seed=0)
    ours.step(np.zeros((N, 1), np.float32))
    with pytest.raises(ValueError, match=r"takes actions of shape \(3, 1\), got \(1,\)"):
        ours.step(np.zeros(1, np.float32))


def test_no_task_may_have_a_field_of_this_name():
    assert "autoreset_mode" in envs.registry.RESERVED
