from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.network import Network


class Quadratic(gymnasium.Env):
    """One step an episode: the reward is -|action - target|^2, the observation always zero."""

    observation_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = spaces.Box(-10.0, 10.0, (2,), np.float32)
    target = np.array([1.5, -0.5])

    def reset(self, *, seed=None, options=None):
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), -float(np.sum((action - self.target) ** 2)), True, False, {}


class Rows(KVWriter):
    def __init__(self):
        self.rows: list[dict[str, Any]] = []

    def write(self, key_values, key_excluded, step=0):
        self.rows.append(dict(key_values))

    def close(self):
        pass


@pytest.fixture
def logged() -> Callable[[Any], list[dict[str, Any]]]:
    """Return what has a learner log into a list, which it returns."""

    def log(model):
        rows = Rows()
        model.set_logger(Logger(None, [rows]))
        return rows.rows

    return log


@pytest.fixture
def quadratic(logged) -> Callable[..., tuple[Any, list[dict[str, Any]]]]:
    """Return what makes a learner and the rows it logs, for `Quadratic`.

    Its actor is a bias and a log_std: all else is multiplied by the observation, zero.
    """

    def make(learner, **kwargs):
        model = learner(
            "MlpPolicy",
            DummyVecEnv([Quadratic] * 4),
            n_steps=64,
            seed=0,
            policy_kwargs={"network": Network(actor=(), value=(8,), action_unit="environment")},
            **kwargs,
        )
        return model, logged(model)

    return make
