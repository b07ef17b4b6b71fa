from collections.abc import Callable

import pyarrow as pa
import pytest

from locomotion.runs.settings import Settings
from locomotion.sweeps.plan import HEADLESS, Cell
from locomotion.sweeps.rows import SCHEMA


@pytest.fixture(autouse=True)
def bounded(give_up_after: Callable[[int], int]) -> None:
    give_up_after(600)


@pytest.fixture
def tiny() -> Callable[..., Cell]:
    """Return what makes a cell of three short iterations."""

    def make(task: dict | None = None, **changes) -> Cell:
        small = {"num_envs": 4, "n_steps": 32, "steps": 3 * 4 * 32, "actor": (8,), "value": (8,)}
        task = {"episode_steps": 20} if task is None else task
        return Cell(Settings.of("Locomotion/CartPole-v0", task=task, **HEADLESS | small | changes))

    return make


@pytest.fixture
def made_up() -> Callable[..., pa.Table]:
    """Return what makes a table of rows of cells, given what each iteration of each of them returned."""

    def make(cells: list[Cell], returned: Callable[[Cell, int], float | None]) -> pa.Table:
        rows = [
            {
                "env": cell.settings.env,
                "algo": cell.settings.algo,
                "gamma": cell.settings.advantage.gamma,
                "lambda": cell.settings.advantage.gae_lambda,
                "baseline": cell.settings.advantage.baseline,
                "seed": cell.settings.seed,
                "iteration": iteration,
                "return_mean": returned(cell, iteration),
                "preset": cell.preset,
                "scale": cell.scale,
                "settings": cell.as_json(),
                "versions": "{}",
            }
            for cell in cells
            for iteration in range(1, cell.iterations + 1)
        ]
        return pa.Table.from_pylist(rows, SCHEMA)

    return make
