"""Many robots at one task: the batch of simulations behind all three doors (VecEnv, Env, VectorEnv)."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np
from gymnasium.utils.seeding import np_random
from mujoco.batch import Batch, SimulationError

from envs.simulation import Simulation, compile_model
from envs.task import Task

# The warnings after which MuJoCo has thrown a simulation's state or controls away, without raising.
BLOWN_UP = [
    mujoco.mjtWarning.mjWARN_BADQPOS.value,
    mujoco.mjtWarning.mjWARN_BADQVEL.value,
    mujoco.mjtWarning.mjWARN_BADQACC.value,
    mujoco.mjtWarning.mjWARN_BADCTRL.value,
]


def available_cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Step:
    """What one step brought to N robots; those whose episode ended have already begun their next one."""

    observations: np.ndarray  # (N, observations), of the new episode where one began
    rewards: np.ndarray  # (N,)
    terminated: np.ndarray  # (N,) failed or finished for good: there is no future
    truncated: np.ndarray  # (N,) out of time: the future is cut off
    terms: dict[str, np.ndarray]  # the reward's terms, each (N,)
    ended: np.ndarray  # (E,) rows of the robots whose episode ended
    final_observations: np.ndarray  # (E, observations), the last of the episode that ended
    episodes: list[dict[str, Any]] = field(default_factory=list)  # (E,) summaries of what ended


class World:
    """N robots at one task, stepped together on `num_threads` threads and reset one by one as their episodes end.

    Robot i draws its start states from its own generator, seeded like Gymnasium's environments, so that its life
    depends on its seed and its actions alone: not on the other robots, nor on the number of threads.

    A simulation that blows up ends its robot's episode (`terminated`, and `physics_error` in the summary) with
    reward 0 and the last sound observation as the final one.

    Args:
        task: what the robots are and do.
        num_robots: N, at least 1.
        num_threads: that step the physics; by default one for each core.
        auto_reset: whether `step` begins a new episode where one ended, or leaves that to the caller.
    """

    def __init__(self, task: Task, num_robots: int, num_threads: int | None = None, *, auto_reset: bool = True):
        if num_robots < 1:
            raise ValueError(f"the number of robots must be at least 1, got {num_robots}")
        if num_threads is not None and num_threads < 1:
            raise ValueError(f"the number of threads must be at least 1, got {num_threads}")
        self.task = task
        self.num_robots = num_robots
        self.auto_reset = auto_reset
        self.model = compile_model(task.model_path())
        self.substeps = task.substeps(self.model)
        if self.substeps < 1:
            raise ValueError(f"{type(task).__name__} must take at least 1 physics step per action, got {self.substeps}")
        self.dt = self.model.opt.timestep * self.substeps  # s between two actions
        threads = min(num_threads or available_cores(), num_robots)
        # mj_rnePostConstraint needs all of a simulation's MjData, which only a persistent batch keeps.
        self.batch = Batch(self.model, num_robots, nthread=threads, persistent=task.contact_forces)
        self._data = mujoco.MjData(self.model)
        self._cfrc_ext = np.zeros((num_robots, self.model.nbody, 6)) if task.contact_forces else None
        self.sim = Simulation(self.batch, self.dt, self._cfrc_ext)

        self.rngs = [np_random()[0] for _ in range(num_robots)]
        self.physics_errors = 0  # blow-ups so far
        self.action_space = task.action_space(self.model)
        self._elapsed = np.zeros(num_robots, np.int64)
        self._returns = np.zeros(num_robots)
        # Over each robot's present episode: the reward's terms, and what the task tracks besides.
        self._sums: dict[str, dict[str, np.ndarray]] = {"terms": {}, "tracked": {}}
        self._started = time.perf_counter()
        # A robot begins with this row, a whole simulation at rest: cheaper than Batch.reset, which wakes the threads.
        self._rest = self.batch.state[0].copy()

        self._before = SimpleNamespace(**task.carry(self.sim))
        self._bind_fields()
        self._observations = self.reset(np.arange(num_robots))
        self.observation_space = task.observation_space(self._observations.shape[1])

    def _bind_fields(self) -> None:
        """Ask the task for everything once: a field that is first used after a step would be zero in that step."""
        idle = np.zeros((self.num_robots, *self.action_space.shape), np.float32)
        with np.errstate(all="ignore"):
            self.task.observe(self.sim)
            self.task.rewards(self.sim, idle, self._before)
            self.task.track(self.sim, idle, self._before)
            self.task.terminated(self.sim)
        if self.task.contact_forces:
            self.sim.bind("ncon")

    def reset(self, ids: np.ndarray, seeds: list[int | None] | None = None) -> np.ndarray:
        """Begin a new episode for the robots `ids`; return their first observations (len(ids), observations).

        Args:
            ids: sorted rows.
            seeds: for each of `ids` a new seed for its generator, or None to go on with the present one.
        """
        for i, seed in zip(ids, seeds or [None] * len(ids), strict=True):
            if seed is not None:
                self.rngs[i] = np_random(seed)[0]
        self.batch.state[ids] = self._rest
        for i in ids:
            self.sim.qpos[i], self.sim.qvel[i] = self.task.initial_state(self.model, self.rngs[i])
        self.batch.forward(ids)
        if self._cfrc_ext is not None:
            self._cfrc_ext[ids] = 0.0
        self._elapsed[ids] = 0
        self._returns[ids] = 0.0
        for totals in self._sums.values():
            for total in totals.values():
                total[ids] = 0.0
        rows = self.sim.rows(ids)
        for name, value in self.task.carry(rows).items():
            getattr(self._before, name)[ids] = value
        observations = self.task.observe(rows)
        if len(ids) == self.num_robots:
            self._observations = observations
        else:
            self._observations[ids] = observations
        return observations.copy()

    @property
    def observations(self) -> np.ndarray:
        """A copy of the present observations (N, observations)."""
        return self._observations.copy()

    def step(self, actions: np.ndarray) -> Step:
        """Apply actions (N, actions), advance by `dt`, and begin new episodes where one ended."""
        task, sim = self.task, self.sim
        actions, broken = self._checked(actions)
        task.apply(sim, actions)
        broken |= self._advance()

        terms = task.rewards(sim, actions, self._before)
        rewards = task.total(terms)
        tracked = task.track(sim, actions, self._before)
        observations = task.observe(sim)
        terminated = task.terminated(sim)
        if not (np.isfinite(observations).all() and np.isfinite(rewards).all()):
            broken |= ~(np.isfinite(observations).all(axis=1) & np.isfinite(rewards))
        if broken.any():
            self.physics_errors += int(broken.sum())
            terminated = terminated | broken
            observations[broken] = self._observations[broken]
            rewards = np.where(broken, 0.0, rewards)
            terms = {name: np.where(broken, 0.0, term) for name, term in terms.items()}
            tracked = {name: np.where(broken, 0.0, value) for name, value in tracked.items()}

        self._elapsed += 1
        self._returns += rewards
        self._add("terms", terms)
        self._add("tracked", tracked)
        truncated = self._elapsed >= task.episode_steps
        self._observations = observations
        ended = (terminated | truncated).nonzero()[0]
        final_observations = observations[ended]
        episodes = [self._summary(int(i), bool(terminated[i]), bool(broken[i])) for i in ended]
        if self.auto_reset and len(ended):
            self.reset(ended)
        vars(self._before).update(task.carry(sim))
        return Step(
            self._observations.copy(), rewards, terminated, truncated, terms, ended, final_observations, episodes
        )

    def _checked(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the actions, zero where one is not finite, and which robots (N,) were given such a one."""
        expected = (self.num_robots, *self.action_space.shape)
        if actions.shape != expected:
            raise ValueError(f"{type(self.task).__name__} takes actions of shape {expected}, got {actions.shape}")
        broken = np.zeros(self.num_robots, bool)
        if not np.isfinite(actions).all():
            broken = ~np.isfinite(actions).all(axis=1)
            actions = np.where(broken[:, None], actions.dtype.type(0), actions)
        # The order in which numpy adds up a row depends on the memory's layout: always one robot after the other.
        return np.ascontiguousarray(actions), broken

    def _advance(self) -> np.ndarray:
        """Step the physics; return which simulations (N,) blew up."""
        failed = np.zeros(self.num_robots, bool)
        try:
            self.batch.step(nstep=self.substeps)
        except SimulationError as error:
            failed[error.ids] = True
        if self.batch.warning.any():
            failed |= self.batch.warning[:, BLOWN_UP, 1].any(axis=1)
            self.batch.warning[:] = 0
        if self._cfrc_ext is not None:
            self._fill_contact_forces(self._cfrc_ext)
        return failed

    def _fill_contact_forces(self, cfrc_ext: np.ndarray) -> None:
        """Fill `cfrc_ext` (N, bodies, 6) as Gymnasium does: by mj_rnePostConstraint after the step.

        Copying a simulation out costs more than the computation: those on which no force acts are left out.
        """
        model, data, get_data, sim = self.model, self._data, self.batch.get_data, self.sim
        cfrc_ext[:] = 0.0
        touched = (sim.ncon > 0) | sim.xfrc_applied.any(axis=(1, 2))
        for i in range(self.num_robots) if model.neq else touched.nonzero()[0]:
            get_data(i, data)
            mujoco.mj_rnePostConstraint(model, data)
            cfrc_ext[i] = data.cfrc_ext

    def _add(self, kind: str, values: dict[str, np.ndarray]) -> None:
        totals = self._sums[kind]
        for name, value in values.items():
            if name in totals:
                totals[name] += value
            else:
                totals[name] = value.astype(np.float64)

    def _summary(self, i: int, terminated: bool, broken: bool) -> dict[str, Any]:
        """Describe the episode that robot i has just ended."""
        return {
            "return": float(self._returns[i]),
            "length": int(self._elapsed[i]),
            "seconds": float(self._elapsed[i] * self.dt),
            "wall_time": time.perf_counter() - self._started,
            "terminated": terminated,
            "physics_error": broken,
            **{kind: {name: float(total[i]) for name, total in totals.items()} for kind, totals in self._sums.items()},
        }

    def get_state(self) -> dict[str, Any]:
        """Return all that the robots' future depends on, as arrays and JSON values."""
        return {
            "simulation": self.batch.state.copy(),
            "elapsed": self._elapsed.copy(),
            "returns": self._returns.copy(),
            "observations": self._observations.copy(),
            **{f"before.{name}": value.copy() for name, value in vars(self._before).items()},
            **{f"{kind}.{name}": total.copy() for kind, totals in self._sums.items() for name, total in totals.items()},
            "generators": [rng.bit_generator.state for rng in self.rngs],
            "physics_errors": self.physics_errors,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on exactly where `get_state` was called, on the same model and MuJoCo version."""
        if state["simulation"].shape != self.batch.state.shape:
            raise ValueError(
                f"the saved state is {state['simulation'].shape[0]} robots of {state['simulation'].shape[1]} numbers,"
                f" this world's {self.batch.state.shape[0]} of {self.batch.state.shape[1]}"
            )
        self.batch.state[:] = state["simulation"]
        self._elapsed[:] = state["elapsed"]
        self._returns[:] = state["returns"]
        self._observations = state["observations"].copy()
        for name, value in vars(self._before).items():
            value[:] = state[f"before.{name}"]
        for kind in self._sums:
            names = [key.removeprefix(f"{kind}.") for key in state if key.startswith(f"{kind}.")]
            self._sums[kind] = {name: state[f"{kind}.{name}"].copy() for name in names}
        for rng, saved in zip(self.rngs, state["generators"], strict=True):
            rng.bit_generator.state = saved
        self.physics_errors = state["physics_errors"]
