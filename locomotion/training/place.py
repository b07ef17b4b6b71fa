"""How many processes learn one policy, and which of them this one is. It imports no torch."""

from __future__ import annotations

import os

from agents.places import Somewhere, shard_count
from agents.worker_context import worker_context
from envs.engine import available_cores
from locomotion.errors import UsageError
from locomotion.runs.rules import rule_named
from locomotion.runs.settings import Settings
from locomotion.torchrun import launched

SHORT = 100_000  # steps below which starting processes takes longer than they save


def place(settings: Settings) -> Somewhere:
    """Return which process this one is, of those that will learn by such settings.

    Raises:
        UsageError: where the robots cannot be shared by as many as are asked for, or `torchrun` has started several of
            a rule that starts its own.
    """
    asked, robots, rule = settings.run.processes, settings.rollout.num_envs, rule_named(settings.algo)
    most = 1 if rule.asynchronous else shard_count(robots)
    here = Somewhere(0, asked or 1)
    if launched():
        here = Somewhere(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
        if asked is not None:
            raise UsageError(f"torchrun has started {here.size} processes; leave out --processes, got {asked}")
        if rule.asynchronous:
            raise UsageError(f"--algo {settings.algo} starts its own --workers; start it without torchrun")
    elif asked is None and not rule.small_steps and settings.steps >= SHORT:
        here = Somewhere(0, min(available_cores(), most))
    if here.size > most:
        shares = f"{robots} robots, which are shared out in equal parts of two or more"
        raise UsageError(f"--processes must lie in [1, {most}] with {shares}, got {here.size}")
    return here


def prepare(settings: Settings) -> None:
    """Have the process that others are forked from, if there will be any, import torch while this one does."""
    if place(settings).size > 1 and not launched():
        worker_context("locomotion.training.processes")
