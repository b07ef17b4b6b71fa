"""Numbers that must stay finite: the checks between which a learner's iteration runs, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from agents.cannot_learn import Diverged
from agents.trust_region import flat


def require_finite(quantity: str, values: np.ndarray | Iterable[Tensor]) -> None:
    """Make sure that numbers that are learned from, or have been learned, are finite.

    Args:
        quantity: what they are, for the message.
        values: an array, or tensors.

    Raises:
        Diverged: naming the quantity and the first value that is not.
    """
    numbers = values if isinstance(values, np.ndarray) else flat(list(values)).detach().cpu().numpy()
    if not np.isfinite(numbers).all():
        raise Diverged(f"{quantity} became {numbers[~np.isfinite(numbers)].flat[0]}")


@contextmanager
def restored_if_diverged(tensors: Iterable[Tensor], iteration: int) -> Iterator[None]:
    """Give tensors their present values back where numbers inside turn non-finite.

    numpy's warnings of such numbers are left out: where they matter, the exception says so.

    Raises:
        Diverged: as it was raised inside, with the iteration's number.
    """
    learned = list(tensors)
    sound = [tensor.detach().clone() for tensor in learned]
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            yield
    except Diverged as error:
        with torch.no_grad():
            for tensor, before in zip(learned, sound, strict=True):
                tensor.copy_(before)
        raise Diverged(f"{error} in iteration {iteration}") from error
