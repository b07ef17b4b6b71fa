"""Robots that this project did not model: dm_control's, each trained from a task file of one screen."""

import json
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import envs
from locomotion import commands, loading
from locomotion.runs import recipes
from locomotion.runs.folder import Run

pytest.importorskip("dm_control", reason="the extra `robots` is not installed")

FILES = {name: Path(__file__).parent / "robots_of_others" / f"{name}.py" for name in ("cheetah", "quadruped")}
ROBOTS = {"cheetah": "SuiteCheetah", "quadruped": "SuiteQuadruped"}
NUMBERS = {"cheetah": (17, 6), "quadruped": (55, 12)}  # observed, and of an action
TWO_ITERATIONS = {"steps": 2 * 4 * 16, "num-envs": 4, "n-steps": 16, "task.episode-steps": 20}
QUIET = {"evaluations": 0, "final-episodes": 2, "video-seconds": 0, "threads": 1, "track": "off"}


@pytest.fixture(params=FILES)
def robot(request, monkeypatch):
    """The name of a task file, which no process has loaded; what it registers is undone."""
    monkeypatch.setattr(envs.registry, "REGISTERED", {})
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium.envs.registration.registry)
    monkeypatch.setattr(recipes, "RECIPES", dict(recipes.RECIPES))
    monkeypatch.setattr(loading, "_loaded", set())
    return request.param


def test_a_task_file_fits_on_a_screen(robot):
    assert len(FILES[robot].read_text().splitlines()) < 60


def test_a_robot_trains_and_its_policy_is_scored(robot, tmp_path, capsys):
    load = ["--load", str(FILES[robot])]
    words = [word for name, value in (TWO_ITERATIONS | QUIET).items() for word in (f"--{name}", str(value))]
    assert commands.train([ROBOTS[robot], *load, *words, "--out", str(tmp_path / "run")]) == 0
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert len(rows) == 1 + 2
    assert Run(tmp_path / "run").steps()[-1] == TWO_ITERATIONS["steps"]
    capsys.readouterr()
    assert commands.evaluate([str(tmp_path / "run"), *load, "--episodes", "3", "--threads", "1", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["env"] == f"Locomotion/{ROBOTS[robot]}-v0"
    assert scores["length_mean"] <= 20
    assert {"fall_rate", "speed_mean", "distance_mean"} <= scores["metrics"].keys()


def test_its_recipe_stands_in_its_file(robot):
    loading.load_files([FILES[robot]])
    settings = recipes.usual_settings(f"Locomotion/{ROBOTS[robot]}-v0", "trpo")
    assert settings.rollout.stagger


def test_all_doors_lead_to_it(robot):
    loading.load_files([FILES[robot]])
    name, (observed, acted) = ROBOTS[robot], NUMBERS[robot]
    batch = envs.make_vec(name, 2, seed=3, num_threads=1)
    single = gymnasium.make(f"envs:Locomotion/{name}-v0")
    vector = gymnasium.make_vec(f"Locomotion/{name}-v0", 2, vectorization_mode="vector_entry_point")
    assert batch.observation_space.shape == (observed,)
    assert batch.action_space.shape == (acted,)
    assert len(envs.observation_names(name)) == observed
    first = batch.reset()
    np.testing.assert_array_equal(vector.reset(seed=3)[0], first)
    np.testing.assert_array_equal(single.reset(seed=3)[0], first[0])
    for actions in np.random.default_rng(0).uniform(-1, 1, (30, 2, acted)).astype(np.float32):
        observations, rewards, dones, _ = batch.step(actions)
        theirs, their_rewards, *_ = vector.step(actions)
        observation, reward, *_ = single.step(actions[0])
        np.testing.assert_array_equal(theirs, observations)
        np.testing.assert_array_equal(their_rewards.astype(np.float32), rewards)
        np.testing.assert_array_equal(observation, observations[0])
        assert reward == their_rewards[0]
        assert np.isfinite(observations).all()
    assert not dones.any()


def test_a_state_is_restored_in_mid_episode(robot):
    loading.load_files([FILES[robot]])
    one, other = (envs.World(envs.make_task(f"Locomotion/{ROBOTS[robot]}-v0"), 2, 1) for _ in range(2))
    actions = np.random.default_rng(0).uniform(-1, 1, (20, 2, NUMBERS[robot][1]))
    for action in actions:
        one.step(action)
    other.set_state(one.get_state())
    for action in actions:
        np.testing.assert_array_equal(one.step(action).observations, other.step(action).observations)
