"""The figure of the estimator laboratory: variance against bias, and cosine against the number of paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from locomotion.files import atomic_file
from locomotion.laboratory.estimators import GAMMAS, LAMBDAS, LOOKS_AHEAD
from locomotion.laboratory.measure import STORY, Report

TITLES = {
    "lq": "a mass on a line (linear-quadratic, exact gradient)",
    "cartpole": "CartPole (gradient by a large sample)",
}

# Curves over one parameter: colour, estimators with their parameter values, offset of the labels (points).
FAMILIES = {
    "discount gamma (no critic)": (
        "tab:green",
        {f"reward-to-go - time means, gamma {gamma:g}": f"{gamma:g}" for gamma in GAMMAS},
        (10, -12),
    ),
    "k steps ahead, imperfect critic": ("tab:olive", {f"{k}-step, critic": f"{k}" for k in LOOKS_AHEAD}, (5, 6)),
    "GAE lambda, imperfect critic": ("tab:orange", {f"GAE({k:g}), critic": f"{k:g}" for k in LAMBDAS}, (-2, -12)),
    "GAE lambda, exact V": ("tab:blue", {f"GAE({k:g}), V": f"{k:g}" for k in LAMBDAS}, (-30, -3)),
}
OTHERS = {
    "pathwise": ("tab:purple", "P"),
    "finite differences": ("tab:brown", "X"),
    "importance, whole paths, - V": ("tab:cyan", "D"),
    "importance, single actions, - V": ("tab:red", "D"),
}
PLATE = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.0}  # behind labels, which lines may cross
COMPARED = ("reward-to-go - V", "finite differences", "pathwise")  # drawn beside the story, where measured


def draw(report: Report) -> Figure:
    """Return the figure of one world: variance against bias on the left, cosines on the right."""
    figure = Figure(figsize=(14, 6.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    figure.suptitle(f"Policy gradient estimators: {TITLES[report.world]}")
    draw_variance_against_bias(left, report)
    draw_cosines(right, report)
    return figure


def position(report: Report, name: str) -> tuple[float, float, float]:
    """Return an estimator's bias relative to the gradient's length, its uncertainty, and its variance.

    Chance makes the measured bias longer than the true one: the expected square of that excess is subtracted.
    """
    bias, chance = report.relative_bias(report[name])
    return float(np.sqrt(max(bias**2 - chance**2, 0.0))), chance, float(report[name].variance.sum())


def draw_variance_against_bias(axes: Axes, report: Report) -> None:
    """Draw all estimators; thin lines join families, a thick one the lecture's fixes."""
    names = [row.estimator.name for row in report.rows]
    curves = {family: known for family, known in FAMILIES.items() if all(name in names for name in known[1])}
    drawn = {*STORY.values(), *OTHERS, *(name for _, members, _ in curves.values() for name in members)}
    single = [name for name in names if name not in drawn]
    x, chance, y = np.array([position(report, name) for name in single]).T
    axes.errorbar(x, y, xerr=chance, fmt="o", color="0.7", ms=5, lw=0.8, label="other baselines, k steps ahead with V")
    for family, (colour, members, offset) in curves.items():
        x, chance, y = np.array([position(report, name) for name in members]).T
        axes.errorbar(x, y, xerr=chance, fmt="o-", color=colour, ms=4, lw=1.2, label=family)
        for at, text in zip(zip(x, y, strict=True), members.values(), strict=True):
            axes.annotate(text, at, offset, textcoords="offset points", color=colour, fontsize=8)
    for name in (name for name in OTHERS if name in names):
        colour, marker = OTHERS[name]
        x_of, chance_of, y_of = position(report, name)
        axes.errorbar(x_of, y_of, xerr=chance_of, fmt=marker, color=colour, ms=8, lw=0.8, label=name)
    x, chance, y = np.array([position(report, name) for name in STORY.values()]).T
    axes.errorbar(x, y, xerr=chance, fmt="s-", color="black", ms=7, lw=2.5, elinewidth=0.8, zorder=5)
    for number, (at, fix) in enumerate(zip(zip(x, y, strict=True), STORY, strict=True), 1):
        text = f"{number} {fix}" + (f" (1/{y[0] / at[1]:.0f})" if number > 1 else "")
        offset = (9, -16) if number == len(STORY) else (9, 5)  # the last fix moves least: its label goes below
        axes.annotate(text, at, offset, textcoords="offset points", weight="bold", zorder=6, bbox=PLATE)
    axes.set_title(
        "1 to 6: the lecture's fixes, each on top of the last (share of the first variance left)", fontsize=10
    )
    axes.set(
        yscale="log", xlabel="length of the bias / length of the gradient", ylabel="variance of one path's estimate"
    )
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper right")


def draw_cosines(axes: Axes, report: Report) -> None:
    """Draw the mean cosine between estimate and gradient against the number of paths."""
    names = [row.estimator.name for row in report.rows]
    shades = colormaps["inferno_r"](np.linspace(0.2, 0.95, len(STORY)))
    for number, ((fix, name), shade) in enumerate(zip(STORY.items(), shades, strict=True), 1):
        cosine = report[name].cosine
        axes.plot(list(cosine), list(cosine.values()), "s-", color=shade, lw=2, label=f"{number} {fix}")
    for name, colour in zip(COMPARED, ("tab:blue", "tab:brown", "tab:purple"), strict=True):
        if name in names:
            cosine = report[name].cosine
            axes.plot(list(cosine), list(cosine.values()), "o--", color=colour, lw=1.2, label=name)
    axes.set_title("How well the direction is known", fontsize=10)
    axes.set_xscale("log", base=2)
    axes.set_xticks(report.sizes, [str(size) for size in report.sizes])
    axes.set(xlabel="paths of one estimate", ylabel="mean cosine to the gradient", ylim=(None, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")


def write_figure(report: Report, folder: Path) -> None:
    """Write the figure of one world as estimators-WORLD.png and .svg."""
    figure = draw(report)
    for kind in ("png", "svg"):
        with atomic_file(folder / f"estimators-{report.world}.{kind}") as temporary:
            figure.savefig(temporary, dpi=120)
