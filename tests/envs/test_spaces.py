"""Tasks with a choice of actions, and tasks whose observations are pictures, behind every door."""

import copy
import functools
import pickle
import warnings
from dataclasses import dataclass

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3

import envs
from envs.registry import REGISTERED
from envs.robots.cartpole import CartPole
from envs.world import World


@dataclass(frozen=True)
class Switched(CartPole):
    """The cart is pushed left, not at all, or right: 7, 8 or 9."""

    def action_space(self, model):
        return spaces.Discrete(3, start=7)

    def apply(self, sim, action):
        sim.ctrl[:, 0] = 10.0 * (action - 8)


@functools.cache
def canvas(count):
    """An array that a task paints anew for each observation of so many robots."""
    return np.empty((count, 4, 40, 3), np.uint8)


@dataclass(frozen=True)
class Pictured(Switched):
    """Of the cart's position, from left to right, it sees a bright column in a dark picture."""

    def observation_space(self, size):
        return spaces.Box(0, 255, (4, 40, 3), np.uint8)

    def observe(self, sim, now):
        pictures = canvas(len(sim.qpos))
        pictures[:] = 0
        column = np.clip(20 + 50 * sim.qpos[:, 0], 0, 39).astype(int)
        pictures[np.arange(len(sim.qpos)), :, column] = 255
        return {"picture": pictures}


@pytest.fixture(autouse=True)
def known():
    for task in (Switched, Pictured):
        envs.register(task.__name__, task)
    yield
    for task in (Switched, Pictured):
        del REGISTERED[task.__name__], gymnasium.registry[f"Locomotion/{task.__name__}-v0"]


@pytest.mark.parametrize("robot", ["Switched", "Pictured"])
@pytest.mark.parametrize("mode", ["SameStep", "NextStep", "Disabled"])
def test_the_doors_agree(robot, mode):
    env_id, short = f"envs:Locomotion/{robot}-v0", {"episode_steps": 4}
    batch = envs.make_vec(robot, 3, seed=5, **short)
    vector = gymnasium.make_vec(env_id, 3, vectorization_mode="vector_entry_point", autoreset_mode=mode, **short)
    singles = [gymnasium.make(env_id, **short) for _ in range(3)]
    first = batch.reset()
    assert first.dtype == batch.observation_space.dtype
    np.testing.assert_array_equal(vector.reset(seed=5)[0], first)
    np.testing.assert_array_equal([single.reset(seed=5 + i)[0] for i, single in enumerate(singles)], first)
    rng, ends = np.random.default_rng(0), 0
    for _ in range(9):
        actions = rng.integers(7, 10, 3)
        observations, rewards, dones, infos = batch.step(actions)
        theirs, their_rewards, terminated, truncated, vector_infos = vector.step(actions)
        np.testing.assert_array_equal(their_rewards.astype(np.float32), rewards)
        np.testing.assert_array_equal(terminated | truncated, dones)
        last = np.array(
            [info.get("terminal_observation", mine) for info, mine in zip(infos, observations, strict=True)]
        )
        alone = [single.step(action) for single, action in zip(singles, actions, strict=True)]
        np.testing.assert_array_equal([one[0] for one in alone], last)
        np.testing.assert_array_equal(theirs, observations if mode == "SameStep" else last)
        if dones.any():
            ends += 1
            np.testing.assert_array_equal([single.reset()[0] for single in singles], observations)
            if mode == "SameStep":
                np.testing.assert_array_equal(list(vector_infos["final_obs"]), last)
            elif mode == "NextStep":
                np.testing.assert_array_equal(vector.step(actions)[0], observations)
            else:
                np.testing.assert_array_equal(vector.reset(options={"reset_mask": dones})[0], observations)
    assert ends == 2


@pytest.mark.parametrize("robot", ["Switched", "Pictured"])
def test_the_checkers_have_nothing_to_say(robot):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # SB3 remarks that its own policies do not take choices that begin at 7, nor pictures so small.
        warnings.filterwarnings("ignore", message=".*(non-zero start|minimal resolution)")
        env = gymnasium.make(f"envs:Locomotion/{robot}-v0")
        check_env(env.unwrapped, skip_render_check=True)
        check_env_of_sb3(env, skip_render_check=True)


@pytest.mark.parametrize("robot", ["Switched", "Pictured"])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda world: pickle.loads(pickle.dumps(world)), None])
def test_copies_and_saved_states_go_on_as_the_original(robot, copied):
    world = World(envs.make_task(envs.canonical_id(robot), episode_steps=5), 2, 1)
    world.reset(np.arange(2), [3, 4])
    world.step(np.array([7, 9]))
    if copied is None:
        other = World(world.task, 2, 1)
        other.set_state(world.get_state())
    else:
        other = copied(world)
    for action in (9, 7, 8, 9, 9, 9, 9):
        mine, theirs = world.step(np.array([action, 7])), other.step(np.array([action, 7]))
        np.testing.assert_array_equal(mine.observations, theirs.observations)
        np.testing.assert_array_equal(mine.final_observations, theirs.final_observations)


@pytest.mark.parametrize("robot", ["Switched", "Pictured"])
def test_a_blow_up_ends_the_episode_of_one_robot(robot):
    world = World(envs.make_task(envs.canonical_id(robot)), 3, 1)
    world.reset(np.arange(3), [0, 1, 2])
    world.sim.qpos[:, 0] += 0.3
    world.step(np.array([7, 8, 9]))
    before = world.observations
    world.sim.qvel[1] = np.nan
    step = world.step(np.array([7, 8, 9]))
    assert step.terminated.tolist() == [False, True, False]
    np.testing.assert_array_equal(step.final_observations[0], before[1])
    assert step.episodes[0]["physics_error"].action == 8


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.array([7, 10]), r"Switched takes whole numbers from 7 to 9 as actions, got np.int64\(10\)"),
        (np.array([0, 8]), r"Switched takes whole numbers from 7 to 9 as actions, got np.int64\(0\)"),
        (np.array([7.0, 8.0]), r"Switched takes whole numbers from 7 to 9 as actions, got np.float64\(7.0\)"),
        (np.array([[7], [8]]), r"Switched takes actions of shape \(2,\), got \(2, 1\)"),
    ],
)
def test_other_actions_are_refused(actions, message):
    world = World(Switched(), 2, 1)
    with pytest.raises(ValueError, match=message):
        world.step(actions)


def test_choices_need_a_meaning():
    class Meaningless(envs.Task):
        model = CartPole().model_path()
        control_dt = 0.02

        def action_space(self, model):
            return spaces.Discrete(2)

    with pytest.raises(envs.InvalidTask, match="Meaningless must define apply: nothing else says what its Discrete"):
        World(Meaningless(), 1)


@pytest.mark.parametrize(
    "parts",
    [
        {"picture": np.zeros((1, 4, 40, 3))},
        {"picture": np.zeros((1, 4, 40, 3), np.uint8), "speed": np.zeros(1)},
        {"speed": np.zeros(1), "picture": np.zeros((1, 4, 40, 3), np.uint8)},
    ],
)
def test_pictures_are_whole_numbers_and_stand_alone(parts):
    odd = type("Odd", (Pictured,), {"observe": lambda self, sim, now: parts})
    with pytest.raises(envs.InvalidTask, match=r"Odd.observe: picture must be of type uint8 and the only part"):
        World(odd(), 1)
