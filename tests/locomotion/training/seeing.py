"""A robot that sees a picture, a vector and a choice, for --load."""

from typing import ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces


class Seeing(gymnasium.Env):
    """The reward is 1 for telling whether the left or the right half of the picture is bright."""

    metadata: ClassVar[dict] = {"render_modes": ["rgb_array"], "render_fps": 10}
    observation_space = spaces.Dict(
        {
            "eye": spaces.Box(0, 255, (40, 36, 3), np.uint8),
            "vector": spaces.Box(-1, 1, (2,)),
            "choice": spaces.Discrete(3),
        }
    )
    action_space = spaces.MultiDiscrete([2, 3])

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def _look(self):
        self.right = int(self.np_random.integers(2))
        self.picture = np.zeros((40, 36, 3), np.uint8)
        self.picture[:, 18 * self.right : 18 * self.right + 18] = 200
        vector = self.np_random.normal(size=2).clip(-1, 1).astype(np.float32)
        return {"eye": self.picture, "vector": vector, "choice": int(self.np_random.integers(3))}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 10
        return self._look(), {}

    def step(self, action):
        reward = float(action[0] == self.right)
        self.left -= 1
        return self._look(), reward, False, self.left == 0, {}

    def render(self):
        return self.picture


if "Seeing-v0" not in gymnasium.registry:
    gymnasium.register("Seeing-v0", Seeing)
