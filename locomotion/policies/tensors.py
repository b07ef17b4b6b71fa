"""A policy's tensors on disk: policy.safetensors. Loading it runs no code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from agents import ActorCritic
from locomotion.checksums import COPY, read_checked
from locomotion.errors import UsageError


def fill(policy: ActorCritic, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Fill a policy with the tensors of a safetensors file.

    Raises:
        UsageError: where they are another policy's, or not all finite.
    """
    expected = own_tensors(policy)
    for name in sorted(tensors.keys() | expected.keys()):
        there, here = tensors.get(name), expected.get(name)
        if there is None or here is None or (there.shape, there.dtype) != (here.shape, here.dtype):
            raise UsageError(f"{path} does not hold this policy: {name} is missing, unknown or of another kind")
        if not there.isfinite().all():
            raise UsageError(f"{path} is damaged ({name} holds a number that is not finite); {COPY}")
    policy.load_state_dict(dict(tensors), strict=False)


def own_tensors(policy: ActorCritic) -> dict[str, torch.Tensor]:
    """Return a policy's tensors, each under its first name: SB3 has three names for one features extractor."""
    tensors: dict[int, tuple[str, torch.Tensor]] = {}
    for name, tensor in policy.state_dict().items():
        tensors.setdefault(tensor.data_ptr(), (name, tensor))
    return dict(tensors.values())


def write_tensors(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write a safetensors file; unlike `save_file`, what a disk refuses is an OSError."""
    path.write_bytes(save(dict(tensors)))


def read_tensors(path: Path, remedy: str = COPY) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file, which must match its checksum.

    Raises:
        UsageError: where it is missing, damaged or truncated.
    """
    try:
        content = read_checked(path, remedy=remedy)
    except FileNotFoundError as error:
        raise UsageError(f"{path} is missing") from error
    return tensors_in(content, path, remedy)


def tensors_in(content: bytes, path: Path, remedy: str = COPY) -> dict[str, torch.Tensor]:
    """Return the tensors in the content of a safetensors file.

    Raises:
        UsageError: where it is damaged or truncated.
    """
    try:
        return load(content)
    except (SafetensorError, LookupError, TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise UsageError(f"{path} is damaged ({error}); {remedy}") from error
