import pytest
import torch
from threadpoolctl import threadpool_info

from envs.engine import available_cores
from locomotion.errors import UsageError
from locomotion.threads import set_threads


def test_the_networks_get_one_thread_and_the_physics_what_was_asked_for():
    assert set_threads(3) == 3
    assert set_threads() == available_cores()
    assert torch.get_num_threads() == 1
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}


def test_no_thread_at_all_is_refused():
    with pytest.raises(UsageError, match="--threads must be at least 1, got 0"):
        set_threads(0)
