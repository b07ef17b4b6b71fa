"""What is told of every robot: where its observations come from, and what its actions do."""

import numpy as np
import pytest
import yaml

from envs.registry import GYMNASIUM_TASKS, OWN_TASKS, canonical_id, make_task, task_class
from envs.world import World
from locomotion.export.deploy import deployment, seen_parts

BY_RAYS_AND_FINDS = {"IMaze", "Labyrinth", "MemoryMaze"}  # whose observations the task alone can make


@pytest.mark.parametrize("robot", [*OWN_TASKS, *GYMNASIUM_TASKS])
def test_every_robot_is_told_completely(robot):
    env = canonical_id(robot)
    world = World(make_task(env, **task_class(env).exported), 1, 1)
    world.reset(np.arange(1), [0])
    told = deployment(world, env, {"h": 3})
    assert told.complete == (robot not in BY_RAYS_AND_FINDS)
    values = yaml.safe_load(told.as_yaml())
    assert values == told.values  # plain values alone
    assert {name: one["size"] for name, one in values["observations"].items()} == seen_parts(world)
    assert values["decimation"] * values["timestep"] == pytest.approx(values["step_dt"])
    assert values["memory"] == {"h_in": {"size": 3, "reset": 0.0}}
    for part in values["observations"].values():
        assert part["source"] is None or part["unit"]
    for rule in values["actions"].values():
        assert len(rule["scale"]) == len(values["actuator_names"]) == world.model.nu
