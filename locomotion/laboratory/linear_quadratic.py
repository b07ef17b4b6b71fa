"""A world with an exact policy gradient: linear dynamics, quadratic costs, a linear Gaussian policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from locomotion.laboratory.pathwise import Derivatives


class Noise(NamedTuple):
    """The random numbers of M trajectories: standard normal, independent of the policy's parameters."""

    start: np.ndarray  # (M, n)
    actions: np.ndarray  # (H, M, m)
    disturbances: np.ndarray  # (H, M, n)


class Trajectories(NamedTuple):
    """M trajectories of H steps."""

    states: np.ndarray  # x_0 ... x_H (H + 1, M, n); the last one has no reward
    actions: np.ndarray  # u_t (H, M, m)
    rewards: np.ndarray  # r_t (H, M), of x_t and u_t
    noise: Noise

    @property
    def returns(self) -> np.ndarray:
        """Sum of each trajectory's rewards (M,)."""
        return self.rewards.sum(axis=0)


@dataclass(frozen=True, eq=False)
class LinearQuadratic:
    """The finite-horizon linear-quadratic problem, with a policy's exact return, gradient and values.

    x' = A x + B u + w with w ~ N(0, W), x_0 ~ N(mu, S), reward r_t = -(x_t' Q x_t + u_t' R u_t) for t = 0 ... H - 1,
    not discounted. The policy is u = K x + sigma * eps, eps ~ N(0, I), with P = m n + m parameters
    theta = (K row by row, log sigma); theta is always an array (P,), and all arithmetic is in float64.

    J, its gradient and V need two recursions (Fazel, Ge, Kakade and Mesbahi 2018, lemma 1, has them for an infinite
    horizon). With F = A + B K, C = Q + K' R K, Sigma = diag(sigma^2) and N = W + B Sigma B':

        second moments, forward:  M_0 = S + mu mu',  M_{t+1} = F M_t F' + N,  where M_t = E[x_t x_t'];
        values, backward:         P_H = 0,           P_t = C + F' P_{t+1} F,
                                  c_H = 0,           c_t = c_{t+1} + tr(R Sigma) + tr(P_{t+1} N),
                                  where V(x, t) = -(x' P_t x + c_t).

    J = -sum_t [tr(C M_t) + tr(R Sigma)]. A change of the parameters changes J directly, through C and Sigma, and
    indirectly, through later moments. J is linear in the moments, and P_{t+1} is the cost of a unit of M_{t+1} from
    t + 1 on: weighted by it, the changes that enter M_{t+1} at step t sum to the whole indirect effect (the adjoint
    method):

        dJ = -sum_t [tr(dC M_t) + tr(R dSigma) + tr(P_{t+1} (dF M_t F' + F M_t dF' + B dSigma B'))],
        dJ/dK = -2 sum_t (R K + B' P_{t+1} F) M_t,
        dJ/dlog sigma_i = -2 sigma_i^2 sum_t (R + B' P_{t+1} B)_ii.
    """

    dynamics: np.ndarray  # A (n, n)
    control: np.ndarray  # B (n, m)
    disturbance: np.ndarray  # W (n, n), positive definite
    state_cost: np.ndarray  # Q (n, n), symmetric
    action_cost: np.ndarray  # R (m, m), symmetric
    start_mean: np.ndarray  # mu (n,)
    start_covariance: np.ndarray  # S (n, n), positive definite
    horizon: int  # H steps

    def split(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gain K (m, n) and the standard deviations sigma (m,) of the actions."""
        states, actions = self.control.shape
        if theta.shape != (actions * states + actions,):
            raise ValueError(
                f"{type(self).__name__} of {states} states and {actions} actions takes"
                f" {actions * states + actions} parameters, got shape {theta.shape}"
            )
        return theta[:-actions].reshape(actions, states), np.exp(theta[-actions:])

    def closed_loop(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return F, N and C of the class's docstring, each (n, n)."""
        gain, std = self.split(theta)
        return (
            self.dynamics + self.control @ gain,
            self.disturbance + self.control * std**2 @ self.control.T,
            self.state_cost + gain.T @ self.action_cost @ gain,
        )

    def action_noise_cost(self, theta: np.ndarray) -> float:
        """Return tr(R Sigma), the cost of the policy's noise at each step."""
        return float(self.split(theta)[1] ** 2 @ np.diag(self.action_cost))

    def moments(self, theta: np.ndarray) -> np.ndarray:
        """Return the second moments E[x_t x_t'] for t = 0 ... H (H + 1, n, n)."""
        closed, spread, _ = self.closed_loop(theta)
        moments = [self.start_covariance + np.outer(self.start_mean, self.start_mean)]
        for _ in range(self.horizon):
            moments.append(closed @ moments[-1] @ closed.T + spread)
        return np.array(moments)

    def costs_to_go(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return P_t (H + 1, n, n) and c_t (H + 1,) of V(x, t) = -(x' P_t x + c_t)."""
        closed, spread, cost = self.closed_loop(theta)
        at_once = self.action_noise_cost(theta)
        matrices, constants = np.zeros((self.horizon + 1, *cost.shape)), np.zeros(self.horizon + 1)
        for t in reversed(range(self.horizon)):
            matrices[t] = cost + closed.T @ matrices[t + 1] @ closed
            constants[t] = constants[t + 1] + at_once + np.trace(matrices[t + 1] @ spread)
        return matrices, constants

    def expected_return(self, theta: np.ndarray) -> float:
        """Return J, the expectation of the sum of rewards."""
        _, _, cost = self.closed_loop(theta)
        return -float(np.sum(cost * self.moments(theta)[:-1])) - self.horizon * self.action_noise_cost(theta)

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """Return the exact gradient of J (P,), derived in the class's docstring."""
        gain, std = self.split(theta)
        closed, _, _ = self.closed_loop(theta)
        moments, following = self.moments(theta)[:-1], self.costs_to_go(theta)[0][1:]
        by_gain = -2 * np.sum((self.action_cost @ gain + self.control.T @ following @ closed) @ moments, axis=0)
        curvature = self.horizon * self.action_cost + self.control.T @ following.sum(axis=0) @ self.control
        return np.concatenate([by_gain.ravel(), -2 * std**2 * np.diag(curvature)])

    def values(self, theta: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Return V(x_t, t) of the policy (T, ...), for states (T, ..., n) at t = 0 ... T - 1, T at most H + 1."""
        matrices, constants = self.costs_to_go(theta)
        return -costs(states, matrices, constants)

    def rewards(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Return -(x' Q x + u' R u) (...) of states (..., n) and actions (..., m)."""
        return -(np.vecdot(states @ self.state_cost, states) + np.vecdot(actions @ self.action_cost, actions))

    def draw(self, count: int, rng: np.random.Generator) -> Noise:
        """Draw the random numbers of `count` trajectories."""
        states, actions = self.control.shape
        return Noise(
            rng.standard_normal((count, states)),
            rng.standard_normal((self.horizon, count, actions)),
            rng.standard_normal((self.horizon, count, states)),
        )

    def simulate(self, theta: np.ndarray, noise: Noise) -> Trajectories:
        """Return the policy's trajectories for given noise; the same noise may be used with any parameters."""
        gain, std = self.split(theta)
        spread = np.linalg.cholesky(self.disturbance)
        state = self.start_mean + noise.start @ np.linalg.cholesky(self.start_covariance).T
        states, actions = [state], []
        for eps, push in zip(noise.actions, noise.disturbances, strict=True):
            actions.append(state @ gain.T + std * eps)
            state = state @ self.dynamics.T + actions[-1] @ self.control.T + push @ spread.T
            states.append(state)
        visited, taken = np.array(states), np.array(actions)
        return Trajectories(visited, taken, self.rewards(visited[:-1], taken), noise)

    def scores(self, theta: np.ndarray, trajectories: Trajectories) -> np.ndarray:
        """Return the gradient of log pi(u_t | x_t) by theta (H, M, P), for actions of any policy."""
        gain, std = self.split(theta)
        states = trajectories.states[:-1]
        eps = (trajectories.actions - states @ gain.T) / std
        by_gain = (eps / std)[..., :, None] * states[..., None, :]
        return np.concatenate([by_gain.reshape(*eps.shape[:-1], -1), eps**2 - 1], axis=-1)

    def derivatives(self, theta: np.ndarray, trajectories: Trajectories) -> Derivatives:
        """Return the derivatives along trajectories of this policy, for `pathwise_gradients`."""
        gain, std = self.split(theta)
        states, actions, (n, m) = trajectories.states[:-1], trajectories.actions, self.control.shape
        by_gain = np.eye(m)[:, :, None] * states[..., None, None, :]  # du_i/dK_jk = [i = j] x_k
        by_log_std = np.eye(m) * (std * trajectories.noise.actions)[..., None]

        def everywhere(matrix: np.ndarray) -> np.ndarray:
            return np.broadcast_to(matrix, (*actions.shape[:2], *matrix.shape))

        return Derivatives(
            dynamics_by_state=everywhere(self.dynamics),
            dynamics_by_action=everywhere(self.control),
            reward_by_state=-2 * states @ self.state_cost,
            reward_by_action=-2 * actions @ self.action_cost,
            action_by_state=everywhere(gain),
            action_by_parameters=np.concatenate([by_gain.reshape(*actions.shape, m * n), by_log_std], axis=-1),
        )


def costs(states: np.ndarray, matrices: np.ndarray, constants: np.ndarray) -> np.ndarray:
    """Return x_t' P_t x_t + c_t (T, ...) of states (T, ..., n), by the first T of P (.., n, n) and c (..,)."""
    return np.array([np.vecdot(x @ p, x) + c for x, p, c in zip(states, matrices, constants, strict=False)])


def pushed_mass() -> LinearQuadratic:
    """Return a small problem: for 5 s, a mass of 1 kg with a little drag is to be kept at rest at the origin.

    The state is place and speed (m, m/s), the action a force (N), the time step 0.2 s.
    """
    return LinearQuadratic(
        dynamics=np.array([[1.0, 0.2], [0.0, 0.96]]),
        control=np.array([[0.02], [0.2]]),
        disturbance=np.diag([0.0025, 0.01]),
        state_cost=np.diag([1.0, 0.1]),
        action_cost=np.array([[0.1]]),
        start_mean=np.array([1.0, 0.0]),
        start_covariance=np.diag([0.04, 0.04]),
        horizon=25,
    )
