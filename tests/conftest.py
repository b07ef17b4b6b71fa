import os
import signal
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import HealthCheck, settings

os.environ.setdefault("WANDB_MODE", "offline")

# The same examples in every run, however slow the machine.
settings.register_profile(
    "suite",
    derandomize=True,
    deadline=None,
    max_examples=40,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def one_thread():
    """Several tests run at once: each keeps to one core, and to numbers that do not depend on the machine's."""
    torch.set_num_threads(1)


@pytest.fixture
def give_up_after() -> Iterator[Callable[[int], int]]:
    """Return what ends a test that hangs, after so many seconds: processes that wait for each other may."""

    def stop(signum: int, frame: object) -> None:
        raise TimeoutError("the test hangs")

    before = signal.signal(signal.SIGALRM, stop)
    yield signal.alarm
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
