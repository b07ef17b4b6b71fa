"""Training a robot: environment, learner, log, checkpoints, evaluation, from settings to a finished run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from locomotion.command_line import invocation, loading
from locomotion.errors import UsageError, refusals_told
from locomotion.evaluation.episodes import EVALUATION_SEED, evaluate_folder
from locomotion.evaluation.scores import Evaluation
from locomotion.files import remove_checked, write_json
from locomotion.interrupts import answered, deferred, keeping
from locomotion.recording.film import Film
from locomotion.recording.video import record
from locomotion.runs.folder import Run
from locomotion.runs.settings import Settings
from locomotion.streams import on_one_line
from locomotion.threads import set_threads
from locomotion.training.checkpoints import load_checkpoint
from locomotion.training.event_files import TensorBoard
from locomotion.training.keeping_blow_ups import KeepBlowUps, blow_ups_told
from locomotion.training.learners import build_learner, unable_told
from locomotion.training.metrics import CsvRows, Terminal, read_rows
from locomotion.training.place import place
from locomotion.training.processes import robots_at, together
from locomotion.training.run_callback import Progress, RunCallback, last_sound_policy_kept, progress_at
from locomotion.training.start import start
from locomotion.training.wandb_rows import WandbRows, new_run_id


@dataclass(frozen=True)
class Outcome:
    """The outcome of a call of `train`."""

    run: Run
    steps: int  # of the run so far
    scores: Evaluation  # of the final policy
    video: Path | None = None  # of the final policy, where there is OpenGL to draw it
    blow_ups: str | None = None  # a sentence on the simulations that blew up, where any did

    def summary(self) -> str:
        """Return the outcome as lines for the terminal: the scores and files."""
        lines = [f"trained for {self.steps:,} steps: {self.run.folder}", self.scores.table()]
        lines += [self.blow_ups] if self.blow_ups is not None else []
        lines += [f"video: {self.video}"] if self.video is not None else []
        return "\n".join(lines)


@answered()
def train(settings: Settings, watchers: Sequence[BaseCallback] = ()) -> Outcome:
    """Train a robot, or resume its training, and leave the run's folder.

    Args:
        settings: of the run.
        watchers: callbacks that see the training; they come first, while the other processes wait.

    Raises:
        UsageError: where that cannot be done; nothing is written then.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, once a line has said what is kept and how to go on.
    """
    threads = set_threads(settings.run.threads)
    resumed = settings.run.resume
    if resumed is not None and not resumed.is_dir():
        raise UsageError(f"there is no folder {resumed}: --resume takes that of a run")
    here = place(settings)
    env = robots_at(settings, here, max(1, threads // here.size))
    learner = build_learner(settings, env)
    weights = start(learner, settings)
    run = Run.create(settings) if resumed is None else Run(resumed)
    with (
        keeping(lambda: kept(run, settings)),
        run.locked(),
        refusals_told(run.folder, advice := lambda: f"; {kept(run, settings)}"),
        together(settings, here.size, advice) as exchange,
    ):
        learner.join(exchange)
        checkpoint = run.latest()  # None also where a run was killed before its first one: it begins anew
        exchange.announce((checkpoint, weights))
        progress = progress_at(checkpoint, load_checkpoint(checkpoint, learner)) if checkpoint else Progress()
        if resumed is not None:
            go_on(run, settings, learner.num_timesteps)
        if settings.run.track != "off" and progress.wandb_id is None:
            progress.wandb_id = new_run_id()
        callback = RunCallback(run, settings, threads, progress, learner)
        if not checkpoint:
            callback.save()  # at once, so that there is a checkpoint to resume from
        first_step = learner.num_timesteps
        writers = [CsvRows(run.metrics, first_step), TensorBoard(run.folder / "tensorboard", first_step)]
        tracker = wandb_rows(run, settings, progress)
        writers += [tracker] if tracker else []
        terminal = Terminal(settings.steps, first_step)
        learner.set_logger(Logger(str(run.folder), [*writers, terminal]))  # type: ignore[arg-type]
        try:
            with deferred("stopping after this iteration; once more to stop at once") as callback.request:
                if first_step < settings.steps:
                    callbacks = [*watchers, callback, KeepBlowUps(run.blow_ups, settings.env, settings.run.load)]
                    with last_sound_policy_kept(callback), unable_told(type(learner), settings.env, advice):
                        learner.learn(settings.steps - first_step, callbacks, reset_num_timesteps=checkpoint is None)
                callback.complete()
            terminal.close()
            blow_ups = blow_ups_told(run.blow_ups, learner.physics_errors, settings.run.load)
            return finish(run, settings, tracker, blow_ups)
        finally:
            learner.logger.close()
            env.close()


def kept(run: Run, settings: Settings) -> str:
    """Return in one line what a run keeps that is stopped now, and the command that goes on."""
    load = settings.run.load
    command = " ".join([invocation("train", "--resume", run.folder), *([loading(load)] if load else [])])
    if not run.steps():
        return f"stopped before the first checkpoint; begin anew with: {command}"
    step = run.steps()[-1]
    if step < settings.steps:
        return f"stopped at step {step:,}; go on with: {command}"
    if not run.scores.exists():
        return f"trained for {step:,} steps, but not yet scored; score the policy with: {command}"
    if film_is_due(run, settings):
        return f"trained and scored, but not yet filmed; film the policy with: {command}"
    return f"finished, but for closing its log: {run.folder}"


def go_on(run: Run, settings: Settings, step: int) -> None:
    """Prepare a run's files for resuming at a step, perhaps with more steps to do than before.

    Raises:
        UsageError: where the run is finished.
    """
    if step >= settings.steps and run.scores.exists() and not film_is_due(run, settings):
        raise UsageError(f"{run.folder} is finished, at step {step:,}; to make it longer, name more --steps")
    write_json(run.config, settings.changed(resume=None).as_json(), alone=True)
    if step < settings.steps:
        remove_checked(run.scores)  # of a policy that is no longer the final one


def film_is_due(run: Run, settings: Settings) -> bool:
    """Return whether the run's last policy is to be filmed and has no video."""
    return settings.run.video_seconds > 0 and not run.video(run.steps()[-1]).exists()


def wandb_rows(run: Run, settings: Settings, progress: Progress) -> WandbRows | None:
    """Return W&B's writer, which has the rows so far, or None with `--track off`."""
    if settings.run.track == "off":
        return None
    name = f"{settings.env}-{settings.algo}-{run.folder.name}"
    assert progress.wandb_id is not None
    rows = read_rows(run.metrics)
    return WandbRows(run.folder, settings.as_json(), settings.run.track, name, progress.wandb_id, rows)


def finish(run: Run, settings: Settings, tracker: WandbRows | None, blow_ups: str | None) -> Outcome:
    """Score and film the final policy, where that has not been done; leave the scores in evaluation.json."""
    step = run.steps()[-1]
    if run.scores.exists():
        scores = Evaluation.from_file(run.scores)
    else:
        print(f"scoring the final policy over {settings.run.final_episodes} episodes", file=sys.stderr)
        options: dict[str, Any] = {"threads": settings.run.threads, "evaluation_steps": settings.run.evaluation_steps}
        scores = evaluate_folder(run.folder, settings.run.final_episodes, EVALUATION_SEED, **options)
        write_json(run.scores, scores.as_json(), alone=True)
    video = run.video(step) if settings.run.video_seconds > 0 else None
    if film_is_due(run, settings):
        print(f"filming it for {settings.run.video_seconds:g} s", file=sys.stderr)
        try:
            video = record(run.folder, Film(seconds=settings.run.video_seconds)).path
        except Exception as error:
            # Most likely there is no OpenGL, but a foreign environment may raise anything: all else is kept.
            reason = on_one_line(str(error) or type(error).__name__)
            print(f"no video: {reason}; film it with: {invocation('record', run.folder)}", file=sys.stderr)
            video = None
    if tracker is not None:
        tracker.summarise(scores.as_json())
        if video is not None:
            tracker.log_video(video, step)
    return Outcome(run, step, scores, video, blow_ups)
