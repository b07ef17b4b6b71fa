"""A copy of an environment lives the same life as its original: by `copy.deepcopy` and by `pickle`, at every door."""

import copy
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

import envs
from envs.offscreen import RenderingUnavailable
from envs.rendering import Renderer

COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda env: pickle.loads(pickle.dumps(env))}
BEFORE, AFTER = 9, 12  # steps


def episode(env_id):
    """Fields that make episodes so short that several end, before the copy and after."""
    cls = envs.task_class(env_id)
    return {name: 7 for name in ("episode_steps", "least_steps") if hasattr(cls, name)}


def actions(env_id, count):
    space = envs.make_vec(env_id, 1).action_space
    return np.random.default_rng(0).uniform(space.low, space.high, (BEFORE + AFTER, count, *space.shape)).astype("f")


@pytest.mark.parametrize("env_id", envs.robot_ids())
@pytest.mark.parametrize("kind", COPIES)
def test_a_world_and_its_copy_go_on_alike(env_id, kind):
    env = envs.make_vec(env_id, 2, seed=5, num_threads=1, stagger=True, **episode(env_id))
    env.reset()
    chosen = actions(env_id, 2)
    for action in chosen[:BEFORE]:
        env.step(action)
    other = COPIES[kind](env)
    assert other.world is other.robots[1]._world is not env.world
    for name, field in vars(env.world.sim).items():  # derived fields, too, before the next step computes them anew
        if isinstance(field, np.ndarray):
            np.testing.assert_array_equal(getattr(other.world.sim, name), field)
    ends = 0
    for action in chosen[BEFORE:]:
        steps = [each.world.step(action) for each in (env, other)]
        for name, expected in vars(steps[0]).items():
            if name == "episodes":
                summaries = [[e | {"wall_time": 0.0} for e in step.episodes] for step in steps]
                assert summaries[0] == summaries[1]
                ends += len(summaries[0])
            elif name == "terms":
                assert all((steps[1].terms[term] == value).all() for term, value in expected.items())
            else:
                assert data_equivalence(getattr(steps[1], name), expected, exact=True), name
    assert ends >= 2
    mine, theirs = env.get_state(), other.get_state()
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        np.testing.assert_array_equal(theirs[name], value)


def test_a_copy_is_independent_of_its_original():
    env = envs.make_vec("Go1", 2, seed=0)
    env.reset()
    other = copy.deepcopy(env)
    for action in actions("Go1", 2)[:5]:
        other.step(action)
    assert (env.world.sim.time == 0).all()
    other.world.model.opt.gravity[2] = 0.0
    assert env.world.model.opt.gravity[2] == -9.81


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("robot", ["CartPole", "Go1", "RoughTerrain", "Labyrinth"])
def test_gymnasiums_environment_and_its_copy_go_on_alike(robot, kind):
    env = gymnasium.make(f"envs:Locomotion/{robot}-v0", **episode(robot))
    env.reset(seed=3)
    chosen = actions(robot, 1)[:, 0]
    for action in chosen[:4]:
        env.step(action)
    pair = env, COPIES[kind](env)
    assert pair[1].unwrapped.np_random is pair[1].unwrapped.world.starts.rngs[0] is not env.unwrapped.np_random
    for action in chosen[4:]:
        mine, other = (each.step(action) for each in pair)
        assert data_equivalence(mine[0], other[0], exact=True)
        assert mine[1:] == other[1:]
        if mine[2] or mine[3]:
            assert data_equivalence(*(each.reset()[0] for each in pair), exact=True)
    assert data_equivalence(*(each.reset(seed=8)[0] for each in pair), exact=True)


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_draws_the_same_picture_with_an_opengl_of_its_own(kind):
    renderer = Renderer(envs.World(envs.make_task("Hopper-v5"), 1), 48, 32, shadow_size=0, samples=0)
    renderer.camera.azimuth = 30.0
    try:
        picture = renderer.render()
    except RenderingUnavailable as error:
        pytest.skip(str(error))
    other = COPIES[kind](renderer)
    np.testing.assert_array_equal(other.render(), picture)
    renderer.close()
    np.testing.assert_array_equal(other.render(), picture)
    other.close()
