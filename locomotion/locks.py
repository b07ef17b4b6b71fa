"""Locks on open files: each ends with its process, however that ends."""

from __future__ import annotations

import errno

LOCKLESS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}  # file systems (and systems) without locks


def lock(descriptor: int, *, without_locks: bool) -> bool:
    """Lock an open file or folder; return whether no other process had locked it.

    Args:
        descriptor: of the file.
        without_locks: returned where the file system knows no locks.
    """
    from filelock import lock_descriptor  # it takes 30 ms, which `--help` saves

    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError as error:
        if error.errno in LOCKLESS:
            return without_locks
        raise
