import os
import subprocess
import sys
from pathlib import Path

import av
import pytest
import torch

import envs
from agents import ActorCritic
from locomotion.policies.stored import describe, save_policy

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "scripts/record.py", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def policy(tmp_path):
    vec_env = envs.make_vec("CartPole", 1)
    torch.manual_seed(0)
    untrained = ActorCritic(vec_env.observation_space, vec_env.action_space, lambda _: 1e-3, net_arch=[8])
    vec_env.close()
    folder = tmp_path / "policy"
    folder.mkdir()
    save_policy(untrained, describe(untrained, "Locomotion/CartPole-v0", "trpo", 0, 0), folder)
    return folder


def test_prints_the_path_and_the_score(policy, tmp_path):
    out = tmp_path / "film.mp4"
    done = run(policy, "--out", out, "--seconds", "0.2", "--width", "64", "--height", "48", "--seed", "3")
    if "apt-get install" in done.stderr:
        pytest.skip(done.stderr)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Locomotion/CartPole-v0: 10 frames, 0.20 s"
    assert lines[1].startswith(f"{out}, return of the first episode ")
    assert float(lines[1].split()[-1]) > 0
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 10


def test_a_mistake_is_one_sentence_and_exit_code_2(policy, tmp_path):
    done = run(policy, "--out", tmp_path / "film.avi")
    assert done.returncode == 2
    assert done.stderr == f"error: --out {tmp_path}/film.avi must end in .mp4, .gif or .webp\n"
    assert (done.stdout, list(tmp_path.iterdir())) == ("", [policy])
