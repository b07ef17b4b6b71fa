import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents.observations import Packing, copied, finite_rows, observation_of, replace_observation

DICT = spaces.Dict(
    {
        "image": spaces.Box(0, 255, (2, 3, 4), np.uint8),
        "vector": spaces.Box(-1, 1, (3,), np.float64),
        "choice": spaces.Discrete(7),
        "choices": spaces.MultiDiscrete([3, 4]),
    }
)


def seen(space, robots=5):
    """Observations of some robots, as a VecEnv stacks them."""
    drawn = [space.sample() for _ in range(robots)]
    if isinstance(space, spaces.Dict):
        return {name: np.array([one[name] for one in drawn]) for name in reversed(space.spaces)}
    return np.array(drawn)


def test_a_dict_is_packed_into_vectors_and_unpacked():
    packing, observations = Packing(DICT), seen(DICT)
    packed = packing.pack(observations)
    assert (packed.shape, packed.dtype) == ((5, *packing.shape), packing.dtype) == ((5, 24 + 3 + 1 + 2), np.float32)
    assert packing.pack(packed) is packed
    for name, part in packing.unpack(torch.from_numpy(packed)).items():
        np.testing.assert_array_equal(part, observations[name].astype(np.float32))
    np.testing.assert_array_equal(packing.one(observation_of(observations, 3)), packed[3])


@pytest.mark.parametrize(
    ("space", "dtype"),
    [
        (spaces.Box(0, 255, (3, 4, 4), np.uint8), np.uint8),
        (spaces.Box(-1, 1, (3,), np.float64), np.float32),
        (spaces.Box(0, 9, (3,), np.int32), np.float32),
        (spaces.Discrete(4), np.int64),
        (spaces.MultiBinary(3), np.int8),
    ],
)
def test_all_others_stay_as_they_are(space, dtype):
    packing, observations = Packing(space), seen(space)
    assert packing.pack(observations) is observations
    assert packing.dtype == dtype
    assert packing.shape == space.shape
    assert packing.one(observations[0]) == pytest.approx(observations[0])


@pytest.mark.parametrize("space", [DICT, spaces.Box(-1, 1, (2,)), spaces.Discrete(3)])
def test_one_robots_observation_is_replaced_in_a_copy(space):
    observations, other = seen(space), seen(space, 1)
    packing, mine = Packing(space), copied(observations)
    replace_observation(mine, 2, observation_of(other, 0))
    before, after = packing.pack(observations), packing.pack(mine)
    np.testing.assert_array_equal(after[[0, 1, 3, 4]], before[[0, 1, 3, 4]])
    np.testing.assert_array_equal(after[2], packing.pack(other)[0])


def test_a_robot_is_finite_where_all_its_parts_are():
    observations = seen(DICT)
    observations["vector"][3, 1] = np.nan
    assert finite_rows(observations).tolist() == [True, True, True, False, True]
    assert finite_rows(np.array([[0.0, np.inf], [1.0, 2.0]])).tolist() == [False, True]
    assert finite_rows(np.arange(3)).all()
