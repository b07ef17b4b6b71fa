"""The settings of a training run: one dataclass is the command line, the run's config.json and W&B's config."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Interval

from agents.network import BEFORE, Network
from envs.arguments import NotNegative, Positive, Share, as_python, check_fields
from locomotion.checksums import COPY
from locomotion.command_line import flag, loading, optional
from locomotion.environments import EVALUATION_STEPS
from locomotion.errors import UsageError
from locomotion.files import read_json
from locomotion.runs.rules import RULES, RuleOptions, rule_named

BaselineName = Literal["value", "none", "constant", "optimal-constant", "time", "linear"]
TrackingMode = Literal["offline", "online", "off"]

# What may differ from the saved settings when a run is resumed: how long, where from, where logged, what is kept.
CHANGEABLE = (
    *("steps", "resume", "out", "load", "track", "threads", "processes", "workers"),
    *("evaluation_steps", "final_episodes", "video_seconds", "keep_checkpoints", "checkpoint_seconds"),
)
MOST_SAMPLES = 10_000_000  # of an iteration, which is held in memory
# Settings that config.json of earlier versions does not name.
SINCE = ("task", "load", "evaluation_steps", "processes", "memory_steps", "entropy_weight", "optimizer", "start_from")


@dataclass(frozen=True)
class Rollout:
    """How experience is gathered in one iteration."""

    num_envs: Annotated[int, Interval(ge=1, le=100_000)] = 32
    """Robots simulated at once (a3c: by each worker)."""
    n_steps: Annotated[int, Ge(1)] = 64
    """Steps of each robot in one iteration."""
    episodic: bool = False
    """Whether an iteration is instead one episode of each robot, begun anew, or the first --n-steps steps of it."""
    stagger: bool = False
    """Whether the robots' first episodes end at different times (batched robots only)."""
    memory_steps: Annotated[int | None, Ge(1), optional("--n-steps")] = None
    """Steps over which gradients through a memory reach back, a divisor of --n-steps."""


@dataclass(frozen=True)
class Advantage:
    """How much better than expected an action turned out."""

    gamma: Share = 0.995
    """Discount, in [0, 1]."""
    gae_lambda: Share = 0.97
    """Lambda of generalised advantage estimation, in [0, 1]."""
    advantage: Literal["gae", "k-step", "reward-to-go", "path-return"] = "gae"
    """Advantage estimator; the last two learn from whole episodes only: give --n-steps several times an episode's."""
    look_ahead: Annotated[int, Ge(1)] = 5
    """k: rewards that are added up before the critic stands in for the rest (k-step)."""
    baseline: BaselineName = "value"
    """Subtracted from returns: the critic's value, or something simpler."""


@dataclass(frozen=True)
class Critic:
    """How the critic is fitted."""

    critic: Literal["adam", "trust-region", "fitted-v"] = "adam"
    """How the critic is fitted: to returns, by Adam or in a trust region, or to r + gamma V(s') (fitted-v)."""
    proximity: NotNegative = 0.0
    """Weight of the penalty on how far (squared distance of its parameters) one fit moves the critic (fitted-v)."""
    critic_epochs: Annotated[int, Ge(1)] = 5
    """Passes over the batch (adam, fitted-v; a2c and a3c take one gradient step instead)."""
    learning_rate: Positive = 1e-3
    """Learning rate of the critic (adam, fitted-v)."""


@dataclass(frozen=True)
class RunOptions:
    """What the run leaves, and where."""

    evaluations: Annotated[int, Ge(0)] = 10
    """Evenly spread evaluations during training, besides one of the untrained policy; each policy is kept."""
    evaluation_episodes: Annotated[int, Ge(1)] = 8
    """Episodes of each of them."""
    final_episodes: Annotated[int, Ge(1)] = 100
    """Episodes by which the final policy is scored."""
    evaluation_steps: Annotated[int, Ge(1)] = EVALUATION_STEPS
    """Steps after which an evaluation cuts an episode off."""
    video_seconds: Annotated[float, Interval(ge=0, le=3600)] = 10.0
    """Length of the final policy's video; 0 for none."""
    keep_checkpoints: Annotated[int, Ge(1)] = 3
    """How many of the latest checkpoints are kept."""
    checkpoint_seconds: Positive = 30.0
    """Seconds between checkpoints."""
    threads: Annotated[int | None, Ge(1), optional("all cores")] = None
    """Threads of the physics."""
    processes: Annotated[int | None, Ge(1), optional("a core each for long trainings by trpo or npg; else 1")] = None
    """Processes that learn one policy together, each with its share of the robots; results do not depend on it."""
    out: Annotated[Path | None, optional("runs/ENV/ALGO/DATE-TIME-seedS", "FOLDER")] = None
    """The run's folder, which must be new or empty."""
    resume: Annotated[Path | None, optional("none", "RUN")] = None
    """Go on with this run, exactly where its last checkpoint left it (a3c: with new episodes)."""
    load: tuple[Path, ...] = ()
    """Python files that register robots, recipes or update rules; they are run, so load only files that you trust."""
    track: TrackingMode = "offline"
    """Weights & Biases."""


GROUPS: dict[str, type] = {
    "rollout": Rollout,
    "advantage": Advantage,
    "critic": Critic,
    "network": Network,
    "run": RunOptions,
}


@dataclass(frozen=True)
class Settings:
    """Train a robot. Defaults are the recipe's for the robot and the update rule (locomotion/runs/*_recipes.py).

    --task.NAME VALUE sets a number of the robot's task: name the robot before --help to see them all.
    """

    env: str = ""
    """Robot: one of ours (CartPole), one that --load brings, or any Gymnasium id (Hopper-v5)."""
    algo: str = "trpo"
    """Update rule: how the policy learns."""
    steps: Annotated[int, Ge(1)] = 1_000_000
    """Environment steps, over all robots; rounded up to whole iterations."""
    seed: Annotated[int, Interval(ge=0, lt=2**32)] = 0
    """Seed of everything: weights, noise, start states."""
    start_from: Annotated[str | None, optional("none", "POLICY")] = None
    """Policy whose weights training starts from: a run, a robot whose policy ships, or hub:USER/NAME."""
    task: Mapping[str, Any] = field(default_factory=dict)  # the task's numbers that differ from its defaults
    rollout: Rollout = field(default_factory=Rollout)
    advantage: Advantage = field(default_factory=Advantage)
    critic: Critic = field(default_factory=Critic)
    network: Network = field(default_factory=Network)
    rule: RuleOptions = field(default_factory=RuleOptions)  # the options of `algo`
    run: RunOptions = field(default_factory=RunOptions)

    @classmethod
    def of(cls, env: str = "", algo: str = "trpo", **values: Any) -> Self:
        """Return settings, given those that differ from the defaults by their names on the command line.

        Raises:
            TypeError: for a name that the rule does not take.
            UsageError: for a value of another type or out of bounds.
        """
        rule = rule_named(algo)
        return cls(env, algo, rule=rule.options()).changed(**{**rule.defaults, **values})

    def changed(self, **values: Any) -> Self:
        """Return these settings with some of them changed, by their names on the command line."""
        places = owners(self.algo)
        for name in values:
            if name not in places:
                raise TypeError(f"{self.algo} has no setting {name!r}; it has {', '.join(places)}")
        hints = {name: hint for part in groups_of(self.algo).values() for name, hint in field_types(part).items()}
        values = {name: as_python(value, hints[name]) for name, value in values.items()}
        parts: dict[str, Any] = {name: value for name, value in values.items() if places[name] == ""}
        for group in (*GROUPS, "rule"):
            own = {name: value for name, value in values.items() if places[name] == group}
            if own:
                parts[group] = dataclasses.replace(getattr(self, group), **own)
        return dataclasses.replace(self, **parts)

    def __post_init__(self) -> None:
        try:
            parts: list[Any] = [self, *(getattr(self, group) for group in (*GROUPS, "rule"))]
            for part in parts:
                cls: Any = type(part)
                hints = field_types(cls)
                check_fields(hints, {name: getattr(part, name) for name in hints}, flag)
        except (TypeError, ValueError) as error:
            raise UsageError(str(error)) from error
        samples = self.rollout.num_envs * self.rollout.n_steps
        if samples > MOST_SAMPLES:
            raise UsageError(f"--num-envs times --n-steps must be at most {MOST_SAMPLES:,}, got {samples:,}")
        if samples < 2:
            raise UsageError("--num-envs times --n-steps must be at least 2: one step alone has no advantage")
        if self.rollout.episodic and self.rollout.stagger:
            raise UsageError("--episodic begins all episodes at once, --stagger at different times: name one of them")
        window = self.rollout.memory_steps
        if window is not None and self.rollout.episodic:
            raise UsageError(f"--memory-steps does not go with --episodic, got {window}")
        if window is not None and self.rollout.n_steps % window:
            raise UsageError(f"--memory-steps must divide --n-steps, {self.rollout.n_steps}, got {window}")
        if self.network.memory != "none" and self.advantage.baseline == "optimal-constant":
            raise UsageError(f"--memory {self.network.memory} does not go with --baseline optimal-constant")
        self.rule.check(self)

    def flat(self) -> dict[str, Any]:
        """Return all settings by their names on the command line."""
        parts = {"": self, "rule": self.rule} | {group: getattr(self, group) for group in GROUPS}
        return {name: getattr(parts[group], name) for name, group in owners(self.algo).items()}

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON values, by their names on the command line."""
        return {name: plain(value) for name, value in self.flat().items()}


def plain(value: Any) -> Any:
    """Return a value of a setting as JSON has it."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, tuple | list) else value


def owners(algo: str) -> dict[str, str]:
    """Return for each setting of a rule, by its name, the field of `Settings` that holds it; "" is itself."""
    return {name: group for group, cls in groups_of(algo).items() for name in field_types(cls)}


def groups_of(algo: str) -> dict[str, type]:
    """Return the dataclasses that a rule's settings consist of, by the fields of `Settings`; "" is itself."""
    return {"": Settings, **GROUPS, "rule": rule_named(algo).options}


@cache
def field_types(cls: Any) -> dict[str, Any]:
    """Return the types, with their ranges, of a dataclass's fields; of `Settings` without the groups."""
    hints = typing.get_type_hints(cls, include_extras=True)
    groups = (*GROUPS, "rule") if cls is Settings else ()
    return {one.name: hints[one.name] for one in dataclasses.fields(cls) if one.name not in groups}


def from_json(values: Mapping[str, Any]) -> Settings:
    """Return the settings that `as_json` wrote. Options of other rules, which earlier versions wrote too, are ignored.

    Raises:
        UsageError: where a value is missing, unknown or of the wrong kind.
    """
    algo = values.get("algo", "trpo")
    if not isinstance(algo, str) or algo not in RULES:
        files = values.get("load")
        if isinstance(algo, str) and files:
            raise UsageError(f"the update rule {algo!r} is not known: this run was begun with {loading(files)}; add it")
        raise UsageError(f"config.json is damaged: algo must be of type {' or '.join(RULES)}, got {algo!r}")
    values = {**BEFORE, **values}
    places = owners(algo)
    foreign = {name for rule in RULES.values() for name in rule.option_names} - set(places)
    odd = sorted((set(values) ^ set(places)) - foreign - set(SINCE))
    if odd:
        raise UsageError(f"this run's config.json is not of this version: {', '.join(odd)} missing or unknown")
    hints = {name: hint for cls in groups_of(algo).values() for name, hint in field_types(cls).items()}
    typed = {name: restored(value, hints[name]) for name, value in values.items() if name in places}
    try:
        check_fields(hints, typed)
    except (TypeError, ValueError) as error:
        raise UsageError(f"config.json is damaged: {error}") from error
    return Settings.of(**typed)


def restored(value: Any, hint: Any) -> Any:
    """Return a JSON value as a setting of this type has it: lists as tuples, names of files as paths."""
    names = str(hint)
    if isinstance(value, list):
        return tuple(Path(one) if "Path" in names and isinstance(one, str) else one for one in value)
    return Path(value) if "Path" in names and isinstance(value, str) else value


def differences(settings: Settings, begun_with: Settings) -> list[str]:
    """Return the settings that differ, of those with which a run must go on as it was begun."""
    now, then = settings.flat(), begun_with.flat()
    return [name for name in now if name not in CHANGEABLE and now[name] != then.get(name, math.nan)]


def read_config(run: Path) -> Settings:
    """Return the settings a run was begun with.

    Raises:
        UsageError: where it is no run, or its config.json is damaged.
    """
    path = run / "config.json"
    if not path.is_file():
        raise UsageError(f"{run} is not a run: it has no config.json")
    try:
        return from_json(read_json(path))
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{path} is damaged ({error}); {COPY}") from error
