"""A sweep from its plan to its report: computes what is not done yet, keeps its rows, draws what they show."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from distributed import Client

from locomotion.errors import UsageError
from locomotion.files import RUNS, folder_name, make_folder
from locomotion.runs.folder import Run
from locomotion.sweeps.cell import train_cell, untrained
from locomotion.sweeps.display import Display
from locomotion.sweeps.engine import cluster_client, compute
from locomotion.sweeps.plan import DIALS, Cell
from locomotion.sweeps.report import markdown, write_report
from locomotion.sweeps.results import results
from locomotion.sweeps.rows import RowFiles
from locomotion.sweeps.wandb_rows import Tracker

FOLDER = RUNS / "gamma-lambda"


def default_folder(cell: Cell) -> Path:
    """Return where a sweep's files go, given one of its cells."""
    scale = "" if cell.scale == 1.0 else f"-scale{cell.scale:g}"
    return FOLDER / (cell.preset + scale or f"{folder_name(cell.settings.env)}-{cell.settings.algo}")


def run_sweep(
    cells: Sequence[Cell], folder: Path, tracker: Tracker, workers: int | None = None, cluster: str | None = None
) -> int:
    """Compute the cells that are not done yet, then report on all that is done.

    Args:
        cells: all cells of the sweep.
        folder: of its rows and its report.
        tracker: is told of every cell that ends, and of the figures.
        workers: as `cluster_client` takes them.
        cluster: likewise.

    Returns:
        How many cells failed, each of them twice; what failed has been printed.

    Raises:
        UsageError: where it cannot be begun; nothing has been written then.
    """
    files = RowFiles(folder)
    check_same_sweep(files, cells[0])
    done, todo = ([cell for cell in cells if files.has(cell.name) is there] for there in (True, False))
    failed = 0
    with contextlib.ExitStack() as stack:
        client = None
        if todo:
            untrained(todo[0])  # a mistake in what is common to all is the user's, and is told at once
            client = stack.enter_context(cluster_client(workers, cluster))
        make_folder(folder)
        stack.enter_context(Run(folder).locked())
        if client is not None:
            failed = work_off(client, done, todo, files, tracker)
    if failed < len(cells):
        report(folder)
        tracker.figures()
    return failed


def work_off(client: Client, done: Sequence[Cell], todo: Sequence[Cell], files: RowFiles, tracker: Tracker) -> int:
    """Compute cells, keep the rows of each as soon as it is done; return how many failed."""
    print(f"{len(todo)} cells to do, {len(done)} done; Dask's dashboard: {client.dashboard_link}", file=sys.stderr)
    if not client.ncores():
        print("no worker is connected yet; the sweep begins with the first one", file=sys.stderr)
    failures: dict[str, BaseException] = {}
    with Display(done, todo) as display, farewell(display):
        for cell, result in compute(client, train_cell, todo):
            if isinstance(result, BaseException):
                failures[cell.name] = result
                display.note(cell, f"failed twice: {result}", failed=True)
            else:
                files.add(cell.name, result)
                tracker.cell(cell, result)
                display.note(cell, f"done in {result['seconds'][-1].as_py():.0f} s", failed=False)
    for name, error in failures.items():
        print(f"failed twice: {name}: {type(error).__name__}: {error}", file=sys.stderr)
    return len(failures)


@contextlib.contextmanager
def farewell(display: Display) -> Iterator[None]:
    """Say what is kept where the sweep is told to stop."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        total = display.total.total()
        print(f"stopped; {display.done.total()} of {total} cells are kept, the same command goes on", file=sys.stderr)
        raise


def report(folder: Path) -> None:
    """Write the figures and the page of the rows in a folder; print the table of scores.

    Raises:
        UsageError: where there are none.
    """
    rows = RowFiles(folder).gather()
    paths = write_report(rows, folder)
    print(markdown(results(rows)))
    print(f"figures and {paths[-1]}", file=sys.stderr)


def check_same_sweep(files: RowFiles, cell: Cell) -> None:
    """Refuse a folder whose cells differ in more than the dials from this one, or are not there any more.

    Raises:
        UsageError: naming what differs.
    """
    found = files.any_settings()
    if found is None:
        if files.all.exists():  # it would be made anew, of the new cells alone
            raise UsageError(f"{files.all} has no cells/ beside it to go on with; name another folder by --out")
        return
    there, here = (flat(json.loads(text)) for text in (found, cell.as_json()))
    may_differ = DIALS + (("iterations",) if cell.preset else ())  # a preset's map may take fewer than its curves
    odd = [name for name in here | there if name not in may_differ and there.get(name) != here.get(name)]
    if odd:
        first = "env" if "env" in odd else odd[0]  # the other differences come of it
        was, asked = there.get(first), here.get(first)
        raise UsageError(
            f"{files.all.parent} holds a sweep with {first} {was}, not {asked}; name another folder by --out"
        )


def flat(decided: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return settings, the iterations they come to and the task's fields side by side."""
    settings = decided["settings"]
    iterations = settings["steps"] // (settings["num_envs"] * settings["n_steps"])
    return settings | decided["task"] | {"iterations": iterations}
