"""A policy that Stable-Baselines3 saved becomes a policy of ours: its weights and its statistics, nothing else.

SB3's zip holds JSON, in which some values are pickles, and tensors. The pickles are never opened: what is needed of
them SB3 writes beside them as text, or it is told by the tensors' shapes.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from agents import ActorCritic, Network
from agents.activations import ACTIVATIONS
from agents.distributions import ActionRange
from agents.extractors import is_vector
from agents.normalization import ObservationNormalizer
from locomotion.environments import known_environment, make_env
from locomotion.errors import UsageError, refusals_told
from locomotion.files import atomic_folder, make_folder, parse_json
from locomotion.importing.inert import array_of, read_inert
from locomotion.interrupts import NOTHING_KEPT, keeping
from locomotion.policies.shipped import short_name
from locomotion.policies.stored import NoOptimizer, describe, save_policy
from locomotion.streams import on_one_line

FOLDER = Path("imported")
LARGEST = 2**28  # bytes of a file that is read
LAYER = re.compile(r"mlp_extractor\.(policy|value)_net\.(\d+)\.(weight|bias)")
HEADS = {f"{head}_net.{kind}" for head in ("action", "value") for kind in ("weight", "bias")}
# Arguments of SB3's policy that its tensors tell, or that do not matter once it is trained.
HARMLESS = {"net_arch", "activation_fn", "ortho_init", "optimizer_class", "optimizer_kwargs"}
HARMLESS |= {"log_std_init", "full_std", "use_expln"}  # of the noise, which stays behind
STD = 1e-6  # half-ranges: so that our mean of the clipped actions is SB3's clipped mean
SPAN = 2.0**20  # observations that are not normalised are divided by it, exactly, and clipped at ten times as much


@dataclass(frozen=True)
class Statistics:
    """What SB3's VecNormalize does with observations."""

    mean: np.ndarray  # (numbers,)
    var: np.ndarray  # (numbers,)
    count: float
    epsilon: float
    clip: float


def import_sb3(file: Path, env: str, vec_normalize: Path | None = None, out: Path | None = None) -> Path:
    """Make a policy folder of a file that SB3 saved; return it.

    Args:
        file: of PPO, A2C or TRPO with an MlpPolicy.
        env: id of the environment in which it acts.
        vec_normalize: what its VecNormalize saved.
        out: the folder; by default one of the robot's name in `imported`.

    Raises:
        UsageError: where a file is damaged or asks to run something, or the policy is another one or another robot's.
    """
    env = known_environment(env)
    folder = out or FOLDER / short_name(env)
    if folder.exists():
        raise UsageError(f"--out {folder} is there already; name a new folder")
    data, tensors = read_zip(file)
    statistics = None if vec_normalize is None else read_statistics(vec_normalize)
    robots = make_env(env, 1)
    robots.close()
    policy = policy_of(data, tensors, statistics, robots.observation_space, robots.action_space, str(file))
    card = describe(policy, env, "sb3", _whole(data.get("seed")), _whole(data.get("num_timesteps")))
    make_folder(folder.parent)
    with keeping(lambda: NOTHING_KEPT), refusals_told(folder), atomic_folder(folder) as temporary:
        save_policy(policy, card, temporary)
    return folder


def read_zip(file: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the JSON values and the tensors of a file that SB3 saved.

    Raises:
        UsageError: where it is none, or its tensors ask for anything but tensors.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(_content(file))) as archive:
            for name in ("data", "policy.pth"):
                if archive.getinfo(name).file_size > LARGEST:
                    raise UsageError(f"{file} is refused: its {name} is larger than {LARGEST:,} bytes")
            data, weights = parse_json(archive.read("data").decode()), archive.read("policy.pth")
    except UsageError:
        raise
    except Exception as error:  # of what the bytes of a stranger lead to
        reason = on_one_line(str(error))
        raise UsageError(f"{file} is not a file that Stable-Baselines3 saved ({reason})") from error
    try:
        tensors = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    except Exception as error:  # of what the bytes of a stranger lead to
        asked = re.search(r"GLOBAL (\S+)|function (\S+)", str(error))
        reason = f"it asks for {asked[1] or asked[2]}" if asked else "it holds something else than tensors"
        raise UsageError(f"{file} is refused, and nothing in it was run: {reason}") from error
    if not isinstance(data, dict) or not _all_tensors(tensors):
        raise UsageError(f"{file} is not a file that Stable-Baselines3 saved (no settings, or no tensors by name)")
    return data, dict(tensors)


def read_statistics(file: Path) -> Statistics:
    """Return what the file of a VecNormalize says.

    Raises:
        UsageError: where it is none, or asks for anything but SB3's statistics.
    """
    record = read_inert(_content(file), str(file))
    state = getattr(record, "state", None)
    if not isinstance(state, dict) or "obs_rms" not in state:
        raise UsageError(f"{file} is not a file that SB3's VecNormalize saved")
    if state.get("norm_obs") is False:
        return Statistics(np.zeros(1), np.ones(1), 0.0, 0.0, math.inf)
    moments = getattr(state["obs_rms"], "state", None)
    if not isinstance(moments, dict):
        raise UsageError(f"{file} has statistics of a Dict, or none: a vector's are needed")
    mean, var, count = (array_of(moments.get(name), f"{name} in {file}") for name in ("mean", "var", "count"))
    epsilon, clip = (array_of(state.get(name), f"{name} in {file}") for name in ("epsilon", "clip_obs"))
    if not all(np.isfinite(one).all() for one in (mean, var, count, epsilon, clip)):
        raise UsageError(f"{file} is damaged (a number is not finite)")
    if (var + epsilon <= 0).any() or clip <= 0 or count < 0 or epsilon.size + clip.size + count.size > 3:
        raise UsageError(f"{file} is damaged (a variance or a bound is not positive)")
    return Statistics(mean, var, float(count), float(epsilon), float(clip))


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST:
            raise UsageError(f"{file} is refused: it is larger than {LARGEST:,} bytes")
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error


def policy_of(
    data: dict[str, Any],
    tensors: dict[str, Tensor],
    statistics: Statistics | None,
    observation_space: spaces.Space,
    action_space: spaces.Space,
    what: str,
) -> ActorCritic:
    """Return SB3's policy as one of ours, whose deterministic actions are those of SB3's `predict`.

    Its exploration noise is left behind: with any, our actions, the means of clipped ones, would be others.

    Args:
        data: of the zip.
        tensors: of the zip.
        statistics: of its observations.
        observation_space: of the environment.
        action_space: of the environment.
        what: the zip's name, for messages.

    Raises:
        UsageError: where it is no such policy, or one of other spaces.
    """
    layers = _layers(tensors, what)
    if not is_vector(observation_space) or np.any(getattr(action_space, "start", 0)):
        raise UsageError(f"only policies from vectors to actions counted from 0 come in, not {observation_space}")
    network = Network(
        actor=tuple(len(bias) for _, bias in layers["policy"][:-1]),
        value=tuple(len(bias) for _, bias in layers["value"][:-1]),
        activation=_activation(data, what),
        action_unit="environment",
    )
    policy = ActorCritic(observation_space, action_space, lambda _: 1e-3, network=network, optimizer_class=NoOptimizer)
    extractor = policy.features_extractor
    assert isinstance(extractor, ObservationNormalizer)
    factor = _set_statistics(extractor, statistics)
    for name, ours in (("policy", policy.actor_layers()), ("value", policy.critic_layers())):
        linear = [layer for layer in ours if isinstance(layer, torch.nn.Linear)]
        for i, (layer, (weight, bias)) in enumerate(zip(linear, layers[name], strict=True)):
            weight = weight * factor if i == 0 else weight
            if weight.shape != layer.weight.shape or bias.shape != layer.bias.shape:
                raise UsageError(
                    f"{what} is of another robot: a layer has weights {tuple(weight.shape)}, where"
                    f" {tuple(layer.weight.shape)} would go from {observation_space} to {action_space}"
                )
            layer.load_state_dict({"weight": weight, "bias": bias}, strict=False)
    if isinstance(action_space, spaces.Box):
        policy.log_std.data.copy_((STD * ActionRange(action_space).reach).log())
    return policy


def _set_statistics(extractor: ObservationNormalizer, statistics: Statistics | None) -> float:
    """Set a normaliser's statistics; return by what the first layers' weights are multiplied for it.

    Ours clips at a bound of its own: statistics of another bound are those of other units.
    """
    size = extractor.features_dim
    if statistics is None or math.isinf(statistics.clip):
        statistics = Statistics(np.zeros(size), np.full(size, SPAN**2), 0.0, 0.0, extractor.clip)
        factor = SPAN
    else:
        factor = statistics.clip / extractor.clip
        statistics = replace(statistics, var=(statistics.var + statistics.epsilon) * factor**2)
    if statistics.mean.shape != (size,) or statistics.var.shape != (size,):
        raise UsageError(f"the statistics are of {statistics.mean.shape} numbers, the environment observes {size}")
    values = {"mean": statistics.mean, "var": statistics.var - extractor.epsilon, "count": statistics.count}
    extractor.load_state_dict({f"moments.{name}": torch.as_tensor(value) for name, value in values.items()})
    return factor


def _layers(tensors: dict[str, Tensor], what: str) -> dict[str, list[tuple[Tensor, Tensor]]]:
    """Return weights and biases of the actor's (`policy`) and the critic's (`value`) layers, in their order.

    Raises:
        UsageError: where other tensors are there, or some are not.
    """
    hidden = {name: match for name in tensors if (match := LAYER.fullmatch(name))}
    unknown = tensors.keys() - hidden.keys() - HEADS - {"log_std"}
    if unknown or not tensors.keys() >= HEADS:
        raise UsageError(
            f"{what} is no MlpPolicy of PPO, A2C or TRPO: it holds {', '.join(sorted(unknown)) or 'no heads'}"
        )
    layers: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for name, head in (("policy", "action"), ("value", "value")):
        places = sorted({int(match[2]) for match in hidden.values() if match[1] == name})
        prefixes = [*(f"mlp_extractor.{name}_net.{place}" for place in places), f"{head}_net"]
        try:
            layers[name] = [(tensors[f"{one}.weight"].float(), tensors[f"{one}.bias"].float()) for one in prefixes]
        except KeyError as error:
            raise UsageError(f"{what} lacks {error}") from error
    if not all(one.isfinite().all() for layer in (*layers["policy"], *layers["value"]) for one in layer):
        raise UsageError(f"{what} is damaged (a weight is not finite)")
    return layers


def _activation(data: dict[str, Any], what: str) -> Any:
    """Return the activation that a zip's settings name, by ours.

    Raises:
        UsageError: where it is another one, or there are settings with which the tensors mean something else.
    """
    kwargs = data.get("policy_kwargs") or {}
    if not isinstance(kwargs, dict):
        raise UsageError(f"{what} has no readable policy_kwargs")
    others = {name for name in kwargs if not name.startswith(":")} - HARMLESS
    if others:
        raise UsageError(f"{what} is of a policy with {', '.join(sorted(others))}, with which none comes in")
    asked = str(kwargs.get("activation_fn", "Tanh"))
    for name, known in ACTIVATIONS.items():
        if re.search(rf"\b{known.module.__name__}\b", asked):
            return name
    raise UsageError(f"{what} has the activation {asked}; known are {', '.join(ACTIVATIONS)}")


def _all_tensors(tensors: Any) -> bool:
    return isinstance(tensors, dict) and all(isinstance(one, Tensor) for one in tensors.values())


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**63 else 0
