import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import torch

from locomotion.errors import UsageError
from locomotion.loading import load_files
from locomotion.policies.tensors import read_tensors
from locomotion.runs.folder import Run
from locomotion.runs.rules import RULES
from locomotion.runs.settings import Settings
from locomotion.training import processes
from locomotion.training.train import train

APART = Path(__file__).parent / "apart.py"
QUICK = {"track": "off", "evaluations": 0, "video_seconds": 0.0, "final_episodes": 1, "threads": 1}


def settings(out, env="Hopper-v5", algo="trpo", **changes):
    return Settings.of(env, algo, **QUICK | {"num_envs": 16, "n_steps": 16, "steps": 20 * 256, "out": out} | changes)


def tensors(run):
    return read_tensors(run.checkpoint(run.steps()[-1]) / "policy.safetensors")


def learned(out, **changes):
    """Train; return the tensors of the final policy and the whole checkpoint, as it is stored."""
    run = train(settings(out, **changes)).run
    folder = run.checkpoint(run.steps()[-1])
    return tensors(run), read_tensors(folder / "state.safetensors")


def require_equal(one, other):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


@pytest.fixture(autouse=True)
def hangs_end(give_up_after):
    give_up_after(240)


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No process of a training lives on after it."""
    yield
    names = [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    assert not [child for child in names if _is_follower(child)]


def _is_follower(process):
    # A follower is a child of the process that they are forked from, which itself stays.
    return "forkserver" in " ".join(process.parent().cmdline() if process.parent() else [])


GO1 = {"env": "Locomotion/Go1-v0", "mirror": True, "activation": "elu", "stagger": True, "min_std": 0.1, "actor": (32,)}


@pytest.mark.parametrize("robot", [{}, GO1])
def test_twenty_iterations_are_equal_to_the_last_bit_for_one_two_and_four_processes(tmp_path, robot):
    policy, state = learned(tmp_path / "1", processes=1, **robot)
    for count in (2, 4):
        others_policy, others_state = learned(tmp_path / str(count), processes=count, **robot)
        require_equal(others_policy, policy)
        require_equal(others_state, state)  # robots, generators and optimisers, too


@pytest.mark.parametrize(
    ("algo", "changes"),
    [
        ("npg", {"critic": "trust-region"}),
        ("ppo", {"batch_size": 64, "actor_epochs": 2}),
        ("vpg", {"reuse": 2}),
        ("vpg", {"advantage": "reward-to-go", "baseline": "time", "episodic": True, "n_steps": 60}),
        ("vpg", {"advantage": "path-return", "baseline": "optimal-constant", "episodic": True, "n_steps": 60}),
        ("a2c", {"n_steps": 8, "entropy_weight": 0.01}),
        ("trpo", {"memory": "gru", "memory_size": 8}),
        ("ppo", {"batch_size": 64, "actor_epochs": 2, "memory": "lstm", "memory_size": 8, "memory_steps": 8}),
        ("trpo", {"baseline": "linear", "env": "CartPole-v1"}),  # of discrete actions, in SB3's own VecEnv
    ],
)
def test_every_rule_learns_the_same_by_two_processes(tmp_path, algo, changes):
    values = {"algo": algo, "steps": 4 * 256, **changes}
    require_equal(*(learned(tmp_path / str(count), processes=count, **values)[0] for count in (1, 2)))


@pytest.mark.parametrize(("algo", "reuse"), [("trpo", {"memory": "gru", "memory_size": 8}), ("vpg", {"reuse": 2})])
def test_a_run_goes_on_with_another_number_of_processes_as_if_nothing_had_been(tmp_path, algo, reuse):
    often = {"algo": algo, "steps": 8 * 256, "checkpoint_seconds": 1e-9, "keep_checkpoints": 100, **reuse}
    whole = train(settings(tmp_path / "run", processes=2, **often)).run
    policy, state = tensors(whole), read_tensors(whole.checkpoint(8 * 256) / "state.safetensors")
    whole.scores.unlink()
    for step in whole.steps():
        if step > 4 * 256:
            shutil.rmtree(whole.checkpoint(step))
    resumed = learned(tmp_path / "run", processes=4, resume=tmp_path / "run", **often)
    require_equal(resumed[0], policy)
    require_equal(resumed[1], state)


def test_a_process_that_is_killed_ends_the_run_in_one_sentence_that_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "_require_alive", _killing_once(processes._require_alive, Run(tmp_path / "run")))
    sentence = r"process 2 of 2 was killed by signal 9; stopped at step 0; go on with: .* --resume"
    with pytest.raises(UsageError, match=sentence):
        train(settings(tmp_path / "run", processes=2, steps=10**6))
    monkeypatch.undo()
    resumed = learned(tmp_path / "run", processes=2, steps=3 * 256, resume=tmp_path / "run")
    require_equal(resumed[0], learned(tmp_path / "whole", processes=1, steps=3 * 256)[0])


def _killing_once(check, run):
    """Kill a follower as soon as the run has a checkpoint."""
    begun = []

    def kill(process):
        while not run.steps():
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)

    def looking(followers, advice):
        if not begun:
            begun.append(True)
            threading.Thread(target=kill, args=(followers[1].process,), daemon=True).start()
        check(followers, advice)

    return looking


def test_what_goes_wrong_in_another_process_is_told_as_in_this_one(tmp_path, monkeypatch):
    load = tmp_path / "robots.py"
    load.write_text(SPOILED)
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    load_files([load])
    with pytest.raises(UsageError, match=r"TRPO cannot learn in Late-v0: .*reset.* of robot 3"):
        train(settings(tmp_path / "run", env="Late-v0", processes=2, num_envs=4, load=(load,)))


SPOILED = '''
import gymnasium
import numpy as np
from agents.cannot_learn import CannotLearn


class Late(gymnasium.Env):
    """Refuses to begin a second episode where its seed is that of robot 3."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,))
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.robot = seed if seed is not None else self.robot
        if seed is None and self.robot == 3:
            raise CannotLearn("no reset of robot 3")
        self.left = 5
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.left -= 1
        return np.zeros(2, np.float32), 1.0, self.left == 0, False, {}


gymnasium.register("Late-v0", lambda **_: Late())
'''


def test_a_rule_that_forgets_the_other_processes_is_told(tmp_path):
    load_files([APART])
    try:
        with pytest.raises(UsageError, match=r"Apart cannot learn .* its processes have learned different policies"):
            train(settings(tmp_path / "run", algo="apart", processes=2, load=(APART,)))
    finally:
        del RULES["apart"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"processes": 9}, r"--processes must lie in \[1, 8\] with 16 robots, .* of two or more, got 9"),
        ({"processes": 2, "num_envs": 3}, r"--processes must lie in \[1, 1\] with 3 robots, .*, got 2"),
    ],
)
def test_more_processes_than_can_share_the_robots_are_refused(tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
        train(settings(tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"processes": 3}, "torchrun has started 2 processes; leave out --processes, got 3"),
        ({"algo": "a3c"}, "--algo a3c starts its own --workers; start it without torchrun"),
        ({"num_envs": 7}, r"--processes must lie in \[1, 1\] with 7 robots, .*, got 2"),
    ],
)
def test_what_torchrun_cannot_start_is_refused(tmp_path, monkeypatch, changes, message):
    for name, value in {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=message):
        train(settings(tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


def test_memory_that_cannot_be_shared_is_told(tmp_path, monkeypatch):
    def refuse(count):
        raise RuntimeError("unable to allocate shared memory(shm): No space left on device (28)")

    monkeypatch.setattr(processes, "board", refuse)
    sentence = r"2 processes can share no memory: .* space left .*; --processes 1 needs none"
    with pytest.raises(UsageError, match=sentence):
        train(settings(tmp_path / "run", processes=2))


def _is_free(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0


def nodes_of_torchrun(out, *words):
    """Start two nodes of one process each on loopback."""
    port = next(number for number in range(29_500, 29_600) if _is_free(number))  # none that connections are given
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    torchrun += ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    command = ["-m", "locomotion", "train", "Hopper-v5", "--num-envs", "16", "--n-steps", "16", "--track", "off"]
    command += ["--evaluations", "0", "--video-seconds", "0", "--final-episodes", "1", "--out", str(out), *words]
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return [
        subprocess.Popen([*torchrun, "--node-rank", str(rank), *command], env=environment, **streams)
        for rank in range(2)
    ]


def test_two_nodes_of_torchrun_learn_what_one_process_learns(tmp_path):
    nodes = nodes_of_torchrun(tmp_path / "run", "--steps", "1024")
    told = [node.communicate(timeout=200) for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], told
    assert "trained for 1,024 steps" in told[0][0]
    assert not told[1][0]
    expected = tensors(train(settings(tmp_path / "alone", steps=1024)).run)
    require_equal(read_tensors(tmp_path / "run" / "checkpoints" / "0000001024" / "policy.safetensors"), expected)


def test_a_node_whose_process_dies_ends_the_other_in_one_sentence(tmp_path):
    first, second = nodes_of_torchrun(tmp_path / "run", "--steps", "10_000_000")
    for line in first.stderr:
        if "steps/s" in line:
            break
    (worker,) = [one for one in psutil.Process(second.pid).children() if "locomotion" in one.cmdline()]
    worker.kill()
    told = first.communicate(timeout=100)[1]
    second.communicate(timeout=100)
    assert "error: another process does not answer any more; stopped at step 0; go on with: " in told
    assert "RuntimeError" not in told


def test_ctrl_c_ends_all_processes_within_three_seconds(tmp_path):
    words = ["Hopper-v5", "--steps", "10_000_000", "--processes", "2", "--track", "off", "--evaluations", "0"]
    command = [sys.executable, "-m", "locomotion", "train", *words, "--out", str(tmp_path / "run")]
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    training = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    for line in training.stderr:
        if "steps/s" in line:
            break
    family = [training, *psutil.Process(training.pid).children(recursive=True)]
    os.killpg(training.pid, signal.SIGINT)  # as a terminal does
    _, told = training.communicate(timeout=60)
    assert training.returncode == 130
    assert "go on with:" in told
    assert "Traceback" not in told
    deadline = time.monotonic() + 20
    while any(psutil.pid_exists(one.pid) for one in family) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [one for one in family if psutil.pid_exists(one.pid)]
