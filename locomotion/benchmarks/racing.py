"""The process of one contender: `python -m locomotion.benchmarks.racing FOLDER STARTED CONTENDER`.

The clock starts when the process is started, so that imports and construction count. It imports no more than the
contender's user would.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from locomotion.benchmarks.contender import EPISODES, Contender
from locomotion.launch import run

if TYPE_CHECKING:
    from locomotion.benchmarks.curves import Curve


def main(arguments: list[str]) -> int:
    """Train a contender and leave its curve.

    Args:
        arguments: the folder; the moment at which the process was started, by `time.time`; the contender as JSON.
    """
    folder, started, values = Path(arguments[0]), float(arguments[1]), json.loads(arguments[2])
    contender = Contender(**values | {"load": tuple(values["load"])})
    curve = ours(contender, started, folder) if contender.package is None else peers(contender, started)
    from locomotion.benchmarks.curves import CURVE

    curve.write(folder / CURVE, contender.settings(), contender.versions())
    return 0


def ours(contender: Contender, started: float, folder: Path) -> Curve:
    """Train as `train` does, in a temporary folder within `folder`; return the curve."""
    from locomotion.interrupts import keeping
    from locomotion.training.place import prepare
    from locomotion.unfinished import unfinished

    with unfinished(folder) as out, keeping(str):
        settings = contender.ours(out)
        prepare(settings)
        from locomotion.benchmarks.judge import Judge
        from locomotion.evaluation.episodes import actor_of
        from locomotion.training.train import train

        judge = Judge(contender, started, lambda: actor_of(judge.model.policy, EPISODES, None))  # type: ignore[arg-type]
        train(settings, [judge])
    return judge.curve


def peers(contender: Contender, started: float) -> Curve:
    """Train a peer's learner; return the curve."""
    import torch

    from locomotion.benchmarks.judge import Judge
    from locomotion.benchmarks.peers import actor_of, build

    torch.set_num_threads(contender.peer_threads)
    model, robots = build(contender.peer(), contender.env, contender.seed)
    judge = Judge(contender, started, lambda: actor_of(model, robots))
    model.learn(contender.steps, judge)
    robots.close()
    return judge.curve


if __name__ == "__main__":
    run(main)
