"""Score a policy: python scripts/evaluate.py runs/Hopper-v5/trpo/NAME."""

import json
from dataclasses import dataclass
from typing import Annotated

import tyro

from locomotion.command_line import run
from locomotion.evaluation import EVALUATION_SEED, evaluate_folder


@dataclass(frozen=True)
class Arguments:
    """Score a policy over seeded episodes, all of them counted."""

    policy: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """A run's folder (its last checkpoint is scored) or a checkpoint's."""
    episodes: int = 100
    """How many; they are run side by side."""
    seed: int = EVALUATION_SEED
    """Episode i starts as the environment reset with seed + i."""
    stochastic: tyro.conf.FlagCreatePairsOff[bool] = False
    """Sample actions, as in training, instead of taking the most likely ones."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print one JSON object instead of a table."""
    threads: int | None = None
    """Threads of the physics (default: all cores)."""


def main(arguments: list[str]) -> None:
    """Evaluate as the command line says."""
    wanted = tyro.cli(Arguments, args=arguments, description=Arguments.__doc__)
    scores = evaluate_folder(wanted.policy, wanted.episodes, wanted.seed, wanted.stochastic, wanted.threads)
    print(json.dumps(scores.as_json()) if wanted.json else scores.table())


if __name__ == "__main__":
    run(main)
