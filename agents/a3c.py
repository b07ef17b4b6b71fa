"""The asynchronous advantage actor-critic (Mnih et al. 2016): processes that update one policy without waiting."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, ClassVar

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback
from stable_baselines3.common.utils import update_learning_rate
from stable_baselines3.common.vec_env import VecEnv

from agents.a2c import A2C
from agents.a3c_worker import Report, Shared, work
from agents.baselines import ValueNetwork
from agents.cannot_learn import CannotLearn
from agents.critics import AdamFit
from agents.finite import require_finite
from agents.iteration_log import record_episodes
from agents.policies import ActorCritic
from agents.ranges import Checked, at_least_one
from agents.rollout import Rollout
from agents.worker_context import worker_context

ROW = 64  # updates in a row of the log
# Arguments of the workers that may have been changed since they were given.
CHANGEABLE = (
    *("gamma", "gae_lambda", "n_steps", "memory_steps", "target", "normalize_advantage", "ent_coef"),
    *("learning_rate", "actor_learning_rate", "max_grad_norm"),
)
MAX_DEATHS = 3  # of one worker, without an update between them


class A3C(A2C):
    """A2C by several processes at once, each with its own robots, whose gradients step one shared policy.

    A worker copies the policy, steps its robots `n_steps` times, and with the gradients at its copy steps actor and
    critic in shared memory, with shared optimiser statistics (RMSProp's for the actor), while other workers do the
    same, without locks (Recht et al. 2011, "Hogwild!"). The number of other workers' updates between copying and
    stepping is logged as `train/staleness`. A single worker does exactly what A2C does.

    The statistics of observations and returns are shared as well, but only the first worker updates them: such an
    update must not be lost, because the critic's last layer changes together with it. The other workers' robots see
    the same distribution, so that no information is missing.

    The learner's own policy is a copy, renewed for each row of the log, so that callbacks see a policy that does not
    change. They are called for every step, but after the update that used it, and see no single robot's `dones` or
    `infos`. A worker that dies is replaced by one with new robots, and `learn` begins with new robots, too: a run that
    is resumed from a checkpoint keeps policy, statistics and counts.

    Args:
        policy: "MlpPolicy", or a subclass of ActorCritic.
        env: robots like a worker's, for their spaces alone; they are never stepped.
        make_env: makes a worker's robots in its process, where they are then seeded. It is pickled, as all arguments
            are: it must be a function of a module, or a `functools.partial` of one.
        workers: number of processes; more than there are cores slow each other down.
        **kwargs: of A2C.

    Raises:
        ValueError: for fewer than 1 worker, no `make_env`, a baseline that cannot be shared or that takes more than one
            step at a time, episodic rollouts, or a GPU.
    """

    FIXED: ClassVar[set[str]] = {*A2C.FIXED, "baseline", "episodic"}  # the workers have made theirs
    NEEDED_AT_ONCE: ClassVar[set[str]] = {*A2C.NEEDED_AT_ONCE, "make_env", "workers"}

    shared: Shared
    workers = Checked(at_least_one)

    def __init__(
        self,
        policy: str | type[ActorCritic],
        env: GymEnv | str | None,
        make_env: Callable[[], VecEnv] | None = None,  # SB3's `load` sets it later
        workers: int = 2,
        **kwargs: Any,
    ):
        self.make_env = make_env
        self.workers = workers
        self.worker_arguments = {"policy": policy, **kwargs, "verbose": 0}
        self.processes: dict[Connection, tuple[int, BaseProcess]] = {}  # a worker's number and process, by its reports
        super().__init__(policy, env, **kwargs)

    def _setup_model(self) -> None:
        super()._setup_model()
        if self.make_env is None:
            raise CannotLearn("make_env must be given: it makes the workers' robots")
        learned = self.baseline.critic if isinstance(self.baseline, ValueNetwork) else self.baseline
        if not isinstance(learned, AdamFit):
            raise CannotLearn(
                "workers share an optimiser's parameters: the baseline must be a ValueNetwork fitted by AdamFit, got"
                f" {type(learned).__name__}"
            )
        if learned.epochs != 1 or learned.max_batches != 1:
            raise CannotLearn(
                "a worker's copy does not change within an update: the critic must take one step at a time,"
                f" AdamFit(epochs=1, max_batches=1), got epochs={learned.epochs}, max_batches={learned.max_batches}"
            )
        if self.episodic:
            raise CannotLearn("workers have no episodic rollouts; leave episodic out")
        if self.device.type != "cpu":
            raise CannotLearn(f"workers share the CPU's memory, got device {self.device}")

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "processes", "shared"]

    def learn(  # type: ignore[override]
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = ROW,
        tb_log_name: str | None = None,
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ):
        """Learn as SB3's learners do; a row of the log is `log_interval` updates of any workers.

        The workers import the main module: a call there must be under `if __name__ == "__main__":`.

        Raises:
            Diverged: where a worker's numbers are no longer finite; the policy is that of the last row.
            RuntimeError: for a worker that dies again and again, or an exception that cannot be sent to this process;
                others are raised here as they were there, with the worker's traceback in a note.
        """
        try:
            return super().learn(
                total_timesteps, callback, log_interval, tb_log_name, reset_num_timesteps, progress_bar
            )
        finally:
            for reports, (_, process) in self.processes.items():
                process.kill()  # possibly in the middle of an update: the shared memory is no longer needed
                process.join()
                reports.close()
            self.processes = {}

    def _start_workers(self) -> None:
        """Copy policy and optimisers to shared memory, and start the workers."""
        policy, actor_optimizer = copy.deepcopy((self.policy, self.actor_optimizer))
        for optimizer in (policy.optimizer, actor_optimizer):
            share_statistics(optimizer)
        updates = torch.zeros(self.workers, dtype=torch.int64).share_memory_()
        self.shared = Shared(policy.share_memory(), actor_optimizer, updates, self.num_timesteps)
        self.reported = [0] * self.workers  # updates of each worker
        self.deaths = [0] * self.workers  # of each worker, since its last report
        self.replaced = 0
        seed = int(np.random.default_rng().integers(2**31)) if self.seed is None else self.seed
        self._next_seed = seed + self.n_envs * self._n_updates  # a resumed run has other episodes than its beginning
        for number in range(self.workers):
            self._start_worker(number)

    def _start_worker(self, number: int) -> None:
        context = worker_context(work.__module__)
        reports, ours = context.Pipe(duplex=False)
        now = {name: getattr(self, name) for name in CHANGEABLE}
        arguments = (
            self.worker_arguments
            | now
            | {
                "seed": self._next_seed % 2**32,
                "advantage": self._advantage,
            }
        )
        self._next_seed += self.n_envs
        process = context.Process(
            target=work,
            args=(number, self.make_env, arguments, self.shared, self._total_timesteps, ours),
            daemon=True,
        )
        process.start()
        ours.close()  # now the worker alone holds this end: its death ends the reports
        self.processes[reports] = number, process

    def collect_rollouts(  # type: ignore[override]
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: Rollout, n_rollout_steps: int
    ) -> bool:
        """Receive the workers' reports for a row of the log; for the last row, all remaining ones."""
        callback.on_rollout_start()
        if not self.processes:
            try:
                self._start_workers()
            except (OSError, RuntimeError) as error:  # RuntimeError: torch's, for what the system refuses
                raise CannotLearn(f"its workers cannot be started, or share no memory: {error}") from error
        self.iteration_log.begin()
        self._first_step = self.num_timesteps
        left = self._log_interval or ROW
        while self.processes and (left > 0 or self.num_timesteps >= self._total_timesteps):
            for reports in wait(list(self.processes)):
                report = self._receive(reports)  # type: ignore[arg-type]
                if report is None:
                    continue
                left -= 1
                self._add(report)
                callback.update_locals(locals())
                for _ in range(n_rollout_steps):
                    self.num_timesteps += env.num_envs
                    if not callback.on_step():
                        return False
        callback.on_rollout_end()
        return True

    def _receive(self, reports: Connection) -> Report | None:
        """Return a worker's next report, or None after its last; a worker that died has then been replaced."""
        number, process = self.processes[reports]
        try:
            report = reports.recv()
        except (EOFError, OSError):  # OSError: in the middle of one
            del self.processes[reports]
            reports.close()
            process.join()
            if process.exitcode != 0:
                self._replace(number, process)
            return None
        if isinstance(report, Exception):
            raise report
        self.reported[number] += 1
        self.deaths[number] = 0
        return report

    def _replace(self, number: int, process: BaseProcess) -> None:
        died = f"worker {number}, process {process.pid}, died with exit code {process.exitcode}"
        self.deaths[number] += 1
        if self.deaths[number] == MAX_DEATHS:
            raise RuntimeError(f"{died}: {MAX_DEATHS} deaths without an update in between")
        warnings.warn(f"{died}; another takes its place", RuntimeWarning, stacklevel=2)
        self.replaced += 1
        self.shared.updates[number] = self.reported[number]  # without one that it may have died reporting
        self._start_worker(number)

    def _add(self, report: Report) -> None:
        self._n_updates += 1
        self.physics_errors += report.physics_errors
        self.blow_ups.extend(report.blow_ups)
        self.ep_info_buffer.extend(report.episodes)  # type: ignore[union-attr]
        self.ep_success_buffer.extend(report.successes)  # type: ignore[union-attr]
        for name, value in report.figures.items():
            self.logger.record_mean(name, value)

    def train(self) -> None:
        """Copy the shared policy and optimisers; write a row: means of the workers' figures, and the learner's own."""
        require_finite("the shared policy's parameters", self.shared.policy.parameters())
        self.policy.load_state_dict(self.shared.policy.state_dict())
        self.policy.optimizer.load_state_dict(copy.deepcopy(self.shared.policy.optimizer.state_dict()))
        self.actor_optimizer.load_state_dict(copy.deepcopy(self.shared.actor_optimizer.state_dict()))
        record = self.logger.record
        record("train/n_updates", self._n_updates, exclude="tensorboard")
        record("train/replaced_workers", self.replaced)
        self.iteration_log.record_speed(self.logger, self.num_timesteps - self._first_step)
        record("rollout/physics_errors", self.physics_errors)
        record_episodes(self.logger, self.ep_info_buffer or [])
        if self._log_interval is not None:
            self.dump_logs(self._n_updates)


def share_statistics(optimizer: torch.optim.Optimizer) -> None:
    """Move an optimiser's statistics to shared memory; one without any is given zeros."""
    if not optimizer.state:
        update_learning_rate(optimizer, 0.0)
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        for statistics in optimizer.state.values():
            for tensor in statistics.values():
                tensor.zero_()
    for statistics in optimizer.state.values():
        for tensor in statistics.values():
            tensor.share_memory_()
