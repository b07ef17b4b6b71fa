"""A worker process of A3C: its shared memory, its updates and its reports."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
import warnings
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import torch
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from agents.a2c import A2C
from agents.finite import require_finite
from agents.policies import ActorCritic
from agents.samples import Samples
from agents.sent import as_sent
from agents.threads import use_one_thread


class Shared(NamedTuple):
    """Memory that all workers read and write without locks."""

    policy: ActorCritic  # with the optimiser of its critic
    actor_optimizer: torch.optim.Optimizer
    updates: Tensor  # (workers,) number of updates of each worker, which alone writes it
    first_step: int  # environment steps before the first of these updates


class Report(NamedTuple):
    """A worker's report of an update."""

    figures: dict[str, float]
    episodes: list[dict[str, Any]]  # that ended in its rollout, in the form of SB3's `ep_info_buffer`
    successes: list[float]
    physics_errors: int
    blow_ups: list[tuple[int, int, Any]]  # the last of them, as the learner's own `blow_ups`


class Worker(A2C):
    """A2C on a copy of the shared policy; the gradients at the copy step the shared one.

    Args:
        shared: policy and optimisers that all workers update.
        number: this worker's.
        reports: receives a `Report` of each update.
        **kwargs: of A2C.
    """

    def __init__(self, shared: Shared, number: int, reports: Connection, **kwargs: Any):
        super().__init__(**kwargs)
        self.shared = shared
        self.number = number
        self.reports = reports
        self.policy.optimizer, self.actor_optimizer = shared.policy.optimizer, shared.actor_optimizer
        for optimizer in self.optimizers().values():
            optimizer.register_step_pre_hook(self._hand_over_gradients)
        self.set_logger(Logger(None, []))
        self.num_timesteps = self.steps_of_all()

    def _hand_over_gradients(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if optimizer is self.policy.optimizer:  # the actor's gradient has been looked at
            slopes = [parameter.grad for parameter in self.policy.critic_parameters() if parameter.grad is not None]
            require_finite("the gradient of the critic's error", slopes)
        for mine, ours in zip(self.policy.parameters(), self.shared.policy.parameters(), strict=True):
            ours.grad = mine.grad

    def steps_of_all(self) -> int:
        """Return the number of environment steps that all workers have learned from."""
        return self.shared.first_step + int(self.shared.updates.sum()) * self.n_steps * self.n_envs

    def updates_of_others(self) -> int:
        """Return the number of the other workers' updates."""
        return int(self.shared.updates.sum() - self.shared.updates[self.number])

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> bool:
        """Copy the shared policy and collect a rollout by it, after the first worker's first update.

        Before that update the statistics of observations are empty.
        """
        learner = parent_process()
        while self.number > 0 and self.shared.updates[0] == 0:
            if learner is not None and not learner.is_alive():
                sys.exit()
            time.sleep(0.001)
        self._seen = self.updates_of_others()
        self.policy.load_state_dict(self.shared.policy.state_dict())
        return super().collect_rollouts(*args, **kwargs)

    def improve(self, samples: Samples) -> None:
        self.logger.record("train/staleness", self.updates_of_others() - self._seen)
        super().improve(samples)
        if self.number == 0:  # as the critic's fit, which follows, does to the copy
            self.shared.policy.value_net.update(*samples.shards.moments(samples.returns[:, None]))

    def train(self) -> None:
        """Update the shared policy, and report it."""
        super().train()
        if self.number == 0:
            steps = self.rollout_buffer.rows(self.team, counted=False)
            self.shared.policy.update_normalizer(steps.of(self.rollout_buffer.observations), steps.shards)
        self.shared.updates[self.number] += 1
        self.num_timesteps = self.steps_of_all()
        self._report()

    def _report(self) -> None:
        figures = {name: float(value) for name, value in self.logger.name_to_value.items()}
        episodes, successes = self.ep_info_buffer, self.ep_success_buffer
        assert episodes is not None
        assert successes is not None
        successful, blow_ups = list(map(float, successes)), list(self.blow_ups)
        self.reports.send(Report(figures, list(episodes), successful, self.physics_errors, blow_ups))
        for reported in (self.logger.name_to_value, episodes, successes, self.blow_ups):
            reported.clear()
        self.physics_errors = 0


def work(
    number: int,
    make_env: Callable[[], VecEnv],
    arguments: dict[str, Any],
    shared: Shared,
    total_timesteps: int,
    reports: Connection,
) -> None:
    """Run a worker until all have taken `total_timesteps` steps.

    Its last report is the exception that ended learning, if any did.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the learner handles it
    use_one_thread()
    warnings.formatwarning = lambda message, *_, **__: f"warning: worker {number}: {message}\n"
    try:
        worker = Worker(shared, number, reports, env=make_env(), **arguments)
        worker.learn(total_timesteps - worker.num_timesteps, log_interval=None, reset_num_timesteps=False)
    except BaseException as error:
        with contextlib.suppress(BrokenPipeError):  # the learner was killed
            reports.send(as_sent(number, error))
