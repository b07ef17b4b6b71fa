"""The plan of a sweep over gamma and lambda: its cells, one training for each point and each seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import tyro

from envs.robots.stand_up import StandUp
from locomotion.command_line import Load, listed, optional
from locomotion.environments import known_environment
from locomotion.errors import UsageError
from locomotion.loading import load_files
from locomotion.runs.recipes import usual_settings
from locomotion.runs.rules import rules_on_one_core
from locomotion.runs.settings import Settings, from_json
from locomotion.task_options import task_values

PresetName = Literal["cartpole", "biped", "quadruped", "standup"]
BaselineName = Literal["value", "time", "none"]
LAMBDAS = (0.0, 0.36, 0.68, 0.84, 0.92, 0.96, 0.98, 0.99, 1.0)
GAMMAS = (0.9, 0.96, 0.98, 0.99, 0.995, 1.0)
DIALS = ("gamma", "gae_lambda", "baseline", "seed", "steps")  # settings that differ within a sweep
HEADLESS: dict[str, Any] = {"threads": 1, "processes": 1, "evaluations": 0, "video_seconds": 0.0, "track": "off"}


class Point(NamedTuple):
    """One setting of the dials, and the number of iterations."""

    gamma: float
    gae_lambda: float
    baseline: BaselineName
    iterations: int


@dataclass(frozen=True)
class Preset:
    """An experiment of Schulman et al. (2016), section 6, as they published it."""

    env: str
    points: tuple[Point, ...]
    seeds: int
    settings: Mapping[str, Any]  # the learner's, by their names in `Settings`
    task: Mapping[str, Any]  # fields of the task that differ from its own


# Linear-Gaussian policy; the value step is theirs. The bound on the KL divergence is TRPO's (2015): they name none.
# It does not narrow, so that the first 20 of 50 iterations equal a training of 20.
LEARNER: dict[str, Any] = {"critic": "trust-region", "target_kl": 0.01, "final_kl": 0.01}
# Networks of 100-50-25 are theirs; the first standard deviation is our recipe's: they name none.
LEGS: dict[str, Any] = {
    **LEARNER,
    "actor": (100, 50, 25),
    "value": (100, 50, 25),
    "log_std_init": -0.5,
    "stagger": True,
}


def points(
    gammas: Sequence[float], lambdas: Sequence[float], baseline: BaselineName, iterations: int
) -> tuple[Point, ...]:
    """Return the points of a grid."""
    return tuple(Point(gamma, value, baseline, iterations) for gamma, value in product(gammas, lambdas))


def without_value_function(gamma: float, iterations: int) -> Point:
    """Return the paper's "no value function": whole discounted returns less the mean return at each time."""
    return Point(gamma, 1.0, "time", iterations)


PRESETS: dict[PresetName, Preset] = {
    # Figure 2: left at gamma .99, right the map after 20 iterations, whose gammas the paper shows without numbers.
    # An iteration is 20 trajectories of up to 1000 steps, not a number of steps: 20 robots, an episode of each.
    "cartpole": Preset(
        env="Locomotion/CartPole-v0",
        points=(
            *points((0.99,), LAMBDAS, "value", 50),
            without_value_function(0.99, 50),
            *points([gamma for gamma in GAMMAS if gamma != 0.99], LAMBDAS, "value", 20),
        ),
        seeds=21,
        settings={
            **LEARNER,
            "num_envs": 20,
            "n_steps": 1000,
            "episodic": True,
            "actor": (),
            "value": (20,),
            "fisher_stride": 1,
        },
        task={"episode_steps": 1000},
    ),
    # Figure 3, left: 50,000 steps an iteration, episodes of up to 2000. Rewards and first speeds are our task's
    # (envs/robots/biped.py).
    "biped": Preset(
        env="Locomotion/Biped-v0",
        points=(
            *points((0.96, 0.98, 0.99), (0.96,), "value", 500),
            *points((0.995,), (0.92, 0.96, 0.98, 0.99, 1.0), "value", 500),
            *points((1.0,), (0.96,), "value", 500),
            without_value_function(1.0, 500),
        ),
        seeds=9,
        settings={**LEGS, "num_envs": 50, "n_steps": 1000},
        task={"episode_steps": 2000},
    ),
    # Figure 3, right (the legend's lambdas; the text names 0 and .96). Rewards as in envs/robots/quadruped.py.
    "quadruped": Preset(
        env="Locomotion/Quadruped-v0",
        points=(*points((0.995,), (0.96, 1.0), "value", 1000), without_value_function(0.995, 1000)),
        seeds=5,
        settings={**LEGS, "num_envs": 100, "n_steps": 2000},
        task={"episode_steps": 2000},
    ),
    # Figure 4 (the legend's gamma and lambdas), with the paper's reward, from lying on the back throughout.
    "standup": Preset(
        env="Locomotion/StandUp-v0",
        points=(*points((0.99,), (0.96, 1.0), "value", 500), without_value_function(0.99, 500)),
        seeds=5,
        settings={**LEGS, "num_envs": 100, "n_steps": 2000},
        task={**StandUp.evaluation, "episode_steps": 2000, "drift_weight": 0.0, "standing_bonus": 0.0},
    ),
}


@dataclass(frozen=True)
class Cell:
    """One training of a sweep: everything that decides its outcome, and the preset it belongs to."""

    settings: Settings
    preset: str = ""  # empty: none
    scale: float = 1.0  # of the preset

    @property
    def iterations(self) -> int:
        """Number of iterations."""
        rollout = self.settings.rollout
        return self.settings.steps // (rollout.num_envs * rollout.n_steps)

    @property
    def point(self) -> Point:
        """The setting of the dials."""
        s = self.settings.advantage
        return Point(s.gamma, s.gae_lambda, s.baseline, self.iterations)  # type: ignore[arg-type]

    def as_json(self) -> str:
        """Return everything that decides the outcome, as JSON."""
        settings = self.settings.as_json()
        return json.dumps({"task": settings.pop("task"), "settings": settings}, sort_keys=True)

    def __reduce__(self) -> tuple[Any, ...]:
        # A process that is sent a cell loads its files first: the settings may be of a rule that one of them registers.
        return restored_cell, (self.settings.run.load, self.settings.as_json(), self.preset, self.scale)

    @cached_property
    def name(self) -> str:
        """The name of the cell's file: the dials, and a digest of everything that decides the outcome."""
        s, digest = self.settings.advantage, hashlib.sha256(self.as_json().encode()).hexdigest()[:10]
        return f"gamma{s.gamma:g}-lambda{s.gae_lambda:g}-{s.baseline}-seed{self.settings.seed}-{digest}"


def restored_cell(load: Sequence[Path], settings: Mapping[str, Any], preset: str, scale: float) -> Cell:
    """Return a cell from the settings' JSON values, after loading files."""
    load_files(load)
    return Cell(from_json(settings), preset, scale)


@dataclass(frozen=True)
class Sweep:
    """A preset, or a robot with gammas and lambdas of one's own; None stands for a default."""

    preset: Annotated[PresetName | None, optional("none", "{cartpole,biped,quadruped,standup}")] = None
    """An experiment of the paper, with its own env, gammas, lambdas, baseline, iterations, networks and batches."""
    scale: float = 1.0
    """Share of a preset's batches (fewer robots) and seeds."""
    env: Annotated[str | None, optional("the preset's", "ENV")] = None
    """Robot of a sweep of your own; it learns by its recipe."""
    algo: Annotated[str, tyro.conf.arg(metavar="{" + ",".join(rules_on_one_core()) + "}")] = "trpo"
    """Update rule; one whose workers use every core takes no part in sweeps."""
    gammas: Annotated[tuple[float, ...] | None, optional(" ".join(map(str, GAMMAS)), "FLOAT ...")] = None
    """Discounts."""
    lambdas: Annotated[tuple[float, ...] | None, optional(" ".join(map(str, LAMBDAS)), "FLOAT ...")] = None
    """Lambdas; each is tried with each discount."""
    baseline: Annotated[BaselineName | None, optional("value", "{value,time,none}")] = None
    """Subtracted from returns: the critic's value, the mean at each time, or nothing."""
    seeds: Annotated[int | None, optional("the preset's, or 5")] = None
    """Number of trainings of each pair, one seed each from 0 on."""
    iterations: Annotated[int | None, optional("as many as the recipe's steps")] = None
    """Policy updates of each training."""
    load: Load = ()
    task_words: tyro.conf.Suppress[tuple[str, ...]] = ()
    """The words of `--task.NAME VALUE`, numbers of the robot's task."""

    def cells(self) -> list[Cell]:
        """Return all cells seed by seed, so that an interrupted sweep is a complete one of fewer seeds.

        Raises:
            UsageError: where options are out of bounds or contradict each other.
        """
        if self.seeds is not None and self.seeds < 1:
            raise UsageError(f"--seeds must be at least 1, got {self.seeds}")
        if self.algo not in rules_on_one_core():
            raise UsageError(f"--algo must be {listed(rules_on_one_core())} in a sweep, got {self.algo}")
        return self._of_preset() if self.preset is not None else self._of_its_own()

    def _of_preset(self) -> list[Cell]:
        for name in ("env", "gammas", "lambdas", "baseline", "iterations"):
            if getattr(self, name) is not None:
                raise UsageError(f"--preset {self.preset} has its own {name}: name --{name} without a preset")
        if self.task_words:
            raise UsageError(f"--preset {self.preset} has its own task: name {self.task_words[0]} without a preset")
        if self.algo != "trpo":
            raise UsageError(f"--preset {self.preset} learns by trpo, got --algo {self.algo}")
        if not 0.0 < self.scale <= 1.0:
            raise UsageError(f"--scale must lie in (0, 1], got {self.scale:g}")
        assert self.preset is not None
        preset = PRESETS[self.preset]
        settings = dict(preset.settings)
        # Fewer robots, not shorter rollouts: in short rollouts the returns of all lambdas near 1 would be alike.
        settings["num_envs"] = max(1, round(settings["num_envs"] * self.scale))
        seeds = self.seeds or max(1, round(preset.seeds * self.scale))
        base = Settings.of(preset.env, task=preset.task, **settings, **HEADLESS)
        return self._cells(base, preset.points, seeds)

    def _of_its_own(self) -> list[Cell]:
        if self.env is None:
            raise UsageError("which robot? Name --env CartPole or another one, or --preset " + ", ".join(PRESETS))
        if self.scale != 1.0:
            raise UsageError("--scale shrinks a preset; without one, name --seeds and --iterations")
        gammas = GAMMAS if self.gammas is None else self.gammas
        lambdas = LAMBDAS if self.lambdas is None else self.lambdas
        for name, values in {"gammas": gammas, "lambdas": lambdas}.items():
            if not values:
                raise UsageError(f"--{name} must name at least one number in [0, 1], got none")
            if not all(0.0 <= value <= 1.0 for value in values):
                raise UsageError(f"--{name} must lie in [0, 1], got {' '.join(f'{value:g}' for value in values)}")
            if len(set(values)) < len(values):
                raise UsageError(f"--{name} names a value twice: {' '.join(f'{value:g}' for value in values)}")
        if self.iterations is not None and self.iterations < 1:
            raise UsageError(f"--iterations must be at least 1, got {self.iterations}")
        env = known_environment(self.env)
        files = tuple(file.resolve() for file in self.load)
        base = usual_settings(env, self.algo, task=task_values(env, self.task_words), load=files, **HEADLESS)
        iterations = self.iterations or -(-base.steps // (base.rollout.num_envs * base.rollout.n_steps))
        return self._cells(base, points(gammas, lambdas, self.baseline or "value", iterations), self.seeds or 5)

    def _cells(self, base: Settings, places: Sequence[Point], seeds: int) -> list[Cell]:
        batch = base.rollout.num_envs * base.rollout.n_steps
        return [
            Cell(
                base.changed(
                    gamma=gamma, gae_lambda=gae_lambda, baseline=baseline, seed=seed, steps=iterations * batch
                ),
                *(self.preset or "", self.scale),
            )
            for seed in range(seeds)
            for gamma, gae_lambda, baseline, iterations in places
        ]
