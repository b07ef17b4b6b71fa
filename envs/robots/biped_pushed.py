"""BipedPushed: two legs run forward and are pushed from all sides."""

from dataclasses import dataclass
from typing import ClassVar

from envs.arguments import NotNegative, Positive
from envs.robots.biped import Biped


@dataclass(frozen=True)
class BipedPushed(Biped):
    """Run forward as Biped does, in spite of pushes from all sides.

    In training they come twice as often as where it is scored, so that there is more to learn from.
    """

    push_interval: Positive = 2.0  # s between pushes, of which an episode has five
    push_speeds: tuple[NotNegative, NotNegative] = (0.0, 1.0)  # m/s, least and greatest change of velocity by a push

    shown: ClassVar = {**Biped.evaluation, "push_speeds": (1.0, 1.0)}
