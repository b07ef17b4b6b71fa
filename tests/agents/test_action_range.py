"""Learning does not depend on the unit in which an environment takes its actions."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from agents import A2C, NPG, PPO, TRPO, VPG


class Target(gymnasium.Env):
    """Five steps an episode: the reward is minus the distance of the action from a point at 0.85 of its range."""

    observation_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, low, high):
        self.action_space = spaces.Box(low, high, (1,), np.float32)

    def share(self, action):
        """Where in the range an action lies, from -1 to 1."""
        low, high = float(self.action_space.low[0]), float(self.action_space.high[0])
        return 2 * (float(action) - low) / (high - low) - 1

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        return np.zeros(1, np.float32), -abs(self.share(action[0]) - 0.7), False, self.steps == 5, {}


RANGES = [(5, 35), (0, 100), (1000, 2000), (-0.01, 0.01), (3, 4)]
RULES = {
    TRPO: {},
    NPG: {},
    PPO: {"actor_learning_rate": 3e-3},
    VPG: {"actor_learning_rate": 0.03},
    A2C: {"actor_learning_rate": 0.02},
}


def learned(learner, low, high):
    """Where in its range the action lies that a learner has come to."""
    model = learner("MlpPolicy", DummyVecEnv([lambda: Target(low, high)] * 8), n_steps=20, seed=0, **RULES[learner])
    model.learn(8 * 20 * 15)
    return Target(low, high).share(model.predict(np.zeros(1, np.float32), deterministic=True)[0][0])


@pytest.mark.parametrize("learner", RULES)
def test_the_same_is_learned_in_every_range(learner):
    expected = learned(learner, -1, 1)
    assert expected > 0.05  # from 0 towards the target
    for low, high in RANGES:
        assert abs(learned(learner, low, high) - expected) < 0.02
