import math

import numpy as np
import pytest

import envs
from locomotion.benchmarks.world_speed import (
    BARE,
    DUMMY,
    ENVPOOL,
    OURS,
    SYNC,
    BarePhysics,
    WorldSpeed,
    measure_worlds,
    worlds_table,
)
from locomotion.errors import UsageError


@pytest.mark.parametrize("env", ["Hopper-v5", "Ant-v5"])
def test_the_bare_physics_does_exactly_what_our_robots_do(env):
    ours = envs.make_vec(env, 6, seed=3, num_threads=1)
    ours.reset()
    bare = BarePhysics(ours)
    actions = np.random.default_rng(0).uniform(-1, 1, (120, 6, *ours.action_space.shape)).astype(np.float32)
    bare.run(actions)
    ends = sum(int(ours.step(action)[2].sum()) for action in actions)
    assert ends > 0  # new episodes began on the way
    np.testing.assert_array_equal(bare.batch.state, ours.world.batch.state)


def test_every_contender_runs_and_the_table_shows_their_ratios():
    (row,) = measure_worlds(["InvertedPendulum-v5"], copies=2, threads=1, rounds=1, seconds=0.01)
    assert {BARE, OURS, SYNC, DUMMY} <= set(row.steps_per_second)
    assert all(speed > 0 for speed in row.steps_per_second.values())
    head, _, line = worlds_table([row]).splitlines()
    assert f"{OURS} / {BARE}" in head
    assert f"{row.ratio(OURS, BARE):.2f}" in line


def test_ratios_are_of_the_first_to_the_second():
    row = WorldSpeed("Hopper-v5", {OURS: 90.0, BARE: 100.0})
    assert row.ratio(OURS, BARE) == 0.9
    assert math.isnan(row.ratio(OURS, ENVPOOL))


def test_an_environment_without_a_batch_is_refused():
    with pytest.raises(UsageError, match="not one of the Gymnasium robots"):
        list(measure_worlds(["CartPole"]))
