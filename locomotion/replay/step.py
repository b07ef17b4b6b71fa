"""A control step that blew up, taken again: from its evidence to the quantity that went first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np

import envs
from envs.blow_up import fingerprint, not_finite
from envs.observation import all_parts, joined
from envs.task import Measured, Remembered
from locomotion.environments import stored_environment
from locomotion.errors import UsageError
from locomotion.policies.card import installed_versions
from locomotion.replay.naming import actuator_name
from locomotion.replay.physics import Moment, trace
from locomotion.training.blow_ups import BEFORE, Evidence, read_blow_up


@dataclass(frozen=True)
class ReplayedStep:
    """A step that was taken again."""

    evidence: Evidence
    world: envs.World  # its one robot, after the step
    moments: list[Moment]
    controls: np.ndarray  # (nu,) that `Task.apply` wrote, before MuJoCo clips them
    bad: list[str]  # the quantities that went bad, in words, in the order in which they came up
    doubts: list[str]  # why the step may be another than the one that blew up

    def lines(self) -> list[str]:
        """Return the verdict and the facts, for a reader."""
        evidence = self.evidence
        lines = [
            f"{evidence.env}: robot {evidence.robot}, seed {evidence.seed}, blew up in step"
            f" {evidence.step + 1:,} of its episode, at step {evidence.steps:,} of the training",
            f"first: {self.bad[0] if self.bad else 'nothing: here the step is sound'}",
            *(f"then: {one}" for one in self.bad[1:]),
            f"training saw: {evidence.found}",
            f"action: {' '.join(f'{number:.4g}' for number in evidence.arrays['action'].ravel())}",
            f"controls: {' '.join(f'{number:.4g}' for number in self.controls)}",
        ]
        rows: list[tuple[str, ...]] = [("", "time", "largest |qvel|", "largest |qacc|")]
        for k, moment in enumerate(self.moments):
            largest = [f"{one.size} of {one.where}" if one else "" for one in (moment.velocity, moment.acceleration)]
            rows.append((self.when(k), f"{moment.time:.4f} s", *largest))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
        return lines + [line.rstrip() for line in table]

    def when(self, k: int) -> str:
        """Return where in the step moment `k` is."""
        return f"substep {k + 1} of {self.world.substeps}" if k < self.world.substeps else "afterwards"

    def figures(self, k: int) -> dict[str, str]:
        """Return the figures of moment `k`, by label."""
        moment = self.moments[k]
        largest = {"largest |qvel|": moment.velocity, "largest |qacc|": moment.acceleration}
        return {"time": f"{moment.time:.4f} s"} | {label: one.size for label, one in largest.items() if one}

    @property
    def shown(self) -> list[Moment]:
        """The moments that can be drawn: those of finite positions, which are the first ones."""
        return list(takewhile(lambda moment: moment.drawable, self.moments))


def replayed(file: Path) -> ReplayedStep:
    """Take the step of a blow-up's file again.

    Raises:
        UsageError: where the file is damaged, or its robot is not known here or another one.
    """
    evidence = read_blow_up(file)
    world = _world(evidence, file)
    doubts = _doubts(evidence, world)
    sim, state, given = world.sim, evidence.arrays["state"], evidence.arrays["action"]
    world.batch.state[0] = state
    with np.errstate(all="ignore"):
        sim.individualise(np.array([0]), world.task.physics(sim))
    controls = sim.ctrl[0].copy()
    physics = trace(world.batch.get_model(0), state, world.substeps)
    bad = _of_action(world, given) + physics.bad
    if physics.whole:  # else MuJoCo has put the robot back to its first state
        sim.advance(world.substeps)
        bad += _of_task(evidence, world)
    return ReplayedStep(evidence, world, physics.moments, controls, bad, doubts)


def _of_task(evidence: Evidence, world: envs.World) -> list[str]:
    """Return in words what the task makes of the step that is not finite."""
    task, sim, given = world.task, world.sim, evidence.arrays["action"]
    action = given if np.isfinite(given).all() else np.zeros_like(given)  # as World gives it to the task
    before = Remembered(**{name: value[None] for name, value in evidence.before.items()})
    with np.errstate(all="ignore"):
        now = Measured(**task.measure(sim))
        terms = task.rewards(sim, action[None], now, before)
        paid = {**terms, "total": task.total(terms)}
        observation = joined(all_parts(task, sim, now))[0]
    bad = not_finite("reward", list(paid), np.array([term[0] for term in paid.values()]))
    bad += not_finite("observation", world.observation_names, observation)
    for name, values in vars(now).items():
        bad += not_finite("measured", [name] * values.size, values.ravel())
    return bad


def _world(evidence: Evidence, file: Path) -> envs.World:
    """Return the world of the one robot, after comparing its sizes with the file's.

    Raises:
        UsageError: where the robot is not known, or another one.
    """
    env = stored_environment(evidence.env, [evidence.source] if evidence.source else [])
    try:
        task = envs.make_task(env, **evidence.fields)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{file} does not fit the robot {env}: {error}") from error
    if task is None:
        raise UsageError(f"{file} is of {env}, which is not one of our robots")
    try:
        world = envs.World(task, 1, 1, auto_reset=False)
    except OSError as error:  # a model file that is not there
        raise UsageError(f"cannot make {env}: {error}") from error
    measured = task.measure(world.sim)
    shapes = {"state": world.batch.state[0].shape, "action": world.action_space.shape}
    shapes |= {BEFORE + name: measured[name][0].shape for name in task.remembered}
    found = {name: array.shape for name, array in evidence.arrays.items()}
    if found != shapes:
        raise UsageError(f"{file} does not fit the robot {env}: it holds arrays of {found}, the robot's are {shapes}")
    return world


def _doubts(evidence: Evidence, world: envs.World) -> list[str]:
    """Return in words what has changed since the blow-up."""
    doubts = []
    if evidence.model != fingerprint(world.model):
        doubts.append("the robot's model is not the one that blew up: this may be another step")
    doubts += [
        f"{name} is {now} here, and was {evidence.versions.get(name)}"
        for name, now in installed_versions().items()
        if name in ("mujoco", "numpy") and now != evidence.versions.get(name)
    ]
    return doubts


def _of_action(world: envs.World, action: np.ndarray) -> list[str]:
    """Return in words which numbers of an action are not finite."""
    model, count = world.model, action.size
    names = [f"{i} ({actuator_name(model, i)})" if count == model.nu else str(i) for i in range(count)]
    return not_finite("action", names, action.ravel())
