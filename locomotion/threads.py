"""The one place where torch and the physics are told how many threads to use."""

import torch

from envs.world import available_cores
from locomotion.errors import UsageError


def set_threads(threads: int | None = None) -> int:
    """Give torch one thread; return how many the physics shall have: `threads`, by default all cores it may use.

    The networks are so small that sharing them out costs more than it saves, and torch's idle threads spin on the
    cores the physics needs: with two threads instead of one, training Hopper on two cores is a third slower. It
    also makes results independent of the number of cores.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"--threads must be at least 1, got {threads}")
    torch.set_num_threads(1)
    return threads or available_cores()
