import io

import pytest
from rich.console import Console

from locomotion import progress
from locomotion.progress import each, phase


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_a_short_phase_is_silent_and_a_long_one_tells_the_time_left(clock):
    console = Console(file=io.StringIO(), force_terminal=False, width=200)
    with phase("scoring", 100, console) as shown:
        for _ in range(40):  # 40 of 100 in 20 s
            clock[0] += 0.5
            shown.advance()
    assert console.file.getvalue().splitlines() == [
        "scoring: 10% done, 45 s left",
        "scoring: 20% done, 40 s left",
        "scoring: 40% done, 30 s left",
    ]


def test_on_a_terminal_the_bars_of_nested_phases_share_the_screen():
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with phase("training", 10, console), phase("scoring", 10, console) as inner:
        inner.advance()
        console.print("between")
    shown = console.file.getvalue()
    assert "training" in shown
    assert "scoring" in shown
    assert "-:--:--" in shown


def test_items_pass_unchanged():
    assert list(each("abc", "letters", 3)) == ["a", "b", "c"]
