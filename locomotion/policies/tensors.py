"""A policy's tensors on disk: policy.safetensors. Loading it runs no code."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from agents import ActorCritic
from locomotion.errors import UsageError


def load_tensors(policy: ActorCritic, path: Path) -> None:
    """Fill a policy from a safetensors file.

    Raises:
        UsageError: where the file is damaged, or holds another policy.
    """
    tensors, expected = read_tensors(path), own_tensors(policy)
    for name in sorted(tensors.keys() | expected.keys()):
        if name not in tensors or name not in expected or tensors[name].shape != expected[name].shape:
            raise UsageError(f"{path} does not hold this policy: {name} is missing, unknown or of another shape")
    policy.load_state_dict(tensors, strict=False)


def own_tensors(policy: ActorCritic) -> dict[str, torch.Tensor]:
    """Return a policy's tensors, each under its first name: SB3 has three names for one features extractor."""
    tensors: dict[int, tuple[str, torch.Tensor]] = {}
    for name, tensor in policy.state_dict().items():
        tensors.setdefault(tensor.data_ptr(), (name, tensor))
    return dict(tensors.values())


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file.

    Raises:
        UsageError: where it is missing, damaged or truncated.
    """
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise UsageError(f"{path} is missing") from error
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{path} is damaged: {error}") from error
