"""The dog's challenge course: commands that lead along the lane, ice, a hail of pushes, and what is counted."""

from typing import Any

import mujoco
import numpy as np
import pytest

import envs
from envs.orientation import quaternion_about_z
from envs.robots.challenge import LENGTH, SECTIONS, middle
from envs.robots.dog import HOME
from envs.world import World

LEVEL: dict[str, Any] = {"difficulties": (0.0,) * 3, "fallen": 0.0, "push_speed": 0.0, "load": (0.0, 0.0)}


def begin(robots=4, **fields):
    world = World(envs.make_task("Course", **{**LEVEL, "along": 0.0, **fields}), robots, 1)
    world.reset(np.arange(robots), list(range(robots)))
    return world


def stand(world, i, place, aside=0.0, heading=0.0):
    """Put robot i so many m along its lane, to the left of its middle, looking to the left by an angle in rad."""
    y = middle(world.sim.memory.level[i], len(world.task.difficulties)) + aside
    world.sim.qpos[i, :3] = place - LENGTH / 2, y, 0.29
    world.sim.qpos[i, 3:7], world.sim.qpos[i, 7:] = quaternion_about_z(np.array([heading]))[0], HOME
    world.sim.qvel[i] = 0.0


def stance(world):
    return np.zeros((world.num_robots, 12), np.float32)


def test_commands_lead_along_the_lane_and_end_behind_it():
    world = begin(5, pace=(0.8, 0.8), homing=1.0, aligning=1.5, max_sideways=0.3, max_turning=0.5)
    stand(world, 0, 3.0)
    stand(world, 1, 3.0, aside=0.1)
    stand(world, 2, 3.0, heading=0.2)
    stand(world, 3, 3.0, aside=-0.2, heading=np.pi / 2)
    stand(world, 4, LENGTH + 1.5, aside=0.2, heading=1.0)
    commands, _ = world.task.present_command(world.sim)
    np.testing.assert_allclose(commands[0], [0.8, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(commands[1], [0.8, -0.1, 0.0], atol=1e-6)
    np.testing.assert_allclose(commands[2], [0.8 * np.cos(0.2), -0.8 * np.sin(0.2), -0.3], atol=1e-6)
    np.testing.assert_allclose(commands[3], [0.2, -0.3, -0.5], atol=1e-6)  # as fast to the side as it may
    np.testing.assert_allclose(commands[4], 0.0)
    assert envs.make_task("Course").commands == {}


def test_no_command_leads_against_the_beam_out_of_the_trench():
    world = begin(4, difficulties=(1.0,) * 3, pace=(0.8, 0.8))
    beam = SECTIONS["beam"].start
    stand(world, 0, beam + 0.5, aside=0.7)  # the trench is 30 cm deep
    stand(world, 1, beam + 0.5)  # on the beam
    stand(world, 2, SECTIONS["beam"].end - 0.2, aside=0.7)  # where the way out has nearly reached the ground
    stand(world, 3, SECTIONS["platform"].start + 0.8, aside=0.7)
    commands, _ = world.task.present_command(world.sim)
    np.testing.assert_allclose(commands[:, 1], [0.0, 0.0, -0.3, -0.3], atol=1e-6)
    np.testing.assert_allclose(commands[:, 0], 0.8, atol=1e-6)


def test_robots_begin_before_their_lanes_or_anywhere_along_them():
    before = begin(30)
    np.testing.assert_allclose(before.task.place_along(before.sim), -1.0)
    anywhere = begin(200, along=1.0)
    places = anywhere.task.place_along(anywhere.sim)
    assert np.histogram(places, bins=4, range=(0.0, LENGTH))[0].min() > 25
    lanes = middle(anywhere.sim.memory.level, 3)
    assert 0.75 < np.abs(anywhere.sim.qpos[:, 1] - lanes).max() <= 0.8
    near = begin(200, aside=0.1)
    assert 0.09 < np.abs(near.sim.qpos[:, 1] - middle(near.sim.memory.level, 3)).max() <= 0.1
    assert set(anywhere.sim.memory.level) == {0.0, 1.0, 2.0}


def test_a_robot_slides_farther_on_the_ice():
    world = begin(2, friction=(1.0, 1.0), ice_friction=0.15)
    stand(world, 0, 18.5)
    stand(world, 1, 22.0)
    for _ in range(25):
        world.step(stance(world))
    world.sim.qvel[:, 0] = 1.0
    start = world.sim.qpos[:, 0].copy()
    for _ in range(15):
        world.step(stance(world))
    slid = world.sim.qpos[:, 0] - start
    assert slid[0] > slid[1] + 0.05


def test_the_ice_is_slippery_and_nothing_else_is():
    task = envs.make_task("Course", **LEVEL, friction=(1.0, 1.0), ice_friction=0.15)
    model = task.model_spec().compile()
    for name, section in SECTIONS.items():
        data = mujoco.MjData(model)
        place, lane = np.array((section.start + section.end - LENGTH) / 2), middle(np.array(1), 3)
        data.qpos[:3] = place, lane, 0.29 + task.terrain.at(place, lane)
        data.qpos[3:7], data.qpos[7:], data.ctrl[:] = [1.0, 0.0, 0.0, 0.0], HOME, HOME
        mujoco.mj_step(model, data, 200)  # 0.4 s: it stands
        assert data.ncon >= 4
        np.testing.assert_allclose(
            data.contact.friction[:, 0], 0.15 if name == "ice" else model.geom("floor").friction[0]
        )


def test_pushes_hail_once_a_second_in_their_section_alone():
    world = begin(2, hail_speed=0.5, episode_steps=1000)
    hits = np.zeros((2, 0))
    for _ in range(150):
        stand(world, 0, 22.0)
        stand(world, 1, 2.0)
        before = world.sim.qvel[:, :2].copy()
        world.task.apply(world.sim, stance(world))
        hits = np.column_stack([hits, np.hypot(*(world.sim.qvel[:, :2] - before).T)])
        world.step(stance(world))
    assert (hits[1] < 1e-9).all()
    struck = np.flatnonzero(hits[0] > 1e-9)
    np.testing.assert_allclose(hits[0, struck], 0.5)
    assert np.diff(struck).tolist() == [50] * (len(struck) - 1)
    assert len(struck) >= 3


def test_figures_are_those_of_a_count_by_hand():
    world, ended = begin(4, episode_steps=5), []
    places = [-0.5, 7.0, 16.0, LENGTH + 1.0]  # at the start, on the platform, on the beam, behind the end
    for _ in range(5):
        for i, place in enumerate(places):
            stand(world, i, place)
        ended += world.step(stance(world)).episodes
    tracked = [episode["tracked"] for episode in ended]
    columns = {name: np.array([episode[name] for episode in tracked], float) for name in tracked[0]}
    with np.errstate(divide="ignore", invalid="ignore"):
        figures = world.task.metrics({**columns, "terminated": np.zeros(4), "seconds": np.full(4, 0.1)})
    assert figures["finished_rate"] == 0.25
    assert figures["course_share"] == pytest.approx((0 + 7 / 24 + 16 / 24 + 1) / 4, abs=0.01)
    shares = {name: figures[f"section_{name}_share"] for name in SECTIONS}
    assert shares == pytest.approx(
        {
            "rubble": 1.0,
            "slope": 1.0,
            "platform": 2 / 3,
            "stairs": 1.0,
            "descent": 1.0,
            "beam": 0.5,
            "ice": 1.0,
            "pushes": 1.0,
        }
    )


def test_courses_of_an_evaluation_are_other_ones_than_those_of_training():
    task = envs.task_class("Locomotion/Course-v0")
    held_out = envs.make_task("Course", **task.evaluation)
    assert held_out.terrain_seed != envs.make_task("Course").terrain_seed
    assert set(held_out.difficulties) == {1.0}
    assert held_out.episode_steps * held_out.control_dt == 60.0
