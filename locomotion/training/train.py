"""Training a robot: environment, learner, log, checkpoints, evaluation, from settings to a finished run."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

import envs
from agents.policy_gradient import PolicyGradient
from locomotion.command_line import invocation, loading
from locomotion.environments import make_env, task_numbers
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import EVALUATION_SEED, Evaluation, evaluate, evaluate_folder
from locomotion.files import atomic_folder, write_json
from locomotion.policies.card import PolicyCard
from locomotion.policies.stored import describe, save_policy
from locomotion.recording.film import Film
from locomotion.recording.video import record
from locomotion.runs.folder import Run
from locomotion.runs.settings import Settings
from locomotion.threads import set_threads
from locomotion.training.checkpoints import load_checkpoint, save_checkpoint
from locomotion.training.learners import build_learner
from locomotion.training.metrics import CsvRows, TensorBoard, Terminal
from locomotion.training.wandb_rows import WandbRows


@dataclass(frozen=True)
class Outcome:
    """The outcome of a call of `train`."""

    run: Run
    steps: int  # of the run so far
    interrupted: bool
    scores: Evaluation | None = None  # of the final policy, unless interrupted
    video: Path | None = None  # of the final policy, where there is OpenGL to draw it
    load: tuple[Path, ...] = ()  # files that resuming needs

    def summary(self) -> str:
        """Return the outcome as lines for the terminal: the scores and files, or the command that resumes."""
        if self.interrupted:
            return f"stopped at step {self.steps:,}; go on with: {resuming(self.run.folder, self.load)}"
        lines = [f"trained for {self.steps:,} steps: {self.run.folder}"]
        lines += [self.scores.table()] if self.scores is not None else []
        lines += [f"video: {self.video}"] if self.video is not None else []
        return "\n".join(lines)


def resuming(folder: Path, load: Sequence[Path]) -> str:
    """Return the command line that goes on with a run, given the files that it loads."""
    return " ".join([invocation("train", "--resume", folder), *([loading(load)] if load else [])])


@dataclass
class Progress:
    """A run's progress that a checkpoint keeps besides the learner."""

    evaluated_at: int | None = None  # step of the last evaluation
    best_return: float | None = None  # of the evaluations so far
    wandb_id: str | None = None  # of the W&B run


class RunCallback(BaseCallback):
    """Saves checkpoints between iterations, evaluates, keeps the evaluated policies and the best, stops on request.

    Args:
        run: its folder.
        settings: of the run.
        threads: of the physics.
        progress: of the run so far; None for a new one, which is saved at once, so that there is a checkpoint to
            resume from.
    """

    def __init__(self, run: Run, settings: Settings, threads: int, progress: Progress | None):
        super().__init__()
        self.run = run
        self.settings = settings
        self.threads = threads
        self.progress = progress or Progress()
        self.stop_requested = False
        self.stopped = False
        self._saved_at = time.monotonic() if progress else -np.inf

    def _on_rollout_start(self) -> None:
        # The checkpoint comes first: the evaluation's figures belong to the next row.
        if self.stop_requested or time.monotonic() - self._saved_at >= self.settings.run.checkpoint_seconds:
            self.save()
        self.stopped = self.stop_requested
        if not self.stopped:
            self._evaluate_if_due()

    def _on_step(self) -> bool:
        return not self.stopped

    def _on_training_end(self) -> None:
        if not self.stopped:
            self._evaluate_if_due()
            self.save()

    def save(self) -> None:
        """Write a checkpoint of this moment, which must lie between two iterations."""
        save_checkpoint(self.run.checkpoint(self.num_timesteps), self.learner, self.card(), vars(self.progress))
        self.run.prune(self.settings.run.keep_checkpoints)
        self._saved_at = time.monotonic()

    @property
    def learner(self) -> PolicyGradient:
        """The learner this callback watches."""
        assert isinstance(self.model, PolicyGradient)
        return self.model

    def card(self) -> PolicyCard:
        """Return the policy's card as of now."""
        settings, source = self.settings, envs.source(self.settings.env)
        made_in = settings.env, settings.algo, settings.seed, self.num_timesteps
        return describe(self.learner.policy, *made_in, settings.task, source.name if source else None)

    def _evaluate_if_due(self) -> None:
        settings, progress, last = self.settings, self.progress, self.progress.evaluated_at
        wanted = settings.run.evaluations

        def reached(step: int) -> int:
            return min(step, settings.steps) * wanted // settings.steps

        if wanted == 0 or (last is not None and reached(self.num_timesteps) <= reached(last)):
            return
        progress.evaluated_at = self.num_timesteps
        scores = evaluate(
            self.learner.policy,
            settings.env,
            settings.run.evaluation_episodes,
            EVALUATION_SEED,
            task=task_numbers(settings.env, "evaluation", settings.task),
            threads=self.threads,
            evaluation_steps=settings.run.evaluation_steps,
        )
        if scores.cut_off:
            print(cut_off(scores, f"the evaluation at step {self.num_timesteps:,}"), file=sys.stderr)
        self.logger.record("eval/return_mean", scores.return_mean)
        self.logger.record("eval/length_mean", scores.length_mean)
        for name, value in scores.metrics.items():
            self.logger.record(f"eval/{name}", value)
        kept = [self.run.snapshot(self.num_timesteps)]
        if progress.best_return is None or scores.return_mean > progress.best_return:
            progress.best_return = scores.return_mean
            kept.append(self.run.best)
        for folder in kept:
            with atomic_folder(folder) as temporary:
                save_policy(self.learner.policy, self.card(), temporary)
                write_json(temporary / "evaluation.json", scores.as_json())


def train(settings: Settings) -> Outcome:
    """Train a robot, or resume its training, and leave the run's folder.

    Raises:
        UsageError: where that cannot be done; nothing is written then.
    """
    threads = set_threads(settings.run.threads)
    run, checkpoint = resumed_run(settings)
    rollout = settings.rollout
    env = make_env(
        settings.env,
        rollout.num_envs,
        seed=settings.seed,
        threads=threads,
        task=settings.task,
        stagger=rollout.stagger,
    )
    learner = build_learner(settings, env)
    run = run or Run.create(settings)
    with run.locked():
        progress = Progress(**load_checkpoint(checkpoint, learner)) if checkpoint else None
        first_step = learner.num_timesteps
        if checkpoint:
            go_on(run, settings, first_step)
        callback = RunCallback(run, settings, threads, progress)
        tracker = wandb_rows(run, settings, callback.progress)
        terminal = Terminal(settings.steps, first_step)
        writers = [CsvRows(run.metrics, first_step), TensorBoard(run.folder / "tensorboard", first_step)]
        writers += [tracker] if tracker else []
        learner.set_logger(Logger(str(run.folder), [*writers, terminal]))  # type: ignore[arg-type]
        try:
            with stopping_on_interrupt(callback):
                if first_step < settings.steps:
                    learner.learn(settings.steps - first_step, callback, reset_num_timesteps=checkpoint is None)
                terminal.close()
            # The checkpoint's step: SB3 takes one more step before it stops, which is not part of the run.
            outcome = Outcome(run, run.steps()[-1], callback.stopped, load=settings.run.load)
            return outcome if callback.stopped else finish(outcome, settings, tracker)
        finally:
            learner.logger.close()
            env.close()


def resumed_run(settings: Settings) -> tuple[Run | None, Path | None]:
    """Return the run to resume and its last checkpoint, or None twice for a new run.

    Raises:
        UsageError: where there is no checkpoint.
    """
    if settings.run.resume is None:
        return None, None
    run = Run(settings.run.resume)
    checkpoint = run.latest()
    if checkpoint is None:
        raise UsageError(f"{run.folder} has no checkpoint to resume from")
    return run, checkpoint


def go_on(run: Run, settings: Settings, step: int) -> None:
    """Prepare a run's files for resuming at a step, perhaps with more steps to do than before.

    Raises:
        UsageError: where the run is finished.
    """
    scores = run.folder / "evaluation.json"
    if step >= settings.steps and scores.exists():
        raise UsageError(f"{run.folder} is finished, at step {step:,}; to make it longer, name more --steps")
    write_json(run.config, settings.changed(resume=None).as_json(), alone=True)
    scores.unlink(missing_ok=True)  # of a policy that is no longer the final one


def wandb_rows(run: Run, settings: Settings, progress: Progress) -> WandbRows | None:
    """Return W&B's writer, or None with `--track off`; the W&B run's id is kept in `progress`."""
    if settings.run.track == "off":
        return None
    name = f"{settings.env}-{settings.algo}-{run.folder.name}"
    rows = WandbRows(run.folder, settings.as_json(), settings.run.track, name, progress.wandb_id)
    progress.wandb_id = rows.run_id
    return rows


def cut_off(scores: Evaluation, where: str) -> str:
    """Return in one sentence that episodes had not ended when they were cut off."""
    numbers = f"{scores.cut_off} of {scores.episodes} episodes had not ended after {scores.evaluation_steps:,} steps"
    return f"{where}: {numbers} and were cut off there (--evaluation-steps)"


def finish(outcome: Outcome, settings: Settings, tracker: WandbRows | None) -> Outcome:
    """Score and film the final policy; leave the scores in evaluation.json."""
    run = outcome.run
    print(f"scoring the final policy over {settings.run.final_episodes} episodes", file=sys.stderr)
    options: dict[str, Any] = {"threads": settings.run.threads, "evaluation_steps": settings.run.evaluation_steps}
    scores = evaluate_folder(run.folder, settings.run.final_episodes, EVALUATION_SEED, **options)
    write_json(run.folder / "evaluation.json", scores.as_json(), alone=True)
    video = None
    if settings.run.video_seconds > 0:
        print(f"filming it for {settings.run.video_seconds:g} s", file=sys.stderr)
        try:
            video = record(run.folder, Film(seconds=settings.run.video_seconds)).path
        except UsageError as error:  # most likely there is no OpenGL; the training is complete without a video
            print(f"no video: {error}", file=sys.stderr)
    if tracker is not None:
        tracker.summarise(scores.as_json())
        if video is not None:
            tracker.log_video(video, outcome.steps)
    return replace(outcome, scores=scores, video=video)


@contextlib.contextmanager
def stopping_on_interrupt(callback: RunCallback) -> Iterator[None]:
    """End training after the present iteration on the first Ctrl-C, and at once on the second."""

    def request(signum: int, frame: object) -> None:
        callback.stop_requested = True
        print("\nstopping after this iteration; once more to stop at once", file=sys.stderr, flush=True)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
