"""The processes that learn one policy: how they are started, what they are told, and how they end.

Process 0 is the command itself; it alone writes, prints, evaluates and decides. The others follow: they build the same
learner with their share of the robots, learn in step, and save when they are told to. `torchrun` starts all of them,
on several machines; otherwise process 0 starts the others, on this one, and shares memory with them.
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import IntEnum
from functools import partial
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple, NoReturn

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

from agents.gloo import joined
from agents.places import Place, own_robots
from agents.policy_gradient import PolicyGradient
from agents.sent import as_sent
from agents.shared_memory import Board, SharedMemory, board
from agents.team import Alone, Exchange
from agents.threads import use_one_thread
from agents.worker_context import worker_context
from locomotion.environments import make_env
from locomotion.errors import UsageError
from locomotion.loading import load_files
from locomotion.runs.settings import Settings, from_json
from locomotion.threads import set_threads
from locomotion.torchrun import launched
from locomotion.training.checkpoints import load_checkpoint, tell
from locomotion.training.learners import build_learner


class Order(IntEnum):
    """What process 0 tells the others between two iterations."""

    GO_ON = 0
    SAVE = 1
    END = 2


class Follower(NamedTuple):
    """A process that process 0 has started."""

    process: BaseProcess
    pipe: Connection  # of objects, to and fro
    reports: Connection  # of the exception that ended it


@contextmanager
def together(settings: Settings, count: int, advice: Callable[[], str]) -> Iterator[Exchange]:
    """Start the other processes that learn by such settings, or meet those that `torchrun` has started.

    At the end the others are ended, whatever they are doing.

    Args:
        settings: of the run.
        count: of processes, with this one.
        advice: what is kept and how to go on, where one of them dies.

    Raises:
        UsageError: where they can share no memory, or one of them dies.
    """
    if launched():
        with joined(lambda: _refuse(f"another process does not answer any more{advice()}")) as all_machines:
            all_machines.announce((settings.run.load, settings.as_json()))
            yield all_machines
        return
    if count == 1:
        yield Alone()
        return
    context = worker_context(__name__)
    try:
        shared = board(count)
    except (OSError, RuntimeError) as error:  # RuntimeError: torch's, for what the system refuses
        raise UsageError(f"{count} processes can share no memory: {error}; --processes 1 needs none") from error
    followers: dict[int, Follower] = {}
    try:
        for rank in range(1, count):
            ours, theirs = context.Pipe()
            reports, told = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(rank, shared, theirs, told), daemon=True)
            process.start()
            theirs.close()  # now the follower alone holds these ends: its death closes them
            told.close()
            followers[rank] = Follower(process, ours, reports)
        pipes = [follower.pipe for follower in followers.values()]
        exchange = SharedMemory(0, shared, pipes, partial(_require_alive, followers, advice))
        exchange.announce((settings.run.load, settings.as_json()))
        yield exchange
    finally:
        for follower in followers.values():
            follower.process.kill()
            follower.process.join()
            follower.pipe.close()
            follower.reports.close()


def robots_at(settings: Settings, place: Place, threads: int) -> VecEnv:
    """Return a process's robots."""
    robots, rollout = settings.rollout.num_envs, settings.rollout
    own = own_robots(robots, place)
    return make_env(
        settings.env,
        own.stop - own.start,
        seed=settings.seed + own.start,
        threads=threads,
        task=settings.task,
        stagger=(own.start, robots) if rollout.stagger else False,
        load=settings.run.load,
    )


def give(order: Order, learner: PolicyGradient) -> None:
    """Tell the other processes what comes next."""
    learner.team.exchange.announce(order)


class Obey(BaseCallback):
    """Does between two iterations what process 0 tells."""

    def _on_rollout_start(self) -> None:
        self.obey()

    def _on_step(self) -> bool:
        return True

    def obey(self) -> None:
        """Do what is told, until that is to go on or to end."""
        assert isinstance(self.model, PolicyGradient)
        while self.model.team.exchange.announce(None) == Order.SAVE:
            tell(self.model)


def follow(exchange: Exchange) -> None:
    """Learn in step with process 0, to the end."""
    load, values = exchange.announce(None)
    load_files(load)
    settings = from_json(values)
    set_threads(1)
    env = robots_at(settings, exchange, threads=1)
    learner = build_learner(settings, env)
    learner.join(exchange)
    learner.set_logger(Logger(None, []))
    checkpoint, weights = exchange.announce(None)
    if checkpoint is not None:
        load_checkpoint(checkpoint, learner)
    elif weights is not None:
        learner.policy.load_state_dict(weights, strict=False)
    callback = Obey()
    callback.init_callback(learner)
    first_step = learner.num_timesteps
    if first_step < settings.steps:
        learner.learn(settings.steps - first_step, callback, reset_num_timesteps=checkpoint is None)
    callback.obey()
    env.close()


def follow_as_launched() -> None:
    """Learn in step with process 0, in a process that `torchrun` has started."""
    warnings.simplefilter("ignore")  # process 0 has the same to say
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # process 0 answers it, and ends this one by its own end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # torch, while it waits, would keep Python from answering
    with joined(lambda: os._exit(1)) as exchange:
        follow(exchange)
        os._exit(0)  # taking torch apart so soon after the last exchange hangs in one of a dozen runs


def _work(rank: int, shared: Board, pipe: Connection, reports: Connection) -> None:
    """Run a follower on this machine; report the exception that ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; process 0 answers it
    use_one_thread()
    warnings.simplefilter("ignore")  # process 0 has the same to say
    try:
        follow(SharedMemory(rank, shared, [pipe], _require_leader))
    except Exception as error:
        with suppress(OSError):  # process 0 has ended
            reports.send(as_sent(rank, error))


def _require_leader() -> None:
    """End a follower whose process 0 has ended."""
    leader = parent_process()
    if leader is not None and not leader.is_alive():
        os._exit(1)


def _require_alive(followers: Mapping[int, Follower], advice: Callable[[], str]) -> None:
    """Raise what a follower reports, or say that it has died."""
    for rank, (process, _, reports) in followers.items():
        with suppress(EOFError, OSError):
            if reports.poll():
                raise reports.recv()
        if not process.is_alive():
            code = process.exitcode or 0
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise UsageError(f"process {rank + 1} of {len(followers) + 1} {how}{advice()}")


def _refuse(sentence: str) -> NoReturn:
    raise UsageError(sentence)
