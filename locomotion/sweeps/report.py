"""The report of a sweep: figures, a table and a page, made from its rows alone and equal to the byte each time."""

from __future__ import annotations

import html
import io
import json
from pathlib import Path

import matplotlib
import pyarrow as pa
from matplotlib.figure import Figure

from locomotion.evaluation.statistics import Interval
from locomotion.files import atomic_file
from locomotion.progress import each
from locomotion.sweeps.figures import figures, marked, number, title
from locomotion.sweeps.plan import DIALS
from locomotion.sweeps.results import FEW, Results, results
from locomotion.tables import markdown_table

CAPTIONS = {
    "curves": "Learning curves. A point is the interquartile mean over seeds of the mean return of the episodes that"
    " ended in an iteration, played by the policy at its beginning, with exploration. The bands are 95 % intervals.",
    "map": "Scores over γ and λ. A seed's score is its mean return over the last tenth of the iterations. Framed: the"
    " best (of equal ones, that of the highest mean); dashed: those whose difference from it has a 95 % interval that"
    " contains 0.",
    "scores": "Final scores, and the probability that a seed of the best point scores higher than a seed of another"
    " point (equal scores count half).",
}
ABOUT = (
    "Intervals are percentiles of 2000 bootstrap samples, in which the seeds of each point are drawn separately; for"
    " fewer than five seeds they are too narrow. Interquartile mean and probability of improvement as in Agarwal et"
    " al. (2021). Returns are undiscounted."
)
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "svg{max-width:100%;height:auto}figure{margin:2rem 0}figcaption{color:#555;max-width:60rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .9rem .2rem 0;text-align:left;vertical-align:top}"
    "tr+tr{border-top:1px solid #ddd}code,pre{font-size:.9em;white-space:pre-wrap;overflow-wrap:anywhere}"
)


def write_report(rows: pa.Table, folder: Path) -> list[Path]:
    """Write curves, map and scores as .png and .svg, and the self-contained report.html; return the paths."""
    found = results(rows)
    figs = figures(found)
    drawn = {name: pictures(figs[name]) for name in each(figs, "drawing figures", len(figs))}
    files = {f"{name}.{kind}": data for name, kinds in drawn.items() for kind, data in kinds.items()}
    files["report.html"] = page(found, {name: inline(kinds["svg"]) for name, kinds in drawn.items()}).encode()
    for name, data in files.items():
        with atomic_file(folder / name) as temporary:
            temporary.write_bytes(data)
    return [folder / name for name in files]


def pictures(figure: Figure) -> dict[str, bytes]:
    """Return a figure as PNG and SVG, without dates or random names."""
    files = {}
    with matplotlib.rc_context({"svg.hashsalt": "locomotion"}):
        for kind, metadata in {"png": {}, "svg": {"Date": None}}.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=120, metadata=metadata)
            files[kind] = buffer.getvalue()
    return files


def inline(svg: bytes) -> str:
    """Return an SVG file as an element of a page."""
    text = svg.decode()
    return text[text.index("<svg") :]


def score_lines(found: Results) -> list[list[str]]:
    """Return the final scores as rows of text; the first one is the head."""
    better = "the best does better with probability"
    head = ["point", "seeds", "iterations", "return of the last tenth (95 % interval)", better]
    lines = []
    for score in found.final:
        seeds, iterations = score.curve.returns.shape
        improvement = "" if score.best or seeds == 1 else worded(score.improvement, seeds)
        lines.append([marked(score), str(seeds), str(iterations), worded(score.score, seeds), improvement])
    return [head, *lines]


def worded(interval: Interval, seeds: int) -> str:
    """Return a value and its interval as text; a single seed has no interval."""
    if seeds == 1:
        return number(interval.value)
    return f"{number(interval.value)} ({number(interval.low)} to {number(interval.high)})"


def markdown(found: Results) -> str:
    """Return the final scores as a Markdown table."""
    head, *lines = score_lines(found)
    note = f"\n\nOf fewer than {FEW} seeds these intervals are too narrow." if found.fewest_seeds < FEW else ""
    return markdown_table(head, lines) + note


def page(found: Results, svgs: dict[str, str]) -> str:
    """Return the HTML page with all figures and scores."""
    head, *lines = score_lines(found)
    cells = "".join("<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in line) + "</tr>\n" for line in lines)
    shown = "\n".join(
        f"<figure>{svgs[name]}<figcaption>{html.escape(CAPTIONS[name])}</figcaption></figure>"
        for name in CAPTIONS
        if name in svgs
    )
    settings = {name: value for name, value in found.settings.items() if name not in DIALS}
    facts = {
        "task": json.dumps(found.task),
        "settings": json.dumps(settings),
        "versions": "; ".join(found.versions),
    }
    listed = "".join(
        f"<tr><th>{name}</th><td><code>{html.escape(text)}</code></td></tr>\n" for name, text in facts.items()
    )
    heading = html.escape(title(found).replace("\n", "; "))
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The effect of gamma and lambda: {heading}</title>
<style>{STYLE}</style>
<h1>The effect of γ and λ</h1>
<p>{heading}.</p>
<pre>{html.escape(found.command())}</pre>
{shown}
<h2>Final scores</h2>
<table>
<tr>{"".join(f"<th>{html.escape(text)}</th>" for text in head)}</tr>
{cells}</table>
<p>{ABOUT}</p>
<h2>How it was made</h2>
<table>
{listed}</table>
</html>
"""
