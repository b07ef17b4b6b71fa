"""Learners: policies, critics, baselines, advantages and update rules, on Stable-Baselines3's base classes."""

from agents.a2c import A2C
from agents.a3c import A3C
from agents.natural_gradient import NPG
from agents.policies import ActorCritic
from agents.ppo import PPO
from agents.trpo import TRPO
from agents.vpg import VPG

__all__ = ["A2C", "A3C", "NPG", "PPO", "TRPO", "VPG", "ActorCritic"]
