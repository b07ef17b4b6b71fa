"""Computation of many cells on a Dask cluster, each on its own core: on this machine or on a running cluster."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster, as_completed
from distributed.utils import LoopRunner

from envs.engine import available_cores
from locomotion.errors import UsageError
from locomotion.sweeps.plan import Cell

RETRIES = 1  # of a cell that fails
# For our own scheduler. A worker is given a cell only when it is free, so that only one cell is suspected when the
# worker dies; that cell is tried once more, too.
SCHEDULER = {"distributed.scheduler.worker-saturation": 1.0, "distributed.scheduler.allowed-failures": RETRIES}
# For its workers: Dask's default without MALLOC_TRIM_THRESHOLD_, which made a training of the cart-pole preset a fifth
# longer.
ENVIRONMENT = {name: 1 for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


@contextlib.contextmanager
def cluster_client(workers: int | None = None, cluster: str | None = None) -> Iterator[Client]:
    """Give the client of a cluster.

    Args:
        workers: processes of our own cluster, which listens on the loopback device only; by default one per core.
            Together they may fill this machine's memory; a process that exceeds its share is killed and replaced.
        cluster: address (tcp://HOST:PORT) or scheduler file of a running cluster.

    Raises:
        UsageError: where there is no such cluster, or both are named.
    """
    if cluster is not None:
        if workers is not None:
            raise UsageError(
                f"--workers {workers} are this machine's; those of --cluster {cluster} are started by hand"
            )
        with _running(cluster) as client:
            yield client
        return
    if workers is not None and not 1 <= workers <= available_cores():
        raise UsageError(f"--workers must lie in [1, {available_cores()}], a core for each, got {workers}")
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(SCHEDULER | {"distributed.nanny.pre-spawn-environ": ENVIRONMENT}))
        runner = LoopRunner()
        with interrupts_held_back():
            runner.start()  # its thread starts all others and the workers; this one goes on answering
        stack.callback(runner.stop)
        with failures_told():
            local = LocalCluster(
                host="127.0.0.1",
                n_workers=workers or available_cores(),
                threads_per_worker=1,
                memory_limit="auto",
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                loop=runner.loop,
            )
            client = stack.enter_context(Client(stack.enter_context(local)))
        try:
            yield client
        except KeyboardInterrupt:
            local.sync(kill_workers, local)  # in the middle of a cell: they would go on to its end
            raise


@contextlib.contextmanager
def failures_told() -> Iterator[None]:
    """Say in one sentence why processes cannot be started: a full /dev/shm, no memory, no more processes.

    Raises:
        UsageError: where they cannot.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        first: BaseException = error
        while (cause := first.__cause__ or first.__context__) is not None:
            first = cause
        raise UsageError(f"cannot start the worker processes: {first or type(first).__name__}") from error


async def kill_workers(local: LocalCluster) -> None:
    """End the processes of a cluster, whatever they are doing."""
    closing = (nanny.close(timeout=0.3) for nanny in local.workers.values())
    await asyncio.gather(*closing, return_exceptions=True)  # a process that is slow to go has been killed by then


@contextlib.contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Block Ctrl-C until the end; a thread that begins here, and what it starts, never receives it.

    A terminal sends it to all processes at once, and each of Dask's would print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where a console's Ctrl-C cannot be blocked
        yield
        return
    resource_tracker.ensure_running()  # else it starts with the first process and unblocks interrupts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _running(cluster: str) -> Client:
    where: dict[str, Any] = {"address": cluster}
    if "://" not in cluster:
        if not Path(cluster).is_file():
            raise UsageError(f"--cluster takes tcp://HOST:PORT or a scheduler's file, got {cluster!r}")
        where = {"scheduler_file": cluster}
    try:
        return Client(**where, timeout=10)
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        raise UsageError(f"no Dask scheduler answers at --cluster {cluster}") from error


def compute(client: Client, function: Callable[[Cell], Any], cells: Sequence[Cell]) -> Iterator[tuple[Cell, Any]]:
    """Yield each cell with the result of `function`, or the exception it raised, as soon as it is known.

    A cell that fails is tried once more. If a worker dies, another one takes over its cell.

    Raises:
        UsageError: where the scheduler is gone.
    """
    by_name = {cell.name: cell for cell in cells}
    futures = client.map(function, cells, key=list(by_name), retries=RETRIES, pure=False)
    for future in as_completed(futures):
        if future.cancelled():  # by the client, which has lost the scheduler
            raise UsageError("the cluster's scheduler is gone; what is done is kept, and the same command continues")
        yield by_name[future.key], future.result() if future.status == "finished" else future.exception()
        future.release()
