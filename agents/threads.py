"""The number of threads for networks of this size."""

import torch
from threadpoolctl import threadpool_limits


def use_one_thread() -> None:
    """Limit torch and numpy to one thread in this process.

    The networks are so small that more threads cost more than they save, and idle ones spin on the cores that the
    physics needs: with two of torch's instead of one, training Hopper on two cores is a third slower. With one thread
    results also do not depend on the number of cores.
    """
    torch.set_num_threads(1)
    threadpool_limits(1)
