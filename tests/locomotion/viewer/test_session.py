import mujoco
import numpy as np
import pytest
import torch

import envs
from agents import ActorCritic
from locomotion.errors import UsageError
from locomotion.policies.stored import describe, save_policy
from locomotion.recording.player import Player
from locomotion.viewer.session import MAX_LAG, Session, watched


def session(env, seed=0, **fields):
    vec_env = envs.make_vec(env, 1, seed=seed, num_threads=1, **fields)
    torch.manual_seed(0)
    policy = ActorCritic(vec_env.observation_space, vec_env.action_space, lambda _: 1e-3)
    return Session(Player(policy, vec_env, env))


@pytest.mark.parametrize(("presses", "pace"), [(0, 1.0), (1, 2.0), (9, 2.0), (-1, 0.5), (-2, 0.25), (-9, 0.125)])
def test_time_runs_at_the_pace_that_was_chosen(presses, pace):
    hopper = session("Hopper-v5")
    for _ in range(abs(presses)):
        hopper.requests.put(lambda: hopper.change_pace(int(np.sign(presses))))
    for _ in range(40):
        hopper.advance(0.016)
    assert hopper.pace == pace
    assert hopper.figures["time runs"] == f"{pace:g} x real time"
    assert hopper.player.actions == pytest.approx(40 * 0.016 * pace / 0.008, abs=1)


def test_a_slow_machine_makes_up_for_a_moment_only():
    hopper = session("Hopper-v5")
    hopper.advance(100.0)
    assert hopper.player.actions == pytest.approx(MAX_LAG / 0.008, abs=1)


def test_a_pause_stops_time_and_what_is_asked_for_meanwhile_is_done():
    hopper = session("Hopper-v5")
    hopper.advance(0.05)
    steps = hopper.player.steps
    hopper.requests.put(hopper.toggle_pause)
    hopper.advance(0.05)
    assert (hopper.player.steps, hopper.figures["time runs"]) == (steps, "paused")
    hopper.requests.put(hopper.restart)
    hopper.advance(0.05)
    assert (hopper.player.steps, hopper.player.total, hopper.figures["time"]) == (0, 0.0, "0.0 s")
    hopper.requests.put(hopper.toggle_pause)
    hopper.advance(0.05)
    assert hopper.player.steps > 0


@pytest.mark.parametrize("env", ["Hopper-v5", "Ant-v5", "Go1"])
def test_a_push_moves_the_robot(env):
    pushed, twin = session(env), session(env)
    pushed.push()
    gains = []
    for _ in range(20):
        pushed.advance(0.01)
        twin.advance(0.01)
        if pushed.player.episode == twin.player.episode == 1:
            gains.append(np.linalg.norm(pushed.world.sim.qvel[0, :2] - twin.world.sim.qvel[0, :2]))
    assert max(gains) > 0.3  # m/s
    assert not pushed.world.sim.xfrc_applied.any()  # it is over


def test_pushes_come_from_all_sides():
    go1 = session("Go1")
    directions = []
    for _ in range(20):
        go1.push()
        directions.append(np.sign(go1._push[:2]))
    assert len(np.unique(directions, axis=0)) == 4


def test_the_cube_is_what_is_pushed_at_the_arm():
    grasp = session("Grasp")
    model = grasp.world.model
    assert model.jnt_type[model.body_jntadr[grasp.pushed_body]] == mujoco.mjtJoint.mjJNT_FREE.value


def test_the_mouse_pulls():
    pulled, twin = session("Ant-v5"), session("Ant-v5")
    pulled.pull[pulled.pushed_body, 2] = 30.0  # N
    pulled.advance(0.1)
    twin.advance(0.1)
    assert pulled.world.sim.qvel[0, 2] > twin.world.sim.qvel[0, 2]


def test_commands_hold_until_changed_even_in_the_next_episode():
    go1 = session("Go1")
    forward, left, turn = range(3)
    steered = slice(45, 48)  # of the observation
    go1.advance(0.05)
    assert go1.commands is None
    go1.requests.put(lambda: go1.steer(forward, 0.7))
    go1.requests.put(lambda: go1.nudge(turn, -1))
    go1.advance(0.1)
    np.testing.assert_allclose(go1.player.observations[0, steered], [0.7, 0.0, -0.18])
    go1.requests.put(go1.restart)
    go1.advance(0.1)
    np.testing.assert_allclose(go1.player.observations[0, steered], [0.7, 0.0, -0.18])
    go1.steer(left, 9.0)
    assert go1.commands[left] == 0.5
    go1.stand_still()
    go1.advance(0.1)
    np.testing.assert_array_equal(go1.player.observations[0, steered], 0.0)


def test_every_key_has_one_meaning_and_all_commands_have_keys():
    go1 = session("Go1")
    keys = [control.key for control in go1.controls() + go1.steering()]
    assert len(keys) == len(set(keys)) == 5 + 2 * 3 + 1
    for control in go1.steering():
        control.act()
    assert session("CartPole").steering() == []


def test_the_robot_is_shown_as_it_stands_and_followed():
    hopper = session("Hopper-v5")
    hopper.advance(0.1)
    data = mujoco.MjData(hopper.renderer.model)
    hopper.pose(data)
    np.testing.assert_array_equal(data.qpos, hopper.world.sim.qpos[0])
    camera = mujoco.MjvCamera()
    hopper.aim(camera)
    assert (camera.type, camera.distance) == (mujoco.mjtCamera.mjCAMERA_TRACKING.value, 3.0)


def test_a_robot_with_eyes_is_steered_by_hand_and_shows_what_it_sees():
    maze = session("Labyrinth", episode_steps=3)
    assert maze.world.dt > MAX_LAG
    assert maze.commands is None
    data, walls = mujoco.MjData(maze.renderer.model), []
    first = maze.sight.copy()
    maze.requests.put(lambda: maze.steer(0, 1.5))
    for _ in range(5):
        maze.advance(0.2)
        walls.append(maze.pose(data))  # whether the model has changed
        np.testing.assert_array_equal(data.geom_xpos[6], maze.world.batch.expanded("geom_pos")[0, 6])
    assert maze.player.actions == 5
    assert walls == [True, False, True, False, False]  # two episodes
    np.testing.assert_array_equal(maze.world.sim.ctrl[0], [1.5, 0, 0])
    assert maze.sight.shape == first.shape == (96, 192, 3)
    assert (maze.sight != first).any()
    assert set(maze.player.figures()) == {"time", "total reward"}
    assert session("Hopper-v5").sight is None


def test_what_cannot_be_watched_is_one_sentence(tmp_path):
    def save(env):
        vec_env = envs.make_vec(env, 1)
        policy = ActorCritic(vec_env.observation_space, vec_env.action_space, lambda _: 1e-3)
        save_policy(policy, describe(policy, env, "trpo", 0, 0), tmp_path)

    save("Pendulum-v1")
    with pytest.raises(UsageError, match="Pendulum-v1 is not one of our robots"), watched(tmp_path):
        pass
    save("Hopper-v5")
    with pytest.raises(UsageError, match="--seed must not be negative, got -1"), watched(tmp_path, seed=-1):
        pass
    with pytest.raises(UsageError, match="no policy at"), watched(tmp_path / "nothing"):
        pass
    with watched(tmp_path, seed=3, threads=1) as hopper:
        hopper.advance(0.02)
        assert hopper.player.actions == 2
