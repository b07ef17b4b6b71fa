"""The update rules of the command line: for each its learner, the settings that it alone takes, and its defaults.

A rule is a learner (a subclass of `agents.policy_gradient.PolicyGradient`) and one entry of `RULES`. The choices of
`--algo`, the headings of `--help`, the options that are refused, and the lists of the sweeps and the peers follow from
it. A file that `--load` names may add rules of its own by `register_rule`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Interval

from envs.arguments import NotNegative, Positive
from locomotion.command_line import optional
from locomotion.errors import UsageError
from locomotion.runs.schedules import constant_then_linear, linear, linear_then_constant

if TYPE_CHECKING:
    from agents.policy_gradient import PolicyGradient
    from locomotion.runs.settings import Settings


@dataclass(frozen=True)
class RuleOptions:
    """The settings that one update rule alone takes: a subclass's fields, each with a docstring for `--help`."""

    def arguments(self, settings: Settings) -> dict[str, Any]:
        """Return the learner's arguments that follow from these options and the run's other settings."""
        return {}

    def check(self, settings: Settings) -> None:
        """Compare these options with the other settings.

        Raises:
            UsageError: where they contradict each other.
        """


@dataclass(frozen=True)
class TrustRegion(RuleOptions):
    """How far one iteration may move the policy."""

    target_kl: Positive = 0.02
    """Bound on the mean KL(old || new), summed over action dimensions."""
    final_kl: Positive = 0.002
    """The same bound at the end of training: it narrows to this over the last fifth."""
    final_std: Annotated[float | None, optional("None", "FLOAT|None")] = None
    """Bound on the actions' standard deviation in the last fifth of training, falling to this; None: no bound."""
    cg_damping: NotNegative = 0.1
    """Added to the Fisher matrix's diagonal."""
    fisher_stride: Annotated[int, Ge(1)] = 5
    """The Fisher products take every so many-th sample of the batch."""

    def arguments(self, settings: Settings) -> dict[str, Any]:
        std: Any = math.inf
        if self.final_std is not None:
            first_std = math.exp(settings.network.log_std_init)
            std = partial(linear_then_constant, first=first_std, final=self.final_std)
        return {
            "target_kl": partial(constant_then_linear, first=self.target_kl, final=self.final_kl),
            "max_std": std,
            "cg_damping": self.cg_damping,
            "sub_sampling_factor": self.fisher_stride,
        }

    def check(self, settings: Settings) -> None:
        first_std = math.exp(settings.network.log_std_init)
        if self.final_std is not None and not 0.0 < self.final_std <= first_std:
            raise UsageError(
                f"--final-std must be positive and at most the first one, which by --log-std-init is {first_std:.3g},"
                f" got {self.final_std}"
            )


@dataclass(frozen=True)
class LineSearch(TrustRegion):
    """How far one iteration may move the policy, and how a step is found that stays within."""

    backtrack: Annotated[float, Interval(gt=0, lt=1)] = 0.5
    """Factor by which a step shrinks until it lies in the trust region."""

    def arguments(self, settings: Settings) -> dict[str, Any]:
        return super().arguments(settings) | {"line_search_shrinking_factor": self.backtrack}


@dataclass(frozen=True)
class GradientSteps(RuleOptions):
    """Steps of the actor along the policy gradient."""

    actor_learning_rate: Positive = 3e-4
    """Of the actor at first; it falls to a hundredth in a straight line."""

    def arguments(self, settings: Settings) -> dict[str, Any]:
        return {"actor_learning_rate": partial(linear, first=self.actor_learning_rate)}


@dataclass(frozen=True)
class Exploring(GradientSteps):
    """Steps of the actor along the policy gradient and the entropy's."""

    entropy_weight: NotNegative = 0.0
    """Weight of an entropy bonus: above 0 the policy is rewarded for staying random, and goes on exploring."""

    def arguments(self, settings: Settings) -> dict[str, Any]:
        return super().arguments(settings) | {"ent_coef": self.entropy_weight}


@dataclass(frozen=True)
class Proximal(Exploring):
    """Many steps of the actor on one batch, kept near the policy that gathered it."""

    clip: Positive = 0.2
    """How far the ratio of new to old probability may go."""
    actor_epochs: Annotated[int, Ge(1)] = 10
    """The actor's passes over the batch."""
    batch_size: Annotated[int, Ge(1)] = 256
    """Samples of one gradient step."""

    def arguments(self, settings: Settings) -> dict[str, Any]:
        own = {"clip_range": self.clip, "n_epochs": self.actor_epochs, "batch_size": self.batch_size}
        return super().arguments(settings) | own


@dataclass(frozen=True)
class Vanilla(GradientSteps):
    """One step of the actor an iteration."""

    reuse: Annotated[int, Ge(0)] = 0
    """How many earlier iterations' samples are used again, with importance weights."""

    def arguments(self, settings: Settings) -> dict[str, Any]:
        return super().arguments(settings) | {"reuse": self.reuse}

    def check(self, settings: Settings) -> None:
        super().check(settings)
        if self.reuse and settings.network.memory != "none":
            raise UsageError(f"--memory {settings.network.memory} does not go with --reuse, got {self.reuse}")


@dataclass(frozen=True)
class Synchronous(Exploring):
    """One step of actor and critic after a few steps of all robots."""

    optimizer: Literal["rmsprop", "adam"] = "rmsprop"
    """Of the actor's steps: RMSProp as in the paper, or Adam, whose first steps are not shorter than later ones."""

    def arguments(self, settings: Settings) -> dict[str, Any]:
        from agents.a2c import RMSProp
        from agents.gradient_ascent import ADAM

        chosen = {"rmsprop": RMSProp, "adam": ADAM}[self.optimizer]
        return super().arguments(settings) | {"actor_optimizer": chosen}


@dataclass(frozen=True)
class Asynchronous(Synchronous):
    """One step of actor and critic after a few steps of a worker's robots; workers share one policy and do not wait."""

    workers: Annotated[int | None, Ge(1), optional("all cores")] = None
    """Processes that learn at once, each with robots of its own; no more than there are cores."""

    def arguments(self, settings: Settings) -> dict[str, Any]:
        from envs.engine import available_cores
        from locomotion.environments import make_env

        cores = available_cores()
        if (self.workers or cores) > cores:
            raise UsageError(f"--workers must lie in [1, {cores}], a core for each, got {self.workers}")
        rollout = settings.rollout
        robots = partial(
            make_env,
            settings.env,
            rollout.num_envs,
            threads=1,
            stagger=rollout.stagger,
            task=settings.task,
            load=settings.run.load,
        )
        return super().arguments(settings) | {"workers": self.workers or cores, "make_env": robots}


@dataclass(frozen=True)
class Rule:
    """One update rule.

    Args:
        learner: its class, or "module:name", which is imported when something learns.
        options: a dataclass of the settings that it alone takes.
        defaults: settings, by name, whose defaults differ from the other rules'; a robot's recipe goes over them.
        one_critic_step: whether its critic takes one gradient step an iteration, in step with the actor.
        asynchronous: whether its workers wait for nothing, so that it uses every core, knows no episodic rollouts, and
            fits no baseline but the value network, and that by gradient steps.
        small_steps: whether it takes so many steps, each of so few samples, that several processes pay only where it is
            measured: it learns in one unless `--processes` says more.
    """

    learner: str | type[PolicyGradient]
    options: type[RuleOptions] = RuleOptions
    defaults: Mapping[str, Any] = field(default_factory=dict)
    one_critic_step: bool = False
    asynchronous: bool = False
    small_steps: bool = False

    @property
    def learner_class(self) -> type[PolicyGradient]:
        """The learner's class."""
        if not isinstance(self.learner, str):
            return self.learner
        module, name = self.learner.split(":")
        return getattr(import_module(module), name)

    @property
    def option_names(self) -> tuple[str, ...]:
        """Names of the settings that it takes and others may not."""
        return tuple(option.name for option in fields(self.options))

    @property
    def without(self) -> tuple[str, ...]:
        """Names of the common settings that have no effect with it."""
        critic = ("proximity", "critic_epochs") if self.one_critic_step else ()
        return (*critic, *(("episodic", "baseline", "critic", "processes") if self.asynchronous else ()))


# Defaults of rules that take one step an iteration: very many iterations of few samples, and a horizon that these can
# see. Pendulum-v1 after 300,000 steps (seeds 0 to 2): -166, -182, -166 (vpg) and -162, -161, -165 (a2c); with twice as
# many samples an iteration, or another gamma, half of the seeds or more stayed below -800.
ONE_STEP: dict[str, Any] = {"num_envs": 8, "gae_lambda": 0.95}
VPG_DEFAULTS: dict[str, Any] = {**ONE_STEP, "n_steps": 16, "gamma": 0.97, "actor_learning_rate": 5e-3}
STEPWISE: dict[str, Any] = {
    **ONE_STEP,
    "n_steps": 8,
    "gamma": 0.95,
    "actor_learning_rate": 3e-3,
    "learning_rate": 5e-3,
}

RULES: dict[str, Rule] = {
    "trpo": Rule("agents.trpo:TRPO", LineSearch),
    "npg": Rule("agents.natural_gradient:NPG", TrustRegion),
    "ppo": Rule("agents.ppo:PPO", Proximal, small_steps=True),
    "vpg": Rule("agents.vpg:VPG", Vanilla, VPG_DEFAULTS, small_steps=True),
    "a2c": Rule("agents.a2c:A2C", Synchronous, STEPWISE, one_critic_step=True, small_steps=True),
    "a3c": Rule("agents.a3c:A3C", Asynchronous, STEPWISE, one_critic_step=True, asynchronous=True),
}


def register_rule(name: str, rule: Rule) -> None:
    """Add an update rule to those of the command line.

    Raises:
        UsageError: where its name is taken.
    """
    if name in RULES:
        raise UsageError(f"the update rule {name!r} exists already; choose another name")
    RULES[name] = rule


def rule_named(name: str) -> Rule:
    """Return an update rule.

    Raises:
        UsageError: where there is none of this name.
    """
    if name not in RULES:
        raise UsageError(f"--algo must be one of {', '.join(RULES)}, got {name!r}")
    return RULES[name]


def rules_on_one_core() -> tuple[str, ...]:
    """Return the names of the rules that keep to one core."""
    return tuple(name for name, rule in RULES.items() if not rule.asynchronous)


def rules_taking(name: str) -> tuple[str, ...]:
    """Return the rules with which a setting has an effect: one of their own options, or one that they do not refuse."""
    own = tuple(key for key, rule in RULES.items() if name in rule.option_names)
    return own or tuple(key for key, rule in RULES.items() if name not in rule.without)
