"""Numbers of paths that the laboratory's statistics need."""

from locomotion.errors import UsageError

FEWEST_PATHS = 100  # an interval that rests on the central limit theorem means nothing below this


def check_sizes(trajectories: int, repetitions: int) -> None:
    """Check that there are enough paths for the laboratory's statistics.

    Raises:
        UsageError: where there are too few.
    """
    for option, value, least in (("trajectories", trajectories, 1), ("repetitions", repetitions, 2)):
        if value < least:
            raise UsageError(f"--{option} must be at least {least}, got {value}")
    total = trajectories * repetitions
    if total < FEWEST_PATHS:
        raise UsageError(f"--trajectories times --repetitions must be at least {FEWEST_PATHS}, got {total}")
