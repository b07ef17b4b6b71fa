"""The user's mistakes, and what the machine refuses: each is told in one sentence."""

import contextlib
import errno
from collections.abc import Callable, Iterator
from pathlib import Path

# What a disk, a quota, a mount or an owner refuses. Any other error of the system may be a mistake of ours, and keeps
# its traceback.
REFUSALS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EMFILE, errno.ENFILE),
}


class UsageError(Exception):
    """A request that cannot be fulfilled; the message names the value and what is accepted."""


@contextlib.contextmanager
def refusals_told(place: Path, advice: Callable[[], str] = str) -> Iterator[None]:
    """Turn a refusal of the machine into one sentence.

    Args:
        place: the file or folder that is written inside.
        advice: what is kept and how to go on; it follows the sentence.

    Raises:
        UsageError: where the machine refuses to write.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        named = Path(error.filename or place)
        where = place if named.name.startswith(".") else named  # a temporary file's name says nothing
        raise UsageError(f"cannot write to {where}: {error.strerror}{advice()}") from error
