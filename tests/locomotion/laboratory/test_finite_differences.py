import numpy as np
import pytest
import torch

from agents.trust_region import conjugate_gradient, natural_step
from locomotion.laboratory.finite_differences import central_differences
from locomotion.laboratory.linear_quadratic import pushed_mass

THETA = np.array([-0.8, -0.9, np.log(0.5)])
STEP = 1e-3


def common(problem, count, seed):
    """All parameter vectors meet the same noise."""
    noise = problem.draw(count, np.random.default_rng(seed))
    return lambda thetas: np.array([problem.simulate(theta, noise).returns for theta in thetas])


def independent(problem, count, seed):
    """Each parameter vector meets noise of its own."""
    rng = np.random.default_rng(seed)
    return lambda thetas: np.array([problem.simulate(theta, problem.draw(count, rng)).returns for theta in thetas])


def test_exact_on_quadratics():
    rng = np.random.default_rng(0)
    matrices, slopes, at = rng.normal(size=(7, 4, 4)), rng.normal(size=(7, 4)), rng.normal(size=4)
    matrices = matrices + matrices.transpose(0, 2, 1)
    gradient, estimates = central_differences(
        lambda thetas: np.einsum("kp,mpq,kq->km", thetas, matrices, thetas) / 2 + thetas @ slopes.T, at, step=0.5
    )
    np.testing.assert_allclose(estimates, matrices @ at + slopes, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient, estimates.mean(axis=0))


def test_the_error_falls_with_the_square_of_the_step():
    errors = [central_differences(np.exp, np.zeros(1), step)[0] - 1.0 for step in (0.2, 0.1)]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.01)


def test_agrees_with_the_exact_gradient_within_its_interval():
    problem = pushed_mass()
    gradient, estimates = central_differences(common(problem, 4000, seed=1), THETA, STEP)
    error = estimates.std(axis=0, ddof=1) / np.sqrt(len(estimates))
    assert (np.abs(gradient - problem.gradient(THETA)) < 2.935 * error).all()  # 99 % for three components at once


def test_common_random_numbers_lower_the_variance_a_thousandfold():
    problem = pushed_mass()
    _, same = central_differences(common(problem, 2000, seed=2), THETA, STEP)
    _, own = central_differences(independent(problem, 2000, seed=2), THETA, STEP)
    assert (own.var(axis=0) > 1000 * same.var(axis=0)).all()


def test_with_common_random_numbers_the_variance_does_not_grow_as_the_step_shrinks():
    problem = pushed_mass()
    same = [central_differences(common(problem, 2000, seed=3), THETA, h)[1].var(axis=0) for h in (1e-2, 1e-4)]
    own = [central_differences(independent(problem, 2000, seed=3), THETA, h)[1].var(axis=0) for h in (1e-2, 1e-4)]
    np.testing.assert_allclose(same[1], same[0], rtol=0.01)
    np.testing.assert_allclose(own[1], 1e4 * own[0], rtol=0.2)


def test_the_gradient_serves_a_natural_step():
    problem, bound = pushed_mass(), 0.01
    gradient, _ = central_differences(common(problem, 200, seed=4), THETA, STEP)
    trajectories = problem.simulate(THETA, problem.draw(200, np.random.default_rng(5)))
    scores = torch.from_numpy(problem.scores(THETA, trajectories).reshape(-1, len(THETA)))

    def fisher(v):
        return scores.T @ (scores @ v) / len(scores)

    direction, residual = conjugate_gradient(fisher, torch.from_numpy(gradient), iterations=10)
    assert residual < 1e-6
    moved = THETA + natural_step(fisher, direction, bound).numpy()
    assert problem.expected_return(moved) > problem.expected_return(THETA)
    assert mean_divergence(problem, THETA, moved) == pytest.approx(bound, rel=0.3)


def mean_divergence(problem, theta, other):
    """KL(theta || other), averaged over the states that theta visits."""
    (gain, std), (other_gain, other_std) = problem.split(theta), problem.split(other)
    moment = problem.moments(theta)[:-1].mean(axis=0)
    away = np.diag((other_gain - gain) @ moment @ (other_gain - gain).T)
    return float(np.sum(np.log(other_std / std) + (std**2 + away) / (2 * other_std**2) - 0.5))


def test_a_step_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="step must be positive, got 0"):
        central_differences(np.exp, np.zeros(1), 0.0)
