"""Mirror images of vectors: the exchange of left and right as a permutation with signs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

import numpy as np


class SignedPermutation(NamedTuple):
    """The mirror image of a vector x: ``sign * x[order]``."""

    order: np.ndarray  # (size,) the number whose image stands here
    sign: np.ndarray  # (size,) 1, or -1 where the number changes its sign

    @classmethod
    def in_place(cls, *signs: float) -> Self:
        """Return the mirror image of a vector whose numbers keep their places, given their signs."""
        return cls(np.arange(len(signs)), np.array(signs, float))

    @classmethod
    def joined(cls, parts: Iterable[SignedPermutation]) -> Self:
        """Return the mirror image of a vector of several parts."""
        orders, signs = zip(*parts, strict=True)
        starts = np.cumsum([0, *(len(order) for order in orders[:-1])])
        order = np.concatenate([start + np.asarray(order) for start, order in zip(starts, orders, strict=True)])
        return cls(order, np.concatenate(signs).astype(float))

    def part(self, start: int, stop: int | None = None) -> Self:
        """Return the mirror image of the numbers from `start` to `stop`, which change places among themselves only."""
        return type(self)(self.order[start:stop] - start, self.sign[start:stop])


class Mirror(NamedTuple):
    """A robot's left and right exchanged, in its observation and in its actions."""

    observation: SignedPermutation
    action: SignedPermutation


class MirroredParts(NamedTuple):
    """A robot's left and right exchanged, in each part of its observation and in its actions."""

    parts: Mapping[str, SignedPermutation]
    action: SignedPermutation

    def joined(self, layout: Mapping[str, int], task: str) -> Mirror:
        """Return the mirror image of the whole observation.

        Args:
            layout: the sizes of the observation's parts, in their order.
            task: the name of the task, for messages.

        Raises:
            ValueError: where the parts are not those of the layout, or one of them has another size.
        """
        for name in layout.keys() - self.parts.keys():
            raise ValueError(f"{task}.mirrored lacks the part {name!r} of the observation")
        for name, part in self.parts.items():
            if name not in layout:
                raise ValueError(f"{task}.mirrored has a part {name!r}, which the observation lacks")
            if len(part.order) != layout[name]:
                raise ValueError(
                    f"{task}.mirrored: {name!r} must be of {layout[name]} numbers as in the observation,"
                    f" got {len(part.order)}"
                )
        return Mirror(SignedPermutation.joined(self.parts[name] for name in layout), self.action)
