"""Many robots at one task: the batch of simulations behind all three doors (VecEnv, Env, VectorEnv)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mujoco.batch import Batch

from envs import contract
from envs.actions import Actions
from envs.arguments import at_least_one
from envs.blow_up import BlowUp, Witness, not_finite
from envs.engine import available_cores
from envs.episodes import Episodes
from envs.mirror import Mirror
from envs.observation import Observations, all_parts, apart, joined, layout_of, names_of, space_of
from envs.registry import canonical_id, require_task
from envs.simulation import Simulation, all_finite
from envs.starts import Starts
from envs.task import Measured, Remembered, Task


@dataclass
class Step:
    """The outcome of one step of N robots; those whose episode ended have already begun their next one."""

    observations: Observations  # (N, ...), of the new episode where one began
    rewards: np.ndarray  # (N,)
    terminated: np.ndarray  # (N,) failed, or finished for good: there is no future
    truncated: np.ndarray  # (N,) out of time: the future is cut off
    terms: dict[str, np.ndarray]  # the reward's terms, each (N,)
    ended: np.ndarray  # (E,) rows of the robots whose episode ended
    final_observations: list[Observations]  # (E,) of one robot each, the last of the episode that ended
    episodes: list[dict[str, Any]] = field(default_factory=list)  # (E,) summaries of the episodes that ended


class World:
    """N robots at one task, stepped together on `num_threads` threads and reset one by one as their episodes end.

    Robot i draws its start states from its own generator, seeded like Gymnasium's environments. Its trajectory depends
    on its seed and its actions alone: not on the other robots, nor on the number of threads.

    `copy.deepcopy` and `pickle` give an equal world, whose future is the same.

    A simulation that blows up ends its robot's episode (`terminated`, and in the summary the `BlowUp` as
    `physics_error`) with reward 0 and the last finite observation as the final one.

    Args:
        task: the robots and their task.
        num_robots: N, at least 1.
        num_threads: threads that step the physics; by default one for each core.
        auto_reset: whether `step` begins a new episode where one ended, or leaves that to the caller.
    """

    def __init__(self, task: Task, num_robots: int, num_threads: int | None = None, *, auto_reset: bool = True):
        num_robots = at_least_one(num_robots, "the number of robots")
        num_threads = None if num_threads is None else at_least_one(num_threads, "the number of threads")
        if not isinstance(task, Task):
            raise TypeError(f"task must be an envs.Task, such as CartPole(), got {task!r}")
        self.task = task
        self.num_robots = num_robots
        self.auto_reset = auto_reset
        contract.require_declared(task)
        self.model = contract.compiled(task)
        self.substeps = task.substeps(self.model)
        contract.require_fit(task, self.model, self.substeps)
        self.dt = self.model.opt.timestep * self.substeps  # s between two actions
        threads = min(num_threads or available_cores(), num_robots)
        # mj_rnePostConstraint needs all of a simulation's MjData, which only a persistent batch keeps.
        batch = Batch(self.model, num_robots, nthread=threads, persistent=task.contact_forces)
        self.sim = Simulation(batch, self.dt, task.memory, task.contact_forces)
        self.starts = Starts(task, self.model, num_robots, self.dt)
        self.physics_errors = 0  # blow-ups so far
        self.action_space = contract.require_actions(task, task.action_space(self.model))
        self.actions = Actions(self.action_space, num_robots, type(task).__name__)
        self._witness = Witness(task, self.model, self.batch.state)

        self._bind_fields()
        self.reset(np.arange(num_robots))
        shape = (self._seen,) if self._observations.ndim == 2 else self._observations.shape[1:]
        space = contract.require_observations(task, task.observation_space(self._seen), shape)
        self.observation_space = space_of(space, sum(self.layout.values()))

    def _bind_fields(self) -> None:
        """Call the task's methods once, so that every field they use is filled from the first step on.

        A field that is first used after a step is zero in that step. What the methods return also gives the layout of
        the observations and the names of the terms.
        """
        task, sim, count = self.task, self.sim, self.num_robots
        idle = self.actions.idle
        with np.errstate(all="ignore"):
            now = Measured(**contract.require_quantities(task, task.measure(sim), count))
            self._remember(now)
            seen, hidden = task.observe(sim, now), task.privileged(sim, now)
            parts = contract.require_parts(task, seen, hidden, count)
            self.layout = layout_of(parts)  # part -> its size
            self.privileged = tuple(hidden)  # names of the parts that the robot does not see
            self._seen = sum(layout_of(seen).values())  # how many numbers the robot sees: the first ones
            self._observations = joined(parts)
            terms = contract.require_terms(task, "rewards", task.rewards(sim, idle, now, self._before), count)
            contract.require_numbers(task, "total", task.total(dict(terms)), count)
            tracked = contract.require_terms(task, "track", task.track(sim, idle, now, self._before), count)
            contract.require_booleans(task, "terminated", task.terminated(sim, now), count)
            contract.require_figures(task, {**terms, **tracked}, count)
            all_parts(task, self.starts.sim, Measured(**task.measure(self.starts.sim)))
        self.episodes = Episodes(self.num_robots, self.dt, terms, tracked)

    @property
    def batch(self) -> Batch:
        """MuJoCo's own view of the robots."""
        return self.sim.batch

    @property
    def observation_names(self) -> list[str]:
        """The name of each number of an observation: its part's, with its place where the part has several."""
        return names_of(self.layout)

    @property
    def mirror(self) -> Mirror | None:
        """The exchange of the robot's left and right, or None where it or its task is not symmetric."""
        parts = self.task.mirrored(self.model)
        return None if parts is None else parts.joined(self.layout, type(self.task).__name__)

    def reset(self, ids: np.ndarray, seeds: list[int | None] | None = None) -> Observations:
        """Begin a new episode for the robots `ids`; return their first observations (len(ids), ...).

        Args:
            ids: sorted rows.
            seeds: for each of `ids` a new seed, or None to go on with the present generator.
        """
        for i, seed in zip(ids, seeds or [None] * len(ids), strict=True):
            if seed is not None:
                self.starts.seed(i, seed)
                self.forget(i)
        self._begin(ids)
        return self._given(self._observations[ids])

    def forget(self, ids: np.ndarray | int) -> None:
        """Clear the memory of the robots `ids`."""
        self.sim.userdata[ids] = 0.0

    def _begin(self, ids: np.ndarray) -> None:
        """Begin a new episode for the robots `ids` with the next draws of their generators."""
        task = self.task
        sim, states, physics = self.starts.place(ids, self.sim.userdata[ids])
        self.sim.restart(ids, states, physics)
        self.episodes.begin(ids, contract.require_limits(task, task.episode_limits(sim), len(ids)))
        now = Measured(**task.measure(sim))
        for name in task.remembered:
            getattr(self._before, name)[ids] = getattr(now, name)
        parts = all_parts(task, sim, now)
        observations = joined(parts)
        contract.require_finite_observations(task, parts, observations)
        self._observations[ids] = observations

    def stagger(self, first: int = 0, of: int | None = None) -> None:
        """Spread the ends of the present episodes evenly over an episode's length.

        A rollout shorter than an episode then shows all parts of an episode. Shortened episodes are not reported.

        Args:
            first: number of the first of these robots among all, where other processes have others.
            of: number of all; by default these.
        """
        self.episodes.stagger(first, of)

    def _remember(self, now: Measured) -> None:
        """Keep copies of the quantities that the next step gets as `before`."""
        self._before = Remembered(**{name: getattr(now, name).copy() for name in self.task.remembered})

    @property
    def observations(self) -> Observations:
        """A copy of the present observations (N, ...)."""
        return self._given(self._observations.copy())

    def _given(self, rows: np.ndarray) -> Observations:
        """Return observations (..., numbers) as a caller is given them: a Dict's parts, where some are privileged."""
        return apart(rows, self._seen)

    def step(self, actions: np.ndarray) -> Step:
        """Apply actions (N, actions), or choices (N,), advance by `dt`, and begin new episodes where one ended."""
        task, sim = self.task, self.sim
        given, (actions, broken) = actions, self.actions.checked(actions)
        contract.require_nothing(task, "apply", task.apply(sim, actions))  # type: ignore[func-returns-value]
        self._witness.enter(self.batch.state)
        failed = self.sim.advance(self.substeps)
        if failed:
            broken[list(failed)] = True

        now = Measured(**task.measure(sim))
        terms = task.rewards(sim, actions, now, self._before)
        # A view of the physics would change with it as soon as the next episode begins.
        terms = {name: term if term.base is None else term.copy() for name, term in terms.items()}
        rewards = task.total(terms)
        tracked = task.track(sim, actions, now, self._before)
        observations = joined(all_parts(task, sim, now))
        terminated = task.terminated(sim, now)
        if not (all_finite(observations) and all_finite(rewards)):
            sound = np.isfinite(observations).all(axis=tuple(range(1, observations.ndim)))
            broken |= ~(sound & np.isfinite(rewards))
        blow_ups: dict[int, BlowUp] = {}
        if np.count_nonzero(broken):
            self.physics_errors += int(broken.sum())
            for i in broken.nonzero()[0].tolist():
                paid = {name: term[i] for name, term in {**terms, "total": rewards}.items()}
                found = self._found(given[i], failed.get(i), paid, observations[i])
                seed, elapsed = self.starts.seeds[i], self.episodes.elapsed.item(i)
                blow_ups[i] = self._witness.blow_up(i, seed, elapsed, found, given[i], vars(self._before))
            terminated = terminated | broken
            observations[broken] = self._observations[broken]
            rewards = np.where(broken, 0.0, rewards)
            terms = {name: np.where(broken, 0.0, term) for name, term in terms.items()}
            tracked = {name: np.where(broken, 0.0, value) for name, value in tracked.items()}

        truncated = self.episodes.add(rewards, terms, tracked)
        self._observations = observations
        self._remember(now)
        ended = (terminated | truncated).nonzero()[0]
        final_observations = [self._given(row) for row in observations.take(ended, axis=0)]
        episodes = []
        if len(ended):
            episodes = [self._judged(e) for e in self.episodes.summaries(ended, terminated[ended], blow_ups)]
            if self.auto_reset:
                self._begin(ended)
        return Step(self.observations, rewards, terminated, truncated, terms, ended, final_observations, episodes)

    def _found(self, action: np.ndarray, engine: str | None, paid: dict[str, float], observation: np.ndarray) -> str:
        """Return in words what was found of a robot that blew up, in the order of its computation."""
        found = not_finite("action", range(action.size), action.ravel())
        found += [] if engine is None else [engine]
        found += not_finite("reward", list(paid), np.array(list(paid.values())))
        return ", ".join(found + not_finite("observation", self.observation_names, observation))

    def _judged(self, episode: dict[str, Any]) -> dict[str, Any]:
        """Return an episode's summary with the task's verdict on it: whether it succeeded."""
        sums = {"seconds": episode["seconds"], "terminated": episode["terminated"]}
        sums |= episode["terms"] | episode["tracked"]
        return episode | {"succeeded": self.task.succeeded(sums) if episode["whole"] else None}

    @property
    def step_began(self) -> np.ndarray:
        """The states (N, numbers) with which the physics of the last step began: with its controls; a live array."""
        return self._witness.states

    @property
    def tracked(self) -> tuple[str, ...]:
        """The names of the quantities that the task tracks."""
        return self.episodes.tracked

    def so_far(self, name: str) -> np.ndarray:
        """Return the sums (N,) of a tracked quantity over the present episodes."""
        return self.episodes.so_far(name)

    @property
    def _arrays(self) -> dict[str, np.ndarray]:
        """The arrays of a saved state, live."""
        return {
            "simulation": self.batch.state,
            "observations": self._observations,
            **{f"before.{name}": value for name, value in vars(self._before).items()},
            **self.episodes.arrays,
        }

    def get_state(self) -> dict[str, Any]:
        """Return everything that the robots' future depends on, as arrays and JSON values."""
        return {
            **{name: array.copy() for name, array in self._arrays.items()},
            "generators": [rng.bit_generator.state for rng in self.starts.rngs],
            "seeds": list(self.starts.seeds),
            "physics_errors": self.physics_errors,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore a state of `get_state`: exact for the same model and MuJoCo version."""
        if state["simulation"].shape != self.batch.state.shape:
            raise ValueError(
                f"the saved state is {state['simulation'].shape[0]} robots of {state['simulation'].shape[1]} numbers,"
                f" this world's {self.batch.state.shape[0]} of {self.batch.state.shape[1]}"
            )
        for name, array in self._arrays.items():
            array[:] = state[name]
        self.sim.individualise(np.arange(self.num_robots), self.task.physics(self.sim))
        for rng, saved in zip(self.starts.rngs, state["generators"], strict=True):
            rng.bit_generator.state = saved
        self.starts.seeds = list(state.get("seeds", self.starts.seeds))  # states of older versions have none
        self.physics_errors = state["physics_errors"]


def observation_names(env_id: str, **task_kwargs: Any) -> list[str]:
    """Return the name of each number of an observation, privileged last: `height` of one, `velocity[0]` of several.

    Args:
        env_id: of a robot that is stepped in batches, an id or a short name.
        **task_kwargs: the task's fields.

    Raises:
        UnknownEnvironment: where there is no such robot.
    """
    return World(require_task(canonical_id(env_id), **task_kwargs), 1).observation_names
