"""Scores of peers: other packages' learners on the same robots, seeds and steps, final policies scored as ours."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.logger import Logger

from locomotion.benchmarks.peers import EqualKL, Peer, actor_of, build, check_packages, with_equal_kl, zoo_peer
from locomotion.benchmarks.scores import FOLDER, SeedScores
from locomotion.checksums import DELETE
from locomotion.environments import EVALUATION_STEPS, known_environment
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import EPISODES, EVALUATION_SEED, evaluate_actor
from locomotion.evaluation.scores import Evaluation
from locomotion.evaluation.statistics import by_chance, probability_of_improvement
from locomotion.files import folder_name, read_json, write_json
from locomotion.policies.card import installed_versions
from locomotion.policies.scores import read_scores
from locomotion.progress import each
from locomotion.runs.folder import Run
from locomotion.runs.recipes import usual_settings
from locomotion.runs.rules import TrustRegion
from locomotion.tables import markdown_table
from locomotion.training.metrics import Terminal

SIGNIFICANCE = 0.05  # a comparison is won or lost up to this probability of chance
LINE_STEPS = 20_000  # between two lines on the terminal


@dataclass(frozen=True)
class Comparison:
    """Our scores and a peer's for one robot, both measured by us."""

    ours: SeedScores
    theirs: SeedScores

    def _returns(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array([*self.ours.returns.values()]), np.array([*self.theirs.returns.values()])

    @property
    def better(self) -> float:
        """Probability that a policy of ours returns more than one of theirs."""
        return float(probability_of_improvement(*self._returns()))

    @property
    def by_chance(self) -> float:
        """Probability of a difference as large or larger where the learners do not differ."""
        return by_chance(*self._returns())

    @property
    def verdict(self) -> str:
        """`win`, `loss`, or `open` where chance may explain the difference."""
        if self.by_chance > SIGNIFICANCE:
            return "open"
        return "win" if self.better > 0.5 else "loss"


def peers_of(robots: Sequence[str], packages: Sequence[str], algo: str) -> dict[str, list[Peer]]:
    """Return each robot's peers: with the zoo's settings, and, where ours has a trust region, with an equal one.

    Raises:
        UsageError: for a package that is unknown or not installed, or a robot without peers.
    """
    check_packages(packages)
    found: dict[str, list[Peer]] = {}
    for env in map(known_environment, robots):
        rule = usual_settings(env, algo).rule
        found[env] = []
        for package in packages:
            peer = zoo_peer(package, env)
            found[env].append(peer)
            if peer.learner == "TRPO" and isinstance(rule, TrustRegion):
                found[env].append(with_equal_kl(peer, rule.target_kl, rule.final_kl))
    return found


def compare(
    rows: Sequence[SeedScores],
    peers: dict[str, list[Peer]],
    threads: int | None = None,
    evaluation_steps: int = EVALUATION_STEPS,
    folder: Path = FOLDER,
) -> Iterator[Comparison]:
    """Yield each of our robots' scores beside each peer's, for the same number of steps and the same seeds.

    Every run stays in `folder`, and finished runs are not repeated. Interrupted ones begin anew: the peers' learners
    cannot be resumed exactly.
    """
    for row in rows:
        for peer in peers[row.env]:
            evaluations = {}
            for seed in each(row.evaluations, f"trainings of {peer.name} in {row.env}", len(row.evaluations)):
                out = folder / folder_name(row.env) / f"{peer.folder_name}-{row.steps}-steps-seed{seed}"
                evaluations[seed] = finished(out, peer, row.env, row.steps, seed, threads, evaluation_steps)
            yield Comparison(row, SeedScores(row.env, peer.name, row.steps, evaluations))


def finished(
    out: Path,
    peer: Peer,
    env: str,
    steps: int,
    seed: int,
    threads: int | None = None,
    evaluation_steps: int = EVALUATION_STEPS,
) -> dict[str, Any]:
    """Return a peer's evaluation.json; an unfinished peer is trained and scored first.

    Raises:
        UsageError: where the folder holds a run with other settings, or another process is training into it.
    """
    # Through JSON, to be comparable with the file (tuples become lists).
    settings = json.loads(json.dumps({"env": env, "steps": steps, "seed": seed, **asdict(peer)}))
    config, evaluation = out / "config.json", out / "evaluation.json"
    if not (config.exists() and evaluation.exists()):
        out.mkdir(parents=True, exist_ok=True)
        with Run(out).locked():
            versions = installed_versions() | {peer.package: peer.version}
            write_json(config, {"settings": settings, "versions": versions}, alone=True)
            scores = trained(peer, env, steps, seed, threads, evaluation_steps)
            write_json(evaluation, scores.as_json(), alone=True)
    elif read_json(config, "settings", remedy=DELETE)["settings"] != settings:
        raise UsageError(f"{out} was run with other settings: move it away to run it anew")
    return read_scores(evaluation, DELETE)


def trained(
    peer: Peer,
    env: str,
    steps: int,
    seed: int,
    threads: int | None = None,
    evaluation_steps: int = EVALUATION_STEPS,
) -> Evaluation:
    """Train a peer from scratch and return its final policy's scores, over the same episodes as ours."""
    print(f"training {peer.name}, in {env} from seed {seed}", file=sys.stderr)
    model, robots = build(peer, env, seed)
    terminal = Terminal(steps)
    model.set_logger(Logger(None, [terminal]))
    try:
        callback = EqualKL(*peer.summed_kl) if peer.summed_kl else None
        model.learn(steps, callback, log_interval=max(1, LINE_STEPS // peer.batch))
    finally:
        terminal.close()
        robots.close()

    options: dict[str, Any] = {"name": peer.name, "threads": threads, "evaluation_steps": evaluation_steps}
    return evaluate_actor(actor_of(model, robots), env, EPISODES, EVALUATION_SEED, **options)


def comparison_table(comparisons: Sequence[Comparison]) -> str:
    """Return the comparisons as a Markdown table."""
    head = ["robot", "ours", "95 % interval", "peer", "its return", "95 % interval"]
    lines = []
    for one in comparisons:
        ours, theirs = one.ours, one.theirs
        left, right = [f"{ours.learner} {ours.spread}", ours.interval], [theirs.learner, theirs.spread, theirs.interval]
        chance = [f"{one.better:.2f}", f"{one.by_chance:.3f}", one.verdict]
        lines.append([ours.env, *left, *right, *chance])
    notes = [
        "Same robots, seeds, steps and test episodes, run here; +- is the standard error over the seeds, the interval",
        "Student's t. Ours better: probability that a policy of ours returns more than one of the peer's (Mann and",
        "Whitney). By chance: probability of such a difference between equal learners (exact, two-sided, each line",
        f"alone); above {SIGNIFICANCE} the verdict is open. zoo: the settings of rl-baselines3-zoo; equal KL: the same",
        "settings with a trust region of our size, by the KL summed over actions.",
    ]
    return "\n".join([markdown_table([*head, "ours better", "by chance", "verdict"], lines), "", *notes])
