"""Learning jointly: one policy by the same learner in several processes, each with its share of the robots."""

from __future__ import annotations

from collections import deque
from operator import itemgetter
from typing import Any

import numpy as np
import torch

from agents.cannot_learn import CannotLearn
from agents.loadable import Loadable
from agents.policies import ActorCritic
from agents.team import Exchange, Team
from agents.trust_region import flat

# An episode's end: steps so far, the robot's number among all, and what its last info tells of it.
Ending = tuple[int, int, dict[str, Any]]
# What a learner's state has of each robot.
OF_ROBOTS = ("elapsed", "actor_state", "critic_state")
TOLD_AT_AN_END = ("episode", "is_success", "physics_error")


class JointLearner(Loadable):
    """A learner that may be one of several, in as many processes, which learn the same policy.

    A single one is a team of its own.
    """

    policy: ActorCritic
    team: Team
    elapsed: np.ndarray  # steps since each of this process's robots began its episode (N,)
    actor_state: np.ndarray  # what the actor remembers of each robot's episode (N, numbers)
    critic_state: np.ndarray  # and the critic
    physics_errors: int  # simulations that blew up so far
    blow_ups: deque[tuple[int, int, Any]]  # the last ones: step, number of the robot, what the environment told

    def _setup_model(self) -> None:
        super()._setup_model()
        self.elapsed = np.zeros(self.n_envs, np.int64)
        self.actor_state, self.critic_state = (
            np.zeros((self.n_envs, 0 if memory is None else memory.state_size), np.float32)
            for memory in (self.policy.actor_memory, self.policy.critic_memory)
        )
        self.team = Team(self.n_envs)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "team"]

    def join(self, exchange: Exchange) -> None:
        """Learn together with other processes, each of which has equal settings and its share of the robots.

        Args:
            exchange: between them.

        Raises:
            ValueError: where the robots cannot be shared by so many processes, or this one has another number of them.
        """
        robots = sum(int(count) for count in exchange.gather(torch.tensor([self.n_envs])))
        team = Team(robots, exchange)
        if len(range(robots)[team.own_robots]) != self.n_envs:
            raise ValueError(f"process {exchange.rank} must have {len(range(robots)[team.own_robots])} robots")
        self.team = team
        if self.seed is not None:
            self.get_env().seed(self.seed + team.own_robots.start)  # type: ignore[union-attr]

    def merged(self, states: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Return the state of all processes, given each one's, by rank."""
        return states[0] | {name: np.concatenate([state[name] for state in states]) for name in OF_ROBOTS}

    def own_part(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return this process's part of a state of all processes."""
        return state | {name: state[name][self.team.own_robots] for name in OF_ROBOTS}

    def note(self, endings: list[Ending]) -> None:
        """Note the ends of all processes' episodes, in process 0, in the order of their steps and robots."""
        everyones = self.team.exchange.collect(endings)
        if everyones is None:
            return
        for step, robot, info in sorted((one for some in everyones for one in some), key=itemgetter(0, 1)):
            self._update_info_buffer([info], np.ones(1, bool))
            if "physics_error" in info:
                self.physics_errors += 1
                self.blow_ups.append((step, robot, info["physics_error"]))

    def require_agreement(self) -> None:
        """Make sure that all processes have learned the same.

        Raises:
            CannotLearn: where an update rule takes means over the samples of one process alone.
        """
        mine = flat(list(self.policy.parameters())).detach().cpu()
        if not all(torch.equal(mine, other) for other in self.team.exchange.gather(mine)):
            raise CannotLearn(
                "its processes have learned different policies: `improve` must average over the samples of all of them,"
                " by `self.gradient` or `samples.shards`; until it does, add --processes 1"
            )
