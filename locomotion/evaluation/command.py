"""The command lines of scoring a policy and of listing the robots.

`--help` imports this module, so everything heavy is imported by `run`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from locomotion.command_line import Load, optional
from locomotion.policies.stored import Numbers, StoredPolicy, as_trained


@dataclass(frozen=True)
class Evaluate:
    """Score a policy over seeded episodes, all of them counted."""

    policy: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """A shipped policy's name (Hopper), a run's folder (its last checkpoint), a checkpoint's, or hub:USER/NAME."""
    episodes: Annotated[int | None, optional("as on a shipped policy's card, else 100")] = None
    """Number of episodes; they are run side by side."""
    seed: Annotated[int | None, optional("as on the card, else 1,000,000")] = None
    """Episode i starts as the environment reset with seed + i."""
    evaluation_steps: Annotated[int | None, optional("as on the card, else 10,000")] = None
    """Steps after which an episode is cut off."""
    stochastic: tyro.conf.FlagCreatePairsOff[bool] = False
    """Sample actions, as in training, instead of taking their mean."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print one JSON object instead of a table."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""
    load: Load = ()

    def run(self, numbers: Numbers = as_trained) -> int:
        """Print the scores, and whether they are those of the policy's card.

        Args:
            numbers: of a policy's task that differ from those it is evaluated with.
        """
        from locomotion.evaluation.episodes import evaluate_stored
        from locomotion.evaluation.scores import against_card

        stored = StoredPolicy.find(self.policy)
        task = numbers(stored)
        scores = evaluate_stored(
            stored,
            self.episodes,
            self.seed,
            stochastic=self.stochastic,
            threads=self.threads,
            task=task,
            evaluation_steps=self.evaluation_steps,
        )
        print(json.dumps(scores.as_json()) if self.json else scores.table())
        promise = None if self.stochastic or task else against_card(scores, stored.card)
        if promise is not None:
            print(promise, file=sys.stderr if self.json else sys.stdout)
        return 0


@dataclass(frozen=True)
class Robots:
    """List the robots, the policies that ship and their scores; or show one robot's task."""

    robot: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ROBOT", help_behavior_hint="")] = ""
    """A robot, whose observations, actions, reward terms and numbers are shown."""
    load: Load = ()

    def run(self) -> int:
        """Print the table, or the page."""
        from locomotion.evaluation.catalogue import page, table

        print(page(self.robot) if self.robot else table())
        return 0
