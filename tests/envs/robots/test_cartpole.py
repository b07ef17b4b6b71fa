import numpy as np
import pytest

import envs
from envs.robots.cartpole import CartPole

GRAVITY, CART, POLE, HALF_LENGTH = 9.8, 1.0, 0.1, 0.5  # m/s^2, kg, kg, m


def slope(state: np.ndarray, force: float) -> np.ndarray:
    """Return d(x, x', theta, theta')/dt by the two equations of Barto, Sutton and Anderson (1983), without friction."""
    _, speed, angle, turning = state
    total = CART + POLE
    push = (-force - POLE * HALF_LENGTH * turning**2 * np.sin(angle)) / total
    turning_rate = (GRAVITY * np.sin(angle) + np.cos(angle) * push) / (
        HALF_LENGTH * (4 / 3 - POLE * np.cos(angle) ** 2 / total)
    )
    acceleration = (force + POLE * HALF_LENGTH * (turning**2 * np.sin(angle) - turning_rate * np.cos(angle))) / total
    return np.array([speed, acceleration, turning, turning_rate])


def integrate(state: np.ndarray, force: float, seconds: float, steps: int = 50) -> np.ndarray:
    """Runge-Kutta's fourth-order method, in steps much shorter than the simulation's."""
    h = seconds / steps
    for _ in range(steps):
        k1 = slope(state, force)
        k2 = slope(state + h / 2 * k1, force)
        k3 = slope(state + h / 2 * k2, force)
        k4 = slope(state + h * k3, force)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return state


def test_moves_by_the_equations_of_barto_sutton_and_anderson():
    env = envs.make_vec("CartPole", 3, max_angle=100.0, max_position=100.0)
    states = env.reset()
    rng = np.random.default_rng(0)
    for _ in range(60):
        actions = rng.uniform(-1, 1, (3, 1)).astype(np.float32)
        expected = [integrate(state, 10.0 * float(a[0]), 0.02) for state, a in zip(states, actions, strict=True)]
        states = env.step(actions)[0]
        np.testing.assert_allclose(states, expected, atol=1e-6)
    assert np.abs(states[:, 2]).max() > 0.5  # the equations were tried far from upright


def test_energy_is_kept_without_a_push():
    env = envs.make_vec("CartPole", 1, max_angle=100.0, max_position=100.0, reset_noise=0.5)

    def energy(state):
        _, speed, angle, turning = state
        pole_speed = np.array([speed + HALF_LENGTH * turning * np.cos(angle), -HALF_LENGTH * turning * np.sin(angle)])
        kinetic = CART * speed**2 / 2 + POLE * pole_speed @ pole_speed / 2 + POLE * turning**2 / 24
        return kinetic + POLE * GRAVITY * HALF_LENGTH * np.cos(angle)

    first = energy(env.reset()[0])
    turned = 0.0
    for _ in range(200):
        state = env.step(np.zeros((1, 1), np.float32))[0][0]
        turned = max(turned, abs(state[2]))
        assert energy(state) == pytest.approx(first, abs=1e-5)
    assert turned > np.pi / 2  # the pole fell all the way: kinetic and potential energy were exchanged


@pytest.mark.parametrize(("place", "alive"), [(2.39, True), (2.41, False), (-2.41, False)])
def test_fails_beyond_the_rail(place, alive):
    env = envs.make_vec("CartPole", 1)
    env.reset()
    env.world.sim.qpos[0] = [place, 0.0]
    env.world.sim.qvel[0] = 0.0
    _, rewards, dones, infos = env.step(np.zeros((1, 1), np.float32))
    assert (rewards[0], dones[0]) == (float(alive), not alive)
    assert "physics_error" not in infos[0]


@pytest.mark.parametrize(("degrees", "alive"), [(11.5, True), (12.5, False), (-12.5, False)])
def test_fails_beyond_twelve_degrees(degrees, alive):
    env = envs.make_vec("CartPole", 1)
    env.reset()
    env.world.sim.qpos[0] = [0.0, np.radians(degrees)]
    env.world.sim.qvel[0] = 0.0
    _, rewards, dones, _ = env.step(np.zeros((1, 1), np.float32))
    assert (rewards[0], dones[0]) == (float(alive), not alive)


def test_the_force_is_limited_and_proportional():
    env = envs.make_vec("CartPole", 4, reset_noise=0.0, max_force=4.0)
    env.reset()
    states = env.step(np.array([[0.5], [1.0], [7.0], [-1.0]], np.float32))[0]
    speeds = states[:, 1]
    assert speeds[0] == pytest.approx(speeds[1] / 2, rel=1e-4)
    assert speeds[1] == speeds[2]
    assert speeds[1] == -speeds[3]
    assert speeds[1] == pytest.approx(integrate(np.zeros(4), 4.0, 0.02)[1], rel=1e-4)


def test_starts_near_rest_in_a_spread():
    states = envs.make_vec("CartPole", 200).reset()
    assert np.abs(states).max() <= 0.05
    assert np.abs(states).max(axis=0).min() > 0.045
    assert np.abs(states.mean(axis=0)).max() < 0.01


def test_a_simple_controller_balances_it():
    env = envs.make_vec("CartPole", 4)
    states = env.reset()
    for step in range(1, 501):
        actions = states @ np.array([[0.1], [0.25], [3.0], [0.6]])
        states, _, dones, infos = env.step(actions.astype(np.float32))
        assert dones.tolist() == [step == 500] * 4
    assert all(info["TimeLimit.truncated"] and info["episode"]["r"] == 500 for info in infos)


def test_metrics():
    episodes = {
        "seconds": np.array([10.0, 2.0]),
        "terminated": np.array([False, True]),
        "offset": np.array([5.0, 3.0]),
        "tilt": np.array([0.1, 0.06]),
    }
    metrics = CartPole().metrics(episodes)
    assert metrics == pytest.approx({"fall_rate": 0.5, "offset_mean": 1.0, "tilt_mean": 0.02})
