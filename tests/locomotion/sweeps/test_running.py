import dataclasses
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
import psutil
import pyarrow as pa
import pytest
from distributed import Client

from locomotion.errors import UsageError
from locomotion.sweeps import running
from locomotion.sweeps.cell import train_cell
from locomotion.sweeps.engine import cluster_client, compute
from locomotion.sweeps.plan import Cell
from locomotion.sweeps.rows import RowFiles
from locomotion.sweeps.running import run_sweep
from locomotion.sweeps.wandb_rows import Tracker
from tests.locomotion.loopback import reached_from_elsewhere


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Give a cluster of one worker, which stands for one that was started by hand, too."""
    with cluster_client(workers=1) as client:
        yield client


def without_seconds(rows: pa.Table) -> pa.Table:
    """Everything in a cell's rows but how long it took."""
    return rows.drop_columns("seconds")


class Priceless(gymnasium.Env):
    """Its rewards are NaN; its episodes would last 10 steps."""

    observation_space = action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), np.nan, False, False, {}


def test_a_cell_whose_rewards_are_not_finite_says_so(tiny):
    gymnasium.register("Priceless-v0", Priceless, max_episode_steps=10)
    cell = tiny(task={})
    cell = dataclasses.replace(cell, settings=dataclasses.replace(cell.settings, env="Priceless-v0"))
    with pytest.raises(UsageError, match=r"^all episodes of Priceless-v0 .* not finite: .*a reward of nan"):
        train_cell(cell)


def test_rows_depend_on_the_cell_alone(tiny):
    first, other = train_cell(tiny(seed=1)), train_cell(tiny(seed=2))
    assert without_seconds(train_cell(tiny(seed=1))).equals(without_seconds(first))
    assert not other["return_mean"].equals(first["return_mean"])
    assert first["iteration"].to_pylist() == [1, 2, 3]
    assert first["steps"].to_pylist() == [128, 256, 384]
    assert first["seconds"].to_pylist() == sorted(first["seconds"].to_pylist())
    assert json.loads(first["versions"][0].as_py())["mujoco"]


def test_returns_are_those_of_the_episodes_that_ended(tiny):
    # Of 20 steps at most, each paid 1, but for one that fails.
    rows = train_cell(tiny(task={"episode_steps": 20, "max_angle": 100.0, "max_position": 100.0}, gamma=0.9))
    assert rows["episodes"].to_pylist() == [4, 8, 4]  # at steps 20, 40, 60, 80 of 32, 64 and 96
    assert rows["return_mean"].to_pylist() == [20.0, 20.0, 20.0]
    np.testing.assert_allclose(rows["discounted_return_mean"].to_pylist(), (1 - 0.9**20) / (1 - 0.9), rtol=1e-6)


def test_an_iteration_may_be_one_episode_of_each_robot(tiny):
    rows = train_cell(tiny(task={}, episodic=True, n_steps=500, steps=3 * 4 * 500))
    assert rows["episodes"].to_pylist() == [4, 4, 4]
    lasted = np.diff(rows["steps"].to_pylist(), prepend=0) / 4  # as long as the longest of them
    assert (lasted > rows["return_mean"].to_pylist()).all()
    assert (lasted < 500).all()


def test_a_cluster_of_our_own_listens_on_the_loopback_device_alone(client):
    assert reached_from_elsewhere(psutil.Process()) == []
    assert client.dashboard_link.startswith("http://127.0.0.1:")


def test_its_workers_have_one_thread_for_numpy_and_keep_their_memory(client):
    names = ("OPENBLAS_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_")
    assert client.submit(lambda: [os.environ.get(name) for name in names]).result() == ["1", None]


def stumble(cell: Cell) -> int:
    """Return how often the cell was begun; by its seed, it fails always, at first, or at first with its process."""
    path = Path(cell.settings.task["folder"]) / cell.name
    with path.open("a") as file:
        file.write(".")
    begun = path.stat().st_size
    if cell.settings.seed == 1 or (cell.settings.seed == 2 and begun == 1):
        raise ValueError("stumbled")
    if cell.settings.seed == 3 and begun == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return begun


def test_a_cell_that_fails_is_tried_once_more_and_a_killed_worker_is_replaced(tiny, tmp_path, client):
    # The one that kills comes first: what a worker holds of others' results is lost with it, and computed again.
    cells = [tiny(task={"folder": str(tmp_path)}, seed=seed) for seed in (3, 0, 1, 2, 4)]
    outcomes = {cell.settings.seed: outcome for cell, outcome in compute(client, stumble, cells)}
    failed = outcomes.pop(1)
    assert isinstance(failed, ValueError)
    assert outcomes == {0: 1, 2: 2, 3: 2, 4: 1}
    assert (tmp_path / cells[2].name).stat().st_size == 2


def test_a_scheduler_that_is_gone_is_one_sentence(tiny, client, monkeypatch):
    def lost(*given, map=client.map, **named):  # as the client does to all futures that it has no scheduler for
        futures = map(*given, **named)
        client.cancel(futures, force=True)
        return futures

    monkeypatch.setattr(client, "map", lost)
    with pytest.raises(UsageError, match="scheduler is gone; what is done is kept"):
        list(compute(client, train_cell, [tiny(seed=seed, steps=100_000) for seed in (70, 71)]))


def test_a_sweep_goes_on_where_it_was_whoever_computes_it(tiny, tmp_path, monkeypatch, capsys, client):
    computed = []

    def noted(client, function, cells):
        computed.append([cell.settings.seed for cell in cells])
        return compute(client, function, cells)

    monkeypatch.setattr(running, "compute", noted)
    here, there = tmp_path / "here", tmp_path / "there"
    off = Tracker(here, "off")
    cells = [tiny(seed=seed) for seed in range(2)]
    broken = tiny(task={"nonsense": 1}, seed=9)
    assert run_sweep([*cells, broken], here, off, workers=1) == 1
    assert f"failed twice: {broken.name}: UsageError: cannot make" in capsys.readouterr().err
    rows = {cell.name: RowFiles(here).cells / f"{cell.name}.parquet" for cell in cells}
    assert all(path.exists() for path in rows.values())

    address = client.scheduler.address
    cells.append(tiny(seed=2))
    assert run_sweep(cells, here, off, cluster=address) == 0
    assert run_sweep(cells[:1], there, Tracker(there, "offline"), cluster=address) == 0
    assert computed == [[0, 1, 9], [2], [0]]
    name = cells[0].name
    same = [without_seconds(pa.parquet.read_table(folder / "cells" / f"{name}.parquet")) for folder in (here, there)]
    assert same[0].equals(same[1])
    assert len(list((there / "wandb").glob("offline-run-*"))) == 2  # the cell and the figures

    capsys.readouterr()
    before = {path.name: path.read_bytes() for path in here.iterdir() if path.is_file()}
    assert {"curves.svg", "scores.png", "report.html", "rows.parquet"} <= set(before)
    assert run_sweep(cells, here, off) == 0  # nothing is left to do but the report
    assert len(computed) == 3
    assert {path.name: path.read_bytes() for path in here.iterdir() if path.is_file()} == before
    assert "| γ 0.995, λ 0.97 (best) | 3 | 3 |" in capsys.readouterr().out

    with pytest.raises(UsageError, match=r"here holds a sweep with n_steps 32, not 16; name another folder by --out"):
        run_sweep([tiny(n_steps=16)], here, off)
    with pytest.raises(UsageError, match=r"holds a sweep with iterations 3, not 5; name another folder by --out"):
        run_sweep([tiny(steps=5 * 4 * 32)], here, off)
    hopper = dataclasses.replace(cells[0], settings=cells[0].settings.changed(env="Hopper-v5", n_steps=16))
    with pytest.raises(UsageError, match=r"holds a sweep with env Locomotion/CartPole-v0, not Hopper-v5"):
        run_sweep([hopper], here, off)
    shutil.rmtree(here / "cells")
    with pytest.raises(UsageError, match=r"rows.parquet has no cells/ beside it to continue"):
        run_sweep(cells, here, off)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"workers": 0}, r"--workers must lie in \[1, \d+\], a core for each, got 0"),
        ({"workers": 100_000}, "a core for each, got 100000"),
        ({"cluster": "nowhere.json"}, r"--cluster takes tcp://HOST:PORT or a scheduler's file, got 'nowhere.json'"),
        ({"cluster": "tcp://127.0.0.1:9", "workers": 2}, "--workers 2 are this machine's"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing_behind(tiny, tmp_path, asked, message):
    with pytest.raises(UsageError, match=message):
        run_sweep([tiny()], tmp_path / "sweep", Tracker(tmp_path / "sweep", "off"), **asked)
    assert not (tmp_path / "sweep").exists()
