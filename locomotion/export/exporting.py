"""Exporting a policy: a folder that holds all a robot's own computer needs, proven before it gets its name."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import envs
from agents import ActorCritic
from envs.registry import require_task
from locomotion.checksums import SUMS, listed_names
from locomotion.environments import EVALUATION_STEPS, make_env
from locomotion.errors import UsageError, refusals_told
from locomotion.evaluation.episodes import EVALUATION_SEED, Actor, actor_of
from locomotion.export.action_proof import ActionProof, compare_actions
from locomotion.export.actor import ActorParts
from locomotion.export.deploy import Deployment, deployment, metadata
from locomotion.export.formats import FORMATS
from locomotion.export.model import write_model
from locomotion.export.onnx_actor import GRAPH, OnnxActor
from locomotion.export.policy_graph import graph_of, memory_sizes
from locomotion.export.proof import EPISODES, LARGEST
from locomotion.export.publishing import write_model_card
from locomotion.export.runner_proof import RUNNER, RunnerProof, compare_runner
from locomotion.files import atomic_folder, make_folder
from locomotion.interrupts import NOTHING_KEPT, keeping
from locomotion.policies.card import save_card
from locomotion.policies.shipped import short_name
from locomotion.policies.stored import WEIGHTS, StoredPolicy
from locomotion.threads import set_threads

FOLDER = Path("exported")


@dataclass(frozen=True)
class Exported:
    """A folder that was written."""

    folder: Path
    actions: ActionProof
    runner: RunnerProof | None
    lacking: tuple[str, ...]  # what there is not, and why

    def summary(self) -> str:
        """Return lines for the terminal."""
        runner = [f"run_policy.py: {self.runner}"] if self.runner else []
        files = ", ".join(sorted(path.name for path in self.folder.iterdir()))
        return "\n".join([str(self.actions), *runner, *self.lacking, f"{self.folder}: {files}"])


def export(
    stored: StoredPolicy,
    out: Path | None = None,
    task: Mapping[str, Any] | None = None,
    formats: Sequence[str] = ("torchscript",),
    repository: str | None = None,
    steps: int = EVALUATION_STEPS,
) -> Exported:
    """Write a policy and what its robot's own computer must know into a folder, and prove it equal to the trained one.

    Args:
        stored: the policy.
        out: the folder, in place of a former export; by default one of the robot's name in `exported`.
        task: numbers of its task that differ from those it is evaluated with.
        formats: of `FORMATS`, besides ONNX.
        repository: USER/NAME on the hub, for which a model card is written.
        steps: after which an episode of the proof is cut off.

    Raises:
        UsageError: where the policy cannot be exported, the folder holds something else or cannot be written, or the
            exported policy is not equal to the trained one: then no folder is left.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, once a line has said that nothing was written.
    """
    set_threads(1)
    folder = (out or FOLDER / short_name(stored.env)).resolve()
    require_replaceable(folder)
    numbers = numbers_of(stored, task or {})
    with contextlib.closing(make_env(stored.env, 1, task=numbers, threads=1)) as like:
        policy = stored.load(like)
    world = first_episode(stored.env, numbers)
    seen = ActorParts.of(policy).space
    told = None if world is None else deployment(world, stored.env, memory_sizes(policy))
    lacking = [why_no_runner(stored.env, told)]
    make_folder(folder.parent)
    with keeping(lambda: NOTHING_KEPT), refusals_told(folder), atomic_folder(folder) as temporary:
        write_policy(stored, policy, told, temporary)
        actors: dict[str, Actor] = {GRAPH: OnnxActor(temporary)}
        for form in (FORMATS[name] for name in formats):
            form.write(policy, temporary)
            actor = form.actor(temporary)
            if actor is None:
                lacking.append(f"{form.file} is not compared: there is no C compiler")
            else:
                actors[form.file] = actor
        if repository is not None:
            write_model_card(stored, repository, temporary)
        if told is not None and world is not None:
            lacking.append(write_robot(told, world, temporary))
        one, other = (make_env(stored.env, 1, task=numbers, seed=EVALUATION_SEED, threads=1) for _ in range(2))
        with contextlib.closing(one), contextlib.closing(other):
            actions = compare_actions(actor_of(policy, 1, None), actors, OnnxActor(temporary), seen, one, other, steps)
        runner = None
        if (temporary / RUNNER).exists():
            runner = compare_runner(actor_of(policy, 1, None), temporary, require_task(stored.env, **numbers), steps)
        require_equal(actions, runner)
    return Exported(folder, actions, runner, tuple(line for line in lacking if line))


def require_replaceable(folder: Path) -> None:
    """Refuse a folder that holds anything but a former export, or in which the command runs.

    Raises:
        UsageError: naming it.
    """
    if folder == Path.cwd():
        raise UsageError(f"--out {folder} is the folder you are in; name a new one")
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / GRAPH).is_file()):
        raise UsageError(f"--out {folder} holds something else than a former export; name a new folder")
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.name != SUMS and file.name not in listed_names(folder):
            raise UsageError(f"--out {folder} holds {file.name}, which is not of a former export; name a new folder")


def numbers_of(stored: StoredPolicy, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of the task that a policy leaves with: those of its evaluation, but for the task's own."""
    cls = envs.task_class(stored.env)
    return stored.numbers("evaluation", {**(cls.exported if cls else {}), **asked})


def first_episode(env: str, numbers: Mapping[str, Any]) -> envs.World | None:
    """Return the world of one robot whose first evaluated episode begins; None for a foreign environment."""
    if envs.task_class(env) is None:
        return None
    world = envs.World(require_task(env, **numbers), 1, 1)
    world.reset(np.arange(1), [EVALUATION_SEED])
    return world


def write_policy(stored: StoredPolicy, policy: ActorCritic, told: Deployment | None, folder: Path) -> None:
    """Write policy.onnx, and the card and weights, by which all verbs know the folder as a policy."""
    model = graph_of(policy, *((told.control, metadata(told.values)) if told else ()))
    onnx.save(model, folder / GRAPH)
    (folder / WEIGHTS).write_bytes(stored.weights)
    save_card(stored.card, folder)


def write_robot(told: Deployment, world: envs.World, folder: Path) -> str:
    """Write the robot's model, deploy.yaml and, where that says all it needs, the runner; return what is left out."""
    (folder / "deploy.yaml").write_text(told.as_yaml())
    if told.complete:
        shutil.copyfile(Path(__file__).with_name(RUNNER), folder / RUNNER)
    return write_model(world.task, world.model, folder)


def why_no_runner(env: str, told: Deployment | None) -> str:
    """Return in words why there is no runner; empty where there is one."""
    if told is None:
        return f"no {RUNNER}: {env} is not one of the robots that are stepped in batches, whose observations are known"
    if told.complete:
        return ""
    unknown = [f"which sensors observe {', '.join(told.unknown)}"] if told.unknown else []
    unknown += ["how actions become controls"] if told.control is None else []
    return f"no {RUNNER}: it is not known {', and '.join(unknown)}; the task can say so (envs/README.md)"


def require_equal(actions: ActionProof, runner: RunnerProof | None) -> None:
    """Refuse an exported policy that is not equal to the trained one.

    Raises:
        UsageError: naming what differs.
    """
    found = dict(actions.differences)
    if runner is not None:
        found |= {"the runner's observations": runner.observation, "the runner's actions": runner.action}
    for name, difference in found.items():
        if not difference <= LARGEST:
            raise UsageError(
                f"the exported policy is not the trained one: {name} differ by {difference:.1e} within {EPISODES}"
                f" episodes, where {LARGEST:.0e} is allowed; nothing was exported"
            )
