import mujoco
import numpy as np
import pytest

from envs.robots.cartpole import CartPole
from envs.robots.quadruped import Quadruped
from envs.world import World
from locomotion.laboratory.finite_differences import central_differences
from locomotion.laboratory.physics_derivatives import (
    dynamics_derivatives,
    record_paths,
    return_gradients,
    step_differences,
    substep_derivatives,
)

ROBOTS, STEPS = 3, 30
OBSERVED = [0, 2, 1, 3]  # what is observed (place, speed, angle, turning) out of the state (place, angle, speeds)
THETA = np.array([0.1, 0.2, 1.5, 0.3, np.log(0.05)])  # gain and log sigma: the pole stays up, no action is clipped
STATE_WEIGHTS, ACTION_WEIGHT = np.array([1.0, 10.0, 0.1, 0.5]), 0.05
NOISE = np.random.default_rng(0).standard_normal((STEPS, ROBOTS, 1))


class EulerCartPole(CartPole):
    """The cart-pole with an integrator whose derivatives MuJoCo has itself."""

    def model_spec(self):
        spec = super().model_spec()
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
        return spec


def fresh(task, robots=ROBOTS):
    world = World(task, robots, num_threads=1, auto_reset=False)
    world.reset(np.arange(robots), list(range(robots)))
    return world


def recorded(world, theta):
    return record_paths(
        world, lambda t, observations: observations @ theta[:4, None] + np.exp(theta[4]) * NOISE[t], STEPS
    )


def smooth_reward(recording):
    states, actions = np.concatenate([recording.positions, recording.velocities], axis=-1), recording.actions
    rewards = np.cos(states) @ STATE_WEIGHTS - ACTION_WEIGHT * actions[..., 0] ** 2
    return rewards, -np.sin(states) * STATE_WEIGHTS, -2 * ACTION_WEIGHT * actions


@pytest.mark.parametrize("task", [CartPole(), EulerCartPole()], ids=["RK4", "Euler"])
def test_the_pathwise_derivative_of_the_return_equals_differences_of_the_simulated_return(task):
    world = fresh(task)
    recording = recorded(world, THETA)
    assert np.abs(recording.actions).max() < 1
    action_by_state = np.broadcast_to(THETA[:4][OBSERVED], (STEPS, ROBOTS, 1, 4))
    action_by_parameters = np.concatenate([recording.observations, np.exp(THETA[4]) * NOISE], axis=-1)[..., None, :]
    returns, gradients = return_gradients(world, recording, smooth_reward, action_by_state, action_by_parameters)

    def simulated(thetas):
        return np.array([smooth_reward(recorded(fresh(task), theta))[0].sum(axis=0) for theta in thetas])

    np.testing.assert_array_equal(returns, simulated(THETA[None])[0])
    _, expected = central_differences(simulated, THETA, step=1e-5)
    np.testing.assert_allclose(gradients, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(("task", "contacts"), [(CartPole(), 0), (Quadruped(), 1)], ids=["CartPole", "Quadruped"])
def test_the_derivatives_of_a_step_tell_where_a_moved_robot_goes(task, contacts):
    world, rng = fresh(task), np.random.default_rng(2)
    contacts_now = world.sim.bind("ncon")  # filled from the next step on
    nv, actuators = world.model.nv, world.model.nu
    recording = record_paths(world, lambda t, _: 0.3 * rng.uniform(-1, 1, (ROBOTS, actuators)), 25)
    by_state, by_action = dynamics_derivatives(world, recording)
    move, push = 1e-6 * rng.normal(size=(2, nv)), 1e-6 * rng.normal(size=actuators)
    ends = []
    for sign in (-1, 1):
        world.batch.state[:] = recording.simulations[24]
        for qpos in world.sim.qpos:
            mujoco.mj_integratePos(world.model, qpos, sign * move[0], 1.0)
        world.sim.qvel[:] += sign * move[1]
        world.step(recording.actions[24] + sign * push)
        ends.append((world.sim.qpos.copy(), world.sim.qvel.copy()))
    assert contacts_now.max() >= contacts
    for i in range(ROBOTS):
        moved = np.empty(nv)
        mujoco.mj_differentiatePos(world.model, moved, 2.0, ends[0][0][i], ends[1][0][i])
        observed = np.concatenate([moved, (ends[1][1][i] - ends[0][1][i]) / 2])
        expected = by_state[24, i] @ move.ravel() + by_action[24, i] @ push
        np.testing.assert_allclose(observed, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_the_world_is_left_as_it_was_found():
    world = fresh(CartPole())
    recording = recorded(world, THETA)
    before = world.batch.state.copy()
    dynamics_derivatives(world, recording)
    np.testing.assert_array_equal(world.batch.state, before)


def test_a_clipped_action_moves_nothing():
    world = fresh(CartPole())
    recording = record_paths(world, lambda t, _: np.array([[0.5], [1.5], [-2.0]]), 2)
    _, by_action = dynamics_derivatives(world, recording)
    assert by_action[:, 0].any()
    assert not by_action[:, 1:].any()


def test_differences_of_a_step_are_those_of_mujoco_where_it_has_them():
    world = fresh(Quadruped(), robots=1)
    rng = np.random.default_rng(1)
    for _ in range(20):
        world.step(rng.uniform(-1, 1, (1, world.model.nu)))
    data = world.batch.get_data(0)
    ours, theirs = step_differences(world.model, data), substep_derivatives(world.model, data)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


def test_a_world_that_begins_new_episodes_by_itself_is_refused():
    with pytest.raises(ValueError, match="auto_reset=False"):
        record_paths(World(CartPole(), 1, num_threads=1), lambda t, observations: np.zeros((1, 1)), 1)
