import csv
import io

import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from locomotion.training.event_files import TensorBoard
from locomotion.training.metrics import CsvRows, Terminal


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_column_that_comes_later_is_empty_in_the_rows_before(tmp_path):
    rows = CsvRows(tmp_path / "metrics.csv")
    rows.write({"a": 1.5}, {}, 10)
    rows.write({"a": 0.1 + 0.2, "b": 2}, {}, 20)
    rows.close()
    first, second = read(tmp_path / "metrics.csv")
    assert first == {"global_step": "10", "a": "1.5", "b": ""}
    assert float(second["a"]) == 0.1 + 0.2  # to the last digit
    assert second["b"] == "2.0"


def test_going_on_drops_the_rows_after_the_checkpoint(tmp_path):
    path = tmp_path / "metrics.csv"
    rows = CsvRows(path)
    for step in (10, 20, 30):
        rows.write({"a": step}, {}, step)
    rows.close()
    path.write_text(path.read_text() + "4")  # cut short by a kill
    rows = CsvRows(path, last_step=20)
    rows.write({"a": 31}, {}, 30)
    rows.close()
    assert [row["a"] for row in read(path)] == ["10.0", "20.0", "31.0"]


def test_tensorboard_reads_the_numbers_back(tmp_path):
    board = TensorBoard(tmp_path)
    board.write({"train/kl": 0.5, "hidden": 1.0}, {"hidden": ("tensorboard",)}, 7)
    board.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["scalars"] == ["train/kl"]
    assert [(event.step, event.value) for event in events.Scalars("train/kl")] == [(7, 0.5)]


@pytest.mark.parametrize("live", [True, False])
def test_the_terminal_shows_return_speed_and_time_left(live):
    text = io.StringIO()
    terminal = Terminal(200, console=Console(file=text, force_terminal=live, width=120))
    terminal.write({"rollout/ep_rew_mean": 123.4, "train/kl": 0.01}, {}, 100)
    terminal.close()
    shown = text.getvalue()
    assert "123.4" in shown
    assert "steps/s" in shown
    assert ("0:00:" in shown or "-:--:--" in shown) if live else ("s left" in shown and shown.count("\n") == 1)


def test_the_terminal_leaves_out_what_an_update_rule_does_not_log():
    text = io.StringIO()
    terminal = Terminal(200, console=Console(file=text, force_terminal=False, width=120))
    terminal.write({"train/kl": 0.01, "train/explained_variance": 0.5}, {}, 100)
    terminal.write({"train/gradient_norm": 1.0}, {}, 200)
    with_both, without = text.getvalue().splitlines()
    assert "KL 0.0100  explained variance  0.50" in with_both
    assert "KL" not in without
    assert "nan" not in without


def test_tensorboard_reads_a_resumed_run_in_order_whatever_the_clock_says(tmp_path, monkeypatch):
    for now, first, last in ((5000.0, 1, 4), (1000.0, 3, 5)):  # killed after the row of step 4, resumed at step 2
        monkeypatch.setattr("time.time", lambda now=now: now)
        board = TensorBoard(tmp_path, first - 1)
        for step in range(first, last + 1):
            board.write({"a": now + step}, {}, step)
        board.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    seen = [(event.step, event.value) for event in events.Scalars("a")]
    assert seen == [(1, 5001.0), (2, 5002.0), (3, 1003.0), (4, 1004.0), (5, 1005.0)]


def test_a_clock_that_stands_still_divides_nothing_by_zero(monkeypatch):
    monkeypatch.setattr("time.perf_counter", lambda: 1.0)
    terminal = Terminal(200, console=Console(file=io.StringIO(), force_terminal=False))
    terminal.write({}, {}, 100)
