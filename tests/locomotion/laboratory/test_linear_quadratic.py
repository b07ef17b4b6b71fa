import numpy as np
import pytest
import torch

from locomotion.laboratory.linear_quadratic import LinearQuadratic, pushed_mass


def planar():
    """A problem of three states and two actions, nothing in it diagonal or of one size."""
    rng = np.random.default_rng(7)
    square = [root @ root.T + 0.1 * np.eye(3) for root in 0.3 * rng.normal(size=(3, 3, 3))]
    return LinearQuadratic(
        dynamics=0.4 * rng.normal(size=(3, 3)),
        control=0.5 * rng.normal(size=(3, 2)),
        disturbance=0.1 * square[0],
        state_cost=square[1],
        action_cost=np.array([[0.5, 0.1], [0.1, 0.3]]),
        start_mean=rng.normal(size=3),
        start_covariance=square[2],
        horizon=12,
    )


PROBLEMS = {
    "mass": (pushed_mass(), np.array([-0.8, -0.9, np.log(0.5)])),
    "planar": (planar(), 0.3 * np.random.default_rng(8).normal(size=8)),
}


@pytest.fixture(params=PROBLEMS)
def case(request):
    return PROBLEMS[request.param]


def assert_within_interval(samples, expected):
    """Each component's 99 % interval of the mean, widened for as many components as there are (Bonferroni)."""
    quantile = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(1 - 0.005 / np.size(expected))).item()
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    assert (np.abs(samples.mean(axis=0) - expected) < quantile * error).all()


def test_expected_return_lies_in_the_interval_of_a_large_sample(case):
    problem, theta = case
    returns = problem.simulate(theta, problem.draw(200_000, np.random.default_rng(0))).returns
    assert_within_interval(returns, problem.expected_return(theta))
    assert returns.std() / np.sqrt(len(returns)) < 0.01 * abs(returns.mean())


def test_gradient_equals_central_differences_of_the_expected_return(case):
    problem, theta = case
    steps = 1e-5 * np.eye(len(theta))
    slopes = [(problem.expected_return(theta + e) - problem.expected_return(theta - e)) / 2e-5 for e in steps]
    np.testing.assert_allclose(problem.gradient(theta), slopes, rtol=1e-7, atol=1e-7)


def tensors(problem, theta):
    """The problem's matrices, K and sigma as tensors, and the leaf that K and sigma hang on."""
    leaf = torch.tensor(theta, requires_grad=True)
    n, m = problem.control.shape
    names = ("dynamics", "control", "disturbance", "state_cost", "action_cost", "start_mean", "start_covariance")
    return leaf, leaf[: m * n].reshape(m, n), leaf[m * n :].exp(), *(torch.tensor(getattr(problem, k)) for k in names)


def test_gradient_equals_autograd_through_the_second_moments(case):
    problem, theta = case
    leaf, gain, std, a, b, w, q, r, mean, covariance = tensors(problem, theta)
    moment, total = covariance + torch.outer(mean, mean), torch.zeros((), dtype=torch.float64)
    for _ in range(problem.horizon):
        second = gain @ moment @ gain.T + torch.diag(std**2)  # E[u u']
        total = total - torch.trace(q @ moment) - torch.trace(r @ second)
        moment = (a + b @ gain) @ moment @ (a + b @ gain).T + w + b @ torch.diag(std**2) @ b.T
    total.backward()
    assert problem.expected_return(theta) == pytest.approx(total.item(), rel=1e-12)
    np.testing.assert_allclose(problem.gradient(theta), leaf.grad, rtol=1e-11, atol=1e-11)


def test_gradient_equals_autograd_through_the_sampler_up_to_sampling_error(case):
    problem, theta = case
    noise = problem.draw(20_000, np.random.default_rng(1))
    batches = []
    for part in np.array_split(np.arange(20_000), 200):
        leaf, gain, std, a, b, w, q, r, mean, covariance = tensors(problem, theta)
        x = mean + torch.tensor(noise.start[part]) @ torch.linalg.cholesky(covariance).T
        total = torch.zeros((), dtype=torch.float64)
        for t in range(problem.horizon):
            u = x @ gain.T + std * torch.tensor(noise.actions[t, part])
            total = total - ((x @ q) * x).sum() - ((u @ r) * u).sum()
            x = x @ a.T + u @ b.T + torch.tensor(noise.disturbances[t, part]) @ torch.linalg.cholesky(w).T
        (total / len(part)).backward()
        batches.append(leaf.grad.numpy())
    samples = np.array(batches)
    assert_within_interval(samples, problem.gradient(theta))
    assert (samples.std(axis=0) / np.sqrt(200) < 0.05 * np.linalg.norm(problem.gradient(theta))).all()


def test_the_mean_score_is_zero_and_score_times_return_is_the_gradient(case):
    problem, theta = case
    trajectories = problem.simulate(theta, problem.draw(100_000, np.random.default_rng(2)))
    scores = problem.scores(theta, trajectories).sum(axis=0)
    assert_within_interval(scores, np.zeros(len(theta)))
    assert_within_interval(scores * trajectories.returns[:, None], problem.gradient(theta))


def test_scores_are_the_slopes_of_the_log_probability(case):
    problem, theta = case
    trajectories = problem.simulate(theta, problem.draw(3, np.random.default_rng(3)))
    leaf, gain, std, *_ = tensors(problem, theta)
    means = torch.tensor(trajectories.states[:-1]) @ gain.T
    log_probs = torch.distributions.Normal(means, std).log_prob(torch.tensor(trajectories.actions)).sum(-1)
    expected = [torch.autograd.grad(value, leaf, retain_graph=True)[0] for value in log_probs.reshape(-1)]
    scores = problem.scores(theta, trajectories)
    np.testing.assert_allclose(scores.reshape(-1, len(theta)), torch.stack(expected), rtol=1e-10, atol=1e-10)


def gauss_hermite(std):
    """Points (K, m) and weights (K,) that integrate polynomials of degree 9 over N(0, diag(std^2)) exactly."""
    points, weights = np.polynomial.hermite_e.hermegauss(5)
    weights = weights / weights.sum()
    grid = np.stack(np.meshgrid(*[points] * len(std), indexing="ij"), axis=-1).reshape(-1, len(std))
    mass = np.prod(np.stack(np.meshgrid(*[weights] * len(std), indexing="ij"), axis=-1), axis=-1).ravel()
    return std * grid, mass


def test_values_obey_bellmans_equation(case):
    problem, theta = case
    gain, std = problem.split(theta)
    states = np.random.default_rng(4).normal(size=(problem.horizon, 6, len(problem.dynamics)))
    pushes, push_mass = gauss_hermite(np.ones(len(problem.dynamics)))
    spread = np.linalg.cholesky(problem.disturbance)
    action_values = []
    points, mass = gauss_hermite(std)
    for point in points:
        actions = states @ gain.T + point
        means = states @ problem.dynamics.T + actions @ problem.control.T
        # V(., t + 1) is asked of states that stand one row further down than those of which it is the future.
        futures = [problem.values(theta, np.concatenate([means[:1], means + spread @ push]))[1:] for push in pushes]
        action_values.append(problem.rewards(states, actions) + np.tensordot(push_mass, futures, axes=1))
    np.testing.assert_allclose(np.tensordot(mass, action_values, axes=1), problem.values(theta, states), rtol=1e-10)


def test_nothing_is_worth_anything_at_the_end_and_the_start_is_worth_the_expected_return(case):
    problem, theta = case
    trajectories = problem.simulate(theta, problem.draw(50_000, np.random.default_rng(6)))
    values = problem.values(theta, trajectories.states)
    assert values.shape == (problem.horizon + 1, 50_000)
    assert not values[-1].any()
    assert_within_interval(values[0], problem.expected_return(theta))


def test_the_same_seed_is_the_same_noise_and_other_parameters_keep_it():
    problem, theta = PROBLEMS["mass"]
    one, other = (problem.simulate(theta, problem.draw(4, np.random.default_rng(9))) for _ in range(2))
    np.testing.assert_array_equal(one.states, other.states)
    moved = problem.simulate(theta + 0.1, one.noise)
    np.testing.assert_array_equal(moved.states[0], one.states[0])
    assert (moved.actions != one.actions).all()


def test_a_wrong_number_of_parameters_is_refused():
    with pytest.raises(ValueError, match=r"2 states and 1 actions takes 3 parameters, got shape \(4,\)"):
        pushed_mass().expected_return(np.zeros(4))
