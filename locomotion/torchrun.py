"""Whether `torchrun`, torch's own starter of processes on one or several machines, has started this process."""

import os


def launched() -> bool:
    """Return whether it has, as one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) > 1


def is_follower() -> bool:
    """Return whether it has, and not as the first: that one alone is the command."""
    return launched() and int(os.environ["RANK"]) > 0
