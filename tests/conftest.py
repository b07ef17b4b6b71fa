import os

import pytest
import torch

os.environ.setdefault("WANDB_MODE", "offline")


@pytest.fixture(autouse=True)
def one_thread():
    """Several tests run at once: each keeps to one core, and to numbers that do not depend on the machine's."""
    torch.set_num_threads(1)
