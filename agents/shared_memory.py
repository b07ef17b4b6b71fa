"""The exchange between processes of one machine: numbers by shared memory, objects by pipes.

A sum takes some twenty microseconds, where sockets take milliseconds; an iteration has about a hundred.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

CAPACITY = 1 << 20  # bytes that a process shows at once
SPIN = 0.002  # s that a process waits awake
NAP = 0.0005  # s between two looks after that
CHECK = 0.1  # s between two looks at whether the others are alive


class Board(NamedTuple):
    """Memory that all processes see."""

    shown: Tensor  # (processes,) how many times each has shown something
    bytes: Tensor  # (2, processes, CAPACITY) what it shows, in turn here and there


def board(processes: int) -> Board:
    """Return a new one."""
    shown = torch.zeros(processes, dtype=torch.int64).share_memory_()
    return Board(shown, torch.zeros(2, processes, CAPACITY, dtype=torch.uint8).share_memory_())


class SharedMemory:
    """The exchange of processes that share a board.

    Args:
        rank: of this process.
        shared: the board.
        pipes: in process 0 to every other one, by rank; in the others to process 0 alone.
        check: called now and then while this process waits; it raises where another one has died.
    """

    def __init__(self, rank: int, shared: Board, pipes: Sequence[Connection], check: Callable[[], None]):
        self.rank = rank
        self.size = len(shared.shown)
        self._shown = shared.shown.numpy()
        self._bytes = shared.bytes.numpy()
        self._pipes = list(pipes)
        self._check = check
        self._turn = 0
        self._fence = threading.Lock()  # taking it orders the memory's reads and writes

    def gather(self, mine: Tensor) -> list[Tensor]:
        """Return the tensors, of one shape, that all processes hand in, by rank."""
        own = mine.contiguous().reshape(-1).view(torch.uint8).numpy()
        told = np.empty((self.size, len(own)), np.uint8)
        for begin in range(0, len(own), CAPACITY):
            part = slice(begin, begin + CAPACITY)
            self._show(own[part], told[:, part])
        return list(torch.from_numpy(told).view(mine.dtype).reshape(self.size, *mine.shape))

    def _show(self, own: np.ndarray, told: np.ndarray) -> None:
        # No process writes here again before all have shown their next part, and so have read this one.
        self._turn += 1
        place = self._bytes[self._turn % 2, :, : len(own)]
        place[self.rank] = own
        with self._fence:
            pass
        self._shown[self.rank] = self._turn
        self._wait()
        with self._fence:
            pass
        told[:] = place

    def _wait(self) -> None:
        begun = looked = time.monotonic()
        while self._shown.min() < self._turn:
            now = time.monotonic()
            if now - looked > CHECK:
                self._check()
                looked = now
            if now - begun < SPIN:
                os.sched_yield() if hasattr(os, "sched_yield") else time.sleep(0)
            else:
                time.sleep(NAP)

    def collect(self, mine: Any) -> list[Any] | None:
        """Return, in process 0, the objects that all processes hand in, by rank; in others nothing."""
        if self.rank > 0:
            self._send(self._pipes[0], mine)
            return None
        return [mine, *map(self._received, self._pipes)]

    def announce(self, mine: Any) -> Any:
        """Return the object of process 0."""
        if self.rank > 0:
            return self._received(self._pipes[0])
        for pipe in self._pipes:
            self._send(pipe, mine)
        return mine

    def _send(self, pipe: Connection, thing: Any) -> None:
        try:
            pipe.send_bytes(pickle.dumps(thing))  # `send` would share the memory of tensors instead of copying it
        except OSError:
            self._wait_for_the_end()
            raise

    def _received(self, pipe: Connection) -> Any:
        while not pipe.poll(CHECK):
            self._check()
        try:
            return pickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            self._wait_for_the_end()
            raise

    def _wait_for_the_end(self) -> None:
        # A process closes its pipes a moment before it counts as dead.
        end = time.monotonic() + 5.0
        while time.monotonic() < end:
            self._check()
            time.sleep(NAP)
