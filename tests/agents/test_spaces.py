"""A space that no learner takes is named in one sentence, however the learner is made."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from agents.cannot_learn import CannotLearn
from agents.ppo import PPO
from agents.trpo import TRPO

VECTOR = spaces.Box(-1, 1, (2,))


class Odd(gymnasium.Env):
    def __init__(self, observation_space=VECTOR, action_space=VECTOR):
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}


@pytest.mark.parametrize("learner", [TRPO, PPO])
@pytest.mark.parametrize(
    "space",
    [
        spaces.Dict({"a": spaces.Dict({"b": VECTOR})}),
        spaces.Dict({"a": VECTOR, "b": spaces.Text(3)}),
        spaces.Tuple([VECTOR, spaces.Discrete(2)]),
        spaces.Text(3),
        spaces.Discrete(3, start=1),
        spaces.MultiDiscrete([2, 3], start=[0, 1]),
        spaces.Box(-1, 1, ()),
        spaces.Box(-1, 1, (0,)),
    ],
)
def test_observations_that_have_no_features(learner, space):
    with pytest.raises(CannotLearn) as caught:
        learner("MultiInputPolicy" if isinstance(space, spaces.Dict) else "MlpPolicy", Odd(observation_space=space))
    assert str(caught.value) == (
        "observations must be a Box of at least one number, Discrete or MultiDiscrete from 0 on, MultiBinary, or a Dict"
        f" of these, got {space}"
    )


@pytest.mark.parametrize(
    "space",
    [
        spaces.Dict({"a": VECTOR}),
        spaces.Tuple([VECTOR]),
        spaces.Box(-1, 1, (0,)),
        spaces.Box(0, 5, (2,), np.int64),
        spaces.MultiDiscrete([[2, 3], [4, 5]]),
        spaces.MultiBinary([2, 3]),
    ],
)
def test_actions_that_have_no_distribution(space):
    with pytest.raises(CannotLearn) as caught:
        TRPO("MlpPolicy", Odd(action_space=space))
    assert str(caught.value) == (
        f"actions must be real numbers (a Box), Discrete, or one row of a MultiDiscrete or MultiBinary, got {space}"
    )


def test_arrays_and_one_choice_are_taken():
    TRPO("MlpPolicy", Odd(spaces.Box(-1, 1, (2, 3)), spaces.Discrete(3, start=1)), seed=np.int64(3))
