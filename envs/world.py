"""Many robots at one task: the batch of simulations behind all three doors (VecEnv, Env, VectorEnv)."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any

import mujoco
import numpy as np
from gymnasium.utils.seeding import np_random
from mujoco.batch import Batch, SimulationError

from envs.simulation import Fields, Simulation, compile_model
from envs.task import Measured, Task

# The warnings after which MuJoCo has thrown a simulation's state or controls away, without raising.
BLOWN_UP = [
    mujoco.mjtWarning.mjWARN_BADQPOS.value,
    mujoco.mjtWarning.mjWARN_BADQVEL.value,
    mujoco.mjtWarning.mjWARN_BADQACC.value,
    mujoco.mjtWarning.mjWARN_BADCTRL.value,
]


# Model fields from which MuJoCo derives others, which must then follow.
SETCONST_INPUTS = frozenset(mujoco.MjModel._setconst_inputs)


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


def outcome(episode: dict[str, Any]) -> dict[str, Any]:
    """Return what the last `info` of an episode says of its end, given its summary."""
    success = {} if episode["succeeded"] is None else {"is_success": episode["succeeded"]}
    return success | ({"physics_error": True} if episode["physics_error"] else {})


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
        self.model = compile_model(task.model_spec())
        self.substeps = task.substeps(self.model)
        if self.substeps < 1:
            raise ValueError(f"{type(task).__name__} must take at least 1 physics step per action, got {self.substeps}")
        if task.episode_steps < 1:
            raise ValueError(f"episode_steps must be at least 1, got {task.episode_steps}")
        self.dt = self.model.opt.timestep * self.substeps  # s between two actions
        threads = min(num_threads or available_cores(), num_robots)
        # mj_rnePostConstraint needs all of a simulation's MjData, which only a persistent batch keeps.
        self.batch = Batch(self.model, num_robots, nthread=threads, persistent=task.contact_forces)
        self._data = mujoco.MjData(self.model)
        self._cfrc_ext = np.zeros((num_robots, self.model.nbody, 6)) if task.contact_forces else None
        self.sim = Simulation(self.batch, self.dt, self._cfrc_ext)
        # Episodes begin in a batch of their own on one thread: waking the others for a few robots takes longer.
        untouched = None if self._cfrc_ext is None else np.zeros_like(self._cfrc_ext)
        self._cradle = Simulation(Batch(self.model, num_robots, nthread=1), self.dt, untouched)

        # Each robot's generator, and what that was made of.
        self.rngs: list[np.random.Generator] = []
        self.seeds: list[int] = []
        for _ in range(num_robots):
            rng, entropy = np_random()
            self.rngs.append(rng)
            self.seeds.append(entropy)
        self.physics_errors = 0  # blow-ups so far
        self.action_space = task.action_space(self.model)
        self._elapsed = np.zeros(num_robots, np.int64)
        self._limits = np.zeros(num_robots, np.int64)  # steps after which the present episodes are cut off
        self._whole = np.ones(num_robots, bool)  # whether these are not made shorter by `stagger`
        self._returns = np.zeros(num_robots)
        self._started = time.perf_counter()
        # A robot begins with this row, a whole simulation at rest.
        self._rest = self.batch.state[0].copy()

        self._bind_fields()
        self.reset(np.arange(num_robots))
        self.observation_space = task.observation_space(self._observations.shape[1])

    def _bind_fields(self) -> None:
        """Ask the task for everything once: a field that is first used after a step would be zero in that step.

        What it answers with says what there is to keep from one step to the next.
        """
        task, sim = self.task, self.sim
        idle = np.zeros((self.num_robots, *self.action_space.shape), np.float32)
        with np.errstate(all="ignore"):
            now = Measured(**task.measure(sim))
            self._remember(now)
            self._observations = task.observe(sim, now)
            terms = task.rewards(sim, idle, now, self._before)
            tracked = task.track(sim, idle, now, self._before)
            task.terminated(sim, now)
            task.observe(self._cradle, Measured(**task.measure(self._cradle)))
        for name, value in (terms | tracked).items():
            if np.shape(value) != (self.num_robots,):
                raise ValueError(
                    f"{type(task).__name__}: {name} must be one number for each of {self.num_robots} robots,"
                    f" got shape {np.shape(value)}"
                )
        # Over each robot's present episode: the reward's terms, and what the task tracks besides.
        self._totals = np.zeros((len(terms) + len(tracked), self.num_robots))
        rows = iter(self._totals)
        self._sums = {
            "terms": {name: next(rows) for name in terms},
            "tracked": {name: next(rows) for name in tracked},
        }
        if task.contact_forces:
            sim.bind("ncon")

    def reset(self, ids: np.ndarray, seeds: list[int | None] | None = None) -> np.ndarray:
        """Begin a new episode for the robots `ids`; return their first observations (len(ids), observations).

        Args:
            ids: sorted rows.
            seeds: for each of `ids` a new seed for its generator, or None to go on with the present one.
        """
        for i, seed in zip(ids, seeds or [None] * len(ids), strict=True):
            if seed is not None:
                self.rngs[i], self.seeds[i] = np_random(seed)
                self.forget(i)
        self._begin(ids)
        return self._observations[ids]

    def forget(self, ids: np.ndarray | int) -> None:
        """Clear what the robots `ids` remember of their last episode."""
        self.sim.userdata[ids] = 0.0

    def _begin(self, ids: np.ndarray) -> None:
        """Begin a new episode for the robots `ids` with the next draws of their generators."""
        task, cradle = self.task, self._cradle.first(len(ids))
        states = self._cradle.batch.state[: len(ids)]
        states[:] = self._rest
        cradle.userdata[:] = self.sim.userdata[ids]
        rows = ids.tolist()
        task.place(cradle, [self.rngs[i] for i in rows], [self.seeds[i] for i in rows])
        self._cradle.batch.forward(np.arange(len(ids)))
        self.batch.state[ids] = states
        self._individualise(ids, cradle)
        if self._cfrc_ext is not None:
            self._cfrc_ext[ids] = 0.0
        self._elapsed[ids] = 0
        self._limits[ids] = task.episode_limits(cradle)
        self._whole[ids] = True
        self._returns[ids] = 0.0
        self._totals[:, ids] = 0.0
        now = Measured(**task.measure(cradle))
        for name in task.remembered:
            getattr(self._before, name)[ids] = getattr(now, name)
        self._observations[ids] = task.observe(cradle, now)

    def _individualise(self, ids: np.ndarray, sim: Fields) -> None:
        """Give the robots `ids`, whose state `sim` shows, the physics of their own."""
        fields = self.task.physics(sim)
        for name, values in fields.items():
            self.batch.expand(name)[ids] = values
        if not SETCONST_INPUTS.isdisjoint(fields):
            self.batch.set_const(ids)

    def stagger(self) -> None:
        """Spread the ends of the present episodes evenly over an episode's length.

        A rollout shorter than an episode then shows all parts of it. The episodes cut short by this are not reported.
        """
        turn = np.arange(1, self.num_robots + 1)
        self._limits[:] = self._limits * turn // self.num_robots
        self._whole[:] = turn == self.num_robots

    def _remember(self, now: Measured) -> None:
        """Keep of what was measured what the next step compares itself with: copies, for the physics goes on."""
        self._before = Measured(**{name: getattr(now, name).copy() for name in self.task.remembered})

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

        now = Measured(**task.measure(sim))
        terms = task.rewards(sim, actions, now, self._before)
        rewards = task.total(terms)
        tracked = task.track(sim, actions, now, self._before)
        observations = task.observe(sim, now)
        terminated = task.terminated(sim, now)
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
        for kind, values in (("terms", terms), ("tracked", tracked)):
            for name, value in values.items():
                self._sums[kind][name] += value
        truncated = self._elapsed >= self._limits
        self._observations = observations
        self._remember(now)
        ended = (terminated | truncated).nonzero()[0]
        final_observations = observations[ended]
        episodes = [self._summary(i, terminated.item(i), broken.item(i)) for i in ended.tolist()]
        if self.auto_reset and len(ended):
            self._begin(ended)
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
        if np.count_nonzero(self.batch.warning):
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
        forces = data.cfrc_ext
        cfrc_ext[:] = 0.0
        touched = (sim.ncon > 0) | sim.xfrc_applied.any(axis=(1, 2))
        for i in range(self.num_robots) if model.neq else touched.nonzero()[0].tolist():
            get_data(i, data)
            mujoco.mj_rnePostConstraint(model, data)
            cfrc_ext[i] = forces

    def _summary(self, i: int, terminated: bool, broken: bool) -> dict[str, Any]:
        """Describe the episode that robot i has just ended."""
        seconds = self._elapsed.item(i) * self.dt
        sums = {kind: {name: total.item(i) for name, total in totals.items()} for kind, totals in self._sums.items()}
        episode = {"seconds": seconds, "terminated": terminated} | sums["terms"] | sums["tracked"]
        return {
            "return": self._returns.item(i),
            "length": self._elapsed.item(i),
            "seconds": seconds,
            "wall_time": time.perf_counter() - self._started,
            "terminated": terminated,
            "physics_error": broken,
            "succeeded": self.task.succeeded(episode) if self._whole[i] else None,
            "whole": self._whole.item(i),
            **sums,
        }

    def get_state(self) -> dict[str, Any]:
        """Return all that the robots' future depends on, as arrays and JSON values."""
        return {
            "simulation": self.batch.state.copy(),
            "elapsed": self._elapsed.copy(),
            "limits": self._limits.copy(),
            "whole": self._whole.copy(),
            "returns": self._returns.copy(),
            "observations": self._observations.copy(),
            **{f"before.{name}": value.copy() for name, value in vars(self._before).items()},
            **{f"{kind}.{name}": total.copy() for kind, totals in self._sums.items() for name, total in totals.items()},
            "generators": [rng.bit_generator.state for rng in self.rngs],
            "seeds": list(self.seeds),
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
        self._individualise(np.arange(self.num_robots), self.sim)
        self._elapsed[:] = state["elapsed"]
        self._limits[:] = state["limits"]
        self._whole[:] = state["whole"]
        self._returns[:] = state["returns"]
        self._observations = state["observations"].copy()
        for name, value in vars(self._before).items():
            value[:] = state[f"before.{name}"]
        for kind, totals in self._sums.items():
            for name, total in totals.items():
                total[:] = state[f"{kind}.{name}"]
        for rng, saved in zip(self.rngs, state["generators"], strict=True):
            rng.bit_generator.state = saved
        self.seeds = list(state.get("seeds", self.seeds))  # states of older versions have none
        self.physics_errors = state["physics_errors"]
