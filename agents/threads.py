"""How many threads networks of this size want."""

import torch
from threadpoolctl import threadpool_limits


def use_one_thread() -> None:
    """Give torch and numpy one thread in this process.

    The networks are so small that sharing them out costs more than it saves, and idle threads spin on the cores the
    physics needs: with two of torch's instead of one, training Hopper on two cores is a third slower. It also makes
    results independent of the number of cores.
    """
    torch.set_num_threads(1)
    threadpool_limits(1)
