"""The policy: a separate actor and critic over normalised observations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution as SB3Distribution
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn
from torch.distributions import Distribution

from agents.action_noise import ActionNoise
from agents.activations import ACTIVATIONS
from agents.cannot_learn import CannotLearn
from agents.choices import ActionDistribution, distribution_for
from agents.distributions import ActionRange
from agents.extractors import DictExtractor, default_extractor, learns, normalizers, only_vectors, seen_by_actor
from agents.layers import Layers
from agents.mean_layers import mean_layers
from agents.memory import Memory
from agents.network import Network
from agents.normalization import ObservationNormalizer, ScaledValue
from agents.observations import Observations, Packing
from agents.prediction import predicted
from agents.sb3_arguments import described
from agents.sequences import Inputs, Sequences, remembering
from agents.spaces import require_actions
from agents.symmetry import SignedPermutation, WithMirrorImages
from agents.team import Shards, one_shard
from agents.users_layers import parameters_apart


class ActorCritic(ActionNoise, ActorCriticPolicy):
    """SB3's actor-critic policy with separate networks for actor and critic.

    Gaussian actions have a log standard deviation that does not depend on the state, and are clipped to the bounds of
    the action space: see `ClippedGaussian`. Actions are always in the environment's unit; the actor's own unit is half
    of each action's range (see `Network.action_unit`), so that learning does not depend on the environment's. The
    actor's last layer starts small, so that the first actions are mostly exploration noise. The observation normaliser
    is the features extractor, the critic's last layer knows the scale of the returns: both keep their statistics in the
    state_dict.

    A features extractor with parameters, such as a CNN, is trained: actor and critic have one each. With SB3's
    `share_features_extractor=True` they have the same, which the actor alone trains: a critic's steps would move the
    policy out of its trust region.

    Args:
        observation_space: a Box, a choice (Discrete, MultiDiscrete, MultiBinary), or a Dict of these. A Dict's part
            `privileged`, a vector, is seen by the critic alone.
        action_space: a Box, Discrete, MultiDiscrete or MultiBinary.
        lr_schedule: learning rate of the critic's optimiser, where the critic is fitted by one.
        network: layers and exploration noise; `Network()` by default.
        mirror: how mirroring changes an observation and an action; sets `network.mirror`, which makes the actor
            symmetric. For a policy whose tensors are loaded later, pass `symmetry.identity_mirror`.
        features_extractor_class: by default it normalises vectors, makes choices one-hot, and has a CNN for each image
            of a Dict.
        **kwargs: SB3's own arguments. `net_arch`, `activation_fn`, `log_std_init` and the `epsilon` of
            `features_extractor_kwargs` take precedence over the fields of `network`, which they become.

    Raises:
        ValueError: for a `mean_bound` that is not positive and finite, an activation or a memory that is not known,
            `network.mirror` without `mirror`, or spaces that do not go with them; for `use_sde`.
    """

    optimizer: torch.optim.Optimizer  # of the critic alone: a learner updates the actor
    value_net: ScaledValue
    action_dist: ActionDistribution

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        network: Network | None = None,
        mirror: tuple[SignedPermutation, SignedPermutation] | None = None,
        features_extractor_class: type[BaseFeaturesExtractor] | None = None,
        features_extractor_kwargs: dict[str, Any] | None = None,
        share_features_extractor: bool | None = None,
        activation_fn: type[nn.Module] | None = None,
        optimizer_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        extractor_kwargs = dict(features_extractor_kwargs or {})
        network = described(
            network or Network(),
            net_arch=kwargs.pop("net_arch", None),
            activation_fn=activation_fn,
            log_std_init=kwargs.pop("log_std_init", None),
            obs_epsilon=extractor_kwargs.get("epsilon"),
        )
        if mirror is not None:
            network = replace(network, mirror=True)
        elif network.mirror:
            raise ValueError("network.mirror is set: mirror must say how mirroring changes observations and actions")
        network.require_sound()
        if activation_fn is None and network.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {network.activation!r}")
        if optimizer_kwargs is None and kwargs.get("optimizer_class", torch.optim.Adam) is torch.optim.Adam:
            optimizer_kwargs = {"eps": 1e-5, "fused": True}  # one operation in place of a loop over the parameters
        extractor_class = features_extractor_class or self.default_extractor(observation_space)
        if issubclass(extractor_class, ObservationNormalizer | DictExtractor):
            extractor_kwargs["epsilon"] = network.obs_epsilon
        self.network = network
        self.mirror = mirror
        self.asked_to_share = share_features_extractor
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            net_arch={"pi": list(network.actor), "vf": list(network.value)},
            activation_fn=activation_fn or ACTIVATIONS[network.activation].module,
            log_std_init=network.log_std_init,
            features_extractor_class=extractor_class,
            features_extractor_kwargs=extractor_kwargs,
            share_features_extractor=share_features_extractor is not False,
            optimizer_kwargs=optimizer_kwargs,
            **kwargs,
        )

    @staticmethod
    def default_extractor(observation_space: spaces.Space) -> type[BaseFeaturesExtractor]:
        """Return the class of features extractor where none is asked for."""
        return default_extractor(observation_space)

    def _build(self, lr_schedule: Schedule) -> None:
        if self.use_sde:
            raise ValueError("use_sde is not supported: the noise of the actions does not depend on the state")
        require_actions(self.action_space)
        self.packing = Packing(self.observation_space)
        self.action_dist = distribution_for(self.action_space)
        self.trained_features = learns(self.features_extractor)
        if self.trained_features and self.share_features_extractor and not self.asked_to_share:
            self.vf_features_extractor = self.make_features_extractor()
            self.share_features_extractor = False
        super()._build(lr_schedule)
        self.plain_vectors = isinstance(self.features_extractor, ObservationNormalizer) and only_vectors(
            self.observation_space
        )
        if self.mirror is not None:
            if not (self.plain_vectors and self.continuous and self.chains):
                raise CannotLearn(f"only vectors can be mirrored, got {self.observation_space} and {self.action_space}")
            self.mlp_extractor.policy_net.insert(0, WithMirrorImages(*self.mirror[0]))
        on_means = mean_layers(self.action_space, self.network, None if self.mirror is None else self.mirror[1])
        self.action_range = next((layer for layer in on_means if isinstance(layer, ActionRange)), None)
        if on_means:
            self.action_net = nn.Sequential(self.action_net, *on_means)
        self.value_net = ScaledValue(self.mlp_extractor.latent_dim_vf)
        self.value_net.apply(partial(self.init_weights, gain=1.0))
        self.optimizer = self.optimizer_class(self.critic_parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = Layers(
            self.features_dim,
            self.net_arch,  # type: ignore[arg-type]
            self.activation_fn,
            self.device,
            seen_by_actor(self.features_extractor, self.observation_space),
            None if self.network.memory == "none" else self.network.memory,
            self.network.memory_size,
            1 if self.mirror is None else 2,
        )

    @property
    def chains(self) -> bool:
        """Whether the layers between features and heads are ours, not a user's own module."""
        return type(self.mlp_extractor) is Layers

    @property
    def actor_memory(self) -> Memory | None:
        """What the actor remembers by."""
        return getattr(self.mlp_extractor, "actor_memory", None)

    @property
    def critic_memory(self) -> Memory | None:
        """What the critic remembers by."""
        return getattr(self.mlp_extractor, "critic_memory", None)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        arguments = super()._get_constructor_parameters() | {
            "network": self.network,
            "mirror": self.mirror,
            "share_features_extractor": self.share_features_extractor,  # which SB3 leaves out
        }
        for name in ("net_arch", "log_std_init"):  # fields of the network, as is an activation that has a name
            del arguments[name]
        if self.network.activation in ACTIVATIONS:
            del arguments["activation_fn"]
        return arguments

    def actor_parameters(self) -> list[nn.Parameter]:
        """Return the parameters of the action distribution, log_std included."""
        hidden, _ = self.hidden_parameters
        memory = [] if self.actor_memory is None else self.actor_memory.parameters()
        parameters = [*self.pi_features_extractor.parameters(), *hidden, *memory, *self.action_net.parameters()]
        return [*parameters, self.log_std] if self.continuous else parameters

    def critic_parameters(self) -> list[nn.Parameter]:
        """Return the parameters of the value function; shared ones are the actor's."""
        _, hidden = self.hidden_parameters
        eyes = [] if self.share_features_extractor else self.vf_features_extractor.parameters()
        memory = [] if self.critic_memory is None else self.critic_memory.parameters()
        return [*eyes, *hidden, *memory, *self.value_net.parameters()]

    @property
    def hidden_parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """The parameters of the actor's and of the critic's layers between features and memories, or heads."""
        layers = self.mlp_extractor
        if self.chains:
            return list(layers.policy_net.parameters()), list(layers.value_net.parameters())
        return parameters_apart(layers, torch.zeros(1, self.features_dim, device=self.device))

    def actor_layers(self) -> list[nn.Module]:
        """Return the layers from the actor's features to the distribution's mean, or logits, where they are a chain."""
        action_net = self.action_net if isinstance(self.action_net, nn.Sequential) else [self.action_net]
        memory = [] if self.actor_memory is None else [self.actor_memory]
        return [*self.mlp_extractor.policy_net, *memory, *action_net]

    def critic_layers(self) -> list[nn.Module]:
        """Return the layers from the critic's features to V, where they are a chain."""
        memory = [] if self.critic_memory is None else [self.critic_memory]
        return [*self.mlp_extractor.value_net, *memory, self.value_net]

    def pi(self, inputs: Inputs) -> Distribution:
        """Return the action distribution at B inputs of the actor; its KL, entropy and log_prob are (B,)."""
        return self.distribution(self.distribution_parameters(inputs))

    def distribution_parameters(self, inputs: Inputs) -> tuple[Tensor, ...]:
        """Return mean and log standard deviation, or logits, each (B, numbers), for B inputs of the actor.

        Sequences are of one shard. Single rows are those of a policy without a memory, or an episode's first.
        """
        latent = self._actor_latent(inputs.rows if isinstance(inputs, Sequences) else inputs)
        return self._parameters_from_latent(remembering(self.actor_memory, inputs, latent))

    def _actor_latent(self, rows: Tensor) -> Tensor:
        features = self._extracted(rows, self.pi_features_extractor) if self.trained_features else rows
        return self.mlp_extractor.policy_net(features) if self.chains else self.mlp_extractor.forward_actor(features)

    def step(self, rows: Tensor, states: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return the distributions' parameters, each (N, numbers), and the actor's memories (N, state_size) after.

        Args:
            rows: the actor's inputs of N robots.
            states: its memories before, zero where an episode begins.
        """
        assert self.actor_memory is not None
        latent, states = self.actor_memory.step(self._actor_latent(rows), states)
        return self._parameters_from_latent(latent), states

    def predict(  # type: ignore[override]  # SB3's own recurrent policies have the states as a tuple, too
        self,
        observation: Observations,
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """Return actions and, with a memory, its states, to be given with the next observations.

        Args:
            observation: of one robot (...), or of N (N, ...); a Dict's privileged part may be left out.
            state: that was returned before; None: episodes begin.
            episode_start: whether an episode begins with an observation (N,).
            deterministic: whether actions are those without exploration.
        """
        observation = self.packing.completed(observation)
        if self.actor_memory is None:
            return super().predict(observation, state, episode_start, deterministic)  # type: ignore[arg-type]
        return predicted(self, observation, state, episode_start, deterministic)

    def _extracted(self, packed: Tensor, extractor: BaseFeaturesExtractor) -> Tensor:
        return BasePolicy.extract_features(self, self.packing.unpack(packed), extractor)

    def distribution(self, parameters: tuple[Tensor, ...]) -> Distribution:
        """Return the action distribution with the given parameters; its KL, entropy and log_prob are (B,)."""
        return self.action_dist.at(*parameters)

    def slopes(self, gain: Callable[[Distribution], Tensor], parameters: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the slopes of a gain (B,) of action distributions by each of the distributions' parameters."""
        leaves = tuple(parameter.detach().clone().requires_grad_() for parameter in parameters)
        with torch.enable_grad():
            return torch.autograd.grad(gain(self.distribution(leaves)).sum(), leaves, materialize_grads=True)

    def _parameters_from_latent(self, latent: Tensor) -> tuple[Tensor, ...]:
        output = self.action_net(latent)
        return (output, self.action_log_std.expand_as(output)) if self.continuous else (output,)

    def _get_action_dist_from_latent(self, latent_pi: Tensor) -> SB3Distribution:
        return self.action_dist.proba_distribution(*self._parameters_from_latent(latent_pi))

    def log_prob(self, inputs: Inputs, actions: Tensor) -> Tensor:
        """Return the log-probabilities (B,) of actions (B, ...), for B inputs of the actor."""
        return self.pi(inputs).log_prob(actions)

    def inputs(self, observations: Observations | Tensor) -> tuple[Tensor, Tensor]:
        """Return what the actor's and the critic's trained layers take (B, ...) of observations (B, ...).

        They are features, unless the features extractor is trained itself: then the observations as one tensor.
        """
        packed = observations if isinstance(observations, Tensor) else self.packing.pack(observations)
        if self.plain_vectors:  # equal to SB3's way below, in half the time
            vectors = torch.as_tensor(packed, dtype=torch.float32, device=self.device)
            return (features := self.features_extractor(vectors)), features
        tensor = torch.as_tensor(packed, device=self.device)
        if self.trained_features:
            return tensor, tensor
        features = self._extracted(tensor, self.pi_features_extractor)
        shared = self.share_features_extractor
        return features, features if shared else self._extracted(tensor, self.vf_features_extractor)

    def values(self, inputs: Inputs) -> Tensor:
        """Return V (B,) for B inputs of the critic, of which sequences are of one shard."""
        latent = self.critic_latent(inputs.rows if isinstance(inputs, Sequences) else inputs)
        return self.value_net(remembering(self.critic_memory, inputs, latent)).squeeze(1)

    def critic_latent(self, rows: Tensor) -> Tensor:
        """Return what the critic's memory, or else its last layer, takes (B, ...) of its inputs (B, ...)."""
        features = rows
        if self.trained_features:
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.share_features_extractor):
                features = self._extracted(rows, self.vf_features_extractor)
        return self.mlp_extractor.value_net(features) if self.chains else self.mlp_extractor.forward_critic(features)

    def rollout_values(self, observations: Observations) -> Tensor:
        """Return V (B,) of a rollout's observations (B, ...), without a graph."""
        with torch.no_grad():
            return self.values(self.inputs(observations)[1])

    def sample_noise(self, *shape: int, generator: torch.Generator | None = None) -> np.ndarray:
        """Draw the random numbers of actions ahead of time: (*shape, numbers)."""
        return self.action_dist.noise(*shape, generator=generator)

    @torch.no_grad()
    def act(self, observations: Observations, noise: np.ndarray) -> np.ndarray:
        """Return sampled actions for observations (N, ...), given their noise (N, numbers)."""
        parameters = self.distribution_parameters(self.inputs(observations)[0])
        return self.action_dist.sampled(noise, *(parameter.cpu().numpy() for parameter in parameters))

    def mode(self, observations: Tensor) -> Tensor:
        """Return the actions without exploration for observations (N, ...): clipped actions' means, or likeliest ones.

        Only tensors go through it, so that it can be traced and exported.
        """
        return self.action_dist.mode_at(*self.distribution_parameters(self.inputs(observations)[0]))

    @torch.no_grad()
    def deterministic(self, observations: Observations | Tensor) -> np.ndarray:
        """Return the actions of `mode` as arrays."""
        seen = observations if isinstance(observations, Tensor) else torch.as_tensor(self.packing.pack(observations))
        return self.mode(seen).cpu().numpy()

    def clip(self, actions: np.ndarray) -> np.ndarray:
        """Return actions (N, ...) in the shape of the action space, and within its bounds."""
        if isinstance(self.action_space, spaces.Box):
            return np.clip(actions.reshape(-1, *self.action_space.shape), self.action_space.low, self.action_space.high)
        return actions

    def update_normalizer(self, observations: np.ndarray, shards: Shards | None = None) -> None:
        """Update the observation statistics, between two rollouts.

        Args:
            observations: new ones, packed (B, ...).
            shards: of which they are; by default one of a single process.
        """
        shards = shards or one_shard(len(observations))
        seen = self.packing.unpack(torch.as_tensor(observations, device=self.device))
        for extractor in {self.pi_features_extractor, self.vf_features_extractor}:
            for normalizer, columns in normalizers(extractor, seen):
                normalizer.update(*self._moments(columns.flatten(1), shards))

    def _moments(self, columns: Tensor, shards: Shards) -> tuple[int, Tensor, Tensor]:
        count, mean, var = shards.moments(columns)
        if self.mirror is not None:  # symmetric statistics: the mirror image of a normalised vector is normalised
            return self.actor_layers()[0].of_both(count, mean, var)  # type: ignore[operator]
        return count, mean, var
