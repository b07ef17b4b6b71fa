"""The exchange between processes on several machines, by torch.distributed's engine for CPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor

PATIENCE = timedelta(days=7)  # for a process that evaluates while the others wait


class Gloo:
    """The exchange of the processes that `joined` has brought together.

    Args:
        lost: called where another process does not answer any more; it ends this one.
    """

    def __init__(self, lost: Callable[[], NoReturn]):
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()
        self._lost = lost

    def gather(self, mine: Tensor) -> list[Tensor]:
        """Return the tensors, of one shape, that all processes hand in, by rank."""
        gathered = [torch.empty_like(mine, memory_format=torch.contiguous_format) for _ in range(self.size)]
        with self._answered():
            dist.all_gather(gathered, mine.contiguous())
        return gathered

    def collect(self, mine: Any) -> list[Any] | None:
        """Return, in process 0, the objects that all processes hand in, by rank; in others nothing."""
        gathered = [None] * self.size if self.rank == 0 else None
        with self._answered():
            dist.gather_object(mine, gathered)
        return gathered

    def announce(self, mine: Any) -> Any:
        """Return the object of process 0."""
        told = [mine]
        with self._answered():
            dist.broadcast_object_list(told)
        return told[0]

    @contextmanager
    def _answered(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError:  # torch's, of a connection
            self._lost()


@contextmanager
def joined(lost: Callable[[], NoReturn]) -> Iterator[Gloo]:
    """Meet the other processes that `torchrun` has started; leave them at the end.

    Args:
        lost: as for `Gloo`.
    """
    dist.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield Gloo(lost)
    finally:
        dist.destroy_process_group()
