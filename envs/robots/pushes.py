"""Pushes: sudden changes of a trunk's velocity along the floor, all drawn where an episode begins."""

import numpy as np

from envs.simulation import Fields

DRAWS = 3  # numbers from which a push is drawn


def memory_of(pushes: int) -> dict[str, int]:
    """Return the fields of a task's memory for so many pushes of an episode."""
    return {
        "push_times": pushes,  # s
        "push_velocities": 2 * pushes,  # m/s along the world's x and y
    }


def draw_pushes(sim: Fields, draws: np.ndarray, interval: float, speeds: tuple[float, float]) -> None:
    """Set the pushes of the episodes that begin: one in the second half of each interval, in any direction.

    Args:
        sim: the robots.
        draws: between 0 and 1 (E, pushes * DRAWS).
        interval: in s.
        speeds: the least and the greatest change of the velocity, in m/s.
    """
    when, direction, size = np.moveaxis(draws.reshape(len(draws), -1, DRAWS), 2, 0)
    sim.memory.push_times = interval * (np.arange(when.shape[1]) + 0.5 + 0.5 * when)
    low, high = speeds
    speed, angle = low + (high - low) * size, 2 * np.pi * direction
    velocities = speed[:, :, None] * np.stack([np.cos(angle), np.sin(angle)], axis=2)
    sim.memory.push_velocities = velocities.reshape(len(draws), -1)


def push(sim: Fields) -> None:
    """Push the robots for which it is time."""
    times = sim.memory.push_times
    due = np.abs(sim.time[:, None] - times) < sim.dt / 2
    if due.any():
        velocities = sim.memory.push_velocities.reshape(len(times), -1, 2)
        sim.qvel[:, :2] += (due[:, :, None] * velocities).sum(axis=1)
