"""Score a policy: python scripts/evaluate.py Hopper, or runs/Hopper-v5/trpo/NAME."""

import json
import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from locomotion.command_line import optional, run
from locomotion.evaluation.episodes import against_card, evaluate_folder
from locomotion.policies.files import find_policy, read_card


@dataclass(frozen=True)
class Arguments:
    """Score a policy over seeded episodes, all of them counted."""

    policy: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """A shipped policy's name (Hopper), a run's folder (its last checkpoint is scored) or a checkpoint's."""
    episodes: Annotated[int | None, optional("as on a shipped policy's card, else 100")] = None
    """How many; they are run side by side."""
    seed: Annotated[int | None, optional("as on the card, else 1,000,000")] = None
    """Episode i starts as the environment reset with seed + i."""
    stochastic: tyro.conf.FlagCreatePairsOff[bool] = False
    """Sample actions, as in training, instead of taking their mean."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print one JSON object instead of a table."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""


def main(arguments: list[str]) -> None:
    """Evaluate as the command line says."""
    wanted = tyro.cli(Arguments, args=arguments, description=Arguments.__doc__)
    scores = evaluate_folder(wanted.policy, wanted.episodes, wanted.seed, wanted.stochastic, wanted.threads)
    print(json.dumps(scores.as_json()) if wanted.json else scores.table())
    promise = None if wanted.stochastic else against_card(scores, read_card(find_policy(wanted.policy)))
    if promise is not None:
        print(promise, file=sys.stderr if wanted.json else sys.stdout)


if __name__ == "__main__":
    run(main)
