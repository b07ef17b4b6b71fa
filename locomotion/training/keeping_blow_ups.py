"""Blow-ups in the course of a training: their files are kept, and the user is told."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stable_baselines3.common.callbacks import BaseCallback

from agents.policy_gradient import PolicyGradient
from envs.blow_up import BlowUp
from locomotion.command_line import invocation, loading
from locomotion.training.blow_ups import Evidence, blow_up_files, keep_blow_ups


class KeepBlowUps(BaseCallback):
    """Keeps the last blow-ups of a training, and tells of the first ones.

    Args:
        folder: of their files.
        env: canonical id.
        load: files that the run loads.
    """

    def __init__(self, folder: Path, env: str, load: Sequence[Path]):
        super().__init__()
        self.folder = folder
        self.env = env
        self.load = load
        self._told = False

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        # Before the update, which may end the training if what it learns from is not finite.
        learner = self.model
        assert isinstance(learner, PolicyGradient)
        last = list(learner.blow_ups)
        learner.blow_ups.clear()
        blow_ups = [(steps, replace(one, robot=robot)) for steps, robot, one in last if isinstance(one, BlowUp)]
        found = [Evidence.of(one, steps, self.env) for steps, one in blow_ups]
        if not found:  # foreign environments leave words alone
            return
        keep_blow_ups(self.folder, found)
        if not self._told:
            self._told = True
            told = blow_ups_told(self.folder, learner.physics_errors, self.load)
            print(f"step {self.num_timesteps:,}: {told} ({found[-1].found})", file=sys.stderr)


def blow_ups_told(folder: Path, count: int, load: Sequence[Path]) -> str | None:
    """Return a sentence on a run's blow-ups, with the command that replays the last; None where there were none.

    A foreign environment, whose numbers were not finite, leaves no files.

    Args:
        folder: of their files.
        count: of all blow-ups.
        load: files that the run loads.
    """
    files = blow_up_files(folder)
    if not files:
        episodes = "1 episode" if count == 1 else f"{count:,} episodes"
        return f"{episodes} ended by numbers that were not finite (rollout/physics_errors)" if count else None
    number = "1 simulation blew up" if count == 1 else f"{count:,} simulations blew up"
    command = " ".join([invocation("replay", files[-1]), *([loading(load)] if load else [])])
    return f"{number}; the last are in {folder}; see one by: {command}"
