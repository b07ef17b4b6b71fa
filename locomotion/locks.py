"""Locks on open files: each ends with its process, however that ends."""

from __future__ import annotations

import errno

LOCKLESS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}  # file systems (and systems) without locks


def lock(descriptor: int) -> bool:
    """Lock an open file; return whether no other process had locked it. Where there are no locks, it never had."""
    from filelock import lock_descriptor  # it takes 30 ms, which `--help` saves

    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError as error:
        if error.errno in LOCKLESS:
            return True
        raise
