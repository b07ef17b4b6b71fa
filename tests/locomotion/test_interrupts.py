import signal
import subprocess
import sys
import time

import pytest

from locomotion import interrupts
from locomotion.interrupts import Stopped, answered, at_once, deferred, keeping

DEAF = """
import time
from locomotion.interrupts import keeping
from locomotion.launch import run

def main(arguments):
    with keeping(lambda: "a crumb is kept"):
        print("begun", flush=True)
        while True:
            try:
                time.sleep(60)
            except KeyboardInterrupt:  # as a library may
                pass

run(main)
"""

DONE = """
import atexit, os, signal
atexit.register(os.kill, os.getpid(), signal.SIGINT)  # the last to be called
from locomotion.launch import run

run(lambda arguments: None)
"""


@pytest.mark.parametrize(("signum", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_request_is_raised_and_the_handlers_are_as_they_were_afterwards(signum, exit_code):
    before = signal.getsignal(signum)
    with pytest.raises(Stopped) as stopped, answered(), answered():
        signal.raise_signal(signum)
    assert stopped.value.exit_code == exit_code
    assert signal.getsignal(signum) is before


def test_a_phase_that_defers_stops_where_it_asks(capsys):
    done = []

    def work():
        with deferred("soon") as request:
            for i in range(5):
                request.check()
                done.append(i)
                if i == 2:
                    signal.raise_signal(signal.SIGINT)
                    done.append("the rest of this one")

    with pytest.raises(Stopped):
        work()
    assert done == [0, 1, 2, "the rest of this one"]
    assert capsys.readouterr().err == "soon\n"


def stopped_at(*parts):
    """Return how many parts of a phase that defers, and never asks, are begun before it is stopped."""
    begun = []

    def work():
        with deferred():
            for part in parts:
                begun.append(part)
                part()

    with pytest.raises(Stopped):
        work()
    return len(begun)


def interrupt():
    signal.raise_signal(signal.SIGINT)


def interrupt_what_has_nothing_to_lose():
    with at_once():
        interrupt()


def test_what_stops_a_phase_that_defers(monkeypatch):
    def nothing():
        pass

    assert stopped_at(interrupt, nothing, interrupt, nothing) == 3  # a second request
    assert stopped_at(interrupt, nothing) == 2  # its end
    assert stopped_at(nothing, interrupt_what_has_nothing_to_lose, nothing) == 2
    monkeypatch.setattr(interrupts, "GRACE", 0.01)
    assert stopped_at(interrupt, lambda: time.sleep(60), nothing) == 2


def test_the_outermost_phase_says_what_is_kept_once(capsys):
    for _ in range(2):  # a process may be stopped, go on, and be stopped again
        with pytest.raises(KeyboardInterrupt), keeping(lambda: "two runs"), keeping(lambda: "one checkpoint"):
            raise KeyboardInterrupt
        assert capsys.readouterr().err == "two runs\n"


def test_a_command_that_does_not_answer_is_ended(give_up_after):
    give_up_after(60)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", DEAF], **pipes) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert errors == "a crumb is kept\n"


def test_a_request_after_the_last_moment_is_none():
    result = subprocess.run([sys.executable, "-c", DONE], capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
