"""Exporting a policy: a folder that holds all a robot's own computer needs, proven before it gets its name."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml

import envs
from agents import ActorCritic
from envs.registry import require_task
from locomotion.environments import EVALUATION_STEPS
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import EVALUATION_SEED, actor_of
from locomotion.export import run_policy
from locomotion.export.deploy import Deployment, deployment, metadata
from locomotion.export.model import write_model
from locomotion.export.policy_graph import graph_of, memory_sizes
from locomotion.export.proof import EPISODES, LARGEST, ActionProof, RunnerProof, compare_actions, compare_runner
from locomotion.files import atomic_folder
from locomotion.interrupts import NOTHING_KEPT, keeping
from locomotion.policies.card import save_card
from locomotion.policies.shipped import short_name
from locomotion.policies.stored import WEIGHTS, StoredPolicy
from locomotion.threads import set_threads

FOLDER = Path("exported")
GRAPH = "policy.onnx"


@dataclass(frozen=True)
class Exported:
    """A folder that was written."""

    folder: Path
    actions: ActionProof
    runner: RunnerProof | None
    lacking: str  # why there is no runner; empty where there is one

    def summary(self) -> str:
        """Return lines for the terminal."""
        files = ", ".join(sorted(path.name for path in self.folder.iterdir()))
        proof = [f"policy.onnx: {self.actions}"]
        proof.append(f"run_policy.py: {self.runner}" if self.runner else f"no run_policy.py: {self.lacking}")
        return "\n".join([*proof, f"{self.folder}: {files}"])


def export(
    stored: StoredPolicy, out: Path | None = None, task: Mapping[str, Any] | None = None, steps: int = EVALUATION_STEPS
) -> Exported:
    """Write a policy and what its robot's own computer must know into a folder, and prove them equal to the trained.

    Args:
        stored: the policy.
        out: the folder; by default one of the robot's name in `exported`.
        task: numbers of its task that differ from those it is evaluated with.
        steps: after which an episode of the proof is cut off.

    Raises:
        UsageError: where the policy cannot be exported, the folder holds something else or cannot be written, or the
            exported policy is not equal to the trained one: then no folder is left.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, once a line has said that nothing was exported.
    """
    set_threads(1)
    folder = out or FOLDER / short_name(stored.env)
    require_replaceable(folder)
    policy = stored.load()
    world = world_of(stored, task)
    with keeping(lambda: NOTHING_KEPT), atomic_folder(folder) as temporary:
        told = None if world is None else deployment(world, stored.env, memory_sizes(policy))
        write_policy(stored, policy, told, temporary)
        lacking = why_no_runner(stored.env, told)
        if world is not None and told is not None:
            write_model(world.task, world.model, temporary)
            content = yaml.safe_dump(told.values, sort_keys=False, default_flow_style=None, width=120)
            (temporary / "deploy.yaml").write_text(content)
        if not lacking:
            shutil.copyfile(run_policy_source(), temporary / "run_policy.py")
        return Exported(folder, *prove(stored, policy, temporary, task, steps, not lacking), lacking)


def require_replaceable(folder: Path) -> None:
    """Refuse a folder that holds anything but a former export.

    Raises:
        UsageError: naming it.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / GRAPH).is_file()):
        raise UsageError(f"--out {folder} holds something else than a former export; name a new folder")


def world_of(stored: StoredPolicy, task: Mapping[str, Any] | None) -> envs.World | None:
    """Return the world of one robot whose first evaluated episode begins; None for a foreign environment."""
    if envs.task_class(stored.env) is None:
        return None
    world = envs.World(require_task(stored.env, **stored.numbers("evaluation", task)), 1, auto_reset=False)
    world.reset(np.arange(1), [EVALUATION_SEED])
    return world


def write_policy(stored: StoredPolicy, policy: ActorCritic, told: Deployment | None, folder: Path) -> None:
    """Write policy.onnx, and the card and weights, by which all verbs know the folder as a policy."""
    model = graph_of(policy, *((told.control, metadata(told.values)) if told else ()))
    onnx.save(model, folder / GRAPH)
    (folder / WEIGHTS).write_bytes(stored.weights)
    save_card(stored.card, folder)


def why_no_runner(env: str, told: Deployment | None) -> str:
    """Return in words why nobody but the task can make its observations and controls; empty where a runner can."""
    if told is None:
        return f"{env} is not one of the robots that are stepped in batches, of which the observations are known"
    lacking = [f"the part {name} of the observation" for name in told.unknown]
    lacking += ["the way from actions to controls"] if told.control is None else []
    if not lacking:
        return ""
    return f"the task does not say where to find {' and '.join(lacking)} (Task.observation_sources, Task.control)"


def run_policy_source() -> Path:
    """Return the file of the runner."""
    return Path(run_policy.__file__)


def prove(
    stored: StoredPolicy,
    policy: ActorCritic,
    folder: Path,
    task: Mapping[str, Any] | None,
    steps: int,
    runner: bool,
) -> tuple[ActionProof, RunnerProof | None]:
    """Return how equal the files of a folder are to the trained policy.

    Raises:
        UsageError: where they are not.
    """
    one, other = (stored.environment(1, task=task, seed=EVALUATION_SEED) for _ in range(2))
    with contextlib.closing(one), contextlib.closing(other):
        actions = compare_actions(actor_of(policy, 1, None), folder / GRAPH, one, other, steps)
    differences = [actions.difference]
    proof = None
    if runner:
        numbers = stored.numbers("evaluation", task)
        proof = compare_runner(actor_of(policy, 1, None), folder, require_task(stored.env, **numbers), steps)
        differences += [proof.observation, proof.action]
    if not max(differences) <= LARGEST:
        found = ", ".join(f"{one:.1e}" for one in differences)
        raise UsageError(
            f"the exported policy is not the trained one: actions, and the runner's observations and actions, differ by"
            f" {found} within {EPISODES} episodes, where {LARGEST:.0e} may be; nothing was exported"
        )
    return actions, proof
