"""A step that blew up is taken again to the last bit, and what went first is named."""

from dataclasses import replace

import gymnasium
import mujoco
import numpy as np
import pytest

import envs
from envs.observation import joined
from envs.registry import REGISTERED
from envs.task import Measured
from locomotion.errors import UsageError
from locomotion.replay.step import replayed
from locomotion.training.blow_ups import Evidence, keep_blow_ups, read_blow_up


def with_a_reward_that_is_nan(cls, steps):
    """A task's class whose reward is NaN, and nothing else is wrong, in the step after so many."""

    class Unpaid(cls):
        def rewards(self, sim, action, now, before):
            ends = np.abs(sim.time - (steps + 1) * sim.dt) < 0.5 * sim.dt
            return super().rewards(sim, action, now, before) | {"bonus": np.where(ends, np.nan, 0.0)}

        def total(self, terms):
            return super().total(terms) + terms["bonus"]

    return Unpaid


@pytest.mark.parametrize("robot", ["Ant-v5", "HalfCheetah-v5", "Go1", "Grasp"])
def test_the_step_is_taken_again_to_the_last_bit(robot, monkeypatch, tmp_path):
    # Ant needs contact forces, Go1 has a model of its own for each robot, Grasp moves a mocap body.
    cls, steps = envs.task_class(envs.canonical_id(robot)), 7
    monkeypatch.setitem(REGISTERED, "Unpaid", with_a_reward_that_is_nan(cls, steps))
    worlds = [envs.World(task, 3, 1) for task in (cls(), REGISTERED["Unpaid"]())]
    sound, unpaid = worlds
    shape = (steps + 1, 3, *sound.action_space.shape)
    for world in worlds:
        world.reset(np.arange(3), [3, 4, 5])
    for actions in np.random.default_rng(0).uniform(-0.4, 0.4, shape).astype(np.float32):
        expected, step = sound.step(actions), unpaid.step(actions)
    assert step.ended.tolist() == [0, 1, 2]
    assert len(expected.ended) == 0
    for i, episode in enumerate(step.episodes):
        evidence = Evidence.of(episode["physics_error"], 0, "Locomotion/Unpaid-v0")
        again = replayed(keep_blow_ups(tmp_path, [evidence])[-1])
        np.testing.assert_array_equal(again.moments[-1].state, sound.batch.state[i])
        np.testing.assert_array_equal(again.world.batch.state[0], sound.batch.state[i])
        task, sim = again.world.task, again.world.sim
        observed = joined(task.observe(sim, Measured(**task.measure(sim))))[0]
        np.testing.assert_array_equal(observed, expected.observations[i])
        assert again.bad == ["reward bonus is nan", "reward total is nan"]
        assert again.doubts == []


def pushed(file):
    """Gymnasium's own model, after a physics step from the state in a file of the fault `push`."""
    model = mujoco.MjModel.from_xml_path(gymnasium.make("Walker2d-v5").unwrapped.fullpath)
    data = mujoco.MjData(model)
    before = read_blow_up(file).arrays["state"]
    row, start = {}, 1
    for name in ("qpos", "qvel", "qacc_warmstart", "ctrl", "qfrc_applied"):
        size = getattr(data, name).size
        row[name] = before[start : start + size]
        getattr(data, name)[:] = row[name]
        start += size
    assert row["qfrc_applied"].tolist() == [0, 0, 0, 0, 3e8, 0, 0, 0, 0]
    mujoco.mj_step(model, data)
    return model, data


@pytest.mark.parametrize(
    ("fault", "first", "then"),
    [
        ("control", "control 1 (leg_joint) is nan as the step begins", []),
        (
            "force",
            "xfrc_applied of body torso reached 1e+15 as the step begins",
            [
                "qacc of joint leg_joint reached 4.2e+14 in substep 1 of 4; the largest force is of forces on bodies,"
                " 1e+15 on joint rootx"
            ],
        ),
        ("reward", "reward effort is -inf", ["reward total is -inf"]),
        ("observation", "observation height is inf", []),
    ],
)
def test_the_quantity_that_went_first_is_named(blown_up, fault, first, then):
    step = replayed(blown_up(fault=fault))
    assert step.bad == [first, *then]
    assert step.lines()[1] == f"first: {first}"


def test_a_motion_that_grows_within_the_step_is_named_with_its_substep(blown_up):
    file = blown_up(fault="push")
    model, data = pushed(file)
    worst = np.abs(data.qpos).argmax()
    assert np.abs(data.qpos[worst]) > mujoco.mjMAXVAL
    name = model.joint(int(worst)).name
    assert replayed(file).bad[0] == f"qpos of joint {name} reached {data.qpos[worst]:.2g} after substep 1 of 4"


def test_an_acceleration_is_named_with_its_joint_and_the_force_behind_it(blown_up):
    (bad,) = replayed(blown_up(fault="push", push=2e9)).bad
    assert bad.startswith("qacc of joint leg_joint reached 1.7e+10 in substep 1 of 4")
    assert bad.endswith("; the largest force is of an applied force, 2e+09 on joint leg_joint")


@pytest.mark.parametrize(
    ("robot", "field", "i", "first"),
    [
        ("Hopper-v5", "qpos", 2, "qpos of joint rooty is nan as the step begins"),
        ("Ant-v5", "qpos", 8, "qpos of joint ankle_1 is nan as the step begins"),  # 7 numbers are the torso's
        ("Ant-v5", "qvel", 4, "qvel of joint root[4] is nan as the step begins"),
        ("Go1", "qvel", 1, "qvel of joint[1] of body trunk is nan as the step begins"),  # its joint has no name
        ("Grasp", "mocap_pos", 2, "mocap_pos of body goal is nan as the step begins"),
    ],
)
def test_a_state_that_is_bad_already_comes_before_all_that_follows_from_it(tmp_path, robot, field, i, first):
    env = envs.canonical_id(robot)
    world = envs.World(envs.make_task(env), 2, 1)
    world.batch.bind(field).reshape(2, -1)[1, i] = np.nan
    (episode,) = world.step(np.zeros((2, *world.action_space.shape))).episodes
    step = replayed(keep_blow_ups(tmp_path, [Evidence.of(episode["physics_error"], 0, env)])[-1])
    assert step.bad[0] == first
    assert step.shown == [] or field == "qvel"


def test_an_action_that_is_not_finite_is_named_with_its_actuator(blown_up):
    step = replayed(blown_up(nan_action=2))
    assert step.bad == ["action 2 (foot_joint) is nan"]
    assert np.isnan(step.evidence.arrays["action"][2])
    assert step.controls.tolist() == [0.0] * 6  # as World gives them to the task


def test_the_facts_tell_robot_seed_step_and_the_motion_before_each_physics_step(blown_up):
    step = replayed(blown_up(fault="reward"))
    lines = step.lines()
    assert (
        lines[0]
        == "Locomotion/Faulty-v0: robot 1, seed 7, blew up in step 5 of its episode, at step 1,234 of the training"
    )
    assert "training saw: reward effort is -inf, reward total is -inf" in lines
    rows = lines[-5:]
    assert [row.split("  ")[0] for row in rows] == [*(f"substep {k} of 4" for k in (1, 2, 3, 4)), "afterwards"]
    states = [moment.state for moment in step.moments]
    for row, state, moment in zip(rows, states, step.moments, strict=True):
        velocities = state[10:19]
        assert f"{np.abs(velocities).max():.3g} of {moment.velocity.where}" in row
    np.testing.assert_allclose([state[0] for state in states], np.arange(16, 21) * 0.002)


def test_another_model_is_told(blown_up, monkeypatch):
    file = blown_up(fault="reward")
    spec = REGISTERED["Faulty"].model_spec

    def lighter(task):
        changed = spec(task)
        changed.option.gravity = (0, 0, -9.8)
        return changed

    monkeypatch.setattr(REGISTERED["Faulty"], "model_spec", lighter)
    assert replayed(file).doubts == ["the robot's model is not the one that blew up: this may be another step"]


def test_other_versions_are_told(blown_up, tmp_path):
    evidence = read_blow_up(blown_up(fault="reward"))
    other = replace(evidence, versions=evidence.versions | {"mujoco": "3.0"})
    assert replayed(keep_blow_ups(tmp_path, [other])[-1]).doubts == [
        f"mujoco is {mujoco.__version__} here, and was 3.0"
    ]


def test_an_unknown_robot_names_the_file_to_load(blown_up, monkeypatch):
    file = blown_up(fault="reward")
    monkeypatch.delitem(REGISTERED, "Faulty")
    monkeypatch.delitem(gymnasium.registry, "Locomotion/Faulty-v0")
    with pytest.raises(UsageError, match=r"registered by faulty\.py; add --load faulty\.py"):
        replayed(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"env": "Hopper-v5", "fields": {}}, "does not fit the robot Hopper-v5: it holds arrays"),
        ({"env": "CartPole-v1"}, "CartPole-v1, which is not one of our robots"),
        ({"fields": {"fault": "none", "wheels": 4}}, "does not fit the robot .* no argument 'wheels'"),
        ({"fields": {"fault": "wind"}}, "does not fit the robot .* fault must be one of "),
        ({"env": "Locomotion/Fault-v0"}, "Fault-v0 is not known"),
    ],
)
def test_a_file_of_another_robot_is_one_sentence(blown_up, tmp_path, change, message):
    changed = replace(read_blow_up(blown_up(fault="reward")), **change)
    with pytest.raises(UsageError, match=message):
        replayed(keep_blow_ups(tmp_path, [changed])[-1])
