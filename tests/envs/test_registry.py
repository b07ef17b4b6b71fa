import dataclasses
import importlib.util
import inspect
import re
import subprocess
import sys

import gymnasium
import mujoco
import numpy as np
import pytest

import envs
from envs.gymnasium_robots.hopper import Hopper
from envs.registry import GYMNASIUM_TASKS, OWN_TASKS, RESERVED, canonical_id, make_task, require_task, task_class
from envs.robots.go1 import Go1
from envs.single_env import SingleEnv
from envs.task import Task
from envs.vector_env import VectorEnv


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


def test_an_inherited_argument_without_effect_is_refused():
    with pytest.raises(ValueError, match=r"hold has no effect in Locomotion/Course-v0, got 1\.0: leave it out"):
        make_task("Locomotion/Course-v0", hold=1.0)


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


SLEDGE = """
<mujoco>
  <option timestep="0.01"/>
  <worldbody>
    <body name="sledge"><joint name="slide" type="slide" axis="1 0 0" damping="1"/><geom size="0.1" mass="1"/></body>
  </worldbody>
  <actuator><motor joint="slide" ctrlrange="-2 2"/></actuator>
</mujoco>
"""
SLEDGE_TASK = '''
from dataclasses import dataclass

import numpy as np

import envs
from envs.arguments import Positive


@dataclass(frozen=True)
class Sledge(envs.Task):
    """Slide to the right."""

    weight: Positive = 1.0  # per m/s
    episode_steps: int = 20  # of 0.02 s

    model = "sledge.xml"
    control_dt = 0.02  # s

    def observe(self, sim, now):
        return {"position": sim.qpos[:, 0], "velocity": sim.qvel}

    def rewards(self, sim, action, now, before):
        return {"forward": self.weight * sim.qvel[:, 0]}

    def initial_states(self, model, rngs):
        return np.zeros((len(rngs), 1)), np.array([rng.uniform(-1, 1, 1) for rng in rngs])
'''


def load(path, name):
    """Import a file that is in no package."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def strangers(tmp_path, monkeypatch):
    """The module of a robot whose task and model lie in a folder of their own; registrations are undone."""
    monkeypatch.setattr(envs.registry, "REGISTERED", {})
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium.envs.registration.registry)
    (tmp_path / "sledge.xml").write_text(SLEDGE)
    (tmp_path / "my_robots.py").write_text(SLEDGE_TASK)
    yield load(tmp_path / "my_robots.py", "my_robots")
    del sys.modules["my_robots"]


def test_a_robot_of_ones_own_comes_through_every_door(strangers, tmp_path):
    envs.register("Sledge", strangers.Sledge)
    for name in ("Sledge", "Locomotion/Sledge-v0", "envs:Locomotion/Sledge-v0"):
        assert canonical_id(name) == "Locomotion/Sledge-v0"
    assert task_class("Locomotion/Sledge-v0") is strangers.Sledge
    assert make_task("Locomotion/Sledge-v0", weight=2).model_path() == tmp_path / "sledge.xml"
    assert envs.source("Locomotion/Sledge-v0") == tmp_path / "my_robots.py"
    with pytest.raises(ValueError, match=r"weight must be positive, got -1.0"):
        make_task("Locomotion/Sledge-v0", weight=-1.0)

    batch = envs.make_vec("Sledge", 2, seed=0, weight=2.0)
    single = gymnasium.make("envs:Locomotion/Sledge-v0", weight=2.0)
    vector = gymnasium.make_vec("Locomotion/Sledge-v0", 2, vectorization_mode="vector_entry_point", weight=2.0)
    first = batch.reset()
    np.testing.assert_array_equal(vector.reset(seed=0)[0], first)
    np.testing.assert_array_equal(single.reset(seed=0)[0], first[0])
    for _ in range(20):
        observations, rewards, dones, _ = batch.step(np.ones((2, 1), np.float32))
        theirs, their_rewards, *_ = vector.step(np.ones((2, 1), np.float32))
        _, reward, _, truncated, _ = single.step(np.ones(1, np.float32))
        np.testing.assert_array_equal(theirs, observations)
        np.testing.assert_array_equal(their_rewards.astype(np.float32), rewards)
        assert reward == their_rewards[0]
    assert dones.all()
    assert truncated


def test_robots_are_listed_ours_first_and_gymnasiums_last(strangers):
    envs.register("Sledge", strangers.Sledge)
    ids = envs.robot_ids()
    assert ids == [f"Locomotion/{name}-v0" for name in (*OWN_TASKS, "Sledge")] + list(GYMNASIUM_TASKS)
    assert [env_id for env_id in ids if envs.source(env_id)] == ["Locomotion/Sledge-v0"]
    with pytest.raises(envs.UnknownEnvironment, match="did you mean Sledge"):
        canonical_id("Sledgee")
    with pytest.raises(envs.UnknownEnvironment, match=r"known are .*StandUp, Sledge, Ant-v5"):
        canonical_id("qqqqqqqq")


@pytest.mark.parametrize("name", ["Go1", "Hopper", "Pendulum", "Sledge"])
def test_a_name_that_is_taken_is_refused(strangers, name):
    envs.register("Sledge", strangers.Sledge)
    with pytest.raises(ValueError, match=f"there is a robot '{name}' already"):
        envs.register(name, strangers.Sledge)


@pytest.mark.parametrize("name", ["", "my-robot", "Locomotion/Sledge-v0", "2legs", "a b", "L\u00e4ufer"])
def test_a_name_that_is_no_word_is_refused(strangers, name):
    with pytest.raises(ValueError, match="letters, digits and underscores"):
        envs.register(name, strangers.Sledge)


def test_a_class_that_is_no_task_is_refused(strangers):
    class Undecorated(strangers.Sledge):
        weight = 2.0

    @dataclasses.dataclass(frozen=True)
    class Shadowed(strangers.Sledge):
        seed: int = 0

    @dataclasses.dataclass(frozen=True)
    class Required(Task):
        legs: int

    for cls, error, message in (
        (dict, TypeError, "no subclass of envs.Task"),
        (strangers.Sledge(), TypeError, "no subclass of envs.Task"),
        (Undecorated, TypeError, r"Undecorated must be a frozen dataclass: write @dataclass\(frozen=True\)"),
        (Shadowed, ValueError, "Shadowed.seed could not be set: it is an argument of make_vec"),
        (Required, TypeError, "Required.legs must have a default"),
    ):
        with pytest.raises(error, match=message):
            envs.register("Sledge", cls)
    assert "Locomotion/Sledge-v0" not in gymnasium.registry


def test_a_task_that_lacks_what_every_robot_needs_is_refused(strangers):
    @dataclasses.dataclass(frozen=True)
    class Bare(Task):
        model_name: str = "bare.xml"

    @dataclasses.dataclass(frozen=True)
    class Nowhere(Task):
        model = "sledge.xml"
        control_dt = 0.02
        observe = strangers.Sledge.observe
        rewards = strangers.Sledge.rewards

    for cls, missing in (
        (Bare, "model, control_dt, observe, rewards, place or initial_states"),
        (Nowhere, "place or initial_states"),
    ):
        with pytest.raises(envs.CannotRegister, match=rf"^{cls.__name__} does not define {missing}$"):
            envs.register("Sledge", cls)


def test_a_field_whose_type_is_misspelt_is_refused(strangers):
    @dataclasses.dataclass(frozen=True)
    class Misspelt(strangers.Sledge):
        length: "Positve" = 1.0  # noqa: F821

    message = "^Misspelt: the type of a field has the undefined name 'Positve'$"
    with pytest.raises(envs.CannotRegister, match=message):
        envs.register("Sledge", Misspelt)


def test_a_task_may_have_its_model_its_steps_and_its_start_by_methods(strangers):
    @dataclasses.dataclass(frozen=True)
    class Built(Task):
        observe = strangers.Sledge.observe
        rewards = strangers.Sledge.rewards

        def model_spec(self):
            return mujoco.MjSpec.from_string(SLEDGE)

        def substeps(self, model):
            return 2

        def place(self, sim, rngs, seeds):
            pass

    @dataclasses.dataclass(frozen=True)
    class LongHopper(Hopper):
        episode_steps: int = 2000

    envs.register("Built", Built)
    envs.register("LongHopper", LongHopper)


def test_no_field_of_a_task_is_shadowed():
    for env_id in envs.robot_ids():
        assert {field.name for field in dataclasses.fields(task_class(env_id))}.isdisjoint(RESERVED)
    for function in (envs.make_vec, gymnasium.make, gymnasium.make_vec, SingleEnv, VectorEnv):
        arguments = inspect.signature(function).parameters.values()
        assert {each.name for each in arguments if each.kind is not each.VAR_KEYWORD} <= RESERVED


def test_a_model_lies_beside_the_class_that_names_it(strangers, tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Faster(strangers.Sledge):  # in this file; its model in the other
        weight: float = 2.0

    @dataclasses.dataclass(frozen=True)
    class Longer(Go1):
        episode_steps: int = 2000

    assert Faster().model_path() == tmp_path / "sledge.xml"
    assert Longer().model_path() == Go1().model_path()

    @dataclasses.dataclass(frozen=True)
    class Absolute(strangers.Sledge):
        model = str(tmp_path / "sledge.xml")

    assert Absolute().model_path() == tmp_path / "sledge.xml"
    assert Absolute().model_spec().compile().nu == 1
    (tmp_path / "sledge.xml").unlink()
    with pytest.raises(FileNotFoundError, match=rf"^Faster: there is no model file {tmp_path}/sledge.xml$"):
        Faster().model_spec()


@pytest.mark.parametrize(
    ("env_id", "name"),
    [
        ("Locomotion/CartPole-v0", "CartPole"),
        ("Locomotion/NotLoaded-v0", "NotLoaded"),
        ("CartPole", "CartPole"),
        ("Hopper-v5", "Hopper-v5"),
        ("pkg:Robot-v0", "pkg:Robot-v0"),
        ("Locomotion/CartPole-v1", "Locomotion/CartPole-v1"),
    ],
)
def test_short_names(env_id, name):
    assert envs.short_name(env_id) == name
    assert envs.is_own(env_id) == (env_id.startswith("Locomotion/") and env_id.endswith("-v0"))


@pytest.mark.parametrize("env_id", envs.robot_ids())
def test_every_number_of_a_task_is_explained_beside_it(env_id):
    """The comments are the help texts of options: each stands alone, on the line of its field."""
    cls = task_class(env_id)
    for field in dataclasses.fields(cls):
        owner = next(base for base in cls.__mro__ if field.name in vars(base).get("__annotations__", {}))
        source = inspect.getsource(owner)
        line = re.search(rf"^    {field.name}: .*$", source, re.MULTILINE)[0]
        assert re.search(r"  # \S.*[^.:,]$", line), f"{owner.__name__}: {line}"
        assert "..." not in line, line
