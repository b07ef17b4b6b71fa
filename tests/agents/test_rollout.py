import numpy as np
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agents.advantages import GAE, KStep, PathReturn, RewardToGo
from agents.rollout import Rollout


class TenTimesTheObservation:
    """A baseline whose value is known by heart: it adds a thousandth of the time."""

    def values(self, observations, times):
        return (10 * observations[:, 0] + times / 1000).astype(np.float32)


@st.composite
def lives(draw):
    """When the episodes of some robots end, by a fall (1) or for want of time (2); how long they have lasted before."""
    steps, robots = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    ends = draw(arrays(np.int64, (steps, robots), elements=st.sampled_from([0, 0, 1, 2])))
    return ends, draw(arrays(np.int64, robots, elements=st.integers(0, 9)))


def lived(ends, elapsed, room=0):
    """The rollout of such lives, which sees 10 t + i, and 1000 more where robot i ends an episode at t."""
    steps, robots = ends.shape
    rollout = Rollout(steps + room, spaces.Box(-9, 9, (1,)), spaces.Box(-1, 1, (1,)), n_envs=robots)
    rollout.begin(elapsed)
    for t in range(steps):
        seen = 10.0 * t + np.arange(robots)[:, None]
        infos = [
            {"terminal_observation": one + 1000, "TimeLimit.truncated": ends[t, i] == 2} for i, one in enumerate(seen)
        ]
        rollout.add_step(seen, np.zeros((robots, 1)), np.ones(robots), ends[t] > 0, infos)
    assert rollout.full == (room == 0)
    return rollout


@given(lives())
def test_times_and_next_values_are_those_of_each_robots_own_life(life):
    ends, elapsed = life
    rollout = lived(ends, elapsed)
    steps, robots = ends.shape
    rollout.evaluate(TenTimesTheObservation(), 10.0 * steps + np.arange(robots)[:, None])
    for i in range(robots):
        time = elapsed[i]
        for t in range(steps):
            end = ends[t, i]
            assert (rollout.times[t, i], rollout.first[t, i]) == (time, time == 0)
            assert (rollout.terminated[t, i], rollout.truncated[t, i]) == (end == 1, end == 2)
            np.testing.assert_allclose(rollout.values[t, i], 100 * t + 10 * i + time / 1000, rtol=1e-6)
            time = 0 if end else time + 1
            expected = 100 * (t + 1) + 10 * i + time / 1000
            if end == 2:
                expected = 100 * t + 10 * i + 10_000 + (rollout.times[t, i] + 1) / 1000
            if end != 1:  # after a fall nothing counts
                np.testing.assert_allclose(rollout.next_values[t, i], expected, rtol=1e-6)
        assert rollout.elapsed[i] == time
        assert rollout.ended[i] == ends[:, i].any()


@given(lives())
def test_the_first_episodes_end_with_their_first_end(life):
    ends, elapsed = life
    rollout = lived(ends, elapsed, room=2)
    rollout.keep_first_episodes()
    expected = np.zeros(ends.shape, bool)
    for i, column in enumerate(ends.T):
        for t, end in enumerate(column):
            expected[t, i] = True
            if end:
                break
    np.testing.assert_array_equal(rollout.counts, expected)
    assert {len(getattr(rollout, name)) for name in rollout.columns()} == {len(ends)}


def collected():
    """Three robots for three steps: the first goes on, the second runs out of time in step 1, the third falls in it."""
    rollout = Rollout(3, spaces.Box(-9, 9, (1,)), spaces.Box(-1, 1, (1,)), n_envs=3)
    rollout.begin(np.array([7, 0, 0]))
    ends = [{}, {"TimeLimit.truncated": True, "terminal_observation": np.array([7.0])}, {"TimeLimit.truncated": False}]
    for t in range(3):
        dones = np.array([False, t == 1, t == 1])
        infos = [end if done else {} for end, done in zip(ends, dones, strict=True)]
        rollout.add_step(np.full((3, 1), t + 1.0), np.zeros((3, 1)), np.ones(3), dones, infos)
    assert rollout.full
    rollout.evaluate(TenTimesTheObservation(), np.full((3, 1), 4.0))
    return rollout


def test_time_runs_from_each_episodes_beginning():
    rollout = collected()
    np.testing.assert_array_equal(rollout.times, [[7, 0, 0], [8, 1, 1], [9, 0, 0]])
    np.testing.assert_array_equal(rollout.elapsed, [10, 1, 1])
    # The second robot's final observation, 7, was seen after two steps.
    expected = [[20.008, 20.001, 20.001], [30.009, 70.002, 30.0], [40.010, 40.001, 40.001]]
    np.testing.assert_allclose(rollout.next_values, expected, rtol=1e-6)


def test_values_at_ends_come_from_final_observations_and_rewards_stay_as_paid():
    rollout = collected()
    rollout.estimate(GAE(0.0), GAE(0.0), gamma=0.5)
    np.testing.assert_array_equal(rollout.rewards, np.ones((3, 3)))
    np.testing.assert_allclose(rollout.values, [[10] * 3, [20] * 3, [30] * 3], atol=0.01)
    # lambda 0: A_t = 1 + V(next) / 2 - V(s_t), V(next) of robot 0 the next row's, of robot 1 at its end that of its
    # final observation (70), of robot 2 at its end nothing; after the last row, of where the rollout was cut off (40).
    np.testing.assert_allclose(rollout.advantages, [[1, 1, 1], [-4, 16, -19], [-9, -9, -9]], atol=0.02)
    np.testing.assert_array_equal(rollout.returns, rollout.advantages + rollout.values)
    assert rollout.counts.all()


def test_of_one_episode_of_each_robot_nothing_counts_that_follows_it():
    rollout = Rollout(5, spaces.Box(-9, 9, (1,)), spaces.Box(-1, 1, (1,)), n_envs=3)
    rollout.begin(np.zeros(3, np.int64))
    fallen = {"TimeLimit.truncated": False}
    for t in range(3):  # the first robot falls in step 0 and in step 1, the second in step 2, the third in step 1
        dones = np.array([t < 2, t == 2, t == 1])
        assert not rollout.ended.all()
        rollout.add_step(np.full((3, 1), t + 1.0), np.zeros((3, 1)), np.ones(3), dones, [fallen] * 3)
    assert rollout.ended.all()
    rollout.keep_first_episodes()
    rollout.evaluate(TenTimesTheObservation(), np.full((3, 1), 4.0))
    rollout.estimate(GAE(1.0), GAE(1.0), gamma=0.5)
    counted = [[True, True, True], [False, True, True], [False, True, False]]
    np.testing.assert_array_equal(rollout.counts, counted)
    assert rollout.rewards.shape == rollout.advantages.shape == (3, 3)
    np.testing.assert_allclose(rollout.returns[rollout.counts], [1, 1.75, 1.5, 1.5, 1, 1], rtol=1e-5)
    rollout.begin(np.zeros(3, np.int64))
    assert rollout.rewards.shape == (5, 3)


def test_the_baseline_may_learn_by_another_estimator_than_the_policy():
    rollout = collected()
    rollout.estimate(GAE(1.0), KStep(1), gamma=0.5)
    one_step = rollout.rewards + 0.5 * np.where(rollout.terminated, 0.0, rollout.next_values)
    np.testing.assert_allclose(rollout.returns, one_step, rtol=1e-6)
    assert np.abs(rollout.advantages + rollout.values - one_step).max() > 1.0


def test_only_whole_episodes_count_where_nothing_stands_in_for_the_future():
    rollout = collected()
    rollout.estimate(RewardToGo(), RewardToGo(), gamma=1.0)
    whole = [[False, True, True], [False, True, True], [False, False, False]]
    np.testing.assert_array_equal(rollout.counts, whole)
    np.testing.assert_allclose(rollout.returns[rollout.counts], [2, 2, 1, 1], atol=1e-5)
    rollout.estimate(PathReturn(), PathReturn(), gamma=1.0)
    np.testing.assert_allclose(rollout.advantages[rollout.counts], [-8, -8, -8, -8], atol=0.01)  # 2 - V(s_0)


def test_actions_are_kept_as_sampled_and_whole_numbers_stay_whole():
    rollout = Rollout(2, spaces.Box(-9, 9, (1,)), spaces.Discrete(5), n_envs=1)
    rollout.begin(np.zeros(1, int))
    rollout.add_step(np.zeros((1, 1)), np.array([4]), np.zeros(1), np.zeros(1, bool), [{}])
    assert rollout.actions.dtype == np.int64
    assert rollout.actions[0, 0] == 4
    assert not rollout.full
