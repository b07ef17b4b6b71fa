"""Speed of the worlds: the same robots stepped by us, by others, and by the bare physics, in one run."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium
import numpy as np
from mujoco.batch import Batch
from stable_baselines3.common.vec_env import DummyVecEnv

import envs
from envs.engine import untimed
from envs.registry import GYMNASIUM_TASKS
from locomotion.environments import batched
from locomotion.errors import UsageError
from locomotion.progress import each
from locomotion.tables import markdown_table

BARE, OURS, SYNC, DUMMY, ENVPOOL = "Batch.step", "ours", "SyncVectorEnv", "DummyVecEnv", "EnvPool"
WARM_UP_STEPS = 100  # untimed: the robots fall or find their feet


class Contender(Protocol):
    """A way to step N robots."""

    def run(self, actions: np.ndarray) -> float:
        """Step by actions (T, N, actions); return the robots' steps per second."""


class Loop:
    """A contender that steps all robots by a function of their actions (N, actions)."""

    def __init__(self, step: Callable[[np.ndarray], object]):
        self._step = step

    def run(self, actions: np.ndarray) -> float:
        start = time.perf_counter()
        for action in actions:
            self._step(action)
        return actions.shape[0] * actions.shape[1] / (time.perf_counter() - start)


class NextStepLoop:
    """A contender whose call after an episode's end only resets that robot; such calls are not counted as steps."""

    def __init__(self, step: Callable[[np.ndarray], tuple[Any, ...]]):
        self._step = step

    def run(self, actions: np.ndarray) -> float:
        ends = []
        start = time.perf_counter()
        for action in actions:
            _, _, terminated, truncated, _ = self._step(action)
            ends.append(terminated | truncated)
        seconds = time.perf_counter() - start
        return (actions.shape[0] * actions.shape[1] - np.sum(ends)) / seconds


class BarePhysics:
    """The physics alone, repeating what our robots did: the upper bound of every figure.

    A copy of our robots first takes the actions untimed and records every control and every new episode's start.
    Timed are `Batch.step`, on our model and untimed by the engine as ours is, and the copying of those numbers into it.
    """

    def __init__(self, ours: envs.BatchedVecEnv):
        world = ours.world
        self._ours = ours
        self._shadow = envs.BatchedVecEnv(ours.task, ours.num_envs, num_threads=world.batch.nthread)
        self.batch = Batch(world.model, world.num_robots, nthread=world.batch.nthread)
        self._substeps = world.substeps

    def run(self, actions: np.ndarray) -> float:
        seconds = self.replay(self._ours.get_state(), len(actions), lambda t, _: actions[t])
        return actions.shape[0] * actions.shape[1] / seconds

    def replay(self, start: dict[str, Any], steps: int, act: Callable[[int, np.ndarray], np.ndarray]) -> float:
        """Return the seconds that the physics alone takes for `steps` steps from a state of our robots.

        Args:
            start: from their `get_state`.
            steps: T.
            act: (t, observations) -> actions (N, actions).
        """
        shadow, batch = self._shadow, self.batch
        shadow.set_state(start)
        observations, recorded = start["observations"], []
        for t in range(steps):
            observations, _, dones, _ = shadow.step(act(t, observations))
            begun = dones.nonzero()[0]
            recorded.append((shadow.world.sim.ctrl.copy(), begun, shadow.world.batch.state[begun]))
        batch.state[:] = start["simulation"]
        controls = batch.bind("ctrl")
        begin = time.perf_counter()
        for control, begun, states in recorded:
            controls[:] = control
            with untimed:
                batch.step(nstep=self._substeps)
            if len(begun):
                batch.state[begun] = states
        return time.perf_counter() - begin


@dataclass(frozen=True)
class WorldSpeed:
    """One robot's env steps per second by contender, medians over the rounds."""

    env: str
    steps_per_second: dict[str, float]

    def ratio(self, a: str, b: str) -> float:
        """Return the speed of a over that of b, or NaN where one of them did not run."""
        speed = self.steps_per_second
        return speed[a] / speed[b] if a in speed and b in speed else float("nan")


def measure_worlds(
    robots: Sequence[str],
    copies: int = 64,
    threads: int = 1,
    rounds: int = 9,
    seconds: float = 0.2,
) -> Iterator[WorldSpeed]:
    """Yield the figures of one robot after the other.

    The contenders take turns, `rounds` times, for about `seconds` each, with random actions of one distribution, so
    that other load on the machine slows all of them alike.

    Raises:
        UsageError: where a robot is not one of Gymnasium's that we step in batches.
    """
    for env in robots:
        contenders, close = _contenders(env, copies, threads)
        rng = np.random.default_rng(0)
        space = envs.make_vec(env, 1).action_space
        low, high = space.low, space.high  # type: ignore[attr-defined]

        def draw(steps: int, rng=rng, low=low, high=high) -> np.ndarray:
            return rng.uniform(low, high, (steps, copies, *low.shape)).astype(np.float32)

        lengths = {name: _steps_for(seconds, contender, draw(WARM_UP_STEPS)) for name, contender in contenders.items()}
        speeds: dict[str, list[float]] = {name: [] for name in contenders}
        lengths[BARE] = lengths[OURS]
        for _ in each(range(rounds), env, rounds):
            same = draw(lengths[OURS])
            for name, contender in contenders.items():
                actions = same if name in (BARE, OURS) else draw(lengths[name])
                speeds[name].append(contender.run(actions))
        close()
        yield WorldSpeed(env, {name: float(np.median(values)) for name, values in speeds.items()})


def _steps_for(seconds: float, contender: Contender, warm_up: np.ndarray) -> int:
    return max(5, round(seconds * contender.run(warm_up) / warm_up.shape[1]))


def _contenders(env: str, copies: int, threads: int) -> tuple[dict[str, Contender], Callable[[], None]]:
    if env not in GYMNASIUM_TASKS:
        raise UsageError(f"{env} is not one of the Gymnasium robots we step in batches: {', '.join(GYMNASIUM_TASKS)}")
    ours = batched(envs.make_vec(env, copies, seed=0, num_threads=threads))
    assert ours is not None
    sync = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make(env)] * copies)
    dummy = DummyVecEnv([lambda: gymnasium.make(env)] * copies)
    for world in (ours, sync, dummy):
        world.reset()
    # The physics goes first: both then start from the same state of ours.
    contenders: dict[str, Contender] = {BARE: BarePhysics(ours), OURS: Loop(ours.step)}
    contenders |= {SYNC: NextStepLoop(sync.step), DUMMY: Loop(dummy.step)}
    if importlib.util.find_spec("envpool"):
        import envpool

        pool = envpool.make(env, env_type="gymnasium", num_envs=copies, num_threads=threads)
        pool.reset()
        contenders[ENVPOOL] = NextStepLoop(pool.step)

    def close() -> None:
        for world in (ours, sync, dummy):
            world.close()

    return contenders, close


def worlds_table(rows: Sequence[WorldSpeed]) -> str:
    """Return the figures as a Markdown table."""
    names = [BARE, OURS, ENVPOOL, SYNC, DUMMY]
    names = [name for name in names if all(name in row.steps_per_second for row in rows)]
    ratios = [(OURS, other) for other in names if other != OURS]
    head = ["robot", *names, *(f"{a} / {b}" for a, b in ratios)]
    lines = []
    for row in rows:
        speeds = [f"{row.steps_per_second[name]:,.0f}" for name in names]
        lines.append([row.env, *speeds, *(f"{row.ratio(a, b):.2f}" for a, b in ratios)])
    return markdown_table(head, lines)
