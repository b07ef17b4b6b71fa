"""Which settings only some learners, advantage estimators, baselines or critics take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from locomotion.errors import UsageError

if TYPE_CHECKING:
    from locomotion.runs.settings import Settings

Choices = Mapping[str, tuple[str, ...]]

TRUST_REGION: Choices = {"algo": ("trpo", "npg")}
ASCENT: Choices = {"algo": ("ppo", "vpg", "a2c", "a3c")}
IN_STEP: Choices = {"algo": ("trpo", "npg", "ppo", "vpg", "a2c")}  # all but the one whose workers wait for nobody
MANY_STEPS: Choices = {"algo": ("trpo", "npg", "ppo", "vpg")}  # of the critic in an iteration: the others take one
NETWORK: Choices = {"baseline": ("value",)}
GRADIENT_STEPS: Choices = {**NETWORK, "critic": ("adam", "fitted-v")}

# A setting -> what must have been chosen for it to have any effect.
TAKEN_BY: dict[str, Choices] = {
    "target_kl": TRUST_REGION,
    "final_kl": TRUST_REGION,
    "final_std": TRUST_REGION,
    "cg_damping": TRUST_REGION,
    "fisher_stride": TRUST_REGION,
    "backtrack": {"algo": ("trpo",)},
    "actor_learning_rate": ASCENT,
    "clip": {"algo": ("ppo",)},
    "actor_epochs": {"algo": ("ppo",)},
    "batch_size": {"algo": ("ppo",)},
    "reuse": {"algo": ("vpg",)},
    "entropy_weight": {"algo": ("a2c", "a3c")},
    "workers": {"algo": ("a3c",)},
    "episodic": IN_STEP,
    "baseline": IN_STEP,
    "gae_lambda": {"advantage": ("gae",)},
    "look_ahead": {"advantage": ("k-step",)},
    "critic": NETWORK,
    "value": NETWORK,
    "proximity": {**NETWORK, "critic": ("fitted-v",), **MANY_STEPS},
    "learning_rate": GRADIENT_STEPS,
    "critic_epochs": {**GRADIENT_STEPS, **MANY_STEPS},
}


def flag(name: str) -> str:
    """Return a setting's name as it is written on the command line."""
    return "--" + name.replace("_", "-")


def refuse_without_effect(settings: Settings, defaults: Settings) -> None:
    """Make sure that what was changed has an effect.

    Args:
        settings: as the user wants them.
        defaults: as they are for this robot and learner where the user says nothing.

    Raises:
        UsageError: naming an option that the choices made do not take, and those that do.
    """
    for name, choices in TAKEN_BY.items():
        if getattr(settings, name) == getattr(defaults, name):
            continue
        for choice, takers in choices.items():
            chosen = getattr(settings, choice)
            if chosen not in takers:
                raise UsageError(f"{flag(name)} has no effect with {flag(choice)} {chosen}, only with {listed(takers)}")


def listed(names: tuple[str, ...]) -> str:
    """Return names as a reader lists them: `a`, `a or b`, `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
