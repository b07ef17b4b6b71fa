"""Derivatives of the simulated physics along recorded trajectories, for the pathwise policy gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mujoco
import numpy as np

from envs.world import World
from locomotion.laboratory.pathwise import Derivatives, pathwise_gradients

PERTURBATION = 1e-6  # of states and actions, in their own units: central differences then err by about 1e-10
EVERYTHING = mujoco.mjtState.mjSTATE_INTEGRATION.value  # contents of `Batch.state`; a step depends on nothing else


class StatePaths(NamedTuple):
    """Paths of M robots over H steps of their world."""

    simulations: np.ndarray  # MuJoCo's whole state before each action (H, M, numbers)
    positions: np.ndarray  # qpos before each action (H, M, nq)
    velocities: np.ndarray  # qvel before each action (H, M, nv)
    observations: np.ndarray  # before each action (H, M, observations)
    actions: np.ndarray  # (H, M, actions)
    contacts: np.ndarray  # whether there was a contact during the step (H, M)


SmoothReward = Callable[[StatePaths], tuple[np.ndarray, np.ndarray, np.ndarray]]


def record_paths(world: World, act: Callable[[int, np.ndarray], np.ndarray], steps: int) -> StatePaths:
    """Step the world from its present state and record the robots' paths.

    Args:
        world: with `auto_reset=False`, so that paths go on after a termination.
        act: step t, observations (M, observations) -> actions (M, actions); in float64 for comparisons of derivatives
            with differences.
        steps: H.
    """
    if world.auto_reset:
        raise ValueError("the world resets robots automatically: make it with auto_reset=False to differentiate it")
    rows, contacts = [], world.sim.bind("ncon")
    for t in range(steps):
        state, positions, velocities = world.batch.state.copy(), world.sim.qpos.copy(), world.sim.qvel.copy()
        observations = world.observations
        assert isinstance(observations, np.ndarray)  # no task whose derivatives are known has privileged parts
        actions = act(t, observations)
        world.step(actions)
        rows.append((state, positions, velocities, observations, actions, contacts.ravel() > 0))
    return StatePaths(*map(np.array, zip(*rows, strict=True)))


def dynamics_derivatives(world: World, paths: StatePaths) -> tuple[np.ndarray, np.ndarray]:
    """Return df/dx (H, M, n, n) and df/du (H, M, n, actions) of one step of the world, all its substeps chained.

    x holds n = 2 nv + na numbers: positions as `mujoco.mj_differentiatePos` subtracts them (for slide and hinge joints,
    qpos itself), velocities, actuators' activations. u is the policy's action. The task's `apply` is differenced too:
    an action clipped at its bound has derivative 0, one exactly at the bound half of the unclipped one. `apply` must
    compute controls from the action alone (that of the arm's tasks does not).

    Contacts are differenced at the recorded states: the derivatives are large, and valid only very near by. Each
    substep is differenced from the constraint solver's recorded start. Where the solver stops before it has converged
    (Go1's does), its next start depends on the state as well, which is not chained: the error is then some per cent.
    """
    (steps, count, actions), model = paths.actions.shape, world.model
    size = 2 * model.nv + model.na
    by_state, by_action = np.empty((steps, count, size, size)), np.empty((steps, count, size, actions))
    models = [world.batch.get_model(i) for i in range(count)]
    data = mujoco.MjData(model)
    before = world.batch.state.copy()
    for t in range(steps):
        controls = control_derivatives(world, paths, t)
        for i in range(count):
            mujoco.mj_setState(models[i], data, world.batch.state[i], EVERYTHING)
            chained, driven = np.eye(size), np.zeros((size, model.nu))
            for _ in range(world.substeps):
                substep, push = substep_derivatives(models[i], data)
                chained, driven = substep @ chained, substep @ driven + push
                mujoco.mj_step(models[i], data)
            by_state[t, i], by_action[t, i] = chained, driven @ controls[i]
    world.batch.state[:] = before
    return by_state, by_action


def control_derivatives(world: World, paths: StatePaths, t: int) -> np.ndarray:
    """Return the derivative of controls by actions (M, nu, actions); leave the world with the recorded ones applied."""

    def applied(actions: np.ndarray) -> np.ndarray:
        world.batch.state[:] = paths.simulations[t]
        world.task.apply(world.sim, actions)
        return world.sim.ctrl.copy()

    actions = paths.actions[t]
    moves = PERTURBATION * np.eye(actions.shape[1])
    slopes = [(applied(actions + move) - applied(actions - move)) / (2 * PERTURBATION) for move in moves]
    applied(actions)
    return np.stack(slopes, axis=-1)


def substep_derivatives(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives of one step of the physics by its state (n, n) and its controls (n, nu).

    By `mujoco.mjd_transitionFD`; it refuses the Runge-Kutta integrator, whose steps `step_differences` differences.
    """
    if model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4:
        return step_differences(model, data)
    size = 2 * model.nv + model.na
    by_state, by_control = np.empty((size, size)), np.empty((size, model.nu))
    mujoco.mjd_transitionFD(model, data, PERTURBATION, True, by_state, by_control, None, None)
    return by_state, by_control


def step_differences(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives of `mujoco.mjd_transitionFD`, by central differences of `mj_step` with any integrator."""
    nv, start = model.nv, np.empty(mujoco.mj_stateSize(model, EVERYTHING))
    mujoco.mj_getState(model, data, start, EVERYTHING)

    def moved(j: int, by: float) -> tuple[np.ndarray, np.ndarray]:
        """Return positions, and velocities with activations, one step after a move of the j-th number."""
        mujoco.mj_setState(model, data, start, EVERYTHING)
        move = np.zeros(2 * nv + model.na + model.nu)
        move[j] = by
        mujoco.mj_integratePos(model, data.qpos, move[:nv], 1.0)
        data.qvel += move[nv : 2 * nv]
        data.act += move[2 * nv : 2 * nv + model.na]
        data.ctrl += move[2 * nv + model.na :]
        mujoco.mj_step(model, data)
        return data.qpos.copy(), np.concatenate([data.qvel, data.act])

    columns = np.empty((2 * nv + model.na + model.nu, 2 * nv + model.na))
    for j, column in enumerate(columns):
        (low, low_rest), (high, high_rest) = moved(j, -PERTURBATION), moved(j, PERTURBATION)
        mujoco.mj_differentiatePos(model, column[:nv], 2 * PERTURBATION, low, high)
        column[nv:] = (high_rest - low_rest) / (2 * PERTURBATION)
    mujoco.mj_setState(model, data, start, EVERYTHING)
    return columns[: 2 * nv + model.na].T, columns[2 * nv + model.na :].T


def return_gradients(
    world: World,
    paths: StatePaths,
    reward: SmoothReward,
    action_by_state: np.ndarray,
    action_by_parameters: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return each trajectory's undiscounted return of a smooth reward (M,) and its pathwise derivative (M, P).

    The tasks' own rewards and terminations often have no useful derivative. The cart-pole's reward, 1 for every step
    until the pole falls, has the derivative 0 wherever it has one; everything to be learnt is in the jump at the fall,
    which no derivative along a path sees. The caller therefore gives a smooth reward, and terminations are ignored.

    Args:
        world: the recorded one; its state is restored.
        paths: H steps of M robots.
        reward: paths -> r(x_t, u_t) (H, M), dr/dx (H, M, n) and dr/du (H, M, actions), with x and u as in
            `dynamics_derivatives`.
        action_by_state: the policy's du/dx (H, M, actions, n), its noise held fixed.
        action_by_parameters: the policy's du/dtheta (H, M, actions, P).
    """
    rewards, reward_by_state, reward_by_action = reward(paths)
    by_state, by_action = dynamics_derivatives(world, paths)
    gradients = pathwise_gradients(
        Derivatives(by_state, by_action, reward_by_state, reward_by_action, action_by_state, action_by_parameters)
    )
    return rewards.sum(axis=0), gradients
