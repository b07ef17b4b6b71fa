"""Schedules: numbers that change in the course of training, functions of the share of training that remains (1 to 0).

SB3's schedules take the same argument. They are functions of a module, so that processes can be sent a `partial`.
"""


def linear(remaining: float, first: float) -> float:
    """Return a number that falls from `first` to its hundredth in a straight line."""
    return first * max(remaining, 0.01)


def constant_then_linear(remaining: float, first: float, final: float) -> float:
    """Return a number that is `first` for four fifths of the training, then falls to `final` in a straight line."""
    return final + (first - final) * min(1.0, max(0.0, 5 * remaining))


def linear_then_constant(remaining: float, first: float, final: float) -> float:
    """Return a number that falls from `first` to `final` in a straight line and stays there for the last fifth."""
    return final + (first - final) * max(0.0, 1.25 * remaining - 0.25)
