"""The one place where torch, numpy and the physics are told how many threads to use."""

import torch
from threadpoolctl import threadpool_limits

from envs.world import available_cores
from locomotion.errors import UsageError


def set_threads(threads: int | None = None) -> int:
    """Give torch and numpy one thread; return how many the physics shall have: `threads`, by default all cores.

    The networks are so small that sharing them out costs more than it saves, and idle threads spin on the cores the
    physics needs: with two of torch's instead of one, training Hopper on two cores is a third slower. It also makes
    results independent of the number of cores.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"--threads must be at least 1, got {threads}")
    torch.set_num_threads(1)
    threadpool_limits(1)
    return threads or available_cores()
