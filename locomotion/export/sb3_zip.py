"""A policy as Stable-Baselines3 keeps its own: policy.zip for `PPO.load`, vecnormalize.pkl for `VecNormalize.load`.

SB3's `MlpPolicy` is a chain of linear layers and one activation, and acts by its mean, clipped; ours acts by the mean
of the clipped actions. So the zip has one more hidden layer, fitted to that function of the mean, which is smooth. A
symmetric policy's layers are there twice, side by side: for an observation and for its mirror image.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from scipy.linalg import block_diag
from stable_baselines3 import PPO
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from torch import nn

from agents import ActorCritic
from agents.activations import ACTIVATIONS
from agents.distributions import ActionRange, BoundedMean, ClippedGaussian
from agents.normalization import ObservationNormalizer
from agents.observations import Observations
from agents.symmetry import MirrorAverage, Reflection, WithMirrorImages
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import Actor

ZIP, STATISTICS = "policy.zip", "vecnormalize.pkl"
UNITS = (96, 192, 384)  # of the fitted layer, for each action: the first number that is enough
CLOSE = 2e-7  # of half a range: error of the fitted layer
STILL = 1.1e-6  # half-ranges: standard deviation up to which the mean of the clipped actions is the clipped mean
TAIL = 8.0  # standard deviations beyond a bound, from which on the mean of the clipped actions is that bound


class Dense(NamedTuple):
    """A linear layer, in float64."""

    weight: np.ndarray  # (outputs, inputs)
    bias: np.ndarray  # (outputs,)

    @classmethod
    def of(cls, module: nn.Linear) -> Dense:
        """Return a module's."""
        return cls(module.weight.detach().double().numpy(), module.bias.detach().double().numpy())

    def then(self, weight: np.ndarray, bias: np.ndarray | float = 0.0) -> Dense:
        """Return this layer and another linear one behind it as one."""
        return Dense(weight @ self.weight, weight @ self.bias + bias)


def write_sb3(policy: ActorCritic, folder: Path) -> None:
    """Write a policy and its observation statistics into a folder.

    Raises:
        UsageError: where SB3's own classes cannot express it.
    """
    actor, critic = actor_layers(policy), critic_layers(policy)
    activation = ACTIVATIONS[policy.network.activation].module
    sizes = {"pi": [len(one.bias) for one in actor[:-1]], "vf": [len(one.bias) for one in critic[:-1]]}
    kwargs = {"net_arch": sizes, "activation_fn": activation}
    model = PPO("MlpPolicy", None, policy_kwargs=kwargs, device="cpu", _init_setup_model=False)  # type: ignore[arg-type]
    model.observation_space, model.action_space, model.n_envs = policy.observation_space, policy.action_space, 1
    model._setup_model()
    chains = (
        (model.policy.mlp_extractor.policy_net, model.policy.action_net, actor),
        (*(model.policy.mlp_extractor.value_net, model.policy.value_net, critic),),
    )
    for hidden, last, layers in chains:
        modules = [*(one for one in hidden if isinstance(one, nn.Linear)), last]
        for module, layer in zip(modules, layers, strict=True):
            module.load_state_dict({"weight": torch.as_tensor(layer.weight), "bias": torch.as_tensor(layer.bias)})
    if policy.continuous:
        model.policy.log_std.data.copy_(policy.action_log_std)
    model.save(folder / ZIP)
    _statistics(policy).save(str(folder / STATISTICS))


def _statistics(policy: ActorCritic) -> VecNormalize:
    env: gymnasium.Env = gymnasium.Env()
    env.observation_space, env.action_space = policy.observation_space, policy.action_space
    normalizer = policy.pi_features_extractor
    assert isinstance(normalizer, ObservationNormalizer)
    statistics = VecNormalize(
        DummyVecEnv([lambda: env]),
        training=False,
        norm_reward=False,
        clip_obs=normalizer.clip,
        epsilon=normalizer.epsilon,
    )
    theirs = statistics.obs_rms
    assert isinstance(theirs, RunningMeanStd)
    # As the policy has them, in float32: SB3's are in float64, and a constant's deviation would count its rounding.
    shift, scale = (one.double().numpy() for one in (normalizer.shift, normalizer.scale))
    theirs.mean, theirs.var, theirs.count = shift, scale**-2 - normalizer.epsilon, float(normalizer.moments.count)
    return statistics


def actor_layers(policy: ActorCritic) -> list[Dense]:
    """Return the linear layers of an `MlpPolicy` whose clipped outputs are a policy's actions.

    Raises:
        UsageError: where there are none.
    """
    if not (policy.plain_vectors and policy.chains and isinstance(policy.observation_space, spaces.Box)):
        raise UsageError(f"SB3's MlpPolicy sees vectors alone, this policy {policy.observation_space}")
    if policy.actor_memory is not None:
        raise UsageError("SB3's MlpPolicy has no memory, this policy has")
    space = policy.action_space
    if np.any(getattr(space, "start", 0)):
        raise UsageError(f"SB3's PPO counts choices from 0, got {space}")
    layers: list[Dense] = []
    images: Reflection | None = None
    bounded: list[nn.Module] = []
    for one in policy.actor_layers():
        if isinstance(one, WithMirrorImages):
            images = one
        elif isinstance(one, nn.Linear):
            dense = Dense.of(one)
            if images is not None:
                weight = block_diag(dense.weight, dense.weight)
                if not layers:
                    weight = np.vstack([dense.weight, dense.weight @ _matrix(images)])
                dense = Dense(weight, np.tile(dense.bias, 2))
            layers.append(dense)
        elif isinstance(one, ActionRange):
            copies = 1 if images is None else 2
            reach, middle = (np.tile(numbers.double().numpy(), copies) for numbers in (one.reach, one.middle))
            layers[-1] = layers[-1].then(np.diag(reach), middle)
        elif isinstance(one, MirrorAverage):
            mirror = _matrix(one)
            layers[-1] = layers[-1].then(np.hstack([np.eye(len(mirror)), mirror]) / 2)
        elif isinstance(one, BoundedMean):
            bounded.append(copy.deepcopy(one).double())
    return _with_clipped_mean(policy, layers, nn.Sequential(*bounded))


def critic_layers(policy: ActorCritic) -> list[Dense]:
    """Return the linear layers of a policy's critic, its last one in the units of the returns."""
    *hidden, last = (one for one in policy.critic_layers() if isinstance(one, nn.Linear))
    std, mean = policy.value_net.std.double().numpy(), policy.value_net.mean.double().numpy()
    return [*map(Dense.of, hidden), Dense.of(last).then(np.diag(std), mean)]


def _matrix(reflection: Reflection) -> np.ndarray:
    """Return a signed permutation as a matrix."""
    order, sign = reflection.order.numpy(), reflection.sign.double().numpy()
    return np.eye(len(order))[order] * sign[:, None]


def _with_clipped_mean(policy: ActorCritic, layers: list[Dense], bounded: nn.Sequential) -> list[Dense]:
    """Return layers with one more: from the last one's means to the means of the clipped actions."""
    space, head = policy.action_space, policy.action_dist
    if not (isinstance(space, spaces.Box) and isinstance(head, ClippedGaussian)):
        return layers
    limited = ActionRange(space).bounded
    log_std = policy.action_log_std.detach().double()
    std, low, high = (one.double().numpy() for one in (log_std.exp(), head.low, head.high))
    if not limited.any() or (not len(bounded) and (std <= STILL * (high - low) / 2).all()):
        return layers
    activation = policy.network.activation
    if not limited.all() or activation == "relu":
        raise UsageError(
            "SB3's MlpPolicy plays a policy whose actions are all bounded, by tanh or elu, or all without bounds;"
            f" this one has {activation} and {space}"
        )
    spread = TAIL * std
    for one in bounded:
        assert isinstance(one, BoundedMean)
        spread = spread + TAIL * one.reach.double().numpy()

    def mode(means: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return head.mode_at(bounded(torch.as_tensor(means)), log_std).numpy()

    for units in UNITS:
        share = np.linspace(0.0, 1.0, units)[:, None]
        first, last, error = fitted(mode, low - spread + (high - low + 2 * spread) * share, activation)
        if (error <= CLOSE * (high - low) / 2).all():
            before = layers[-1].then(first.weight, first.bias)
            return [*layers[:-1], before, last]
    raise UsageError(f"SB3's MlpPolicy cannot play this policy's actions to {CLOSE:g} of their ranges")


def fitted(
    mode: Callable[[np.ndarray], np.ndarray], centres: np.ndarray, activation: str
) -> tuple[Dense, Dense, np.ndarray]:
    """Return a layer of units and a last layer whose outputs are functions of the inputs, each of its own one.

    Args:
        mode: the functions, of inputs (P, A).
        centres: of the units (U, A); beyond the first and the last one the functions are constant.
        activation: of the units; those of elu come in pairs, one to each side.

    Returns:
        The two layers, and the greatest errors (A,).
    """
    activate = ACTIVATIONS[activation].layer
    units, actions = centres.shape
    widths = np.tile((2.0 if activation == "tanh" else 8.0) * (centres[1] - centres[0]), (units, 1))
    if activation == "elu":
        centres, widths = np.vstack([centres, centres]), np.vstack([widths, -widths])
    step = centres[1] - centres[0]
    points = centres[0] + step * np.linspace(-0.1 * units, 1.1 * units, 5 * units)[:, None]
    wanted = mode(points)
    weights, offsets, errors = [], [], []
    for i in range(actions):
        values = activate((points[:, i : i + 1] - centres[:, i]) / widths[:, i])
        columns = np.column_stack([values, np.ones(len(points))])
        solution, *_ = np.linalg.lstsq(columns, wanted[:, i], rcond=1e-12)
        weights.append(solution[None, :-1])
        offsets.append(solution[-1])
        errors.append(np.abs(columns @ solution - wanted[:, i]).max())
    first = Dense(block_diag(*(1 / widths[:, i : i + 1] for i in range(actions))), -(centres / widths).T.ravel())
    return first, Dense(block_diag(*weights), np.array(offsets)), np.array(errors)


def sb3_actor(folder: Path) -> Actor:
    """Return the policy of a folder's zip and statistics, by SB3's own `PPO.load`, as an actor of one robot."""
    model = PPO.load(folder / ZIP, device="cpu")
    env: gymnasium.Env = gymnasium.Env()
    env.observation_space, env.action_space = model.observation_space, model.action_space  # type: ignore[assignment]
    statistics = VecNormalize.load(str(folder / STATISTICS), DummyVecEnv([lambda: env]))

    def act(observations: Observations, starts: np.ndarray) -> np.ndarray:
        seen = np.asarray(observations, np.float32)  # as our policies round them
        return model.predict(statistics.normalize_obs(seen), deterministic=True)[0]  # type: ignore[arg-type]

    return act
