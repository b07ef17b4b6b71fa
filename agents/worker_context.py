"""How processes are started that learn with this one."""

from __future__ import annotations

import signal
from multiprocessing import forkserver, get_all_start_methods, get_context, resource_tracker
from typing import Any


def worker_context(module: str) -> Any:
    """Return the multiprocessing context of workers that run a function of a module, which they find imported.

    The process that they are forked from begins to import it now. This module imports no torch, so that both can import
    it at the same time.
    """
    # A fork of this process would copy locks that other threads may hold.
    context: Any = get_context("forkserver" if "forkserver" in get_all_start_methods() else "spawn")
    context.set_forkserver_preload([module, "torch._dynamo"])  # any optimiser imports the latter
    start_forkserver()
    return context


def start_forkserver() -> None:
    """Start the process that workers are forked from, deaf to Ctrl-C: a terminal sends it to all processes at once."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows has neither
        return
    resource_tracker.ensure_running()  # else it starts with the first process and unblocks Ctrl-C
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
