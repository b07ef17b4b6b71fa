import numpy as np
import pytest
import torch

from agents.trust_region import assign, conjugate_gradient, flat, hand_over, line_search, natural_step


@pytest.fixture
def matrix():
    root = torch.from_numpy(np.random.default_rng(0).normal(size=(12, 12)))
    return root @ root.T + torch.eye(12, dtype=torch.float64)


def test_conjugate_gradient_solves_in_as_many_steps_as_dimensions(matrix):
    b = torch.arange(12.0, dtype=torch.float64)
    x, residual = conjugate_gradient(lambda v: matrix @ v, b, iterations=12, tolerance=1e-30)
    torch.testing.assert_close(x, torch.linalg.solve(matrix, b), rtol=1e-8, atol=1e-10)
    assert residual < 1e-8


def test_conjugate_gradient_reports_its_residual(matrix):
    b = torch.ones(12, dtype=torch.float64)
    x, residual = conjugate_gradient(lambda v: matrix @ v, b, iterations=3)
    assert residual == pytest.approx(float((b - matrix @ x).norm() / b.norm()), rel=1e-9)
    assert residual > 1e-6


def test_conjugate_gradient_of_nothing_is_nothing(matrix):
    x, residual = conjugate_gradient(lambda v: matrix @ v, torch.zeros(12, dtype=torch.float64), iterations=5)
    assert not x.any()
    assert residual == 0.0


def test_natural_step_lies_on_the_border_of_the_region(matrix):
    step = natural_step(lambda v: matrix @ v, torch.ones(12, dtype=torch.float64), bound=0.02)
    assert float(step @ matrix @ step / 2) == pytest.approx(0.02)


@pytest.mark.parametrize("curvature", [0.0, -1.0, float("nan"), float("inf")])
def test_no_step_where_the_curvature_is_not_positive_and_finite(curvature):
    assert natural_step(lambda v: curvature * v, torch.ones(3), bound=0.02) is None


def test_no_step_along_a_direction_that_is_not_finite():
    assert natural_step(lambda v: torch.ones(2), torch.tensor([float("nan"), 1.0]), bound=0.02) is None


def test_line_search_takes_the_first_accepted_fraction():
    tried = []
    measure = lambda fraction: tried.append(fraction) or -fraction  # noqa: E731
    assert line_search(measure, lambda measured: measured > -0.3, 0.5, max_backtracks=5) == (0.25, -0.25)
    assert tried == [1.0, 0.5, 0.25]


def test_line_search_gives_up():
    tried = []
    assert line_search(tried.append, lambda measured: False, 0.5, max_backtracks=3) is None
    assert len(tried) == 4


def test_a_vector_becomes_the_parameters_and_their_gradient():
    parameters = [torch.nn.Parameter(torch.zeros(2, 3)), torch.nn.Parameter(torch.zeros(4))]
    vector = torch.arange(10.0)
    assign(parameters, vector)
    hand_over(parameters, 2 * vector)
    assert torch.equal(flat(parameters), vector)
    assert torch.equal(flat([parameter.grad for parameter in parameters]), 2 * vector)
