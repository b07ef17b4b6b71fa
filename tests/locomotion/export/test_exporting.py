"""Exported folders: equal to the policies, whole or not there, and enough for a robot's own computer."""

import ast
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import onnx
import pytest
import torch
import yaml

import envs
from agents import ActorCritic, Network
from envs.robots.cartpole import CartPole
from envs.sources import field_of_data
from locomotion import commands
from locomotion.errors import UsageError
from locomotion.export import exporting
from locomotion.export.exporting import export
from locomotion.export.formats import FORMATS
from locomotion.export.proof import LARGEST
from locomotion.policies.shipped import shipped_names
from locomotion.policies.stored import StoredPolicy, describe, save_policy
from tests.locomotion.export.test_deploy import BY_RAYS_AND_FINDS

STEPS = 100  # of an episode of the proof


def stored_policy(env, folder, task=None, **network):
    """A new policy's folder, for an environment by its id."""
    robots = envs.make_vec(env, 1, **(task or {}))
    torch.manual_seed(1)
    policy = ActorCritic(
        robots.observation_space, robots.action_space, lambda _: 1e-3, network=Network((8,), (4,), **network)
    )
    robots.close()
    folder.mkdir()
    save_policy(policy, describe(policy, env, "trpo", 0, 0, task), folder)
    return StoredPolicy.find(folder)


# Of the others there is no runner whose actions could be compared.
@pytest.mark.parametrize("robot", [name for name in shipped_names() if name not in BY_RAYS_AND_FINDS])
def test_every_policy_that_ships_leaves_as_it_is(robot, tmp_path):
    stored = StoredPolicy.find(robot)
    formats = tuple(FORMATS) if stored.card.network.memory == "none" else ("torchscript",)
    exported = export(stored, tmp_path / "out", formats=formats, steps=STEPS)
    assert exported.actions.steps >= STEPS
    files = {"policy.onnx", *(FORMATS[name].file for name in formats)}
    assert exported.actions.differences.keys() == files - (set() if shutil.which("cc") else {"policy.h"})
    assert max(*exported.actions.differences.values(), exported.runner.action) <= LARGEST
    assert exported.runner.observation < 2e-6  # but for the last action, equal to the last bits
    model = mujoco.MjModel.from_xml_path(str(tmp_path / "out" / "model.xml"))
    exact = mujoco.MjModel.from_binary_path(str(tmp_path / "out" / "model.mjb"))
    assert (model.nq, model.nv, model.nu, model.nsensordata) == (exact.nq, exact.nv, exact.nu, exact.nsensordata)
    np.testing.assert_allclose(model.body_mass, exact.body_mass, rtol=1e-4)
    np.testing.assert_allclose(model.actuator_gainprm, exact.actuator_gainprm, rtol=1e-5)


def test_a_policy_that_remembers_leaves_as_it_is_over_resets(tmp_path):
    stored = stored_policy("Locomotion/CartPole-v0", tmp_path / "policy", memory="lstm", memory_size=6)
    exported = export(stored, tmp_path / "out", {"episode_steps": 25})
    assert exported.actions.steps == 50
    assert exported.actions.together == 50
    deploy = yaml.safe_load((tmp_path / "out" / "deploy.yaml").read_text())
    assert deploy["memory"] == {name: {"size": 6, "reset": 0.0} for name in ("h_in", "c_in")}


def test_what_a_critic_alone_sees_stays_behind(tmp_path):
    stored = stored_policy("Locomotion/Go1Real-v0", tmp_path / "policy", memory="gru", memory_size=6)
    exported = export(stored, tmp_path / "out", steps=STEPS)
    assert exported.runner.steps >= STEPS
    deploy = yaml.safe_load((tmp_path / "out" / "deploy.yaml").read_text())
    assert next(iter(deploy["observations"])) == "turning"
    assert "friction" not in deploy["observations"]


def test_another_policy_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    made = exporting.graph_of

    def altered(policy, *others):
        policy.action_net.bias.data[0] += 1e-4
        model = made(policy, *others)
        policy.action_net.bias.data[0] -= 1e-4
        return model

    stored = stored_policy("Locomotion/CartPole-v0", tmp_path / "policy")
    monkeypatch.setattr(exporting, "graph_of", altered)
    with pytest.raises(UsageError, match="the exported policy is not the trained one"):
        export(stored, tmp_path / "out", steps=STEPS)
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]


@dataclass(frozen=True)
class Secretive(CartPole):
    """A robot whose observations the task alone knows."""

    def observe(self, sim, now):
        return super().observe(sim, now) | {"energy": np.square(sim.qvel).sum(axis=1)}


@dataclass(frozen=True)
class Meshed(CartPole):
    """A pole with a mesh at its tip, whose file stands in another folder; it sees the time, too."""

    def model_spec(self):
        spec = super().model_spec()
        spec.meshdir = str(MESHES)
        spec.add_mesh(name="tip", file="tip.obj")
        spec.body("pole").add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="tip", mass=0.1, contype=0, conaffinity=0)
        return spec

    def observe(self, sim, now):
        return super().observe(sim, now) | {"age": 2.0 * sim.time}


MESHES = Path(__file__).parent / "meshes"


@pytest.fixture
def register(monkeypatch):
    """What registers a task for the length of a test; it returns the task's id."""
    monkeypatch.setattr(envs.registry, "REGISTERED", {})
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium.envs.registration.registry)

    def act(task):
        envs.register(task.__name__, task)
        return f"Locomotion/{task.__name__}-v0"

    return act


def test_meshes_go_along(register, tmp_path):
    exported = export(stored_policy(register(Meshed), tmp_path / "policy"), tmp_path / "out", steps=STEPS)
    assert exported.runner.observation == 0.0
    (moved := tmp_path / "elsewhere").mkdir()
    for file in (tmp_path / "out").iterdir():
        shutil.copyfile(file, moved / file.name)
    model = mujoco.MjModel.from_xml_path(str(moved / "model.xml"))
    assert model.nmesh == 1
    assert model.body_mass == pytest.approx(Meshed().model_spec().compile().body_mass, rel=1e-5)


def test_a_part_of_unknown_origin_is_named(register, tmp_path):
    exported = export(stored_policy(register(Secretive), tmp_path / "policy"), tmp_path / "out", steps=STEPS)
    assert "it is not known which sensors observe energy; the task can say so" in exported.lacking[0]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "run_policy.py" not in names
    assert {"policy.onnx", "policy.json", "deploy.yaml", "model.xml"} <= names
    deploy = yaml.safe_load((tmp_path / "out" / "deploy.yaml").read_text())
    assert deploy["observations"]["energy"] == {"size": 1, "source": None}


@dataclass(frozen=True)
class Mistaken(Secretive):
    """A task that names an origin of another size."""

    def observation_sources(self, sim):
        return {"energy": field_of_data("qvel", [0, 1])}


def test_an_origin_of_another_size_is_named(register, tmp_path):
    stored = stored_policy(register(Mistaken), tmp_path / "policy")
    with pytest.raises(envs.InvalidTask, match="energy must be of 1 numbers as in observe, field has 2"):
        export(stored, tmp_path / "out", steps=STEPS)
    assert not (tmp_path / "out").exists()


def test_a_foreign_environments_policy_leaves_without_a_runner(tmp_path):
    exported = export(stored_policy("Pendulum-v1", tmp_path / "policy"), tmp_path / "out", steps=STEPS)
    assert "Pendulum-v1 is not one of the robots" in exported.lacking[0]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["SHA256SUMS", "policy.json", "policy.onnx", "policy.pt", "policy.safetensors"]


@pytest.fixture(scope="module")
def go1(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "Go1"
    export(StoredPolicy.find("Go1"), folder, steps=3)
    return folder


def test_what_other_runners_look_for_is_under_their_names(go1):
    deploy = yaml.safe_load((go1 / "deploy.yaml").read_text())
    legs = [f"{leg}_{joint}" for leg in ("FR", "FL", "RR", "RL") for joint in ("hip", "thigh", "calf")]
    assert deploy["joint_names"] == legs
    assert (deploy["step_dt"], deploy["timestep"], deploy["decimation"]) == (0.02, 0.005, 4)
    assert deploy["stiffness"] == 12 * [35.0]
    assert deploy["default_joint_pos"] == pytest.approx(2 * [-0.1, 0.9, -1.8, 0.1, 0.9, -1.8])
    assert deploy["actions"]["JointPositionAction"]["scale"] == 12 * [0.5]
    assert deploy["commands"]["turn left"] == {"unit": "rad/s", "range": [-0.9, 0.9], "default": 0.0}
    told = deploy["observations"]
    assert sum(part["size"] for part in told.values()) == 50
    assert list(told)[:3] == ["velocity", "turning", "up"]
    assert [told[name]["unit"] for name in ("velocity", "turning", "joint_angles", "joint_speeds")] == [
        *("m/s", "rad/s", "rad", "rad/s")
    ]
    assert told["joint_speeds"]["scale"] == 0.1
    metadata = {one.key: one.value for one in onnx.load(go1 / "policy.onnx").metadata_props}
    assert metadata["joint_names"] == ",".join(legs)
    assert metadata["observation_names"] == ",".join(told)
    assert metadata["command_names"] == "forward,left,turn left"
    assert metadata["action_scale"] == ",".join(12 * ["0.5"])


def test_an_exported_folder_is_a_policy_for_every_verb(go1):
    again = StoredPolicy.find(go1)
    assert again.card.evaluation == StoredPolicy.find("Go1").card.evaluation
    assert again.weights == StoredPolicy.find("Go1").weights


ALONE = """
import runpy, sys
for name in ("torch", "stable_baselines3", "gymnasium", "onnx", "envs", "agents", "locomotion"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(folder, *words):
    command = [sys.executable, "-I", "-c", ALONE, str(folder / "run_policy.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_runner_walks_the_robot_without_us(go1):
    done = run(go1, "--headless", "--seconds", "4", "--command", "1", "0", "0")
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()[1].split()
    x, y = float(words[1]), float(words[5])
    assert 3.0 < np.hypot(x, y) < 4.5  # m, at 1 m/s


def test_another_version_of_mujoco_takes_the_readable_model(go1, tmp_path):
    shutil.copytree(go1, tmp_path / "Go1")
    deploy = tmp_path / "Go1" / "deploy.yaml"
    deploy.write_text(deploy.read_text().replace(f"mujoco: {mujoco.__version__}", "mujoco: 3.2.0"))
    (tmp_path / "Go1" / "model.mjb").write_bytes(b"of another version")
    done = run(tmp_path / "Go1", "--headless", "--seconds", "0.1")
    assert done.returncode == 0, done.stderr
    assert "0.10 s" in done.stdout


@pytest.mark.parametrize("robot", ["Reacher-v5", "InvertedDoublePendulum-v5"])
def test_robots_whose_observations_are_functions_of_angles_have_a_runner(robot, tmp_path):
    exported = export(stored_policy(robot, tmp_path / "policy"), tmp_path / "out", steps=STEPS)
    assert exported.runner.observation == 0.0


@pytest.mark.parametrize(("numbers", "told"), [(("1",), r"[1.0]"), (("nan", "0", "0"), "[nan, 0.0, 0.0]")])
def test_the_runner_refuses_a_command_that_is_none(go1, numbers, told):
    done = run(go1, "--headless", "--command", *numbers)
    assert done.returncode == 2
    assert f"--command takes 3 finite numbers, --seconds one, got {told} and 20.0" in done.stderr


def test_the_default_pose_is_that_from_which_angles_are_observed_not_that_of_the_action_zero(tmp_path):
    stored_policy("Locomotion/GetUp-v0", tmp_path / "policy")
    export(StoredPolicy.find(tmp_path / "policy"), tmp_path / "out", steps=3)
    deploy = yaml.safe_load((tmp_path / "out" / "deploy.yaml").read_text())
    stance = 2 * [-0.1, 0.9, -1.8, 0.1, 0.9, -1.8]
    assert deploy["default_joint_pos"] == pytest.approx(stance)
    assert deploy["actions"]["JointPositionAction"]["offset"] != pytest.approx(stance)


def test_an_arms_targets_are_told_to_be_relative(tmp_path):
    stored_policy("Locomotion/Grasp-v0", tmp_path / "policy")
    export(StoredPolicy.find(tmp_path / "policy"), tmp_path / "out", steps=3)
    deploy = yaml.safe_load((tmp_path / "out" / "deploy.yaml").read_text())
    assert deploy["actions"].keys() == {"RelativeJointPositionAction"}


def test_shapes_leave_with_all_that_is_seen_of_them(tmp_path):
    stored = stored_policy("Locomotion/PickAndPlace-v0", tmp_path / "policy", {"objects": "shapes"})
    exported = export(stored, tmp_path / "out", steps=STEPS)
    assert exported.runner.observation < 2e-6
    deploy = yaml.safe_load((tmp_path / "out" / "deploy.yaml").read_text())
    assert [deploy["observations"][name]["size"] for name in ("half_turn", "half", "kind")] == [2, 3, 5]


def test_the_runner_imports_four_packages_and_is_short():
    source = Path(exporting.__file__).with_name(exporting.RUNNER).read_text()
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    packages = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert packages == {"mujoco", "numpy", "onnxruntime", "yaml"}
    assert len(source.splitlines()) < 150


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="holds something else than a former export"):
        export(StoredPolicy.find("CartPole"), tmp_path, steps=STEPS)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_what_a_user_has_put_into_a_former_export_is_left_alone(tmp_path, monkeypatch):
    out = tmp_path / "out"
    export(StoredPolicy.find("CartPole"), out, steps=3)
    export(StoredPolicy.find("CartPole"), out, steps=3)  # a former export alone is replaced
    (out / "NOTES.md").write_text("do not lose")
    with pytest.raises(UsageError, match=r"holds NOTES\.md, which is not of a former export"):
        export(StoredPolicy.find("CartPole"), out, steps=3)
    assert (out / "NOTES.md").read_text() == "do not lose"
    (out / "NOTES.md").unlink()
    monkeypatch.chdir(out)
    with pytest.raises(UsageError, match="is the folder you are in; name a new one"):
        export(StoredPolicy.find("CartPole"), Path("."), steps=3)


def test_the_command_prints_the_proof(tmp_path, capsys):
    stored_policy("Locomotion/CartPole-v0", tmp_path / "policy")
    words = [str(tmp_path / "policy"), "--out", str(tmp_path / "out"), "--task.episode-steps", "20"]
    assert commands.export(words) == 0
    out = capsys.readouterr().out
    assert "actions differ by at most" in out
    assert "in 40 steps of 2 episodes" in out
    assert str(tmp_path / "out") in out
