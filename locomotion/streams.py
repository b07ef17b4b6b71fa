"""Standard output and error: they outlive their readers, so that `| head -1` ends no training, and keep to one line."""

from __future__ import annotations

import errno
import io
import os
import sys

GONE = {errno.EPIPE, errno.EIO}  # a pipe without a reader, a terminal that was closed


class Lasting(io.FileIO):
    """A descriptor whose output goes nowhere once it has failed; that its reader is gone is no error.

    Args:
        descriptor: of the stream.
        all_errors: whether nothing else is an error either, such as a full disk.
    """

    def __init__(self, descriptor: int, *, all_errors: bool):
        super().__init__(descriptor, "w", closefd=False)
        self.all_errors = all_errors

    def write(self, data: bytes) -> int:  # type: ignore[override]
        try:
            return super().write(data) or 0
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # for processes that are started later, and for libraries in C, too
            os.close(nowhere)
            if not self.all_errors and error.errno not in GONE:
                raise
            return len(data)


def outlive_readers() -> None:
    """Replace the process's standard output and error; a stream that is closed from the start goes nowhere.

    What a user asked for is printed on standard output: a full disk there is an error. Standard error tells progress:
    nothing that happens to it ends the work.
    """
    for name, all_errors in (("stdout", False), ("stderr", True)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - open as long as the process
        elif stream is getattr(sys, f"__{name}__"):
            stream.flush()
            raw = Lasting(stream.fileno(), all_errors=all_errors)
            lasting = io.TextIOWrapper(
                io.BufferedWriter(raw),  # type: ignore[type-var]
                encoding=stream.encoding,
                errors="backslashreplace",  # a name may hold what the terminal cannot show
                line_buffering=stream.line_buffering or stream.write_through,  # the latter: PYTHONUNBUFFERED
            )
            setattr(sys, name, lasting)


def on_one_line(text: str) -> str:
    """Return a sentence with what a terminal cannot show, or would obey, escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
