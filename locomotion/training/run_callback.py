"""What a run does between two iterations: checkpoints, evaluations, and the policies that are kept."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

import envs
from agents.cannot_learn import Diverged
from agents.policy_gradient import PolicyGradient
from envs.arguments import check_fields
from locomotion.command_line import invocation
from locomotion.environments import task_numbers
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import EVALUATION_SEED, evaluate
from locomotion.evaluation.scores import Evaluation
from locomotion.files import atomic_folder, write_json
from locomotion.interrupts import Deferral, at_once
from locomotion.policies.card import PolicyCard
from locomotion.policies.stored import describe, save_policy
from locomotion.runs.folder import Run
from locomotion.runs.settings import Settings, field_types
from locomotion.training.checkpoints import REMEDY, save_checkpoint
from locomotion.training.processes import Order, give


@dataclass
class Progress:
    """A run's progress that a checkpoint keeps besides the learner."""

    evaluated_at: int | None = None  # step of the last evaluation
    best_return: float | None = None  # of the evaluations so far
    wandb_id: str | None = None  # of the W&B run


def progress_at(checkpoint: Path, values: dict[str, Any]) -> Progress:
    """Return the progress that a checkpoint holds as JSON values.

    Raises:
        UsageError: where they are no progress.
    """
    try:
        check_fields(field_types(Progress), values)
        return Progress(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the checkpoint {checkpoint} is damaged ({error}); {REMEDY}") from error


class RunCallback(BaseCallback):
    """Saves checkpoints between iterations, evaluates, keeps the evaluated policies and the best, stops on request.

    Args:
        run: its folder.
        settings: of the run.
        threads: of the physics.
        progress: of the run so far.
        learner: that is trained.
    """

    def __init__(self, run: Run, settings: Settings, threads: int, progress: Progress, learner: PolicyGradient):
        super().__init__()
        self.run = run
        self.settings = settings
        self.threads = threads
        self.progress = progress
        self.request = Deferral()  # to stop
        self._saved_at = time.monotonic()
        self.init_callback(learner)

    def _on_rollout_start(self) -> None:
        # The checkpoint comes first: the evaluation's figures belong to the next row, and whatever stops it, even a
        # kill, the run goes on from here.
        due = self._evaluation_is_due()
        if due or self.request.requested or time.monotonic() - self._saved_at >= self.settings.run.checkpoint_seconds:
            self.save()
        self.request.check()
        if due:
            self._evaluate()
        give(Order.GO_ON, self.learner)

    def _on_step(self) -> bool:
        return True

    def complete(self) -> None:
        """Evaluate the final policy, where that is due, and save the last checkpoint."""
        if self.run.steps()[-1] != self.step:
            self.save()
        self.request.check()
        if self._evaluation_is_due():
            self._evaluate()
            self.save()
        give(Order.END, self.learner)

    def save(self) -> None:
        """Write a checkpoint of this moment, which must lie between two iterations."""
        give(Order.SAVE, self.learner)
        save_checkpoint(self.run.checkpoint(self.step), self.learner, self.card(), vars(self.progress))
        self.run.prune(self.settings.run.keep_checkpoints)
        self._saved_at = time.monotonic()

    @property
    def step(self) -> int:
        """The run's step."""
        return self.learner.num_timesteps

    @property
    def learner(self) -> PolicyGradient:
        """The learner this callback watches."""
        assert isinstance(self.model, PolicyGradient)
        return self.model

    def card(self) -> PolicyCard:
        """Return the policy's card as of now."""
        settings, source = self.settings, envs.source(self.settings.env)
        if source is None and envs.task_class(settings.env) is None and settings.run.load:
            source = settings.run.load[0]  # of a foreign environment that one of these files registers
        made_in = settings.env, settings.algo, settings.seed, self.step
        return describe(self.learner.policy, *made_in, settings.task, source.name if source else None)

    def _evaluation_is_due(self) -> bool:
        wanted, last = self.settings.run.evaluations, self.progress.evaluated_at

        def reached(step: int) -> int:
            return min(step, self.settings.steps) * wanted // self.settings.steps

        return wanted > 0 and (last is None or reached(self.step) > reached(last))

    def _evaluate(self) -> None:
        settings, progress = self.settings, self.progress
        with at_once():
            scores = evaluate(
                self.learner.policy,
                settings.env,
                settings.run.evaluation_episodes,
                EVALUATION_SEED,
                task=task_numbers(settings.env, "evaluation", settings.task),
                threads=self.threads,
                evaluation_steps=settings.run.evaluation_steps,
            )
        progress.evaluated_at = self.step
        if scores.cut_off:
            print(cut_off(scores, f"the evaluation at step {self.step:,}"), file=sys.stderr)
        self.logger.record("eval/return_mean", scores.return_mean)
        self.logger.record("eval/length_mean", scores.length_mean)
        for name, value in scores.metrics.items():
            self.logger.record(f"eval/{name}", value)
        kept = [self.run.snapshot(self.step)]
        if progress.best_return is None or scores.return_mean > progress.best_return:
            progress.best_return = scores.return_mean
            kept.append(self.run.best)
        for folder in kept:
            self.save_policy(folder, scores)

    def save_policy(self, folder: Path, scores: Evaluation | None = None) -> None:
        """Write the policy of this moment into a folder, with its scores if there are any."""
        with atomic_folder(folder) as temporary:
            save_policy(self.learner.policy, self.card(), temporary)
            if scores is not None:
                write_json(temporary / "evaluation.json", scores.as_json())


def cut_off(scores: Evaluation, where: str) -> str:
    """Return in one sentence that episodes had not ended when they were cut off."""
    numbers = f"{scores.cut_off} of {scores.episodes} episodes had not ended after {scores.evaluation_steps:,} steps"
    return f"{where}: {numbers} and were cut off there (--evaluation-steps)"


@contextlib.contextmanager
def last_sound_policy_kept(callback: RunCallback) -> Iterator[None]:
    """Keep the policy of a learner that diverges, as it was before.

    Raises:
        UsageError: naming what was not finite, the iteration, and the policy's folder.
    """
    try:
        yield
    except Diverged as error:
        folder = callback.run.last_sound
        callback.save_policy(folder)
        raise UsageError(
            f"learning has stopped: {error}; the policy before it is kept: {invocation('evaluate', folder)}"
        ) from error
