"""IMaze: the robot of Labyrinth in a maze that is always the same, with the goal in one of its four corners."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from envs.robots.labyrinth import Labyrinth


@dataclass(frozen=True)
class IMaze(Labyrinth):
    """Find the goal in the I as often as possible in 60 s (Mirowski et al. 2017, figure 2).

    The goal stands in one of its four corners, drawn for each episode. A robot that remembers which has to search only
    once.
    """

    layout: Literal["random", "i-maze"] = "i-maze"  # a new maze in each episode, or the same I of 5 x 5 cells
    unused: ClassVar = ("layout", "cells", "loops")
