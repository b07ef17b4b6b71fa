"""The numerical kernels of trust-region methods: conjugate gradients, the scaled step, the line search."""

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


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Return all numbers of the tensors as one vector (P,)."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def unflattened(parameters: Sequence[Tensor], vector: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return each parameter with its part of a vector (P,), in its shape."""
    pieces = vector.split([parameter.numel() for parameter in parameters])
    return [(parameter, piece.view_as(parameter)) for parameter, piece in zip(parameters, pieces, strict=True)]


@torch.no_grad()
def assign(parameters: Sequence[Tensor], vector: Tensor) -> None:
    """Write a vector (P,) into the parameters, in place: the inverse of `flat`."""
    for parameter, piece in unflattened(parameters, vector):
        parameter.copy_(piece)


def hand_over(parameters: Sequence[Tensor], gradient: Tensor) -> None:
    """Make a vector (P,) the parameters' gradient, for an optimiser."""
    for parameter, piece in unflattened(parameters, gradient):
        parameter.grad = piece


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
