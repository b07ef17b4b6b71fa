"""Figures of a sweep: learning curves, the map over gamma and lambda, and final scores, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from locomotion.evaluation.statistics import Interval, bootstrap, interquartile_mean
from locomotion.files import folder_name
from locomotion.sweeps.results import FEW, Curve, Results, Score

COLUMNS = 3  # of panels
BEST = "tab:red"


def figures(results: Results) -> dict[str, Figure]:
    """Return the figures by name; the map only where both gamma and lambda were varied.

    Raises:
        UsageError: where a seed has ended no episode.
    """
    drawn = {"scores": draw_scores(results)}  # first: a curve without a score has nothing to draw
    drawn["curves"] = draw_curves(results)
    grid = [score.curve for score in results.grid]
    if len({curve.gamma for curve in grid}) > 1 and len({curve.gae_lambda for curve in grid}) > 1:
        drawn["map"] = draw_map(results)
    return drawn


def title(results: Results) -> str:
    """Return robot, learner, iteration and seeds; a scaled preset adds a line with its scale."""
    s = results.settings
    rollout = f"one episode of at most {s['n_steps']:,} steps" if s["episodic"] else f"{s['n_steps']:,} steps"
    scale = f"\npreset {results.preset} at scale {results.scale:g}, not as published" if results.scale != 1.0 else ""
    robots = "1 robot" if s["num_envs"] == 1 else f"each of {s['num_envs']} robots"
    seeds = "1 seed" if results.seeds == 1 else f"{results.seeds} seeds"
    if results.fewest_seeds < results.seeds:
        seeds = f"{results.fewest_seeds} to {seeds}"
    seeds = f"\n{seeds}, too few to tell points apart" if results.fewest_seeds < FEW else f"; {seeds}"
    return f"{folder_name(results.env)}, {s['algo'].upper()}: an iteration is {rollout} of {robots}{seeds}{scale}"


def palette(values: Sequence[float]) -> dict[float, Any]:
    """Return a colour for each value, from dark to light in their order."""
    ordered = sorted(set(values))
    return dict(zip(ordered, colormaps["plasma"](np.linspace(0.0, 0.84, len(ordered))), strict=True))


class Panel:
    """Curves with a common gamma or lambda that differ in the other; curves of other baselines join every panel."""

    def __init__(self, shared: str, curves: Sequence[Curve]):
        self.curves = curves
        self.varied = "gae_lambda" if shared == "gamma" else "gamma"
        self.gamma = curves[0].gamma if shared == "gamma" else None
        self.title = f"γ {self.gamma:g}" if shared == "gamma" else f"λ {curves[0].gae_lambda:g}"
        self._colours = palette([getattr(curve, self.varied) for curve in curves])

    def style(self, curve: Curve) -> dict[str, Any]:
        """Return a curve's colour and dashes."""
        if curve not in self.curves:
            return {"color": "black", "linestyle": (0, (4, 2))}
        return {"color": self._colours[getattr(curve, self.varied)], "linestyle": "-"}

    def label(self, curve: Curve) -> str:
        """Return the label that distinguishes a curve within the panel."""
        if curve not in self.curves:
            return curve.label.removeprefix(f"γ {self.gamma:g}, ") if self.gamma is not None else curve.label
        return f"{'λ' if self.varied == 'gae_lambda' else 'γ'} {getattr(curve, self.varied):g}"


def panels(curves: Sequence[Curve]) -> list[Panel]:
    """Divide the curves: a panel for each gamma with several lambdas; for the other gammas, one for each lambda."""
    by_gamma: dict[float, list[Curve]] = {}
    for curve in curves:
        by_gamma.setdefault(curve.gamma, []).append(curve)
    shared = [Panel("gamma", group) for group in by_gamma.values() if len(group) > 1]
    alone = sorted({group[0].gae_lambda for group in by_gamma.values() if len(group) == 1})
    return shared + [Panel("gae_lambda", [curve for curve in curves if curve.gae_lambda == value]) for value in alone]


def draw_curves(results: Results) -> Figure:
    """Draw the longest curves: interquartile means over seeds, with their intervals as bands."""
    main = [curve for curve in results.longest if results.is_main(curve)]
    others = [curve for curve in results.longest if not results.is_main(curve)]
    shown = panels(main or others)
    rows = -(-len(shown) // COLUMNS)
    columns = min(len(shown), COLUMNS)
    figure = Figure(figsize=(max(8.5, 6.2 * columns), 5.2 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    figure.suptitle(
        f"{title(results)}\nmean return of an iteration's episodes; interquartile mean over seeds, 95 % band",
        fontsize=11,
    )
    ends = [
        draw_panel(axes, panel, [*panel.curves, *(others if main else [])])
        for axes, panel in zip(grid, shown, strict=False)
    ]
    # Last, because the panels share a scale that depends on the curves of all.
    for axes, panel, heights in zip(grid, shown, ends, strict=False):
        name_curves(axes, panel, heights)
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    return figure


def draw_panel(axes: Axes, panel: Panel, curves: Sequence[Curve]) -> dict[Curve, float]:
    """Draw curves; return each curve's last value."""
    ends = {}
    for curve in curves:
        start = int(np.isnan(curve.returns).any(axis=0).sum())  # before it, not every seed has ended an episode
        interval = bootstrap(interquartile_mean, running_mean(curve.returns[:, start:], window(curve.iterations)))
        x = np.arange(start + 1, curve.iterations + 1)
        style = panel.style(curve)
        axes.plot(x, interval.value, lw=1.8, **style)
        axes.fill_between(x, interval.low, interval.high, color=style["color"], alpha=0.13, lw=0)
        ends[curve] = float(interval.value[-1])
    axes.set_title(panel.title, fontsize=11)
    iterations = curves[0].iterations
    smoothed = f" (running mean over {window(iterations)})" if window(iterations) > 1 else ""
    axes.set(xlabel="iteration" + smoothed, ylabel="return", xlim=(1, max(iterations, 2)))
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.3)
    return ends


def name_curves(axes: Axes, panel: Panel, ends: Mapping[Curve, float]) -> None:
    """Write the names of curves beside their ends."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    height = 0.052 * (high - low)  # of a line of text
    for (curve, end), y in zip(ends.items(), spread([*ends.values()], height, low, high), strict=True):
        colour = panel.style(curve)["color"]
        arrow = {"arrowstyle": "-", "color": colour, "lw": 0.7, "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.5)}
        axes.annotate(
            *(panel.label(curve), (curve.iterations, end)),
            xytext=(1.04, (y - low) / (high - low)),
            textcoords="axes fraction",
            va="center",
            fontsize=9,
            color=colour,
            arrowprops=arrow,
            annotation_clip=False,
        )


def window(iterations: int) -> int:
    """Return the width of a curve's running mean: a fiftieth of its iterations."""
    return max(1, iterations // 50)


def running_mean(returns: np.ndarray, width: int) -> np.ndarray:
    """Return for each iteration (seeds, iterations) the mean over the last `width` iterations."""
    sums = np.cumsum(returns, axis=1)
    sums[:, width:] -= sums[:, :-width].copy()
    return sums / np.minimum(np.arange(1, returns.shape[1] + 1), width)


def spread(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return heights moved apart to at least `gap`, in their order and as little as possible, within low to high."""
    order = np.argsort(heights, kind="stable")
    placed = np.asarray(heights, float)[order]
    steps = gap * np.arange(len(placed))
    # The nearest non-decreasing sequence, gaps removed: neighbours out of order are replaced by their mean.
    blocks: list[list[float]] = []
    for value in placed - steps:
        blocks.append([value])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    level = np.array([np.mean(block) for block in blocks for _ in block])
    level = np.clip(level, low, max(low, high - steps[-1]))
    result = np.empty(len(placed))
    result[order] = level + steps
    return result.tolist()


def draw_map(results: Results) -> Figure:
    """Draw the scores over gamma and lambda; the best is framed, scores tied with it are dashed."""
    scores = results.grid
    gammas = sorted({score.curve.gamma for score in scores})
    lambdas = sorted({score.curve.gae_lambda for score in scores})
    values = np.full((len(gammas), len(lambdas)), np.nan)
    figure = Figure(figsize=(max(8.5, 2.6 + 0.95 * len(lambdas)), 2.6 + 0.72 * len(gammas)), layout="constrained")
    axes = figure.subplots()
    for score in scores:
        values[gammas.index(score.curve.gamma), lambdas.index(score.curve.gae_lambda)] = score.score.value
    middle = 0.4 * np.nanmin(values) + 0.6 * np.nanmax(values)
    axes.set_facecolor("0.93")  # of untried pairs
    image = axes.imshow(values, cmap="viridis", origin="lower", aspect="auto")
    for score in scores:
        x, y = lambdas.index(score.curve.gae_lambda), gammas.index(score.curve.gamma)
        dark = score.score.value < middle
        weight = "bold" if score.best else "normal"
        axes.text(
            x, y, number(score.score.value), ha="center", va="center", color="white" if dark else "black", weight=weight
        )
        if score.best or score.tied:
            frame = {"lw": 3.0} if score.best else {"lw": 1.6, "ls": (0, (3, 2))}
            axes.add_patch(Rectangle((x - 0.46, y - 0.44), 0.92, 0.88, fill=False, ec=BEST, **frame))
    axes.set_xticks(range(len(lambdas)), [f"{value:g}" for value in lambdas])
    axes.set_yticks(range(len(gammas)), [f"{value:g}" for value in gammas])
    axes.set(xlabel="λ", ylabel="γ")
    figure.suptitle(
        f"{title(results)}\nscores of the last tenth of {results.shortest} iterations, interquartile mean over seeds"
        "\nframed: the best, dashed: tied with it",
        fontsize=11,
    )
    figure.colorbar(image, ax=axes, label="return")
    return figure


def number(value: float) -> str:
    """Return a number as text of few digits."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def draw_scores(results: Results) -> Figure:
    """Draw the final scores of the longest curves, and the best one's probability of improvement, with intervals."""
    scores = results.final
    figure = Figure(figsize=(11, 1.9 + 0.33 * len(scores)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.3, 1])
    left.use_sticky_edges = False  # bars need not begin at the axis
    figure.suptitle(
        f"{title(results)}\nscores of the last tenth of {results.longest[0].iterations} iterations, 95 % intervals",
        fontsize=11,
    )
    colours = palette([score.curve.gae_lambda for score in scores])
    heights = range(len(scores), 0, -1)
    for y, score in zip(heights, scores, strict=True):
        colour = colours[score.curve.gae_lambda] if results.is_main(score.curve) else "black"
        draw_interval(left, y, score.score, colour)
        if not score.best:
            draw_interval(right, y, score.improvement, colour)
    left.set_yticks(heights, [marked(score) for score in scores])
    left.set(xlabel="return: interquartile mean over seeds", ylim=(0.4, len(scores) + 0.6))
    right.axvline(0.5, color="0.4", lw=1, ls=":")
    right.set(xlabel="probability that the best does better", xlim=(-0.02, 1.02))
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return figure


def marked(score: Score) -> str:
    """Return a point's label, marked where it is the best or tied with the best."""
    return score.curve.label + (" (best)" if score.best else " (tied)" if score.tied else "")


def draw_interval(axes: Axes, y: float, interval: Interval, colour: Any) -> None:
    """Draw a value with its interval as a bar."""
    axes.barh(y, interval.high - interval.low, left=interval.low, height=0.5, color=colour, alpha=0.35, lw=0)
    axes.plot([interval.value] * 2, [y - 0.3, y + 0.3], color=colour, lw=2.5, solid_capstyle="butt")
