"""The one place where torch, numpy and the physics are told how many threads to use."""

from agents.threads import use_one_thread
from envs.world import available_cores
from locomotion.errors import UsageError


def set_threads(threads: int | None = None) -> int:
    """Give torch and numpy one thread; return how many the physics shall have: `threads`, by default all cores."""
    if threads is not None and threads < 1:
        raise UsageError(f"--threads must be at least 1, got {threads}")
    use_one_thread()
    return threads or available_cores()
