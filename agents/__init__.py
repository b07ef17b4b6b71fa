"""Learners: policies, critics, advantages and update rules, on Stable-Baselines3's base classes."""

from agents.policies import ActorCritic
from agents.trpo import TRPO

__all__ = ["TRPO", "ActorCritic"]
