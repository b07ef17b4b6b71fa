"""Exceptions that travel from one process to another."""

from __future__ import annotations

import contextlib
import pickle
import traceback


def as_sent(number: int, error: BaseException) -> Exception:
    """Return a worker's exception with its traceback as a note, or a RuntimeError with both where it cannot travel."""
    told = traceback.format_exc()
    if isinstance(error, Exception):  # not a worker's `sys.exit`, which must not end the learner's process
        error.add_note(f"in worker {number}:\n{told}")
        with contextlib.suppress(Exception):  # a class whose objects cannot be pickled, or not be made again from that
            return pickle.loads(pickle.dumps(error))
    return RuntimeError(f"worker {number} failed:\n{told}")
