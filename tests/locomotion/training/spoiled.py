"""Gymnasium's pendulum, of which each 300th step in its life gives a number that is not finite."""

import gymnasium
import numpy as np
from gymnasium.envs.classic_control.pendulum import PendulumEnv


class Spoiled(PendulumEnv):
    def __init__(self):
        super().__init__()
        self.life = 0

    def step(self, action):
        observation, reward, *end = super().step(action)
        self.life += 1
        if self.life % 600 == 0:
            reward = np.inf
        elif self.life % 300 == 0:
            observation[1] = np.nan
        return observation, reward, *end


gymnasium.register("Spoiled-v0", Spoiled, max_episode_steps=100)
