import mujoco
import numpy as np

from envs.registry import make_task
from envs.world import World


def test_fields_that_follow_from_the_positions_are_those_of_the_present_ones():
    world = World(make_task("Go1"), 4, 1)
    world.step(np.random.default_rng(0).uniform(-1.0, 1.0, (4, 12)).astype(np.float32))
    world.sim.qpos[:, :3] += 0.1
    before = world.batch.state.copy()
    data = mujoco.MjData(world.model)
    for few, count in ((world.sim.first(2), 2), (world.sim, 4)):
        positions, rotations = few.posed("geom_xpos", "geom_xmat")
        assert len(positions) == len(rotations) == count
        for qpos, position, rotation in zip(few.qpos, positions, rotations, strict=True):
            data.qpos[:] = qpos
            mujoco.mj_kinematics(world.model, data)
            np.testing.assert_array_equal(position, data.geom_xpos)
            np.testing.assert_array_equal(rotation, data.geom_xmat)
    np.testing.assert_array_equal(world.batch.state, before)
