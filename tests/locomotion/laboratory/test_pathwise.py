import numpy as np
import pytest
import torch

from locomotion.laboratory.linear_quadratic import LinearQuadratic, pushed_mass
from locomotion.laboratory.pathwise import Derivatives, pathwise_gradients

THETA = np.array([-0.8, -0.9, np.log(0.5)])


def rollout(theta, start, noise, disturbances):
    """A world that is linear nowhere: its return, its states and its actions, of one trajectory, in torch."""
    gain, std = theta[:6].reshape(2, 3), theta[6:].exp()
    x, total, states, actions = start, 0.0, [], []
    for eps, push in zip(noise, disturbances, strict=True):
        u = policy(x, gain, std, eps)
        states.append(x)
        actions.append(u)
        total = total + reward(x, u)
        x = dynamics(x, u, push)
    return total, torch.stack(states), torch.stack(actions)


def policy(x, gain, std, eps):
    return torch.tanh(gain @ x) + std * eps


def dynamics(x, u, push):
    return torch.stack([x[0] + 0.1 * x[1], x[1] + 0.1 * torch.sin(x[0]) + 0.1 * u[0] * x[2], u[1] * x[2].cos()]) + push


def reward(x, u):
    return torch.cos(x[0]) - x[1] * x[2] - u[0] ** 2 * x[0] - u[1].exp()


@pytest.fixture
def nonlinear():
    """Three trajectories of eight steps, and each one's gradient by autograd."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    theta, starts, noises, pushes = 0.5 * normal(8), normal(3, 3), normal(3, 8, 2), 0.1 * normal(3, 8, 3)
    leaf = theta.clone().requires_grad_()
    expected, collected = [], []
    for start, noise, push in zip(starts, noises, pushes, strict=True):
        total, states, actions = rollout(leaf, start, noise, push)
        expected.append(torch.autograd.grad(total, leaf)[0])
        collected.append([local(theta, *row) for row in zip(states, actions, noise, push, strict=True)])
    arrays = [np.array([[step[k] for step in trajectory] for trajectory in collected]) for k in range(6)]
    return Derivatives(*(array.swapaxes(0, 1) for array in arrays)), torch.stack(expected).numpy()


def local(theta, x, u, eps, push):
    """The six derivatives at one step, each by autograd of its own function."""
    x, u = x.detach(), u.detach()
    jacobian = torch.autograd.functional.jacobian
    f_x, f_u = jacobian(lambda x, u: dynamics(x, u, push), (x, u))
    r_x, r_u = jacobian(reward, (x, u))
    u_x, u_theta = jacobian(lambda x, p: policy(x, p[:6].reshape(2, 3), p[6:].exp(), eps), (x, theta))
    return [each.numpy() for each in (f_x, f_u, r_x, r_u, u_x, u_theta)]


def test_equals_autograd_through_each_trajectory_of_a_nonlinear_world(nonlinear):
    derivatives, expected = nonlinear
    gradients = pathwise_gradients(derivatives)
    assert gradients.shape == (3, 8)
    np.testing.assert_allclose(gradients, expected, rtol=1e-10, atol=1e-10)


def test_one_step_is_the_reward_s_slope_through_the_action():
    rng = np.random.default_rng(0)
    shapes = ((1, 2, 3, 3), (1, 2, 3, 2), (1, 2, 3), (1, 2, 2), (1, 2, 2, 3), (1, 2, 2, 5))
    derivatives = Derivatives(*(rng.normal(size=shape) for shape in shapes))
    expected = np.einsum("mi,mip->mp", derivatives.reward_by_action[0], derivatives.action_by_parameters[0])
    np.testing.assert_allclose(pathwise_gradients(derivatives), expected)


def test_equals_autograd_through_each_trajectory_of_the_linear_quadratic_world():
    problem = pushed_mass()
    trajectories = problem.simulate(THETA, problem.draw(5, np.random.default_rng(1)))
    leaf = torch.tensor(THETA, requires_grad=True)
    a, b, q, r = map(torch.tensor, (problem.dynamics, problem.control, problem.state_cost, problem.action_cost))
    x, returns = torch.tensor(trajectories.states[0]), torch.zeros(5, dtype=torch.float64)
    pushes = torch.tensor(trajectories.noise.disturbances @ np.linalg.cholesky(problem.disturbance).T)
    for eps, push in zip(torch.tensor(trajectories.noise.actions), pushes, strict=True):
        u = x @ leaf[:2, None] + leaf[2].exp() * eps
        returns = returns - ((x @ q) * x).sum(1) - ((u @ r) * u).sum(1)
        x = x @ a.T + u @ b.T + push
    expected = torch.stack([torch.autograd.grad(value, leaf, retain_graph=True)[0] for value in returns])
    gradients = pathwise_gradients(problem.derivatives(THETA, trajectories))
    np.testing.assert_allclose(gradients, expected, rtol=1e-10, atol=1e-10)


def two_handed():
    """A problem of two actions, whose policy's derivatives have more than one row."""
    rng = np.random.default_rng(2)
    return LinearQuadratic(
        dynamics=0.4 * rng.normal(size=(3, 3)),
        control=0.5 * rng.normal(size=(3, 2)),
        disturbance=0.1 * np.eye(3),
        state_cost=np.diag([1.0, 0.5, 0.2]),
        action_cost=np.array([[0.5, 0.1], [0.1, 0.3]]),
        start_mean=rng.normal(size=3),
        start_covariance=0.3 * np.eye(3),
        horizon=12,
    )


@pytest.mark.parametrize(("problem", "theta"), [(pushed_mass(), THETA), (two_handed(), np.linspace(-0.4, 0.3, 8))])
def test_unbiased(problem, theta):
    trajectories = problem.simulate(theta, problem.draw(20_000, np.random.default_rng(3)))
    gradients = pathwise_gradients(problem.derivatives(theta, trajectories))
    error = gradients.std(axis=0, ddof=1) / np.sqrt(len(gradients))
    exact = problem.gradient(theta)
    assert (np.abs(gradients.mean(axis=0) - exact) < 2.576 * error).all()  # each component's 99 % interval
    assert (error < 0.02 * np.linalg.norm(exact)).all()
