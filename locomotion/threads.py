"""The one place where torch and the physics are told how many threads to use."""

import torch

from envs.world import available_cores
from locomotion.errors import UsageError


def set_threads(threads: int | None = None) -> int:
    """Let torch use `threads` threads (default: all cores this process may use); return the count for the physics.

    Physics and learner take turns, so both may have all of them.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, got {threads}")
    count = threads or available_cores()
    torch.set_num_threads(count)
    return count
