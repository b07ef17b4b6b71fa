"""Peers against us: their learners on the same robots, seeds and steps, their final policies scored as ours are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.logger import Logger

from locomotion.benchmarks.peers import EqualKL, Peer, build, check_packages, with_equal_kl, zoo_peer
from locomotion.benchmarks.scores import EVALUATION, FOLDER, Row
from locomotion.environments import known_environment
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import EPISODES, EVALUATION_SEED, Evaluation, evaluate_actor
from locomotion.evaluation.statistics import by_chance, probability_of_improvement
from locomotion.files import folder_name, read_json, write_json
from locomotion.policies.card import installed_versions
from locomotion.runs.folder import Run
from locomotion.runs.recipes import usual_settings
from locomotion.runs.rules import TrustRegion
from locomotion.tables import lines_of
from locomotion.training.metrics import Terminal

SIGNIFICANCE = 0.05  # up to which probability of mere chance a comparison counts as won or lost
LINE_STEPS = 20_000  # between two lines of the terminal


@dataclass(frozen=True)
class Comparison:
    """Our scores and a peer's of one robot, both measured by us."""

    ours: Row
    theirs: Row

    def _returns(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array([*self.ours.returns.values()]), np.array([*self.theirs.returns.values()])

    @property
    def better(self) -> float:
        """Probability that ours is the better of two policies, one of each."""
        return float(probability_of_improvement(*self._returns()))

    @property
    def by_chance(self) -> float:
        """Probability of such a difference, or a larger one, where there is none."""
        return by_chance(*self._returns())

    @property
    def verdict(self) -> str:
        """`win`, `loss`, or `open` where chance alone might have made the difference."""
        if self.by_chance > SIGNIFICANCE:
            return "open"
        return "win" if self.better > 0.5 else "loss"


def peers_of(robots: Sequence[str], packages: Sequence[str], algo: str) -> dict[str, list[Peer]]:
    """Return by robot who is compared: with the zoo's settings, and, where ours has a trust region, in an equal one.

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


def measure(
    rows: Sequence[Row],
    peers: dict[str, list[Peer]],
    threads: int | None = None,
    folder: Path = FOLDER,
) -> Iterator[Comparison]:
    """Yield each of our rows beside each of its robot's peers, after as many steps, from the same seeds.

    Every run stays in `folder`, and one that is finished is not run again. One that was broken off begins anew: the
    peers' learners cannot be resumed exactly.
    """
    for row in rows:
        for peer in peers[row.env]:
            evaluations = {}
            for seed in row.evaluations:
                out = folder / folder_name(row.env) / f"{peer.folder_name}-{row.steps}-steps-seed{seed}"
                evaluations[seed] = finished(out, peer, row.env, row.steps, seed, threads)
            yield Comparison(row, Row(row.env, peer.name, row.steps, evaluations))


def finished(out: Path, peer: Peer, env: str, steps: int, seed: int, threads: int | None = None) -> dict[str, Any]:
    """Return a peer's evaluation.json, after training and scoring it where that is still to do.

    Raises:
        UsageError: where the folder holds a run with other settings, or another process is training into it.
    """
    # As JSON has it, so that it can be compared with what a file says.
    settings = json.loads(json.dumps({"env": env, "steps": steps, "seed": seed, **asdict(peer)}))
    config, evaluation = out / "config.json", out / "evaluation.json"
    if not (config.exists() and evaluation.exists()):
        out.mkdir(parents=True, exist_ok=True)
        with Run(out).locked():
            write_json(config, {"settings": settings, "versions": installed_versions() | {peer.package: peer.version}})
            write_json(evaluation, trained(peer, env, steps, seed, threads).as_json())
    elif read_json(config, "settings")["settings"] != settings:
        raise UsageError(f"{out} was run with other settings: move it away to run it anew")
    return read_json(evaluation, *EVALUATION)


def trained(peer: Peer, env: str, steps: int, seed: int, threads: int | None = None) -> Evaluation:
    """Train a peer from nothing and return its final policy's scores, over the episodes that ours are scored by."""
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

    def actor(observations: np.ndarray) -> np.ndarray:  # the statistics stay as training has left them
        return model.predict(robots.normalize_obs(observations), deterministic=True)[0]  # type: ignore[arg-type]

    return evaluate_actor(actor, env, EPISODES, EVALUATION_SEED, name=peer.name, threads=threads)


def table(comparisons: Sequence[Comparison]) -> str:
    """Return the comparisons as a Markdown table."""
    lines = [
        [
            "robot",
            "ours",
            "95 % interval",
            "peer",
            "its return",
            "95 % interval",
            "ours better",
            "by chance",
            "verdict",
        ],
        ["---", "---:", "---", "---", "---:", "---", "---:", "---:", "---"],
    ]
    for one in comparisons:
        ours, theirs = one.ours, one.theirs
        left, right = [f"{ours.learner} {ours.spread}", ours.interval], [theirs.learner, theirs.spread, theirs.interval]
        chance = [f"{one.better:.2f}", f"{one.by_chance:.3f}", one.verdict]
        lines.append([ours.env, *left, *right, *chance])
    notes = [
        "Same robots, seeds, steps and test episodes, run here; +- is the standard error over the seeds, the interval",
        "Student's t. Ours better: probability that of two policies, one of each learner, ours returns more (Mann and",
        "Whitney). By chance: probability of such a difference where there is none (exact, two-sided, each line for",
        f"itself); above {SIGNIFICANCE} the verdict is open. zoo: the settings of rl-baselines3-zoo; equal KL: these",
        "in a trust region of our size, by the KL summed over actions.",
    ]
    return "\n".join([lines_of(lines), "", *notes])
