"""What holds for every robot, behind every door, in training and in evaluation.

That a robot's mirror image lives the mirror image of its life is shown where the robots are: test_legged.py,
test_carry.py, test_valve.py, test_go1.py, and for Gymnasium's test_reflection.py.
"""

import copy
import json

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Dict, flatdim
from gymnasium.utils.env_checker import data_equivalence

import envs
from envs.single_env import SingleEnv
from envs.vector_env import VectorEnv
from envs.world import World

FIELDS = {env_id: ({}, dict(envs.task_class(env_id).evaluation)) for env_id in envs.robot_ids()}
CASES = [
    pytest.param(env_id, fields, id=f"{envs.short_name(env_id)}-{purpose}")
    for env_id, both in FIELDS.items()
    for fields, purpose in zip(both, ("training", "evaluation"), strict=True)
    if fields or purpose == "training"
]
STEPS = 16
EPISODE = {"episode_steps": 7, "least_steps": 7}  # so that several end
SEED = 11


def short(env_id, fields):
    """The fields of a task whose episodes are short."""
    return {**fields, **{name: steps for name, steps in EPISODE.items() if hasattr(envs.task_class(env_id), name)}}


def actions_for(space):
    rng = np.random.default_rng(0)
    return [rng.uniform(space.low, space.high).astype(np.float32) for _ in range(STEPS)]


class Door:
    """Robot 0 of an environment, however it was made: its observations and rewards, copied."""

    def __init__(self, env, space, action_space, robots):
        self.world = getattr(env, "world", None) or env.unwrapped.world
        self.env, self.space, self.action_space, self.robots = env, space, action_space, robots

    def life(self, *, spoil):
        """Act at random; with `spoil`, overwrite every array that comes out as soon as it was read."""
        observations, rewards = [self.read(self.begin(), spoil)], []
        for action in actions_for(self.action_space):
            actions = action if self.robots is None else np.stack([action] * self.robots)
            given = actions.copy()
            arrays, reward, ended = self.act(actions)
            np.testing.assert_array_equal(actions, given)  # not modified
            actions[:] = np.nan  # nor kept
            rewards.append(np.float32(reward))
            observations.append(self.read(arrays, spoil))
            if ended is not None:
                observations.append(self.read([ended], spoil))
        return np.array(observations), np.array(rewards)

    def read(self, given, spoil):
        """Return the first robot's observation in one row, given those of all and other arrays."""
        observations, *others = given
        spaces = self.space.spaces if isinstance(self.space, Dict) else {"": self.space}
        parts = observations if isinstance(observations, dict) else {"": observations}
        row = []
        for name, space in spaces.items():
            single = self.robots is None or parts[name].ndim == len(space.shape)
            one = np.array(parts[name] if single else parts[name][0])
            assert one.dtype == space.dtype
            assert space.contains(one)
            assert np.isfinite(one).all()
            row.append(one.ravel())
        for array in (*parts.values(), *others):
            for name, live in self.world._arrays.items():
                assert not np.may_share_memory(array, live), name
            if spoil:
                array[...] = np.nan if array.dtype.kind == "f" else True
        return np.concatenate(row)


class Batch(Door):
    def __init__(self, env_id, fields):
        env = envs.make_vec(env_id, 2, seed=SEED, num_threads=1, **fields)
        super().__init__(env, env.observation_space, env.action_space, 2)

    def begin(self):
        return [self.env.reset()]

    def act(self, actions):
        observations, rewards, dones, infos = self.env.step(actions)
        final = infos[0]["terminal_observation"] if dones[0] else None
        reward = rewards[0]
        rewards[:] = np.nan
        return [observations, dones], reward, final


class Vector(Door):
    def __init__(self, env_id, fields):
        if envs.is_own(env_id):
            env = gymnasium.make_vec(env_id, 2, vectorization_mode="vector_entry_point", num_threads=1, **fields)
        else:  # gymnasium.make_vec gives Gymnasium's own robot
            env = VectorEnv(env_id, 2, num_threads=1, **fields)
        super().__init__(env, env.single_observation_space, env.single_action_space, 2)

    def begin(self):
        return [self.env.reset(seed=SEED)[0]]

    def act(self, actions):
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        final = infos["final_obs"][0] if terminated[0] or truncated[0] else None
        reward = rewards[0]
        rewards[:] = np.nan
        terms = [value for name, value in infos.items() if name.startswith("reward_")]
        return [observations, terminated, truncated, *terms], reward, final


class Single(Door):
    def __init__(self, env_id, fields):
        own = envs.is_own(env_id)  # gymnasium.make gives Gymnasium's own robot
        env = gymnasium.make(f"envs:{env_id}", **fields) if own else SingleEnv(env_id, **fields)
        super().__init__(env, env.observation_space, env.action_space, None)
        self.ended = False

    def begin(self):
        return [self.env.reset(seed=SEED)[0]]

    def act(self, actions):
        observation, reward, terminated, truncated, _ = self.env.step(actions)
        if not (terminated or truncated):
            return [observation], reward, None
        return [self.env.reset()[0]], reward, observation


@pytest.mark.parametrize(("env_id", "fields"), CASES)
def test_every_door_shows_the_same_life_and_shares_no_memory_with_its_caller(env_id, fields):
    """Finite, within the spaces, the same from the same seed; what the caller does to arrays changes nothing."""
    lives = [
        door(env_id, short(env_id, fields)).life(spoil=spoil) for door in (Batch, Vector, Single) for spoil in (0, 1)
    ]
    for observations, rewards in lives:
        np.testing.assert_array_equal(observations, lives[0][0])
        np.testing.assert_array_equal(rewards, lives[0][1])
    assert len(lives[0][0]) > 1 + STEPS  # an episode has ended


def begin(env_id, fields, seed):
    world = World(envs.make_task(env_id, **short(env_id, fields)), 3, 1)
    world.reset(np.arange(3), [seed, seed + 1, seed + 2])
    return world


@pytest.mark.parametrize(("env_id", "fields"), CASES)
def test_a_saved_state_goes_on_exactly_through_the_next_episodes(env_id, fields):
    world, other = begin(env_id, fields, SEED), begin(env_id, fields, SEED + 50)
    world.stagger()
    plan = [np.stack([action] * 3) for action in actions_for(world.action_space)]
    for actions in plan[:3]:
        world.step(actions)
        other.step(actions)
    saved = world.get_state()
    arrays = {name: value.copy() for name, value in saved.items() if isinstance(value, np.ndarray)}
    rest = json.loads(json.dumps({name: value for name, value in saved.items() if name not in arrays}))
    before = copy.deepcopy(saved)
    other.set_state(arrays | rest)
    for array in arrays.values():  # the state given stays the caller's
        array[...] = 0
    assert data_equivalence(other.observations, world.observations, exact=True)
    ends = 0
    for actions in plan[3:]:
        expected, step = world.step(actions), other.step(actions)
        assert data_equivalence(step.observations, expected.observations, exact=True)
        assert data_equivalence(step.final_observations, expected.final_observations, exact=True)
        np.testing.assert_array_equal(step.rewards, expected.rewards)
        for mine, theirs in zip(step.episodes, expected.episodes, strict=True):
            assert {**mine, "wall_time": 0} == {**theirs, "wall_time": 0}
        ends += len(step.ended)
    assert ends >= 6
    for name, value in before.items():  # and the state taken
        np.testing.assert_array_equal(saved[name], value)


@pytest.mark.parametrize("env_id", envs.robot_ids())
def test_the_mirror_image_of_the_mirror_image_is_the_robot_itself(env_id):
    world = World(envs.make_task(env_id), 1)
    if world.mirror is None:
        assert envs.short_name(env_id) in {
            "CartPole",
            "Door",  # whose hinges are to the left
            "HalfCheetah-v5",  # the legs of these move in one plane, arms have one side
            "Hopper-v5",
            "InvertedDoublePendulum-v5",
            "InvertedPendulum-v5",
            "IMaze",  # the walls around it are a compass
            "Labyrinth",
            "MemoryMaze",
            "Pusher-v5",
            "Reacher-v5",
            "Walker2d-v5",
        }
        return
    for (order, sign), space in zip(world.mirror, (world.observation_space, world.action_space), strict=True):
        vector = np.random.default_rng(0).normal(size=flatdim(space))
        image = sign * vector[order]
        assert not np.array_equal(image, vector)
        np.testing.assert_array_equal(sign * image[order], vector)


@pytest.mark.parametrize("env_id", envs.robot_ids())
def test_every_number_that_is_observed_has_a_name_of_its_own(env_id):
    names = envs.observation_names(env_id)
    assert len(set(names)) == len(names) == flatdim(World(envs.make_task(env_id), 1).observation_space)
