"""The numerical kernels of trust-region methods: curvature products, conjugate gradients, the line search."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
T = TypeVar("T")


def conjugate_gradient(product: Product, b: Tensor, iterations: int, tolerance: float = 1e-10) -> tuple[Tensor, float]:
    """Solve A x = b for a symmetric positive definite A given by its products (Hestenes and Stiefel 1952).

    Args:
        product: v -> A v, both (P,).
        b: right-hand side (P,).
        iterations: most products.
        tolerance: the iteration ends once |residual|^2 is at most this, an absolute number.

    Returns:
        x (P,), and |b - A x| / |b|.
    """
    x = torch.zeros_like(b)
    residual = b.clone()
    direction = b.clone()
    square = start = residual @ residual
    for _ in range(iterations):
        if square <= tolerance:
            break
        curved = product(direction)
        alpha = square / (direction @ curved)
        x = x + alpha * direction
        residual = residual - alpha * curved
        previous, square = square, residual @ residual
        direction = residual + (square / previous) * direction
    return x, float((square / start).sqrt()) if start > 0 else 0.0


def gauss_newton_product(
    outputs: Sequence[Tensor],
    parameters: Sequence[Tensor],
    metric: Callable[[Sequence[Tensor]], Sequence[Tensor]],
    damping: float,
) -> Product:
    """Return v -> (J^T M J + damping I) v, J the Jacobian of a network's outputs by its parameters.

    With M the Hessian of the mean KL divergence by the distribution's parameters this is the Fisher matrix (Martens
    2014, section 9); with M = 1/B, the Gauss-Newton matrix of a mean squared error. J v comes from differentiating
    J^T u, linear in u, by u: both graphs are built once, for all products.

    Args:
        outputs: tensors (B, ...) with a graph that leads to the parameters.
        parameters: tensors of P numbers in all.
        metric: tangents of the outputs -> M times them.
        damping: added to the diagonal.
    """
    cotangents = [torch.zeros_like(output, requires_grad=True) for output in outputs]
    pulled_back = torch.autograd.grad(outputs, parameters, cotangents, create_graph=True)
    sizes = [parameter.numel() for parameter in parameters]

    def product(v: Tensor) -> Tensor:
        pieces = [piece.view_as(p) for piece, p in zip(v.split(sizes), parameters, strict=True)]
        tangents = torch.autograd.grad(pulled_back, cotangents, pieces, retain_graph=True)
        curved = torch.autograd.grad(outputs, parameters, metric(tangents), retain_graph=True)
        return flat(curved) + damping * v

    return product


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Return all numbers of the tensors as one vector (P,)."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


@torch.no_grad()
def assign(parameters: Sequence[Tensor], vector: Tensor) -> None:
    """Write a vector (P,) into the parameters, in place: the inverse of `flat`."""
    for parameter, piece in zip(parameters, vector.split([p.numel() for p in parameters]), strict=True):
        parameter.copy_(piece.view_as(parameter))


def natural_step(product: Product, direction: Tensor, bound: float) -> Tensor | None:
    """Scale a direction s (P,) such that the quadratic model of the divergence, s^T A s / 2, equals the bound.

    The factor is sqrt(2 bound / s^T A s) (Schulman et al. 2015, appendix C).

    Returns:
        The step (P,), or None where the curvature along s is not a positive finite number, so that no step is safe.
    """
    curvature = direction @ product(direction)
    if not (torch.isfinite(curvature) and curvature > 0 and torch.isfinite(direction).all()):
        return None
    return direction * torch.sqrt(2 * bound / curvature)


def line_search(
    measure: Callable[[float], T], accept: Callable[[T], bool], shrink: float, max_backtracks: int
) -> tuple[float, T] | None:
    """Try the fractions 1, shrink, shrink^2, ... of a step, the last after `max_backtracks` (TRPO, appendix C).

    Returns:
        The first fraction whose measurement is accepted, with it, or None.
    """
    fraction = 1.0
    for _ in range(max_backtracks + 1):
        measured = measure(fraction)
        if accept(measured):
            return fraction, measured
        fraction *= shrink
    return None
