"""Robots, recipes and update rules of one's own, from files that `--load` names."""

import importlib.util
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

import envs
from locomotion.commands import benchmark, evaluate, record, robots, ship
from locomotion.environments import make_env
from locomotion.errors import UsageError
from locomotion.loading import load_files
from locomotion.policies import shipped
from locomotion.policies.card import read_card
from locomotion.policies.stored import StoredPolicy
from locomotion.runs.folder import Run
from locomotion.runs.parsing import parse
from locomotion.runs.rules import RULES
from locomotion.sweeps.plan import Sweep
from locomotion.training import ship as shipping

ROOT = Path(__file__).parents[2]

MODEL = """
<mujoco>
  <option timestep="0.01"/>
  <worldbody>
    <body pos="0 0 0.1"><joint name="x" type="slide" axis="1 0 0" damping="1"/><geom size="0.05"/></body>
  </worldbody>
  <actuator><motor joint="x" ctrlrange="-1 1"/></actuator>
</mujoco>
"""
TASK = '''
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt

import envs
from locomotion.runs.recipes import register_recipe


@dataclass(frozen=True)
class {name}(envs.Task):
    """Slide to the right."""

    forward_weight: Annotated[float, Gt(0)] = 1.0  # per m/s
    reset_noise: float = 0.05  # m
    episode_steps: int = 20  # of 0.02 s

    model = "slider.xml"
    control_dt = 0.02  # s
    remembered = ("position",)

    def measure(self, sim):
        return {{"position": sim.qpos[:, 0]}}

    def observe(self, sim, now):
        return {{"position": sim.qpos, "velocity": sim.qvel{bug}}}

    def rewards(self, sim, action, now, before):
        return {{"forward": self.forward_weight * (now.position - before.position) / sim.dt}}

    def initial_states(self, model, rngs):
        return np.array([rng.uniform(-1, 1, 1) * self.reset_noise for rng in rngs]), np.zeros((len(rngs), 1))


envs.register("{name}", {name})
register_recipe("{name}", "trpo", num_envs=4, n_steps=20, steps=160)
'''
QUICK = ["--evaluations", "0", "--final-episodes", "2", "--video-seconds", "0", "--track", "off", "--threads", "1"]


@pytest.fixture
def robot_file(tmp_path):
    """Return what writes a file that registers a robot, with its model beside it."""

    def write(name, bug=""):
        (tmp_path / "slider.xml").write_text(MODEL)
        path = tmp_path / f"{name.lower()}.py"
        path.write_text(TASK.format(name=name, bug=bug))
        return path

    return write


def script_main(name):
    """The `main` of a script, as its file has it."""
    spec = importlib.util.spec_from_file_location(f"script_{name}", ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def train(*arguments):
    return script_main("train")([str(word) for word in arguments])


def test_a_robot_of_ones_own_has_every_verb(robot_file, tmp_path, capsys):
    load = ["--load", str(robot_file("Slider"))]
    run = tmp_path / "run"
    assert train("Slider", *load, *QUICK, "--out", run, "--task.forward-weight", "2") == 0
    config = json.loads((run / "config.json").read_text())
    assert (config["env"], config["num_envs"]) == ("Locomotion/Slider-v0", 4)  # by its recipe
    assert config["task"] == {"forward_weight": 2.0}
    card = StoredPolicy.find(run).card
    assert (card.source, card.task) == ("slider.py", {"forward_weight": 2.0})
    capsys.readouterr()
    assert evaluate([str(run), *load, "--episodes", "3", "--threads", "1", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert (scores["episodes"], scores["length_mean"]) == (3, 20.0)
    assert robots(["Slider", *load]) == 0
    page = capsys.readouterr().out
    assert "Slide to the right." in page
    assert "| forward_weight | 1.0 |  |  | per m/s |" in page
    film = tmp_path / "film.gif"
    assert record([str(run), *load, "--out", str(film), "--seconds", "0.1", "--width", "32", "--height", "32"]) == 0
    assert film.stat().st_size > 0
    resumed = ["--resume", run, *load, "--steps", "240"]
    assert train(*resumed) == 0
    assert Run(run).steps()[-1] == 240
    (cell,) = Sweep(env="Slider", gammas=(0.9,), lambdas=(0.9,), seeds=1, iterations=2, load=(Path(load[1]),)).cells()
    assert cell.settings.run.load == (Path(load[1]).resolve(),)
    scored = ["--envs", "Slider", "--seeds", "1", "--steps", "80", "--threads", "1", "--task.forward-weight", "3"]
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert benchmark(["scores", *scored, *load]) == 0
    finally:
        os.chdir(before)
    config = json.loads(next(tmp_path.glob("runs/scores/Slider/*/config.json")).read_text())
    assert config["task"] == {"forward_weight": 3.0}


def test_a_robot_of_ones_own_is_shipped_with_the_name_of_its_file(robot_file, tmp_path, monkeypatch, capsys):
    path, run = robot_file("Packed"), tmp_path / "run"
    assert train("Packed", "--load", path, *QUICK, "--out", run) == 0
    for module in (shipped, shipping):
        monkeypatch.setattr(module, "FOLDER", tmp_path / "policies")
    assert ship([str(run), "--load", str(path), "--threads", "1"]) == 0
    assert read_card(tmp_path / "policies" / "Packed").command == (
        "python scripts/train.py Packed --load packed.py --seed 0 --evaluations 0"
    )
    capsys.readouterr()
    assert evaluate(["Packed", "--load", str(path), "--threads", "1"]) == 0
    assert "to the last digit" in capsys.readouterr().out


def test_asynchronous_workers_load_the_file_too(robot_file, tmp_path):
    path = robot_file("AsynchronousSlider")
    assert train("AsynchronousSlider", "--load", path, "--algo", "a3c", "--workers", "1", *QUICK, "--num-envs", "4",
                 "--n-steps", "5", "--steps", "40", "--out", tmp_path / "run") == 0  # fmt: skip


def test_nothing_that_a_run_names_is_loaded_by_itself(robot_file, tmp_path):
    path, run = robot_file("Absent"), tmp_path / "run"
    assert train("Absent", "--load", path, *QUICK, "--out", run) == 0
    script = [sys.executable, str(ROOT / "scripts" / "evaluate.py"), str(run)]
    alone = subprocess.run(script, capture_output=True, text=True, check=False)
    assert alone.returncode == 2
    assert alone.stderr == (
        "error: Locomotion/Absent-v0 is not known: it was registered by absent.py; add --load absent.py\n"
    )
    script = [sys.executable, str(ROOT / "scripts" / "train.py"), "--resume", str(run), "--steps", "240"]
    alone = subprocess.run(script, capture_output=True, text=True, check=False)
    assert alone.returncode == 2
    assert f"add --load {path}" in alone.stderr


def test_a_name_that_exists_is_refused_and_so_is_a_file_that_does_not(robot_file, tmp_path):
    for name in ("Go1", "Hopper", "CartPole"):
        with pytest.raises(UsageError, match=f"there is a robot '{name}' already"):
            load_files([robot_file(name)])
    with pytest.raises(UsageError, match=r"--load: there is no file .*nothing.py"):
        load_files([tmp_path / "nothing.py"])
    for missing in (tmp_path, tmp_path / "slider.xml"):
        with pytest.raises(UsageError, match=r"--load takes a Python file \(.py\), got"):
            load_files([missing])


def test_a_bug_in_ones_own_task_keeps_its_place_and_a_foreign_environments_one_sentence(robot_file):
    path = robot_file("Buggy", bug=".nothing")
    load_files([path])
    with pytest.raises(AttributeError, match="nothing") as error:
        make_env("Buggy", 2)
    frames = [frame for frame in traceback.extract_tb(error.value.__traceback__) if frame.filename == str(path)]
    assert frames[-1].name == "observe"
    with pytest.raises(UsageError, match=r"cannot make MountainCarContinuous-v0: .*nonsense"):
        make_env("MountainCarContinuous-v0", 1, task={"nonsense": 1})
    with pytest.raises(UsageError, match=r"cannot make Locomotion/CartPole-v0: .* has no argument 'nonsense'"):
        make_env("CartPole", 1, task={"nonsense": 1})


RULE = '''
from agents.policy_gradient import PolicyGradient
from agents.trust_region import assign, flat
from locomotion.runs.rules import Rule, register_rule


class Plain(PolicyGradient):
    """A step along the policy gradient."""

    def improve(self, samples):
        parameters = self.policy.actor_parameters()
        gradient = self.gradient(lambda policy: policy.log_prob(samples.actions) * samples.advantages, samples)
        assign(parameters, flat(parameters) + 0.01 * gradient)


register_rule("plain", Rule(Plain, defaults={"num_envs": 4, "n_steps": 32}))
'''


def test_an_update_rule_of_ones_own_trains(tmp_path, capsys):
    path = tmp_path / "plain.py"
    path.write_text(RULE)
    assert len(RULE.strip().splitlines()) - 6 <= 15  # imports and blank lines between them aside
    run = tmp_path / "run"
    assert train("CartPole", "--load", path, "--algo", "plain", *QUICK, "--steps", "256", "--out", run) == 0
    config = json.loads((run / "config.json").read_text())
    assert (config["algo"], config["num_envs"]) == ("plain", 4)
    assert read_card(StoredPolicy.find(run).folder).algo == "plain"
    assert "clip" not in config  # an option of another rule
    with pytest.raises(UsageError, match="--clip has no effect with --algo plain, only with ppo"):
        parse(["CartPole", "--load", str(path), "--algo", "plain", "--clip", "0.5"])
    with pytest.raises(SystemExit):
        parse(["--load", str(path), "--help"])
    assert "a3c,plain}" in capsys.readouterr().out.replace("\n", "")
    other = tmp_path / "other.py"
    other.write_text(RULE)
    with pytest.raises(UsageError, match="the update rule 'plain' exists already"):
        load_files([other])
    del RULES["plain"]
    with pytest.raises(UsageError, match=f"the update rule 'plain' is not known: .* --load {path}"):
        parse(["--resume", str(run)])


def test_a_robot_of_ones_own_goes_through_the_doors_of_gymnasium(robot_file):
    import gymnasium

    load_files([robot_file("Doors")])
    assert gymnasium.make("Locomotion/Doors-v0", forward_weight=2.0).reset(seed=0)[0].shape == (2,)
    assert envs.observation_names("Doors") == ["position", "velocity"]
