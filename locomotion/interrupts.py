"""Ctrl-C and SIGTERM: answered within three seconds in every phase, by one line that says what is kept.

The one place that sets signal handlers. A request raises `Stopped`, which unwinds normally, so that half-written
files are removed and other processes are ended. A phase that would rather come to a good end has `GRACE` seconds for it
(`deferred`). A command that is still there after `LIMIT` seconds, in a library that does not answer or in cleaning up,
is ended as it stands: files are written whole or not at all, and other processes end when this one has.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 1.5  # s from a request until a deferring phase is stopped at once
LIMIT = 2.6  # s from a request until a command ends, whatever it is doing
NOTHING_KEPT = "stopped; nothing was written"


class Stopped(KeyboardInterrupt):
    """A request to stop: Ctrl-C (SIGINT) or SIGTERM."""

    def __init__(self, signum: int):
        super().__init__(signum)
        self.exit_code = 128 + signum


class Deferral:
    """A phase's own way to stop: it asks for requests at moments at which stopping loses nothing.

    Args:
        notice: printed when a request is made; empty for none.
    """

    def __init__(self, notice: str = ""):
        self.notice = notice
        self._signum: int | None = None
        self._timer: threading.Timer | None = None

    @property
    def requested(self) -> bool:
        """Whether there is a request."""
        return self._signum is not None

    def check(self) -> None:
        """Stop here if there is a request.

        Raises:
            Stopped: where there is one.
        """
        if self._signum is not None:
            _answers.stop(self._signum)

    def request(self, signum: int) -> None:
        """Note a request; after `GRACE` seconds it is made once more, which stops the phase at once."""
        self._signum = signum
        _print(self.notice)
        if hasattr(signal, "pthread_kill"):  # it also ends a wait of the main thread's
            self._timer = threading.Timer(GRACE, signal.pthread_kill, (threading.main_thread().ident, signum))
        else:
            self._timer = threading.Timer(GRACE, _thread.interrupt_main, (signum,))
        self._timer.daemon = True
        self._timer.start()

    def close(self) -> None:
        """Forget the request."""
        if self._timer is not None:
            self._timer.cancel()


class Answers:
    """The state of the policy; there is one process, and one of these."""

    def __init__(self) -> None:
        self.active = False  # whether handlers are set
        self.command = False  # whether the process is a command, which LIMIT ends
        self.deferrals: list[Deferral | None] = []  # of the phases, the innermost last; None: at once
        self.kept: list[Callable[[], str]] = []  # of the phases, the innermost last
        self.stopped: Stopped | None = None  # once it has been raised
        self.told = False

    def on_signal(self, signum: int, frame: object) -> None:
        """Answer a signal."""
        if self.stopped is not None:
            return  # everything is being cleaned up
        deferral = self.deferrals[-1] if self.deferrals else None
        first = not any(each is not None and each.requested for each in self.deferrals)
        if self.command and first:
            limit = threading.Timer(LIMIT, self.end_now, (signum,))
            limit.daemon = True
            limit.start()
        if deferral is not None and not deferral.requested:
            deferral.request(signum)
            return
        self.stop(signum)

    def stop(self, signum: int) -> NoReturn:
        """Begin to unwind."""
        self.stopped = Stopped(signum)
        raise self.stopped

    def tell(self) -> None:
        """Say what is kept, once, in the words of the outermost phase: it knows the command that goes on."""
        if not self.told:
            self.told = True
            _print(self.kept[0]() if self.kept else NOTHING_KEPT)

    def leave(self) -> None:
        """End a process that was stopped, once all else is done: taking torch apart would take seconds.

        One that was not is about to end; Ctrl-C comes too late.
        """
        if self.stopped is not None:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(self.stopped.exit_code)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done; Python would restore what kills without a word

    def end_now(self, signum: int) -> None:
        """End the process, and those it has started."""
        self.tell()
        multiprocessing = sys.modules.get("multiprocessing")
        for process in multiprocessing.active_children() if multiprocessing else ():
            process.kill()
        os._exit(128 + signum)


_answers = Answers()


def _print(line: str) -> None:
    # The handler may have come in the middle of another print, or the output may have no reader any more.
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        if line:
            print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def answered(command: bool = False) -> Iterator[None]:
    """Answer Ctrl-C and SIGTERM until the end, by `Stopped`.

    Within another such block it adds nothing. Only the main thread receives signals: in another one it does nothing.

    Args:
        command: whether the process is a command, which ends after `LIMIT` seconds at the latest.
    """
    if _answers.active or threading.current_thread() is not threading.main_thread():
        yield
        return
    _answers.active, _answers.command, _answers.stopped, _answers.told = True, command, None, False
    if command:
        atexit.register(_answers.leave)  # the first to be registered is the last to be called
    previous = {number: signal.signal(number, _answers.on_signal) for number in SIGNALS}
    try:
        yield
    finally:
        _answers.active = False
        if not command:  # whose end a second Ctrl-C must not spoil
            for number, handler in previous.items():
                signal.signal(number, handler or signal.SIG_DFL)


@contextlib.contextmanager
def keeping(kept: Callable[[], str]) -> Iterator[None]:
    """Say what is kept where the block is stopped; of nested blocks, the outermost speaks.

    Args:
        kept: returns the line, of the moment at which it is called.
    """
    if not (_answers.kept or _answers.active):
        _answers.told = False  # of an earlier phase
    _answers.kept.append(kept)
    try:
        yield
    except KeyboardInterrupt:
        _answers.tell()
        raise
    finally:
        _answers.kept.pop()


@contextlib.contextmanager
def deferred(notice: str = "") -> Iterator[Deferral]:
    """Let the block come to a good end: it calls `check` where it can stop; at its end a request is answered, too.

    A second Ctrl-C, or `GRACE` seconds, stop it at once.

    Args:
        notice: printed when a request is made.
    """
    with answered():
        deferral = Deferral(notice)
        _answers.deferrals.append(deferral)
        try:
            yield deferral
            deferral.check()
        finally:
            _answers.deferrals.pop()
            deferral.close()


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Within a block that defers: do not defer this part, which has nothing to lose."""
    _answers.deferrals.append(None)
    try:
        yield
    finally:
        _answers.deferrals.pop()


def ending(stopped: KeyboardInterrupt) -> int:
    """Return the exit code of a command that was stopped, after saying what is kept, if nothing has said it."""
    _answers.tell()
    return stopped.exit_code if isinstance(stopped, Stopped) else 128 + signal.SIGINT
