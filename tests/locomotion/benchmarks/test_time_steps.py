import mujoco
import numpy as np
import pytest

from locomotion.benchmarks.time_steps import measure_time_steps, own_steps, penetrations, time_steps_table, usual
from locomotion.commands import benchmark
from locomotion.errors import UsageError
from locomotion.policies.stored import StoredPolicy


def test_a_policy_is_scored_at_twice_once_and_half_its_step_where_actions_stay_as_far_apart():
    assert own_steps(StoredPolicy.find("Go1")) == pytest.approx([0.01, 0.005, 0.0025])
    assert own_steps(StoredPolicy.find("CartPole")) == pytest.approx([0.02, 0.01])
    assert own_steps(StoredPolicy.find("Hopper")) == [0.002]  # four steps an action, however long
    (pair,) = usual(["CartPole"], [0.004])
    assert pair[1] == 0.004


def test_scores_are_those_of_the_step_that_is_named():
    stored = StoredPolicy.find("CartPole")
    coarse, fine = measure_time_steps([(stored, 0.02), (stored, 0.005)], 3, 1)
    assert coarse.scores.task == {"timestep": 0.02}
    assert coarse.scores.metrics["tilt_mean"] != fine.scores.metrics["tilt_mean"]
    assert len(coarse.depths) == 0  # nothing touches
    head, _, first, _ = time_steps_table([coarse, fine]).splitlines()
    assert "physics step, ms" in head
    assert first.startswith("| CartPole | 20 |")


def test_depths_are_those_of_all_overlapping_contacts(monkeypatch):
    monkeypatch.setattr("locomotion.benchmarks.time_steps.ROBOTS", 2)
    monkeypatch.setattr("locomotion.benchmarks.time_steps.STEPS", 30)
    stored = StoredPolicy.find("Go1")
    depths = penetrations(stored, {})
    # Only Go1's feet touch the floor: what is deep is by how much a foot's sphere is below it.
    env = stored.environment(2, seed=1_000_000)
    policy, observations, expected = stored.load(), env.reset(), []
    for _ in range(30):
        observations, *_ = env.step(policy.clip(policy.deterministic(observations)))
        sim, data = env.world.sim, mujoco.MjData(env.world.model)
        for qpos in sim.qpos:
            data.qpos[:] = qpos
            mujoco.mj_forward(sim.model, data)
            height = data.site_xpos[-4:, 2] - 0.023
            expected += [-each for each in height if each < 0.0]
    np.testing.assert_allclose(np.sort(depths), np.sort(expected), atol=1e-9)


def test_what_cannot_be_stepped_so_is_refused():
    for step, sentence in {
        "-1": r"--timesteps -1.0: timestep must be at least 1e-05, got -1.0",
        "inf": r"--timesteps inf: timestep must be finite, got inf",
        "1e-9": r"--timesteps 1e-09: timestep must be at least 1e-05, got 1e-09",
        "0.003": r"--timesteps 0.003: Go1: .* is not a multiple of timestep 0.003 s",
    }.items():
        with pytest.raises(UsageError, match=sentence):
            benchmark(["time-steps", "--policies", "Go1", "--timesteps", step, "--episodes", "1"])
    with pytest.raises(UsageError, match=r"--policies must name at least one policy"):
        benchmark(["time-steps", "--policies"])
