"""Options without effect: settings that only some update rules, advantage estimators, baselines or critics take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.network import GATES
from locomotion.command_line import flag, listed
from locomotion.errors import UsageError
from locomotion.runs.rules import RULES, rules_taking
from locomotion.runs.settings import Settings

NETWORK = {"baseline": ("value",)}
MEMORY = {"memory": tuple(GATES)}
GRADIENT_STEPS = {**NETWORK, "critic": ("adam", "fitted-v")}

# A common setting -> the choices without which it has no effect. What a rule takes stands in its entry of `RULES`.
NEEDS: dict[str, Mapping[str, tuple[str, ...]]] = {
    "gae_lambda": {"advantage": ("gae",)},
    "look_ahead": {"advantage": ("k-step",)},
    "memory_size": MEMORY,
    "memory_steps": MEMORY,
    "critic": NETWORK,
    "value": NETWORK,
    "proximity": {**NETWORK, "critic": ("fitted-v",)},
    "learning_rate": GRADIENT_STEPS,
    "critic_epochs": GRADIENT_STEPS,
}


def refuse_without_effect(settings: Settings, usual: Settings, foreign: Mapping[str, tuple[Any, Any]]) -> None:
    """Make sure that every option that was changed has an effect.

    Args:
        settings: as the user wants them.
        usual: as they are for this robot and rule where the user says nothing.
        foreign: options of other rules: what the user gave, and their default.

    Raises:
        UsageError: naming an option that the choices made do not take, and those that do.
    """
    wanted, default = settings.flat(), usual.flat()
    changed = [name for name in wanted if wanted[name] != default[name]]
    others = [name for name, (given, default) in foreign.items() if given != default]
    for name in (*others, *changed):
        if name in others or name in RULES[settings.algo].without:
            raise UsageError(without_effect(name, "algo", settings.algo, rules_taking(name)))
        for choice, takers in NEEDS.get(name, {}).items():
            if wanted[choice] not in takers:
                raise UsageError(without_effect(name, choice, wanted[choice], takers))


def without_effect(name: str, choice: str, chosen: str, takers: tuple[str, ...]) -> str:
    """Return in one sentence that an option has no effect with a choice, and with which it has."""
    return f"{flag(name)} has no effect with {flag(choice)} {chosen}, only with {listed(takers)}"
