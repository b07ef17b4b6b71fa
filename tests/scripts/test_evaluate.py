import json
import subprocess
import sys
from pathlib import Path

import pytest

from agents import ActorCritic
from locomotion.environments import make_env
from locomotion.policies.stored import describe, save_policy

SCRIPT = str(Path(__file__).parents[2] / "scripts" / "evaluate.py")


@pytest.fixture
def folder(tmp_path):
    env = make_env("CartPole", 1)
    policy = ActorCritic(env.observation_space, env.action_space, lambda _: 1e-3)
    save_policy(policy, describe(policy, "Locomotion/CartPole-v0", "trpo", 0, 0), tmp_path)
    return tmp_path


def run(*arguments):
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_json_is_one_object_on_stdout(folder):
    result = run(folder, "--episodes", 3, "--json")
    assert result.returncode == 0, result.stderr
    scores = json.loads(result.stdout)
    assert (scores["env"], scores["episodes"]) == ("Locomotion/CartPole-v0", 3)
    # A reward of 1 for every step but the one that falls.
    assert scores["return_mean"] == pytest.approx(scores["length_mean"] - scores["metrics"]["fall_rate"])


def test_a_truncated_policy_is_one_sentence_and_exit_code_2(folder):
    path = folder / "policy.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    result = run(folder)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert "damaged" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_shipped_policy_says_whether_its_card_is_reproduced():
    result = run("CartPole", "--json", "--threads", 1)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["episodes"] == 100  # as on its card
    assert "the policy's card" in result.stderr
    assert len(result.stderr.splitlines()) == 1
