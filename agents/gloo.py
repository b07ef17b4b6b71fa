"""The exchange between processes on several machines, by torch.distributed's engine for CPUs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

PATIENCE = timedelta(days=7)  # for a process that evaluates while the others wait


class Gloo:
    """The exchange of the processes that `joined` has brought together."""

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()

    def gather(self, mine: Tensor) -> list[Tensor]:
        """Return the tensors, of one shape, that all processes hand in, by rank."""
        told = [torch.empty_like(mine, memory_format=torch.contiguous_format) for _ in range(self.size)]
        dist.all_gather(told, mine.contiguous())
        return told

    def collect(self, mine: Any) -> list[Any] | None:
        """Return, in process 0, the objects that all processes hand in, by rank; in others nothing."""
        told = [None] * self.size if self.rank == 0 else None
        dist.gather_object(mine, told)
        return told

    def announce(self, mine: Any) -> Any:
        """Return the object of process 0."""
        told = [mine]
        dist.broadcast_object_list(told)
        return told[0]


@contextmanager
def joined() -> Iterator[Gloo]:
    """Meet the other processes that `torchrun` has started; leave them at the end.

    Where one of them dies, the others' next exchange raises RuntimeError, and `torchrun` ends them.
    """
    dist.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield Gloo()
    finally:
        dist.destroy_process_group()
