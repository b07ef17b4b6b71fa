import subprocess
import sys

import gymnasium
import numpy as np
import pytest

import envs
from envs.registry import GYMNASIUM_TASKS, OWN_TASKS, canonical_id, make_task, require_task, task_class
from envs.task import Task


@pytest.mark.parametrize("name", ["CartPole", "Locomotion/CartPole-v0", "envs:Locomotion/CartPole-v0"])
def test_our_own_robots_have_a_short_name(name):
    assert canonical_id(name) == "Locomotion/CartPole-v0"


@pytest.mark.parametrize("env_id", ["Hopper-v5", "CartPole-v1", "Pendulum-v1", "some_module:Thing-v0"])
def test_other_ids_are_their_own(env_id):
    assert canonical_id(env_id) == env_id


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("Hoper", "Hopper-v5"), ("walker2d", "Walker2d-v5"), ("cartpole", "CartPole"), ("Humanoid", "Humanoid-v5")],
)
def test_an_unknown_id_names_its_neighbours(wrong, near):
    with pytest.raises(envs.UnknownEnvironment, match=near):
        canonical_id(wrong)


def test_an_id_like_no_other_names_them_all():
    with pytest.raises(envs.UnknownEnvironment, match=r"known are .*CartPole, .*Ant-v5"):
        canonical_id("qqqqqqqq")


@pytest.mark.parametrize("env_id", [*GYMNASIUM_TASKS, *(f"Locomotion/{name}-v0" for name in OWN_TASKS)])
def test_every_id_has_a_task(env_id):
    assert issubclass(task_class(env_id), Task)
    assert isinstance(make_task(env_id), Task)


def test_an_environment_that_is_not_ours_has_no_task():
    assert task_class("Pendulum-v1") is None
    assert make_task("Pendulum-v1") is None
    with pytest.raises(envs.UnknownEnvironment, match="Pendulum-v1"):
        require_task("Pendulum-v1")


def test_an_argument_that_the_task_does_not_have_is_named():
    with pytest.raises(TypeError, match=r"Hopper-v5 has no argument 'wheels'; it takes .*healthy_reward"):
        make_task("Hopper-v5", wheels=3)


@pytest.mark.parametrize(
    ("name", "wrong", "error", "message"),
    [
        ("Go1", {"push_speed": "fast"}, TypeError, "push_speed must be of type float, got 'fast'"),
        ("Go1", {"friction": 0.5}, TypeError, r"friction must be of type tuple\[float, float\], got 0.5"),
        ("Go1", {"push_interval": 0.0}, ValueError, "push_interval must be positive, got 0.0"),
        ("Grasp", {"goal_height": (0.3, 0.1)}, ValueError, r"goal_height must run from low to high, got \(0.3, 0.1\)"),
        ("RoughTerrain", {"difficulties": ()}, ValueError, "difficulties must not be empty"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(name, wrong, error, message):
    with pytest.raises(error, match=message):
        make_task(f"Locomotion/{name}-v0", **wrong)


@pytest.mark.parametrize("env_id", ["Reacher-v5", "Locomotion/Go1-v0", "Locomotion/Grasp-v0"])
def test_any_task_takes_another_length_of_its_episodes(env_id):
    env = envs.make_vec(env_id, 1, episode_steps=3)
    env.reset()
    action = np.zeros((1, *env.action_space.shape), np.float32)
    assert [bool(env.step(action)[2][0]) for _ in range(6)] == [False, False, True] * 2


def test_a_list_is_as_good_as_a_tuple():
    assert make_task("Ant-v5", healthy_z_range=[0.3, 1]).healthy_z_range == (0.3, 1)


def test_importing_registers_our_robots_and_leaves_gymnasiums_alone():
    assert "Locomotion/CartPole-v0" in gymnasium.registry
    assert gymnasium.spec("Hopper-v5").entry_point == "gymnasium.envs.mujoco.hopper_v5:HopperEnv"


def test_importing_is_light():
    code = "import sys, envs; print([name for name in ('torch', 'stable_baselines3', 'mujoco') if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_a_task_and_its_world_need_no_torch():
    code = (
        "import sys, envs; envs.World(envs.make_task('Hopper-v5'), 2); import envs.single_env, envs.vector_env;"
        "print('torch' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "False"


def test_everything_promised_can_be_imported():
    for name in envs.__all__:
        assert getattr(envs, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        envs.nothing  # noqa: B018
