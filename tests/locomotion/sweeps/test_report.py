import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from matplotlib.image import imread

from locomotion.errors import UsageError
from locomotion.sweeps import running
from locomotion.sweeps.figures import draw_curves, panels, running_mean, spread, title
from locomotion.sweeps.plan import Sweep
from locomotion.sweeps.report import markdown, write_report
from locomotion.sweeps.results import results
from locomotion.sweeps.rows import ORDER, RowFiles

ASKED = Sweep(env="CartPole", gammas=(0.9, 0.99), lambdas=(0.5, 0.9, 1.0), seeds=3, iterations=20)


def plain(cell, iteration):
    """At gamma .99 and lambda .9 best, a little less so at lambda 1, and the seeds one apart."""
    gain = {0.5: 1.0, 0.9: 3.0, 1.0: 2.95}[cell.settings.advantage.gae_lambda] * (
        1.0 if cell.settings.advantage.gamma == 0.99 else 0.5
    )
    return gain * iteration + cell.settings.seed


def test_scores_are_means_over_the_last_tenth_and_the_best_and_its_equals_are_marked(made_up):
    told = results(made_up(ASKED.cells(), plain))
    best = next(score for score in told.final if score.best)
    assert (best.curve.gamma, best.curve.gae_lambda) == (0.99, 0.9)
    np.testing.assert_allclose(best.curve.scores(20), 3 * 19.5 + np.arange(3))
    assert best.score.value == pytest.approx(3 * 19.5 + 1)
    assert [score.curve.label for score in told.final if score.tied] == ["γ 0.99, λ 1"]
    assert told.command() == (
        "python scripts/benchmark.py gamma-lambda --env Locomotion/CartPole-v0 --algo trpo --gammas 0.9 0.99"
        " --lambdas 0.5 0.9 1 --baseline value --seeds 3 --iterations 20"
    )
    assert "| γ 0.99, λ 0.9 (best) | 3 | 20 | 59.5 (58.5 to 60.5) |  |" in markdown(told)


def test_the_command_has_a_line_for_each_baseline(made_up):
    value = Sweep(env="CartPole", gammas=(0.9, 0.99), lambdas=(0.5, 0.9), seeds=2, iterations=5)
    time = Sweep(env="CartPole", gammas=(0.99,), lambdas=(1.0,), seeds=1, iterations=5, baseline="time")
    told = results(made_up(value.cells() + time.cells(), plain))
    start = "python scripts/benchmark.py gamma-lambda --env Locomotion/CartPole-v0 --algo trpo"
    assert told.command().splitlines() == [
        f"{start} --gammas 0.9 0.99 --lambdas 0.5 0.9 --baseline value --seeds 2 --iterations 5",
        f"{start} --gammas 0.99 --lambdas 1 --baseline time --seeds 1 --iterations 5",
    ]


def test_the_map_is_of_the_iterations_that_all_have_and_the_curves_of_the_longest(made_up):
    told = results(made_up(Sweep(preset="cartpole", seeds=2).cells(), lambda cell, iteration: float(iteration)))
    assert len(told.longest) == len(told.final) == 10
    assert len(told.grid) == 54
    assert {score.score.value for score in told.grid} == {19.5}
    assert told.longest[-1].label == "γ 0.99, no value function"
    assert told.command() == "python scripts/benchmark.py gamma-lambda --preset cartpole --seeds 2"


def test_where_no_episode_ended_the_last_one_counts_and_where_none_has_that_is_said(made_up, tmp_path):
    cells = Sweep(env="CartPole", gammas=(0.9,), lambdas=(0.5,), seeds=1, iterations=4).cells()
    (curve,) = results(made_up(cells, lambda cell, iteration: {2: 5.0}.get(iteration))).curves
    np.testing.assert_array_equal(curve.returns, [[np.nan, 5.0, 5.0, 5.0]])
    nothing = results(made_up(cells, lambda cell, iteration: None))
    with pytest.raises(UsageError, match=r"γ 0.9, λ 0.5: no episode has ended after 4 iterations"):
        _ = nothing.final
    with pytest.raises(UsageError, match=r"γ 0.9, λ 0.5: no episode has ended after 4 iterations"):
        write_report(made_up(cells, lambda cell, iteration: None), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_single_seed_has_no_interval(made_up):
    cells = Sweep(env="CartPole", gammas=(0.9, 0.99), lambdas=(0.9,), seeds=1, iterations=20).cells()
    text = markdown(results(made_up(cells, plain)))
    assert "| γ 0.99, λ 0.9 (best) | 1 | 20 | 58.5 |  |" in text
    assert "| γ 0.9, λ 0.9 | 1 | 20 | 29.2 |  |" in text


def test_few_seeds_are_said_to_be_too_few(made_up):
    few, enough, uneven = (
        [
            cell
            for gamma, seeds in {0.9: first, 0.99: second}.items()
            for cell in Sweep(env="CartPole", gammas=(gamma,), lambdas=(0.9,), seeds=seeds, iterations=20).cells()
        ]
        for first, second in ((4, 4), (5, 5), (1, 6))
    )
    told = {name: results(made_up(cells, plain)) for name, cells in {"few": few, "enough": enough}.items()}
    assert title(told["few"]).endswith("robots\n4 seeds, too few to tell points apart")
    assert title(told["enough"]).endswith("; 5 seeds")
    note = "Of fewer than 5 seeds these intervals are too narrow."
    assert [note in markdown(one) for one in told.values()] == [True, False]
    told = results(made_up(uneven, plain))
    assert title(told).endswith("robots\n1 to 6 seeds, too few to tell points apart")
    start = "python scripts/benchmark.py gamma-lambda --env Locomotion/CartPole-v0 --algo trpo"
    assert told.command().splitlines() == [
        f"{start} --gammas 0.9 --lambdas 0.9 --baseline value --seeds 1 --iterations 20",
        f"{start} --gammas 0.99 --lambdas 0.9 --baseline value --seeds 6 --iterations 20",
    ]


def test_of_equal_interquartile_means_the_higher_mean_is_best(made_up):
    def capped(cell, iteration):  # at lambda .5 one seed of five falls far short, at .9 a little
        short = {0.5: 400.0, 0.9: 900.0}[cell.settings.advantage.gae_lambda]
        return short if cell.settings.seed == 0 else 1000.0

    told = results(
        made_up(Sweep(env="CartPole", gammas=(0.9,), lambdas=(0.5, 0.9), seeds=5, iterations=5).cells(), capped)
    )
    assert [(score.curve.gae_lambda, score.best, score.score.value) for score in told.final] == [
        (0.5, False, 1000.0),
        (0.9, True, 1000.0),
    ]


def test_a_report_is_the_same_to_the_byte_however_the_rows_come(made_up, tmp_path):
    cells = ASKED.cells()
    for name, order in {"one": cells, "other": cells[::-1]}.items():
        files = RowFiles(tmp_path / name)
        for cell in order:
            files.add(cell.name, made_up([cell], plain))
        write_report(files.gather(), tmp_path / name)
    for path in ("curves.svg", "curves.png", "map.svg", "map.png", "scores.svg", "scores.png", "report.html"):
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "other" / path).read_bytes(), path
    page = (tmp_path / "one" / "report.html").read_text()
    assert page.count("<svg") == 3
    assert not re.search(r"<script|<link|<img|src=", page)  # it needs no other file
    assert 'a [class~="' not in page
    assert imread(tmp_path / "one" / "curves.png").std() > 0.1  # something is drawn


def test_a_report_that_is_stopped_says_that_the_rows_are_kept(made_up, tmp_path, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "write_report", stop)
    (cell, *_) = ASKED.cells()
    RowFiles(tmp_path).add(cell.name, made_up([cell], plain))
    with pytest.raises(KeyboardInterrupt):
        running.report(tmp_path)
    assert capsys.readouterr().err == f"stopped; the rows in {tmp_path} are kept, and --report-only draws them again\n"


def test_rows_in_one_file_tell_what_those_of_the_cells_do(made_up, tmp_path):
    files = RowFiles(tmp_path)
    with pytest.raises(UsageError, match="holds no rows of a sweep"):
        files.gather()
    cells = ASKED.cells()
    for cell in cells:
        files.add(cell.name, made_up([cell], plain))
    gathered = files.gather()
    assert gathered.equals(made_up(cells, plain).sort_by(ORDER))
    for path in files.cells.iterdir():
        path.unlink()
    assert files.gather().equals(gathered)
    before = files.all.read_bytes()
    damaged = files.cells / f"{cells[0].name}.parquet"
    damaged.write_bytes(b"PAR1")
    for look in (files.gather, files.any_settings):
        with pytest.raises(UsageError, match=rf"{damaged.name} holds no rows .*; delete it, and the sweep trains that"):
            look()
    rows = made_up(cells[:1], plain)
    for lacking in (rows.slice(0, 0), rows.drop_columns("settings")):
        pa.parquet.write_table(lacking, damaged)
        with pytest.raises(UsageError, match=rf"{damaged.name} holds no rows .* are missing; delete it"):
            files.gather()
    assert files.all.read_bytes() == before
    damaged.unlink()
    files.all.write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"rows.parquet is damaged \(its content does not match its checksum\)"):
        files.gather()
    (tmp_path / "rows.parquet.sha256").unlink()  # as a sweep of an earlier version
    with pytest.raises(UsageError, match=r"rows.parquet holds no rows of a sweep"):
        files.gather()


def test_a_cell_that_is_being_written_is_none_yet(made_up, tmp_path):
    files = RowFiles(tmp_path)
    rows = made_up(ASKED.cells()[:1], plain)
    files.add("whole", rows)
    (files.cells / ".half.parquet").write_bytes(b"PAR1")
    assert files.gather().num_rows == rows.num_rows
    assert files.any_settings() == rows["settings"][0].as_py()


def test_a_panel_shows_one_dial_turned(made_up):
    told = results(made_up(Sweep(preset="biped", seeds=1).cells(), lambda cell, iteration: 1.0))
    shown = panels([curve for curve in told.longest if told.is_main(curve)])
    assert [panel.title for panel in shown] == ["γ 0.995", "λ 0.96"]
    assert [[panel.label(curve) for curve in panel.curves] for panel in shown] == [
        ["λ 0.92", "λ 0.96", "λ 0.98", "λ 0.99", "λ 1"],
        ["γ 0.96", "γ 0.98", "γ 0.99", "γ 0.995", "γ 1"],
    ]
    assert shown[0].label(told.longest[-1]) == "γ 1, no value function"


def test_the_panels_scale_holds_the_curves_of_all_and_their_names(made_up):
    asked = Sweep(env="CartPole", gammas=(0.9, 0.99), lambdas=(0.5, 0.9), seeds=1, iterations=20)
    told = results(
        made_up(asked.cells(), lambda cell, iteration: 1000.0 if cell.settings.advantage.gamma == 0.99 else 1.0)
    )
    low, high = draw_curves(told).axes
    for axes in (low, high):
        bottom, top = axes.get_ylim()
        assert bottom < 1.0 < 1000.0 < top
        assert all(0.0 <= name.xyann[1] <= 1.0 for name in axes.texts)
    assert [name.xy[1] for name in high.texts] == [1000.0, 1000.0]


def test_labels_are_moved_apart_and_no_further_than_needed():
    assert spread([1.0, 5.0, 9.0], 1.0, 0.0, 10.0) == [1.0, 5.0, 9.0]
    np.testing.assert_allclose(spread([5.0, 5.2, 1.0], 1.0, 0.0, 10.0), [4.6, 5.6, 1.0])
    np.testing.assert_allclose(spread([10.0, 10.0], 1.0, 0.0, 10.0), [9.0, 10.0])


def test_a_running_mean_looks_back():
    np.testing.assert_allclose(running_mean(np.array([[1.0, 3.0, 5.0, 9.0]]), 2), [[1.0, 2.0, 4.0, 7.0]])
    np.testing.assert_array_equal(running_mean(np.array([[1.0, 3.0]]), 1), [[1.0, 3.0]])
