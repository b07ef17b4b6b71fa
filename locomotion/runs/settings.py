"""The settings of a training run: one dataclass is the command line, the run's config.json and W&B's config."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from envs.arguments import require_types
from locomotion.command_line import optional
from locomotion.environments import known_environment
from locomotion.errors import UsageError
from locomotion.runs.options import flag, refuse_without_effect
from locomotion.runs.recipes import recipe

# What may differ from the saved settings when a run is resumed: how long, where from, who watches, what is kept.
CHANGEABLE = (
    *("steps", "resume", "out", "track", "threads", "workers"),
    *("final_episodes", "video_seconds", "keep_checkpoints", "checkpoint_seconds"),
)

Algo = Literal["trpo", "npg", "ppo", "vpg", "a2c", "a3c"]


@dataclass(frozen=True)
class Settings:
    """Train a robot. Defaults are the recipe's for the robot and the algorithm (locomotion/runs/recipes.py)."""

    env: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ENV", help_behavior_hint="")] = ""
    """Robot: one of ours (CartPole), or any Gymnasium id (Hopper-v5)."""
    algo: Algo = "trpo"
    """Learner: how the policy is updated."""
    steps: int = 1_000_000
    """Environment steps, over all robots; rounded up to whole iterations."""
    seed: int = 0
    """Seed of everything: weights, noise, start states."""
    num_envs: int = 32
    """Robots simulated at once (a3c: by each worker)."""
    n_steps: int = 64
    """Steps of each robot in one iteration."""
    episodic: bool = False
    """Whether an iteration is instead one episode of each robot, begun anew, or the first --n-steps steps of it."""
    gamma: float = 0.995
    """Discount, in [0, 1]."""
    gae_lambda: float = 0.97
    """Lambda of generalised advantage estimation, in [0, 1]."""
    advantage: Literal["gae", "k-step", "reward-to-go", "path-return"] = "gae"
    """Advantage estimator; the last two learn from whole episodes only: give --n-steps several times an episode's."""
    look_ahead: int = 5
    """k: rewards that are added up before the critic is asked for the rest (k-step)."""
    baseline: Literal["value", "none", "constant", "optimal-constant", "time", "linear"] = "value"
    """What is subtracted from returns: the critic's value, or something simpler."""
    target_kl: float = 0.02
    """Trust region (trpo, npg): bound on the mean KL(old || new), summed over action dimensions."""
    final_kl: float = 0.002
    """The same bound at the end of training: over the last fifth it narrows to this."""
    final_std: Annotated[float | None, optional("None", "FLOAT|None")] = None
    """Bound on the actions' standard deviation in the last fifth (trpo, npg), falling to this; None: no bound."""
    backtrack: float = 0.5
    """Factor by which a step shrinks until it lies in the trust region (trpo)."""
    cg_damping: float = 0.1
    """Added to the Fisher matrix's diagonal (trpo, npg)."""
    fisher_stride: int = 5
    """Fisher products use one state in so many of the batch (trpo, npg)."""
    actor_learning_rate: float = 3e-4
    """Of the actor (ppo, vpg, a2c, a3c) at first; it falls to a hundredth in a straight line."""
    clip: float = 0.2
    """How far the ratio of new to old probability may go (ppo)."""
    actor_epochs: int = 10
    """The actor's passes over the batch (ppo)."""
    batch_size: int = 256
    """Samples of one gradient step (ppo)."""
    entropy_weight: float = 0.0
    """Weight of an entropy bonus: above 0 the policy is paid for staying random, and goes on exploring (a2c, a3c)."""
    workers: Annotated[int | None, optional("all cores")] = None
    """Processes that learn at once (a3c), each with robots of its own; no more than there are cores."""
    reuse: int = 0
    """How many earlier iterations' samples are used again, with importance weights (vpg)."""
    critic: Literal["adam", "trust-region", "fitted-v"] = "adam"
    """How the critic is fitted: to the advantages' returns, or, fitted-v, to r + gamma V(s')."""
    proximity: float = 0.0
    """Weight of the penalty on how far (squared distance of its parameters) one fit moves the critic (fitted-v)."""
    critic_epochs: int = 5
    """The critic's passes over the batch (adam, fitted-v; a2c and a3c take one gradient step instead)."""
    learning_rate: float = 1e-3
    """Of the critic (adam, fitted-v)."""
    log_std_init: float = 0.0
    """First log standard deviation of the actions."""
    min_std: float = 0.0
    """Standard deviation of the actions below which exploration cannot fall."""
    mean_bound: Annotated[float | None, optional("None", "FLOAT|None")] = None
    """How far from the middle of their range the actions' means may be, in half that range; None: no bound."""
    obs_epsilon: float = 1e-8
    """Added to the variance by which each number that is observed is scaled: keeps small what hardly ever varies."""
    actor: tuple[int, ...] = (64, 64)
    """Hidden layers of the actor."""
    value: tuple[int, ...] = (64, 64)
    """Hidden layers of the critic."""
    activation: Literal["tanh", "elu", "relu"] = "tanh"
    """Of the hidden layers."""
    mirror: bool = False
    """Whether the actor is made mirror symmetric, as the robot is (ours; Gymnasium's Ant, Humanoids, Swimmer)."""
    stagger: bool = False
    """Whether the robots' first episodes end at different times (one of ours)."""
    evaluations: int = 10
    """Evaluations during training, evenly spread, after that of the untrained policy; each policy is kept."""
    evaluation_episodes: int = 8
    """Episodes of each of them."""
    final_episodes: int = 100
    """Episodes by which the final policy is scored."""
    video_seconds: float = 10.0
    """Length of the final policy's video; 0 for none."""
    keep_checkpoints: int = 3
    """How many of the latest checkpoints are kept."""
    checkpoint_seconds: float = 30.0
    """Seconds between checkpoints."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""
    out: Annotated[Path | None, optional("runs/ENV/ALGO/DATE-TIME-seedS", "FOLDER")] = None
    """The run's folder, which must be new or empty."""
    resume: Annotated[Path | None, optional("none", "RUN")] = None
    """Go on with this run, exactly where its last checkpoint left it (a3c: with new episodes)."""
    track: Literal["offline", "online", "off"] = "offline"
    """Weights & Biases."""

    def __post_init__(self) -> None:
        for name in ("gamma", "gae_lambda"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"{flag(name)} must lie in [0, 1], got {getattr(self, name)}")
        for name in (
            *("target_kl", "final_kl", "learning_rate", "checkpoint_seconds"),
            *("actor_learning_rate", "clip", "obs_epsilon"),
        ):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{flag(name)} must be a positive number, got {getattr(self, name)}")
        if not 0.0 < self.backtrack < 1.0:
            raise UsageError(f"--backtrack must lie between 0 and 1, got {self.backtrack}")
        if not 0.0 <= self.cg_damping < float("inf"):
            raise UsageError(f"--cg-damping must not be negative, got {self.cg_damping}")
        for name in ("entropy_weight", "proximity", "reuse"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise UsageError(f"{flag(name)} must not be negative, got {getattr(self, name)}")
        at_least_one = (
            *("steps", "num_envs", "n_steps", "fisher_stride", "critic_epochs", "keep_checkpoints"),
            *("look_ahead", "actor_epochs", "batch_size"),
        )
        for name in (*at_least_one, "evaluation_episodes", "final_episodes"):
            if getattr(self, name) < 1:
                raise UsageError(f"{flag(name)} must be at least 1, got {getattr(self, name)}")
        if not 0.0 <= self.min_std < 10.0:
            raise UsageError(f"--min-std must lie in [0, 10), got {self.min_std}")
        if self.mean_bound is not None and not 0.0 < self.mean_bound < float("inf"):
            raise UsageError(f"--mean-bound must be a positive number, got {self.mean_bound}")
        if not abs(self.log_std_init) < 10.0:
            raise UsageError(f"--log-std-init must lie between -10 and 10, got {self.log_std_init}")
        first_std = math.exp(self.log_std_init)
        if self.final_std is not None and not 0.0 < self.final_std <= first_std:
            raise UsageError(
                f"--final-std must be positive and at most the first one, which by --log-std-init is {first_std:.3g},"
                f" got {self.final_std}"
            )
        if self.evaluations < 0:
            raise UsageError(f"--evaluations must not be negative, got {self.evaluations}")
        if not 0.0 <= self.video_seconds <= 3600.0:
            raise UsageError(f"--video-seconds must lie in [0, 3600], got {self.video_seconds}")
        for name in ("threads", "workers"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise UsageError(f"{flag(name)} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"--seed must lie in [0, 2^32), got {self.seed}")
        if self.num_envs * self.n_steps < 2:
            raise UsageError("--num-envs times --n-steps must be at least 2: one step alone has no advantage")
        if self.episodic and self.stagger:
            raise UsageError("--episodic begins all episodes at once, --stagger at different times: name one of them")
        for name in ("actor", "value"):
            if any(size < 1 for size in getattr(self, name)):
                raise UsageError(f"{flag(name)} takes layer sizes of at least 1, got {getattr(self, name)}")

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in vars(self).items()}


def from_json(values: dict[str, Any]) -> Settings:
    """Return the settings that `as_json` wrote.

    Raises:
        UsageError: where a value is missing, unknown or of the wrong kind.
    """
    hints = typing.get_type_hints(Settings)
    if set(values) != set(hints):
        odd = sorted(set(values) ^ set(hints))
        raise UsageError(f"this run's config.json is not of this version: {', '.join(odd)} missing or unknown")
    try:
        values |= {name: tuple(values[name]) for name in ("actor", "value")}
        values |= {name: Path(values[name]) if values[name] else None for name in ("out", "resume")}
        require_types(values, hints)
        return Settings(**values)
    except TypeError as error:
        raise UsageError(f"config.json is damaged: {error}") from error


def parse(arguments: list[str]) -> Settings:
    """Read the settings from a command line, over the recipe's or, with --resume, the run's own.

    Raises:
        UsageError: for an unknown robot, a value out of bounds, an option that what was chosen does not take, or a
            resume with changed settings.
    """
    run = _value_of("--resume", arguments)
    if run is not None:
        saved = read_config(Path(run))
        settings = tyro.cli(Settings, args=arguments, default=saved)
        settings = dataclasses.replace(settings, env=known_environment(settings.env), out=Path(run), resume=Path(run))
        for name in differences(settings, saved):
            raise UsageError(
                f"{flag(name)} {getattr(settings, name)} differs from the {getattr(saved, name)} this run was begun"
                " with; a resumed run goes on with its own settings"
            )
        return settings
    asks = {"-h", "--help"} & set(arguments)
    # Once for the robot and the algorithm, whose recipe then gives the defaults (and what --help shows of them).
    first = tyro.cli(Settings, args=[word for word in arguments if word not in asks])
    if not first.env and not asks:
        raise UsageError("which robot? For example: python scripts/train.py Hopper-v5")
    env = known_environment(first.env) if first.env else ""
    defaults = Settings(env=env, **recipe(env, first.algo))
    settings = tyro.cli(Settings, args=arguments, default=defaults)
    refuse_without_effect(settings, defaults)
    return dataclasses.replace(settings, env=env)


def differences(settings: Settings, begun_with: Settings) -> list[str]:
    """Return which settings differ, of those with which a run must go on as it was begun."""
    return [
        name
        for name in vars(settings)
        if name not in CHANGEABLE and getattr(settings, name) != getattr(begun_with, name)
    ]


def read_config(run: Path) -> Settings:
    """Return the settings a run was begun with.

    Raises:
        UsageError: where it is no run, or its config.json is damaged.
    """
    path = run / "config.json"
    try:
        values = json.loads(path.read_text())
        if not isinstance(values, dict):
            raise UsageError(f"{path} is damaged: it holds no settings")
        return from_json(values)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{run} is not a run: it has no config.json") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise UsageError(f"{path} is damaged: {error}") from error


def _value_of(option: str, arguments: list[str]) -> str | None:
    """Return the value of an option that must be known before the others can be read."""
    for word, following in itertools.pairwise([*arguments, None]):
        if word == option:
            return following
        if word is not None and word.startswith(option + "="):
            return word.removeprefix(option + "=")
    return None
