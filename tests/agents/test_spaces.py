"""A space that no learner takes is named in one sentence, however the learner is made."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from agents.cannot_learn import CannotLearn
from agents.ppo import PPO
from agents.trpo import TRPO

VECTOR = spaces.Box(-1, 1, (2,))
FLATTEN = "; gymnasium.wrappers.FlattenObservation makes vectors of them"


class Odd(gymnasium.Env):
    def __init__(self, observation_space=VECTOR, action_space=VECTOR):
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}


@pytest.mark.parametrize("learner", [TRPO, PPO])
@pytest.mark.parametrize(
    ("space", "remedy"),
    [
        (spaces.Discrete(3), FLATTEN),
        (spaces.MultiDiscrete([2, 3]), FLATTEN),
        (spaces.MultiBinary(3), FLATTEN),
        (spaces.Dict({"a": VECTOR, "b": spaces.Discrete(2)}), FLATTEN),
        (spaces.Dict({"a": spaces.Dict({"b": VECTOR})}), FLATTEN),
        (spaces.Tuple([VECTOR, spaces.Discrete(2)]), FLATTEN),
        (spaces.Text(3), ""),
        (spaces.Box(-1, 1, ()), ""),
        (spaces.Box(-1, 1, (0,)), ""),
    ],
)
def test_observations_that_are_no_vectors(learner, space, remedy):
    with pytest.raises(CannotLearn) as caught:
        learner("MlpPolicy", Odd(observation_space=space))
    assert str(caught.value) == f"observations must be vectors (a Box), got {space}{remedy}"


@pytest.mark.parametrize(
    ("space", "wanted"),
    [
        (spaces.MultiDiscrete([2, 3]), "a Box or Discrete"),
        (spaces.MultiBinary(3), "a Box or Discrete"),
        (spaces.Dict({"a": VECTOR}), "a Box or Discrete"),
        (spaces.Tuple([VECTOR]), "a Box or Discrete"),
        (spaces.Box(-1, 1, (2, 3)), "vectors"),
        (spaces.Box(-1, 1, (0,)), "vectors"),
        (spaces.Box(0, 5, (2,), np.int64), "real numbers or one Discrete choice"),
    ],
)
def test_actions_that_are_neither_vectors_nor_one_choice(space, wanted):
    with pytest.raises(CannotLearn) as caught:
        TRPO("MlpPolicy", Odd(action_space=space))
    assert str(caught.value) == f"actions must be {wanted}, got {space}"


def test_arrays_and_one_choice_are_taken():
    TRPO("MlpPolicy", Odd(spaces.Box(-1, 1, (2, 3)), spaces.Discrete(3, start=1)), seed=np.int64(3))
