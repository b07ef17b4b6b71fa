"""Learners: policies, critics, baselines, advantages and update rules, on Stable-Baselines3's base classes.

Importing this package imports no torch: each learner is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from agents.network import Network

if TYPE_CHECKING:
    from agents.a2c import A2C
    from agents.a3c import A3C
    from agents.natural_gradient import NPG
    from agents.policies import ActorCritic
    from agents.ppo import PPO
    from agents.trpo import TRPO
    from agents.vpg import VPG

__all__ = ["A2C", "A3C", "NPG", "PPO", "TRPO", "VPG", "ActorCritic", "Network"]

_PLACES = {
    "A2C": "agents.a2c",
    "A3C": "agents.a3c",
    "NPG": "agents.natural_gradient",
    "PPO": "agents.ppo",
    "TRPO": "agents.trpo",
    "VPG": "agents.vpg",
    "ActorCritic": "agents.policies",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
