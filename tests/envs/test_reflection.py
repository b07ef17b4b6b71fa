from pathlib import Path

import mujoco
import numpy as np
import pytest

from envs.reflection import Reflection
from envs.registry import make_task
from envs.vec_env import BatchedVecEnv
from envs.world import World


def symmetric_humanoid(env_id: str, folder: Path) -> str:
    """Write the model with a left leg that is as stiff as the right one, and a solver that leaves no errors."""
    spec = make_task(env_id).model_spec()
    spec.joint("left_knee").stiffness = spec.joint("right_knee").stiffness
    spec.joint("left_hip_y").armature = spec.joint("right_hip_y").armature
    spec.option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    spec.option.iterations = 100
    (folder / "symmetric.xml").write_text(spec.to_xml())
    return str(folder / "symmetric.xml")


@pytest.mark.parametrize(
    ("env_id", "arguments"),
    [
        ("Ant-v5", {}),
        ("Ant-v5", {"include_cfrc_ext_in_observation": False, "exclude_current_positions_from_observation": False}),
        ("Humanoid-v5", {}),
        ("Humanoid-v5", {"include_cinert_in_observation": False, "include_cfrc_ext_in_observation": False}),
        ("HumanoidStandup-v5", {"include_cvel_in_observation": False, "include_qfrc_actuator_in_observation": False}),
        ("Swimmer-v5", {}),
        ("Swimmer-v5", {"exclude_current_positions_from_observation": False}),
    ],
)
def test_the_mirror_image_of_a_robot_lives_the_mirror_image_of_its_life(env_id, arguments, tmp_path):
    model = {"xml_file": symmetric_humanoid(env_id, tmp_path)} if "Humanoid" in env_id else {}
    task = make_task(env_id, **model, **arguments)
    env = BatchedVecEnv(task, 2)
    env.seed(0)
    env.reset()
    sim = env.world.sim
    reflection = Reflection.of(env.world.model)
    observation, action = env.world.mirror
    rng = np.random.default_rng(0)
    touched = False
    for step in range(30):
        # Anew before each step: contacts make much of rounding errors.
        sim.qpos[1] = reflection.positions.sign * sim.qpos[0, reflection.positions.order]
        sim.qvel[1] = reflection.velocities.sign * sim.qvel[0, reflection.velocities.order]
        actions = rng.uniform(env.action_space.low, env.action_space.high).astype(np.float32)
        (left, right), rewards, dones, _ = env.step(np.stack([actions, action.sign * actions[action.order]]))
        if dones.any():
            break
        touched |= sim.cfrc_ext.any() if task.contact_forces else True
        np.testing.assert_allclose(right, observation.sign * left[observation.order], rtol=1e-3, atol=1e-3)
        assert step == 0 or rewards[0] == pytest.approx(rewards[1], abs=1e-3)  # the first is for the way from before
    assert step > 15
    assert touched


@pytest.mark.parametrize("env_id", ["Ant-v5", "Swimmer-v5"])
def test_a_robot_that_is_not_its_own_mirror_image_is_not_mirrored(env_id, tmp_path):
    spec = make_task(env_id).model_spec()
    spec.joints[-1].pos = [0.0, 0.1, 0.0]
    spec.bodies[-1].pos[1] += 0.1
    (tmp_path / "lame.xml").write_text(spec.to_xml())
    lame = make_task(env_id, xml_file=str(tmp_path / "lame.xml"))
    assert World(lame, 1).mirror is None


TENDONS = """
<mujoco>
  <worldbody>
    <body name="left" pos="0 0.1 0"><joint name="left" axis="0 1 0"/><geom size="0.05" pos="0 0 -0.2"/></body>
    <body name="right" pos="0 -0.1 0"><joint name="right" axis="0 1 0"/><geom size="0.05" pos="0 0 -0.2"/></body>
  </worldbody>
  <tendon>
    <fixed name="together"><joint joint="left" coef="1"/><joint joint="right" coef="1"/></fixed>
    <fixed name="apart"><joint joint="left" coef="1"/><joint joint="right" coef="-1"/></fixed>
    <fixed name="left"><joint joint="left" coef="2"/><joint joint="right" coef="1"/></fixed>
    <fixed name="right"><joint joint="left" coef="-1"/><joint joint="right" coef="-2"/></fixed>
  </tendon>
  <actuator>
    <motor tendon="together"/><motor tendon="apart"/>
    <motor tendon="left"/><motor joint="left"/><motor tendon="right"/><motor joint="right"/>
    %s
  </actuator>
</mujoco>
"""


def test_actuators_of_tendons_are_exchanged_by_their_forces_on_the_joints():
    reflection = Reflection.of(mujoco.MjModel.from_xml_string(TENDONS % ""))
    assert reflection.velocities.order.tolist() == [1, 0]
    assert reflection.controls.order.tolist() == [0, 1, 4, 5, 2, 3]
    assert reflection.controls.sign.tolist() == [1, -1, -1, 1, -1, 1]


@pytest.mark.parametrize(
    "odd",
    ['<motor joint="left" gear="2"/>', '<motor tendon="left" gear="-1"/>', '<adhesion body="left" ctrlrange="0 1"/>'],
)
def test_a_robot_with_an_actuator_without_a_counterpart_is_not_mirrored(odd):
    assert Reflection.of(mujoco.MjModel.from_xml_string(TENDONS % odd)) is None
