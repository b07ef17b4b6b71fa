"""Training a robot: environment, learner, log, checkpoints, evaluation, from settings to a finished run."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger

from agents.policy_gradient import PolicyGradient
from locomotion.environments import make_env
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import EVALUATION_SEED, Evaluation, evaluate, evaluate_folder
from locomotion.files import atomic_folder, write_json
from locomotion.policies.files import PolicyCard, describe, save_policy
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
    """How a call of `train` ended."""

    run: Run
    steps: int  # of the run so far
    interrupted: bool
    scores: Evaluation | None = None  # of the final policy, unless interrupted
    video: Path | None = None  # of the final policy, where there is OpenGL to draw it


class Keeper(BaseCallback):
    """Between iterations: saves checkpoints, evaluates, keeps what it evaluated and the best, stops when asked to."""

    def __init__(self, run: Run, settings: Settings, threads: int, extra: dict[str, Any]):
        super().__init__()
        self.run = run
        self.settings = settings
        self.threads = threads
        self.extra = {"evaluated_at": None, "best_return": None} | extra  # the step of the last evaluation
        self.stop_requested = False
        self.stopped = False
        # What was loaded is saved; a run that has just begun shall have something to go on from at once.
        self._saved_at = time.monotonic() if extra else -np.inf

    def _on_rollout_start(self) -> None:
        # The checkpoint comes first: what the evaluation logs belongs to the row after it.
        if self.stop_requested or time.monotonic() - self._saved_at >= self.settings.checkpoint_seconds:
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
        save_checkpoint(self.run.checkpoint(self.num_timesteps), self.learner, self.card(), self.extra)
        self.run.prune(self.settings.keep_checkpoints)
        self._saved_at = time.monotonic()

    @property
    def learner(self) -> PolicyGradient:
        """The learner this callback watches."""
        assert isinstance(self.model, PolicyGradient)
        return self.model

    def card(self) -> PolicyCard:
        """Return the policy's card as of now."""
        settings = self.settings
        return describe(self.learner.policy, settings.env, settings.algo, settings.seed, self.num_timesteps)

    def _evaluate_if_due(self) -> None:
        settings, last = self.settings, self.extra["evaluated_at"]

        def reached(step: int) -> int:
            return min(step, settings.steps) * settings.evaluations // settings.steps

        if settings.evaluations == 0 or (last is not None and reached(self.num_timesteps) <= reached(last)):
            return
        self.extra["evaluated_at"] = self.num_timesteps
        scores = evaluate(
            self.learner.policy, settings.env, settings.evaluation_episodes, EVALUATION_SEED, threads=self.threads
        )
        self.logger.record("eval/return_mean", scores.return_mean)
        self.logger.record("eval/length_mean", scores.length_mean)
        for name, value in scores.metrics.items():
            self.logger.record(f"eval/{name}", value)
        kept = [self.run.snapshot(self.num_timesteps)]
        if self.extra["best_return"] is None or scores.return_mean > self.extra["best_return"]:
            self.extra["best_return"] = scores.return_mean
            kept.append(self.run.best)
        for folder in kept:
            with atomic_folder(folder) as temporary:
                save_policy(self.learner.policy, self.card(), temporary)
                write_json(temporary / "evaluation.json", scores.as_json())


def train(settings: Settings) -> Outcome:
    """Train a robot, or go on training one, and leave its run folder.

    Raises:
        UsageError: where that cannot be done; nothing has been written then.
    """
    threads = set_threads(settings.threads)
    run = Run(settings.resume) if settings.resume else None
    checkpoint = run.latest() if run else None
    if run is not None and checkpoint is None:
        raise UsageError(f"{run.folder} has no checkpoint to resume from")
    env = make_env(settings.env, settings.num_envs, seed=settings.seed, threads=threads, stagger=settings.stagger)
    learner = build_learner(settings, env)
    run = run or Run.create(settings)
    with run.locked():
        extra = load_checkpoint(checkpoint, learner) if checkpoint else {}
        first_step = learner.num_timesteps
        if first_step >= settings.steps and (run.folder / "evaluation.json").exists():
            raise UsageError(f"{run.folder} is finished, at step {first_step:,}; to make it longer, name more --steps")
        if checkpoint:  # which may have been given more steps
            write_json(run.config, replace(settings, resume=None).as_json())
            (run.folder / "evaluation.json").unlink(missing_ok=True)  # of a policy that is no longer the final one
        writers: list[KVWriter] = [
            CsvRows(run.metrics, first_step),
            TensorBoard(run.folder / "tensorboard", first_step),
        ]
        tracker = None
        if settings.track != "off":
            name = f"{settings.env}-{settings.algo}-{run.folder.name}"
            tracker = WandbRows(run.folder, settings.as_json(), settings.track, name, extra.get("wandb_id"))
            extra["wandb_id"] = tracker.run_id
            writers.append(tracker)
        terminal = Terminal(settings.steps, first_step)
        learner.set_logger(Logger(str(run.folder), [*writers, terminal]))  # type: ignore[arg-type]
        keeper = Keeper(run, settings, threads, extra)
        try:
            with stopping_on_interrupt(keeper):
                if first_step < settings.steps:
                    learner.learn(settings.steps - first_step, callback=keeper, reset_num_timesteps=checkpoint is None)
                terminal.close()
            # The checkpoint's step: stopping has let SB3 take one more step, which is not part of the run.
            outcome = Outcome(run, run.steps()[-1], keeper.stopped)
            return outcome if keeper.stopped else finish(outcome, settings, tracker)
        finally:
            learner.logger.close()
            env.close()


def finish(outcome: Outcome, settings: Settings, tracker: WandbRows | None) -> Outcome:
    """Score and film the final policy; leave the scores in evaluation.json."""
    run = outcome.run
    print(f"scoring the final policy over {settings.final_episodes} episodes", file=sys.stderr)
    scores = evaluate_folder(run.folder, settings.final_episodes, EVALUATION_SEED, threads=settings.threads)
    write_json(run.folder / "evaluation.json", scores.as_json())
    video = None
    if settings.video_seconds > 0:
        print(f"filming it for {settings.video_seconds:g} s", file=sys.stderr)
        try:
            video = record(run.folder, Film(seconds=settings.video_seconds)).path
        except UsageError as error:  # no OpenGL, most likely: the training is worth as much without a video
            print(f"no video: {error}", file=sys.stderr)
    if tracker is not None:
        tracker.summarise(scores.as_json())
        if video is not None:
            tracker.log_video(video, outcome.steps)
    return replace(outcome, scores=scores, video=video)


@contextlib.contextmanager
def stopping_on_interrupt(keeper: Keeper) -> Iterator[None]:
    """Let the first Ctrl-C end training after the iteration it falls into, and a second one at once."""

    def request(signum: int, frame: object) -> None:
        keeper.stop_requested = True
        print("\nstopping after this iteration; once more to stop at once", file=sys.stderr, flush=True)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
