"""Thread counts of torch, numpy and the physics: the one place that sets them."""

from agents.threads import use_one_thread
from envs.engine import available_cores
from locomotion.errors import UsageError


def set_threads(threads: int | None = None) -> int:
    """Give torch and numpy one thread; return the physics' thread count: `threads`, or one for each core."""
    if threads is not None and threads < 1:
        raise UsageError(f"--threads must be at least 1, got {threads}")
    use_one_thread()
    return threads or available_cores()
