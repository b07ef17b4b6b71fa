"""The description of an actor and its critic: settings hold it, `ActorCritic` takes it, a policy's card stores it.

A new option is one field here and its use in agents/policies.py. The ranges in the annotations are checked wherever a
Network is made from a command line or a file. This module imports no torch, so that a command line starts fast.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

from annotated_types import Interval

GATES = {"gru": 3, "lstm": 4}  # of a recurrent layer's kinds, each with weights of its own
PRIVILEGED = "privileged"  # the part of a Dict that the critic alone sees: acting needs none
LEAST_IMAGE = 36  # pixels across, of which the three layers of SB3's `NatureCNN` leave one; smaller images are vectors
BOUNDS = {  # of an interval: what holds of a number inside, and in words
    "gt": (operator.gt, "above"),
    "ge": (operator.ge, "at least"),
    "lt": (operator.lt, "below"),
    "le": (operator.le, "at most"),
}
Units = Annotated[int, Interval(ge=1, le=10_000)]  # of a layer; two wider ones in a row take gigabytes


@dataclass(frozen=True)
class Network:
    """The layers of an actor and its critic, and the actor's exploration noise."""

    actor: tuple[Units, ...] = (64, 64)
    """Units of the actor's hidden layers."""
    value: tuple[Units, ...] = (64, 64)
    """Units of the critic's hidden layers."""
    activation: Literal["tanh", "elu", "relu"] = "tanh"
    """Activation of the hidden layers."""
    action_unit: Literal["range", "environment"] = "range"
    """Unit of the actor's means and noise: half of each action's range (1 without bounds), or the environment's own."""
    log_std_init: Annotated[float, Interval(gt=-10, lt=10)] = 0.0
    """Initial log standard deviation of the actions, in their unit, before min_std is added."""
    min_std: Annotated[float, Interval(ge=0, lt=10)] = 0.0
    """Added to the learned standard deviation of the actions, so that exploration never dies out."""
    mean_bound: Annotated[float | None, Interval(gt=0, lt=math.inf)] = None
    """Bound on the action means' distance from the range's centre, in half-ranges; None: unbounded."""
    obs_epsilon: Annotated[float, Interval(gt=0, lt=math.inf)] = 1e-8
    """Added to the variance by which each observed number is scaled: keeps numbers small that hardly ever vary."""
    memory: Literal["none", "gru", "lstm"] = "none"
    """Recurrent layer of actor and critic, one each, after the hidden layers: none, a GRU or an LSTM."""
    memory_size: Units = 64
    """Size of the recurrent layer's output."""
    mirror: bool = False
    """Make the actor mirror symmetric, as the robot is; the robot's task must define its mirror image (`mirrored`)."""

    def require_sound(self) -> None:
        """Refuse numbers that make no layers.

        Raises:
            TypeError: for numbers of units that are not whole.
            ValueError: for numbers out of the ranges that are annotated, and names that are not among the choices.
        """
        for name in ("actor", "value"):
            units = getattr(self, name)
            if not (isinstance(units, Sequence) and all(isinstance(one, int) and one >= 1 for one in units)):
                raise TypeError(f"{name} must be whole numbers of units, such as (64, 64), got {units!r}")
        if not isinstance(self.memory_size, int):
            raise TypeError(f"memory_size must be a whole number, got {self.memory_size!r}")
        # From Python an activation may be any of torch's.
        for name, hint in HINTS.items():
            value = getattr(self, name)
            if get_origin(hint) is Literal and name != "activation" and value not in get_args(hint):
                raise ValueError(f"{name} must be one of {', '.join(get_args(hint))}, got {value!r}")
            for interval in getattr(hint, "__metadata__", ()) if value is not None else ():
                require_within(name, value, interval)

    def matrices(self, seen_by_actor: int, seen_by_critic: int, actions: int) -> list[tuple[int, int]]:
        """Return the shapes of the weights of actor and critic, given how many numbers are seen and chosen."""
        shapes: list[tuple[int, int]] = []
        for seen, hidden, outputs in ((seen_by_actor, self.actor, actions), (seen_by_critic, self.value, 1)):
            sizes = (seen, *hidden)
            shapes += [(after, before) for before, after in pairwise(sizes)]
            last = sizes[-1]
            if self.memory != "none":
                gates = GATES[self.memory] * self.memory_size
                shapes += [(gates, last), (gates, self.memory_size)]
                last += self.memory_size
            shapes.append((outputs, last))
        return shapes


HINTS = get_type_hints(Network, include_extras=True)  # here: it compiles them, and loading a policy runs no code


def require_within(name: str, value: float, interval: Interval) -> None:
    """Refuse a number out of an interval.

    Raises:
        ValueError: naming it; NaN lies in no interval.
    """
    for mark, (holds, words) in BOUNDS.items():
        bound = getattr(interval, mark)
        if bound is not None and not holds(value, bound):
            raise ValueError(f"{name} must be {words} {bound}, got {value}")


EXPLORATION = ("log_std_init", "min_std")  # fields of the noise, not of the layers

# Fields that files of earlier versions do not name, as they were then.
BEFORE = {"action_unit": "environment", "memory": "none", "memory_size": 64}
