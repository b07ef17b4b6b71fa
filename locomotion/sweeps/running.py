"""A sweep from plan to report: computes the missing cells, writes their rows, draws the figures."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distributed import Client

from locomotion.errors import UsageError, refusals_told
from locomotion.files import RUNS, folder_name, make_folder
from locomotion.interrupts import keeping
from locomotion.runs.folder import Run
from locomotion.sweeps.cell import train_cell, untrained
from locomotion.sweeps.display import Display
from locomotion.sweeps.engine import cluster_client, compute
from locomotion.sweeps.plan import DIALS, Cell
from locomotion.sweeps.report import markdown, write_report
from locomotion.sweeps.results import results
from locomotion.sweeps.rows import RowFiles, decided_by
from locomotion.sweeps.wandb_rows import Tracker

FOLDER = RUNS / "gamma-lambda"


def default_folder(cell: Cell) -> Path:
    """Return a sweep's default folder, given one of its cells."""
    scale = "" if cell.scale == 1.0 else f"-scale{cell.scale:g}"
    return FOLDER / (cell.preset + scale or f"{folder_name(cell.settings.env)}-{cell.settings.algo}")


def run_sweep(
    cells: Sequence[Cell], folder: Path, tracker: Tracker, workers: int | None = None, cluster: str | None = None
) -> int:
    """Compute the missing cells, then report on all finished ones.

    Args:
        cells: all cells of the sweep.
        folder: of its rows and its report.
        tracker: receives every finished cell, and the figures.
        workers: as `cluster_client` takes them.
        cluster: likewise.

    Returns:
        The number of cells that failed, twice each; the failures have been printed.

    Raises:
        UsageError: where the sweep cannot begin; nothing has been written then.
    """
    files = RowFiles(folder)
    check_same_sweep(files, cells[0])
    done, todo = ([cell for cell in cells if files.has(cell.name) is there] for there in (True, False))
    failed = 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(keeping(lambda: kept(cells, files)))
        client = None
        if todo:
            untrained(todo[0])  # a mistake common to all cells is the user's, and is reported at once
            client = stack.enter_context(cluster_client(workers, cluster))
        make_folder(folder)
        stack.enter_context(Run(folder).locked())
        stack.enter_context(refusals_told(folder, lambda: f"; {kept(cells, files)}"))
        if client is not None:
            failed = compute_cells(client, done, todo, files, tracker)
        if failed < len(cells):
            report(folder)
            tracker.figures()
    return failed


def kept(cells: Sequence[Cell], files: RowFiles) -> str:
    """Return in one line what a sweep that is stopped now keeps."""
    finished = sum(files.has(cell.name) for cell in cells)
    return f"stopped; {finished} of {len(cells)} cells are kept, the same command continues"


def compute_cells(client: Client, done: Sequence[Cell], todo: Sequence[Cell], files: RowFiles, tracker: Tracker) -> int:
    """Compute cells and write the rows of each as soon as it is finished; return the number that failed."""
    print(f"{len(todo)} cells to do, {len(done)} done; Dask's dashboard: {client.dashboard_link}", file=sys.stderr)
    if not client.ncores():
        print("no worker is connected yet; the sweep begins with the first one", file=sys.stderr)
    failures: dict[str, BaseException] = {}
    with Display(done, todo) as display:
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


def report(folder: Path) -> None:
    """Write the figures and the page of the rows in a folder; print the table of scores.

    Raises:
        UsageError: where there are no rows.
    """
    with keeping(lambda: f"stopped; the rows in {folder} are kept, and --report-only draws them again"):
        rows = RowFiles(folder).gather()
        paths = write_report(rows, folder)
        print(markdown(results(rows)))
        print(f"figures and {paths[-1]}", file=sys.stderr)


def check_same_sweep(files: RowFiles, cell: Cell) -> None:
    """Refuse a folder whose cells differ from this one in more than the dials, or have been deleted.

    Raises:
        UsageError: naming the difference.
    """
    found = files.any_settings()
    if found is None:
        if files.all.exists():  # it would be replaced by the new cells alone
            raise UsageError(f"{files.all} has no cells/ beside it to continue; name another folder by --out")
        return
    there, here = (flat(decided_by(text)) for text in (found, cell.as_json()))
    may_differ = DIALS + (("iterations",) if cell.preset else ())  # in a preset, the map may have fewer than the curves
    odd = [name for name in here | there if name not in may_differ and there.get(name) != here.get(name)]
    if odd:
        first = "env" if "env" in odd else odd[0]  # the other differences follow from it
        was, asked = there.get(first), here.get(first)
        raise UsageError(
            f"{files.all.parent} holds a sweep with {first} {was}, not {asked}; name another folder by --out"
        )


def flat(decided: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return settings, task fields and the number of iterations in one dict."""
    settings = decided["settings"]
    iterations = settings["steps"] // (settings["num_envs"] * settings["n_steps"])
    return settings | decided["task"] | {"iterations": iterations}
