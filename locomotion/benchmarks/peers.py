"""Peers: the learners of Stable-Baselines3 and sb3-contrib, with rl-baselines3-zoo's settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from envs.registry import GYMNASIUM_TASKS
from locomotion.benchmarks.zoo import ALL_ROBOTS, TUNED
from locomotion.errors import UsageError
from locomotion.runs.schedules import constant_then_linear

# Package, by its name on the command line -> its module and learner. SB3's A2C is left out: the zoo has not tuned it
# for any of these robots.
PACKAGES = {"sb3-contrib": ("sb3_contrib", "TRPO"), "sb3": ("stable_baselines3", "PPO")}
ACTIVATIONS = {"relu": nn.ReLU}


@dataclass(frozen=True)
class Peer:
    """Another package's learner, with settings for a robot."""

    package: str  # a key of PACKAGES
    settings: dict[str, Any] = field(hash=False)  # n_envs, and the learner's arguments; JSON values
    tuned: bool  # whether the zoo tuned them for this robot
    summed_kl: tuple[float, float] | None = None  # first and final bound, summed over actions; None: its own

    @property
    def learner(self) -> str:
        """The class's name."""
        return PACKAGES[self.package][1]

    @property
    def name(self) -> str:
        """Package, learner and settings, for a reader."""
        if self.summed_kl:
            return f"{self.package} {self.learner}, equal KL"
        return f"{self.package} {self.learner}, zoo" + ("" if self.tuned else " (not tuned for this robot)")

    @property
    def folder_name(self) -> str:
        """Package, learner and settings, as the beginning of a folder's name."""
        settings = "equal-kl-{:g}-{:g}".format(*self.summed_kl) if self.summed_kl else "zoo"
        return f"{self.package}-{self.learner.lower()}-{settings}"

    @property
    def version(self) -> str:
        """The installed package's version."""
        return str(import_module(PACKAGES[self.package][0]).__version__)

    @property
    def batch(self) -> int:
        """Steps of one iteration."""
        return self.settings["n_envs"] * self.settings["n_steps"]


def check_packages(packages: Sequence[str]) -> None:
    """Check that these packages are known and installed.

    Raises:
        UsageError: for the first that is not.
    """
    for package in packages:
        if package not in PACKAGES:
            raise UsageError(f"unknown peer {package!r}; there are {' and '.join(PACKAGES)}")
        if find_spec(PACKAGES[package][0]) is None:
            raise UsageError(f"{package} is not installed: pip install -c constraints.txt -e '.[bench]'")


def zoo_peer(package: str, env: str) -> Peer:
    """Return a package's learner with the zoo's settings for one of Gymnasium's robots.

    Raises:
        UsageError: for any other robot, since the zoo has no settings for it.
    """
    if env not in GYMNASIUM_TASKS:
        raise UsageError(f"there are peers for Gymnasium's robots only, not for {env}: {', '.join(GYMNASIUM_TASKS)}")
    tuned = TUNED[package].get(env)
    return Peer(package, ALL_ROBOTS[package] | (tuned or {}), tuned is not None)


def with_equal_kl(peer: Peer, first: float, final: float) -> Peer:
    """Return sb3-contrib's TRPO with a trust region like ours: bounded in the summed KL, and narrowing at the end."""
    own = {name: value for name, value in peer.settings.items() if name != "target_kl"}
    return replace(peer, settings=own, summed_kl=(first, final))


def build(peer: Peer, env: str, seed: int) -> tuple[OnPolicyAlgorithm, VecNormalize]:
    """Return an untrained learner, and its robots on SB3's own vectorisation, normalised as in the zoo."""
    module = import_module(PACKAGES[peer.package][0])
    arguments = dict(peer.settings)
    vec_env = VecNormalize(make_vec_env(env, arguments.pop("n_envs"), seed=seed), gamma=arguments["gamma"])
    policy = dict(arguments.pop("policy_kwargs", {}))
    if "activation_fn" in policy:
        policy["activation_fn"] = ACTIVATIONS[policy["activation_fn"]]
    make = getattr(module, peer.learner)
    return make("MlpPolicy", vec_env, seed=seed, device="cpu", policy_kwargs=policy, **arguments), vec_env


def actor_of(model: OnPolicyAlgorithm, robots: VecNormalize) -> Callable[[Any, np.ndarray], np.ndarray]:
    """Return a peer's policy without exploration, which has no memory, as `evaluate_actor` takes it."""

    def actor(observations: np.ndarray, starts: np.ndarray) -> np.ndarray:
        return model.predict(robots.normalize_obs(observations), deterministic=True)[0]  # type: ignore[arg-type]

    return actor


class EqualKL(BaseCallback):
    """Sets sb3-contrib's `target_kl` before each update so that the true KL has our bound.

    Its KL is the mean over action dimensions, while the KL of the policies is the sum: its 0.01 allows a robot of six
    joints 0.06. (It also takes KL(new || old), ours is KL(old || new); for such small steps they are alike.)

    Args:
        first: bound of the summed KL for most of the training.
        final: bound at its end.
    """

    def __init__(self, first: float, final: float):
        super().__init__()
        self.first = first
        self.final = final

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        remaining = 1.0 - self.num_timesteps / self.model._total_timesteps
        (dimensions,) = self.model.action_space.shape  # type: ignore[misc]
        self.model.target_kl = constant_then_linear(remaining, self.first, self.final) / dimensions  # type: ignore[attr-defined]
