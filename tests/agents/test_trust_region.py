import numpy as np
import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from agents.trust_region import conjugate_gradient, flat, gauss_newton_product, line_search, natural_step


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


def dense(product, size):
    return torch.stack([product(row) for row in torch.eye(size, dtype=torch.float64)])


def small_network(outputs):
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, outputs)).double()
    return layers, list(layers.parameters()), torch.randn(20, 3, dtype=torch.float64)


def test_gauss_newton_product_equals_the_dense_matrix():
    network, parameters, inputs = small_network(outputs=1)
    product = gauss_newton_product([network(inputs)], parameters, lambda tangents: [tangents[0] / 20], damping=0.3)
    rows = network(inputs).squeeze(1)
    jacobian = torch.stack([flat(torch.autograd.grad(y, parameters, retain_graph=True)) for y in rows])
    expected = jacobian.T @ jacobian / 20 + 0.3 * torch.eye(jacobian.shape[1], dtype=torch.float64)
    torch.testing.assert_close(dense(product, jacobian.shape[1]), expected)


def test_with_the_divergence_as_metric_it_is_the_hessian_of_the_divergence():
    network, parameters, inputs = small_network(outputs=3)
    logits = network(inputs)
    leaf = logits.detach().requires_grad_()
    kl = kl_divergence(Categorical(logits=logits.detach()), Categorical(logits=leaf)).mean()
    (slope,) = torch.autograd.grad(kl, leaf, create_graph=True)
    product = gauss_newton_product(
        [logits], parameters, lambda t: torch.autograd.grad([slope], [leaf], t, retain_graph=True), damping=0.0
    )

    def divergence(vector):
        named = dict(zip(dict(network.named_parameters()), split(vector, parameters), strict=True))
        new = torch.func.functional_call(network, named, inputs)
        return kl_divergence(Categorical(logits=logits.detach()), Categorical(logits=new)).mean()

    hessian = torch.autograd.functional.hessian(divergence, flat(parameters).detach())
    torch.testing.assert_close(dense(product, len(hessian)), hessian, rtol=1e-6, atol=1e-9)


def split(vector, parameters):
    pieces = vector.split([p.numel() for p in parameters])
    return [piece.view_as(p) for piece, p in zip(pieces, parameters, strict=True)]


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
