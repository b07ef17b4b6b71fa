import numpy as np
import torch
from gymnasium import spaces

from agents.rollout import Rollout


class TenTimesTheObservation:
    """A critic whose value is known by heart."""

    def features(self, observations):
        rows = torch.as_tensor(observations)
        return rows, rows

    def values(self, features):
        return 10 * features[:, 0]


def test_values_at_ends_come_from_final_observations_and_rewards_stay_as_paid():
    rollout = Rollout(3, spaces.Box(-9, 9, (1,)), spaces.Box(-1, 1, (1,)), gamma=0.5, gae_lambda=0.0, n_envs=3)
    rollout.reset()
    ends = [{}, {"TimeLimit.truncated": True, "terminal_observation": np.array([7.0])}, {"TimeLimit.truncated": False}]
    for t in range(3):
        dones = np.array([False, t == 1, t == 1])
        infos = [end if done else {} for end, done in zip(ends, dones, strict=True)]
        rollout.add_step(np.full((3, 1), t + 1.0), np.zeros((3, 1)), np.ones(3), dones, infos)
    assert rollout.full
    rollout.estimate(TenTimesTheObservation(), np.full((3, 1), 4.0))

    np.testing.assert_array_equal(rollout.rewards, np.ones((3, 3)))
    np.testing.assert_array_equal(rollout.values, [[10] * 3, [20] * 3, [30] * 3])
    # lambda 0: A_t = 1 + V(next) / 2 - V(s_t), V(next) of robot 0 the next row's, of robot 1 at its end that of its
    # final observation (70), of robot 2 at its end nothing; after the last row, of where the rollout was cut off (40).
    np.testing.assert_array_equal(rollout.advantages, [[1, 1, 1], [-4, 16, -19], [-9, -9, -9]])
    np.testing.assert_array_equal(rollout.returns, rollout.advantages + rollout.values)


def test_actions_are_kept_as_sampled_and_whole_numbers_stay_whole():
    rollout = Rollout(2, spaces.Box(-9, 9, (1,)), spaces.Discrete(5), n_envs=1)
    rollout.reset()
    rollout.add_step(np.zeros((1, 1)), np.array([4]), np.zeros(1), np.zeros(1, bool), [{}])
    assert rollout.actions.dtype == np.int64
    assert rollout.actions[0, 0] == 4
    assert not rollout.full
