"""Labyrinth: walls that hold, apples and goals that are found, and figures that count what happened."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3

import envs
from envs.robots.labyrinth import Labyrinth
from envs.robots.maze_courses import maze_course
from envs.world import World


def begin(robots=4, seed=0, **fields):
    world = World(Labyrinth(**fields), robots, 1)
    world.reset(np.arange(robots), [seed + i for i in range(robots)])
    return world


def drawn(world, i=0):
    return maze_course(int(world.sim.memory.course[i]), world.task.rules)


def still(world):
    return np.zeros((world.num_robots, 3), np.float32)


OPEN = {"loops": 1.0, "apples": 2}  # no inner walls


def drive(world, targets):
    """Take one step in which robots, the keys of `targets`, drive at 2 m/s to places; the others stand apart."""
    sim = world.sim
    circle = 0.6 * np.stack([np.cos(np.arange(16) * np.pi / 8), np.sin(np.arange(16) * np.pi / 8)], axis=1)
    for i in range(world.num_robots):
        things = np.vstack([drawn(world, i).apples, sim.mocap_pos[i, 0, :2]])
        if i in targets:
            places = targets[i] + circle
            things = things[np.abs(things - targets[i]).max(axis=1) > 0.1]
        else:
            places = np.stack(np.meshgrid(*[np.linspace(-2, 2, 9)] * 2), axis=-1).reshape(-1, 2)
        clear = np.linalg.norm(places[:, None] - things, axis=2).min(axis=1) > 0.55
        place = places[clear & (np.abs(places).max(axis=1) < 2.3)][0]
        way = targets.get(i, place) - place
        sim.qpos[i] = [*place, np.arctan2(way[1], way[0])]
        sim.qvel[i] = [*(way / 0.3), 0.0]
    actions = np.zeros((world.num_robots, 3), np.float32)
    actions[list(targets), 0] = 1.0
    return world.step(actions)


@pytest.mark.parametrize("fields", [{}, {"layout": "i-maze"}, {"cells": 9}])
def test_no_robot_gets_into_a_wall_or_out_of_the_maze(fields):
    world = begin(32, max_speed=2.0, **fields)
    rng, half = np.random.default_rng(0), world.task.rules.side / 2
    courses = [drawn(world, i) for i in range(32)]
    deepest = 0.0
    actions = still(world)
    for k in range(80):
        if k % 4 == 0:  # long enough to run into walls
            actions = rng.choice([-1.0, 0.2, 1.0], (32, 3)).astype(np.float32)
        world.step(actions)
        for place, one in zip(world.sim.qpos[:, :2], courses, strict=True):
            outside = np.maximum(np.abs(place - one.walls.centres) - one.walls.halves, 0.0)
            deepest = max(deepest, 0.2 - np.hypot(*outside.T).min())
        deepest = max(deepest, 0.2 - (half - 0.05 - np.abs(world.sim.qpos[:, :2]).max()))
    assert 0.0 < deepest < 0.07  # m, of a robot of 0.2 m radius: it ran into walls at 2 m/s


def test_a_robot_drives_where_it_is_told_in_its_own_frame():
    world = begin(3, max_turning=1.0, cells=9, loops=1.0, apples=0)  # a hall
    world.sim.qpos[:] = [0.0, 0.0, np.pi / 2]  # it looks along y
    world.sim.mocap_pos[:, 0, 0] = 50.0  # no goal
    start = world.sim.qpos.copy()
    for _ in range(5):
        world.step(np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0.5]], np.float32))
    moved = world.sim.qpos - start  # in 1 s, at 2, 1 and 1 m/s
    np.testing.assert_allclose(moved[0], [0, 2, 0], atol=0.15)
    np.testing.assert_allclose(moved[1], [0, -1, 0], atol=0.1)
    assert moved[2, 2] == pytest.approx(0.5, abs=0.1)
    assert moved[2, 0] == pytest.approx(-1.0, abs=0.15)  # to its left, at first against x
    # Ahead in 2 m/s, to the left in m/s, turning left in 180 degrees/s.
    np.testing.assert_allclose(
        world.observations["observation"][:, 96:99], [[1, 0, 0], [-0.5, 0, 0], [0, 1, 0.5 / np.pi]], atol=0.05
    )


def test_an_apple_counts_once_and_is_gone():
    world = begin(1, episode_steps=1000, **OPEN)
    apple = drawn(world).apples[1]
    step = drive(world, {0: apple})
    assert step.rewards == step.terms["apples"] == [1.0]
    assert world.observations["observation"][0, -2:].tolist() == [1.0, 0.0]
    step = world.step(still(world))
    assert step.rewards == [0.0]
    assert world.observations["observation"][0, -2:].tolist() == [0.0, 0.0]
    assert (world.sim.mocap_pos[0, :, 2] > 0).tolist() == [True, True, False]
    assert drive(world, {0: apple}).rewards == [0.0]


def test_a_find_sets_the_robot_down_elsewhere_in_the_same_maze_with_all_apples_back():
    world = begin(2, episode_steps=1000, apple_reward=0.5, goal_reward=7.0, **OPEN)
    here, walls = drawn(world), world.batch.expanded("geom_pos")[0].copy()
    assert drive(world, {0: here.apples[0]}).rewards.tolist() == [0.5, 0.0]
    for find in range(1, 4):
        step = drive(world, {0: here.goals[0]})
        assert step.rewards[0] == step.terms["goal"][0] == 7.0
        assert world.observations["observation"][0, -2:].tolist() == [1.0, 1.0]
        assert np.linalg.norm(world.sim.qpos[0, :2] - here.goals[0]) < 0.45  # it still sees the goal
        world.step(still(world))
        np.testing.assert_allclose(world.sim.qpos[0], here.starts[find], atol=1e-6)
        np.testing.assert_array_equal(world.sim.mocap_pos[0, 1:, :2], here.apples)
        assert (world.sim.mocap_pos[0, :, 2] == 0.25).all()
        np.testing.assert_array_equal(world.sim.mocap_pos[0, 0, :2], here.goals[0])
    np.testing.assert_array_equal(world.batch.expanded("geom_pos")[0], walls)
    assert world.sim.memory.finds.tolist() == [3, 0]
    assert world.so_far("goals").tolist() == [3, 0]
    assert not world.episodes.elapsed.std()  # the episode goes on


def test_the_goal_moves_if_it_is_told_to():
    world = begin(1, goal_moves=True, episode_steps=1000, **OPEN)
    here = drawn(world)
    for find in range(1, 4):
        assert drive(world, {0: here.goals[find - 1]}).terms["goal"] == [10.0]
        world.step(still(world))
        np.testing.assert_array_equal(world.sim.mocap_pos[0, 0, :2], here.goals[find])
        assert (here.goals[find] != here.goals[find - 1]).any()


@pytest.mark.parametrize("fields", [{}, {"layout": "i-maze"}, {"goal_moves": True}])
def test_a_robot_that_drives_as_its_critic_knows_finds_the_goal_again_and_again(fields):
    world = begin(8, **fields)
    seen = world.observations["privileged"]
    lengths = []
    for _ in range(150):
        way, ahead, left = seen[:, :3].T
        turn = np.arctan2(left, ahead)
        lengths.append(way)
        drive_on = np.abs(turn) < 0.6
        seen = world.step(np.stack([ahead * drive_on, 2 * left, turn / 0.6], axis=1)).observations["privileged"]
    finds = world.sim.memory.finds
    assert finds.min() >= 3
    shrunk = np.diff(lengths, axis=0) < 0.0
    assert shrunk.mean() > 0.8  # it grows where the robot is set down anew, and while it turns


def test_its_critic_knows_where_the_apples_are_that_are_left():
    world = begin(1, episode_steps=1000, **OPEN)
    here = drawn(world)
    drive(world, {0: here.apples[1]})
    x, y, heading = world.sim.qpos[0]
    ahead = np.array([np.cos(heading), np.sin(heading)])
    for k, place in enumerate(here.apples):  # the one that was found goes in the next step
        apart = place - (x, y)
        expected = [apart @ ahead, ahead[0] * apart[1] - ahead[1] * apart[0]]
        np.testing.assert_allclose(world.observations["privileged"][0, 3 + 2 * k : 5 + 2 * k], expected, atol=1e-6)
    world.step(still(world))
    assert world.observations["privileged"][0, 5:].tolist() == [0.0, 0.0, 1.0, 0.0]


def test_figures_are_those_of_a_count_by_hand():
    # In an episode of 30 steps robot 0 finds an apple in step 3 and the goal in steps 10, 15 and 28, robot 1 nothing,
    # robot 2 the goal in the last step.
    plan = {3: (0, "apples"), 10: (0, "goals"), 15: (0, "goals"), 28: (0, "goals"), 30: (2, "goals")}
    world, ended = begin(3, episode_steps=30, **OPEN), []
    for k in range(1, 31):
        if k - 1 in plan:  # what was found is taken away, or the robot set down elsewhere
            ended += world.step(still(world)).episodes
            continue
        robot, what = plan.get(k, (None, None))
        ended += drive(world, {} if robot is None else {robot: getattr(drawn(world, robot), what)[0]}).episodes
    assert [episode["tracked"] for episode in ended] == [
        {"apples": 1, "goals": 3, "found": 1, "first_search": pytest.approx(2.0), "later_search": pytest.approx(4.0)},
        {"apples": 0, "goals": 0, "found": 0, "first_search": pytest.approx(6.0), "later_search": 0},
        {"apples": 0, "goals": 1, "found": 1, "first_search": pytest.approx(6.0), "later_search": 0},
    ]
    assert [episode["return"] for episode in ended] == [31.0, 0.0, 10.0]
    columns = {name: np.array([episode["tracked"][name] for episode in ended]) for name in ended[0]["tracked"]}
    assert world.task.metrics(columns) == {
        "apples_mean": pytest.approx(1 / 3),
        "goals_mean": pytest.approx(4 / 3),
        "found_share": pytest.approx(2 / 3),
        "first_find_seconds": pytest.approx((2.0 + 6.0 + 6.0) / 2),
        "later_find_seconds": pytest.approx(4.0 / 2),
    }


def test_robots_live_the_same_life_whatever_their_number():
    few, many = begin(2, seed=5, episode_steps=20), begin(7, seed=5, episode_steps=20)
    rng = np.random.default_rng(0)
    for _ in range(50):
        actions = rng.uniform(-1, 1, (7, 3)).astype(np.float32)
        mine, theirs = few.step(actions[:2]), many.step(actions)
        for part, seen in mine.observations.items():
            np.testing.assert_array_equal(seen, theirs.observations[part][:2])
        np.testing.assert_array_equal(mine.rewards, theirs.rewards[:2])
    assert len({*many.sim.memory.course}) == 7  # each has a maze of its own


def test_each_episode_has_a_new_maze():
    world, seen = begin(1, episode_steps=1), set()
    for _ in range(5):
        seen.add(drawn(world).walls.centres.tobytes())
        world.step(still(world))
    assert len(seen) == 5


def test_a_users_commands_replace_the_actions_until_the_episode_ends():
    world = begin(2, episode_steps=3)
    world.task.set_commands(world.sim, np.array([0.5, -0.25, 1.0]))
    world.step(np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(world.sim.ctrl, [[0.5, -0.25, 1.0]] * 2)
    for _ in range(3):
        world.step(np.ones((2, 3), np.float32))
    np.testing.assert_allclose(world.sim.ctrl, [[2.0, 1.0, np.pi]] * 2)
    assert list(world.task.commands.values()) == [(-1.0, 2.0), (-1.0, 1.0), (-np.pi, np.pi)]


def test_six_actions_drive_ahead_back_turn_and_sideways():
    world = begin(6, discrete_actions=True)
    world.step(np.arange(6))
    expected = [(2, 0, 0), (-1, 0, 0), (0, 0, np.pi), (0, 0, -np.pi), (0, 1, 0), (0, -1, 0)]
    np.testing.assert_allclose(world.sim.ctrl, expected)
    with pytest.raises(ValueError, match=r"Labyrinth takes whole numbers from 0 to 5 as actions, got np.int64\(6\)"):
        world.step(np.arange(1, 7))
    with pytest.raises(ValueError, match=r"Labyrinth takes whole numbers from 0 to 5 as actions, got np.float64"):
        world.step(np.arange(6) / 2)


def test_further_trials_move_the_goal_and_make_the_maze_larger_than_in_training():
    def changes(**fields):
        return {name: dict(trial.fields) for name, trial in Labyrinth(**fields).trials.items()}

    assert changes() == {"moved": {"goal_moves": True}, "forgetful": {}, "larger": {"cells": 7}}
    assert Labyrinth().trials["forgetful"].forget_at == "found"
    assert changes(cells=9)["larger"] == {"cells": 11}
    assert changes(cells=15) == changes(layout="i-maze") == {"moved": {"goal_moves": True}, "forgetful": {}}


@pytest.mark.parametrize("fields", [{}, {"discrete_actions": True}])
def test_the_checkers_have_nothing_to_say(fields):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make("envs:Locomotion/Labyrinth-v0", **fields)
        check_env(env.unwrapped, skip_render_check=True)
        check_env_of_sb3(env, skip_render_check=True)


@pytest.mark.parametrize("fields", [{"cells": 16}, {"cells": 2}, {"apples": -1}, {"view": 400.0}, {"layout": "t-maze"}])
def test_numbers_out_of_bounds_are_refused(fields):
    (name,) = fields
    with pytest.raises((TypeError, ValueError), match=name):
        envs.make_task("Locomotion/Labyrinth-v0", **fields)


@pytest.mark.parametrize("fields", [{"cells": 3, "loops": 1.0}, {"cells": 15, "loops": 0.0}, {"apples": 0}])
def test_extreme_mazes_can_be_made(fields):
    world = begin(2, **fields)
    assert all(np.isfinite(part).all() for part in world.step(still(world)).observations.values())


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"sight": "camera", "view": 200.0}, "view must be below 180 degrees for a camera, got 200"),
        ({"layout": "i-maze", "cells": 9}, "cells has no effect with layout i-maze, got 9"),
        ({"layout": "i-maze", "loops": 0.5}, r"loops has no effect with layout i-maze, got 0\.5"),
    ],
)
def test_numbers_that_do_not_go_together_are_refused(fields, told):
    with pytest.raises(ValueError, match=told):
        Labyrinth(**fields)
