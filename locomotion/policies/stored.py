"""A stored policy: found by name, read, made anew, and put into the environment it was trained in."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from gymnasium import spaces

from locomotion.checksums import COPY, read_checked, write_sums
from locomotion.environments import Purpose, make_env, stored_environment, task_numbers
from locomotion.errors import UsageError
from locomotion.files import steps_in
from locomotion.policies.card import PolicyCard, installed_versions, read_card, save_card
from locomotion.policies.hub import PREFIX, download
from locomotion.policies.shipped import find_shipped, nearest
from locomotion.policies.spaces import space_as_data, space_from_data, space_of_actor
from locomotion.policies.weights import shapes_of_weights
from locomotion.runs.folder import Run

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

    from agents import ActorCritic

WEIGHTS = "policy.safetensors"


@dataclass(frozen=True)
class StoredPolicy:
    """A policy's folder and its card. Torch is imported when the policy itself is asked for."""

    folder: Path
    card: PolicyCard
    weights: bytes = field(repr=False)  # content of policy.safetensors: a training may delete the checkpoint soon

    @classmethod
    def find(cls, name: str | Path) -> Self:
        """Find a policy: of a checkpoint, of a run's last checkpoint, or one that ships with the package.

        Args:
            name: a path, or, where nothing stands there, the short name of a robot whose policy ships (`Biped`); or
                `hub:USER/NAME`, a policy of the Hugging Face hub.

        Raises:
            UsageError: where there is none, naming what comes nearest, or its files are damaged.
        """
        while True:
            folder = find_policy(name)
            try:
                return cls(folder, read_card(folder), read_checked(folder / WEIGHTS))
            except FileNotFoundError as error:
                if folder.exists():
                    raise UsageError(f"{folder / WEIGHTS} is missing") from error
            except UsageError:
                if folder.exists():
                    raise
            # The run is being trained, and has deleted this checkpoint: it has a later one.

    @property
    def env(self) -> str:
        """Canonical id of the environment it was trained in.

        Raises:
            UsageError: where it is not known here, naming the file that registered it.
        """
        return stored_environment(self.card.env, [self.card.source] if self.card.source else [])

    def numbers(self, purpose: Purpose, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the task's numbers: those it was trained with, the task's own for a purpose, those asked for."""
        return task_numbers(self.env, purpose, self.card.task, asked)

    def environment(
        self, robots: int = 1, purpose: Purpose = "evaluation", task: Mapping[str, Any] | None = None, **door: Any
    ) -> VecEnv:
        """Return the environment it was trained in.

        Args:
            robots: how many.
            purpose: which of the task's own changes apply.
            task: numbers of the task that go over all others.
            **door: as `make_env` takes them.

        Raises:
            UsageError: where it cannot be made.
        """
        return make_env(self.env, robots, task=self.numbers(purpose, task), **door)

    def load(self, env: VecEnv | None = None) -> ActorCritic:
        """Return the policy. It needs no environment; a given one must have the same spaces for its actor.

        Raises:
            UsageError: where the files are damaged, or the policy's actor was trained on other spaces.
        """
        from agents.sb3_policies import policy_class
        from agents.symmetry import identity_mirror
        from locomotion.policies.tensors import fill, tensors_in

        path, network = self.folder / WEIGHTS, self.card.network
        tensors = tensors_in(self.weights, path)
        matrices = Counter(tuple(tensor.shape) for tensor in tensors.values())
        observation_space, action_space = self._spaces(env, matrices)
        try:
            policy = policy_class(observation_space)(
                observation_space,
                action_space,
                lambda _: 1e-3,
                network=network,
                optimizer_class=NoOptimizer,
                mirror=identity_mirror(observation_space, action_space) if network.mirror else None,
            )
        except ValueError as error:  # no learner takes these spaces, or not with such a network
            raise UsageError(f"{self.folder / 'policy.json'} is damaged ({error}); {COPY}") from error
        fill(policy, tensors, path)
        return policy

    def _spaces(self, env: VecEnv | None, there: Counter[tuple[int, ...]]) -> tuple[spaces.Space, spaces.Space]:
        """Return the spaces of observations and actions; a card of format 2 leaves them to the environment.

        A card that asks for more than the file of weights holds is refused before that takes memory.

        Args:
            env: given to `load`.
            there: the shapes of the tensors in the file.
        """
        observation, action = self.card.observation_space, self.card.action_space
        try:
            if "printed" in observation:
                if env is None:
                    env = self.environment()
                    env.close()
                self._compare(env, observation["printed"], action["printed"])
                observation, action = map(space_as_data, (env.observation_space, env.action_space))
            lacking = Counter(shapes_of_weights(self.card.network, observation, action)) - there
            if lacking:
                shape = " x ".join(map(str, next(iter(lacking))))
                raise ValueError(f"it asks for weights of {shape}, which policy.safetensors does not hold")
            theirs = space_from_data(observation), space_from_data(action)
            if env is not None and "printed" not in self.card.observation_space:
                self._compare(env, *theirs)
            return theirs
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UsageError(f"{self.folder / 'policy.json'} is damaged ({error}); {COPY}") from error

    def _compare(self, env: VecEnv, *theirs: spaces.Space | str) -> None:
        """Refuse an environment in which the actor sees or does something else; the critic may see anything."""
        for kind, trained_on, ours in zip(
            ("observation", "action"), theirs, (env.observation_space, env.action_space), strict=True
        ):
            if isinstance(trained_on, str):
                told: list[Any] = [trained_on, str(ours)]
            else:
                told = [space_of_actor(trained_on), space_of_actor(ours)]
                if told[0].shape != told[1].shape:
                    told = [f"of shape {space.shape}" if space.shape else str(space) for space in told]
            if told[0] != told[1]:
                one, other = told
                raise UsageError(f"this policy was trained in {self.card.env}, on {kind}s {one}; here they are {other}")


class NoOptimizer:
    """The optimiser of a policy that only acts: making one of torch's imports its compiler, which takes a second."""

    def __init__(self, *args: Any, **kwargs: Any):
        pass


Numbers = Callable[[StoredPolicy], Mapping[str, Any]]  # a policy -> the numbers of its task that are asked for


def as_trained(stored: StoredPolicy) -> Mapping[str, Any]:
    """Return no numbers: a policy's task is as it was in training, but for the task's own changes."""
    return {}


def find_policy(name: str | Path) -> Path:
    """Return the folder that holds the policy.json of `StoredPolicy.find`."""
    if str(name).startswith(PREFIX):
        return download(str(name), ("policy.json", WEIGHTS))
    path = Path(name)
    if (path / "policy.json").is_file():
        return path
    if not path.exists():
        shipped = find_shipped(str(name))
        if shipped is None:
            raise UsageError(f"no policy at {path}: {nearest(str(name))}")
        return shipped
    run = Run(path)
    evaluated = max(steps_in(run.snapshots), default=0)  # before the checkpoints: a training writes each of those first
    latest = run.latest()
    if latest is None:
        raise UsageError(f"{str(name) or repr(name)} holds no policy: name a run's folder or a checkpoint's")
    if evaluated > (step := int(latest.name)):
        gone = f"{path} was evaluated at step {evaluated:,}, of which no checkpoint is left"
        print(f"warning: {gone}; this is the policy of step {step:,}", file=sys.stderr)
    return latest


def describe(
    policy: ActorCritic,
    env: str,
    algo: str,
    seed: int,
    steps: int,
    task: Mapping[str, Any] | None = None,
    source: str | None = None,
) -> PolicyCard:
    """Return the card of a policy.

    Raises:
        UsageError: where its activation has no name that a card could hold.
    """
    from agents.activations import ACTIVATIONS

    if policy.network.activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise UsageError(f"no card can name the activation {policy.network.activation}: cards know {known}")
    return PolicyCard(
        env=env,
        algo=algo,
        seed=seed,
        steps=steps,
        observation_space=space_as_data(policy.observation_space),
        action_space=space_as_data(policy.action_space),
        network=policy.network,
        versions=installed_versions(),
        task=dict(task or {}),
        source=source,
    )


def save_policy(policy: ActorCritic, card: PolicyCard, folder: Path) -> None:
    """Write policy.safetensors and policy.json into a folder, and its SHA256SUMS."""
    from locomotion.policies.tensors import own_tensors, write_tensors

    write_tensors(own_tensors(policy), folder / WEIGHTS)
    save_card(card, folder)
    write_sums(folder)
