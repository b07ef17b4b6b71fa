import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import envs
from locomotion.training.blow_ups import Evidence, keep_blow_ups

SCRIPT = str(Path(__file__).parents[2] / "scripts" / "replay.py")


def run(*arguments):
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def evidence():
    world = envs.World(envs.make_task("Locomotion/CartPole-v0"), 1, 1)
    (episode,) = world.step(np.full((1, 1), np.nan)).episodes
    return Evidence.of(episode["physics_error"], 640, "Locomotion/CartPole-v0")


def test_the_verdict_is_printed(evidence, tmp_path):
    (file,) = keep_blow_ups(tmp_path, [evidence])
    moved = file.rename(tmp_path / "a step from elsewhere")
    result = run(moved, "--text")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[1] == "first: action 0 (push) is nan"


def test_an_unknown_robot_is_one_sentence_and_exit_code_2(evidence, tmp_path):
    (file,) = keep_blow_ups(tmp_path, [replace(evidence, env="Locomotion/Hexapod-v0", source="my_robots.py")])
    result = run(file)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.endswith("it was registered by my_robots.py; add --load my_robots.py\n")
    assert len(result.stderr.splitlines()) == 1
