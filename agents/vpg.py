"""The vanilla policy gradient (the lecture's slide 12); with `PathReturn` it is REINFORCE (Williams 1992)."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.type_aliases import GymEnv, Schedule
from torch import Tensor
from torch.distributions import Distribution

from agents.cannot_learn import CannotLearn
from agents.gradient_ascent import GradientAscent
from agents.importance import Remembered, effective_sample_size, joined, surrogate
from agents.jacobian import differentiable_actor
from agents.policies import ActorCritic
from agents.ranges import not_negative
from agents.samples import Samples
from agents.team import Shards


class VPG(GradientAscent):
    """One step of an optimiser, by default Adam, along E[grad log pi(a|s) A] in each iteration.

    Args:
        learning_rate: of the optimisers; the actor's takes a single step an iteration.
        reuse: number of earlier iterations whose samples are used again, with importance weights.
        **kwargs: of GradientAscent.
    """

    def __init__(
        self,
        policy: str | type[ActorCritic],
        env: GymEnv | str | None,
        *,
        learning_rate: float | Schedule = 5e-3,
        reuse: int = 0,
        **kwargs: Any,
    ):
        self.earlier: deque[Remembered] = deque()
        self.reuse = reuse
        super().__init__(policy, env, learning_rate, **kwargs)

    @property
    def reuse(self) -> int:
        """Number of earlier iterations whose samples are used again."""
        return self.earlier.maxlen or 0

    @reuse.setter
    def reuse(self, reuse: int) -> None:
        not_negative("reuse", reuse)
        self.earlier = deque(self.earlier, maxlen=reuse)

    def _setup_model(self) -> None:
        super()._setup_model()
        if self.reuse and self.policy.actor_memory is not None:
            raise CannotLearn(f"earlier samples cannot be used again by a policy with a memory, got reuse={self.reuse}")

    def get_state(self) -> dict[str, np.ndarray]:
        remembered = {
            f"memory.{i}.{name}": np.asarray(array)
            for i, samples in enumerate(self.earlier)
            for name, array in samples._asdict().items()
        }
        return super().get_state() | remembered

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        super().set_state(state)
        self.earlier.clear()
        while f"memory.{len(self.earlier)}.actions" in state:
            fields = (state[f"memory.{len(self.earlier)}.{name}"] for name in Remembered._fields)
            self.earlier.append(Remembered(*map(torch.as_tensor, fields)))

    def merged(self, states: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        remembered = {name for name in states[0] if name.startswith("memory.")}
        together = {name: np.concatenate([state[name] for state in states]) for name in remembered}
        return super().merged(states) | together

    def own_part(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        part, own = super().own_part(state), self.team.own
        for name in [name for name in state if name.startswith("memory.")]:
            sizes = state[name[: name.rindex(".")] + ".sizes"]
            begin, end = sizes[: own.start].sum(), sizes[: own.stop].sum()
            part[name] = sizes[own.start : own.stop] if name.endswith(".sizes") else state[name][begin:end]
        return part

    def improve(self, samples: Samples) -> None:
        """Climb the surrogate; its gradient at the policy that acted is the policy gradient (Tang and Abbeel 2011)."""
        policy = self.policy
        actor_at = differentiable_actor(policy)
        actor = actor_at(samples.inputs, samples.shards.sizes)
        log_prob = policy.distribution(actor.outputs).log_prob(samples.actions)
        seen, sizes = torch.from_numpy(samples.observations), torch.tensor(samples.shards.sizes)
        new = Remembered(seen, samples.actions, samples.advantages, log_prob, sizes)
        known = joined([*self.earlier, new])
        self.earlier.append(new)
        shards = Shards(samples.shards.team, known.sizes.tolist())

        def gain(policy: Distribution) -> Tensor:
            return surrogate(policy.log_prob(known.actions), known.log_prob, known.advantages)

        if self.reuse:
            actor = actor_at(policy.inputs(known.observations)[0], shards.sizes)
        weights = (policy.distribution(actor.outputs).log_prob(known.actions) - known.log_prob).exp()
        self.logger.record("train/gradient_norm", self.climb(actor, gain, shards))
        self.logger.record("train/effective_samples", effective_sample_size(weights, shards))
