"""The scores of a policy: as a table, as JSON, and beside those on its card."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from envs.arguments import check_fields
from locomotion.checksums import COPY
from locomotion.environments import EVALUATION_STEPS
from locomotion.errors import UsageError
from locomotion.policies.card import PolicyCard, installed_versions
from locomotion.policies.scores import read_scores
from locomotion.runs.settings import field_types


@dataclass(frozen=True)
class Evaluation:
    """The scores of one policy over seeded episodes."""

    env: str
    policy: str
    episodes: int
    seed: int  # episode i starts as `gymnasium.make(env).reset(seed=seed + i)` does
    return_mean: float
    return_std_error: float
    return_ci95: tuple[float, float]  # bootstrap percentiles
    length_mean: float  # steps
    seconds_mean: float | None  # simulated, where the environment is one of ours
    metrics: dict[str, float] = field(default_factory=dict)  # the task's own quantities
    cut_off: int = 0  # episodes that had not ended after `evaluation_steps`: they count as far as they came
    evaluation_steps: int = EVALUATION_STEPS
    physics_errors: int = 0  # episodes that ended by a blow-up, or by a number that was not finite
    task: dict[str, Any] = field(default_factory=dict)  # numbers of the task that were asked for
    returns: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)  # of each episode

    def as_json(self) -> dict[str, Any]:
        """Return everything but the single returns, as JSON values; `task` only if numbers were asked for."""
        values = asdict(self)
        del values["returns"]
        if not self.task:
            del values["task"]
        return values

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Return the scores of an evaluation.json, without the single returns.

        Raises:
            UsageError: where it is missing or damaged.
        """
        values = read_scores(path)
        try:
            values = {**values, "return_ci95": tuple(values["return_ci95"])}
            check_fields(field_types(Evaluation), values)
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{path} is damaged ({error}); {COPY}") from error

    def table(self) -> str:
        """Return the scores as lines for a reader."""
        low, high = self.return_ci95
        spread = f" +- {self.return_std_error:.2f} (95 % interval {low:.2f} to {high:.2f})"
        rows = {"return": f"{self.return_mean:10.2f}" + (spread if self.episodes > 1 else "")}
        rows["length"] = f"{self.length_mean:10.1f} steps"
        if self.seconds_mean is not None:
            rows["simulated"] = f"{self.seconds_mean:10.2f} s"
        if self.cut_off:
            rows["cut off"] = f"{self.cut_off:10d} episodes, after {self.evaluation_steps:,} steps"
        if self.physics_errors:
            rows["broken"] = f"{self.physics_errors:10d} episodes, by a blow-up or a number that was not finite"
        rows |= {name: f"{round(value, 3) + 0.0:10.3f}" for name, value in self.metrics.items()}  # no -0.000
        width = max(map(len, rows))
        episodes = "1 episode" if self.episodes == 1 else f"{self.episodes} episodes"
        numbers = "".join(f", {name} {value}" for name, value in self.task.items())
        title = f"{self.env}{numbers}, {episodes} from seed {self.seed}, policy {self.policy}"
        return "\n".join([title, *(f"  {name:<{width}} {text}" for name, text in rows.items())])


def on_the_card(scores: Evaluation) -> dict[str, Any]:
    """Return the scores as a shipped policy's card holds them; of episodes cut off or broken only if there were any."""
    values = scores.as_json()
    left_out = {"env", "policy"}
    left_out |= set() if scores.cut_off else {"cut_off", "evaluation_steps"}
    left_out |= set() if scores.physics_errors else {"physics_errors"}
    return json.loads(json.dumps({name: values[name] for name in values if name not in left_out}))


def against_card(scores: Evaluation, card: PolicyCard) -> str | None:
    """Return a sentence that compares a policy's scores with its card; None if the episodes are others.

    On the same machine and with the same versions they are equal to the last digit.
    """
    promised, now = card.evaluation, on_the_card(scores)
    decisive = ("episodes", "seed", "evaluation_steps")  # the last only where episodes were cut off
    if promised is None or any(promised.get(name) != now.get(name) for name in decisive):
        return None
    if json.dumps(promised, sort_keys=True) == json.dumps(now, sort_keys=True):
        return "these are the numbers on the policy's card, to the last digit"
    odd = [
        f"{name} {now} instead of {card.versions.get(name)}"
        for name, now in installed_versions().items()
        if now != card.versions.get(name)
    ]
    same = "the versions are the same, so it is the machine, or the robot has changed"
    reason = "here is " + ", ".join(odd) if odd else same
    before, after = ({**scores, **scores["metrics"], "metrics": list(scores["metrics"])} for scores in (promised, now))
    name = next(name for name in before | after if before.get(name) != after.get(name))
    return f"the policy's card says {name} {before.get(name)}, here it is {after.get(name)}: {reason}"
