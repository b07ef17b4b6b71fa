"""Loading a learner from SB3's zip file with some of its arguments given anew."""

from __future__ import annotations

import inspect
from io import BufferedIOBase
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import GymEnv


class Loadable(OnPolicyAlgorithm):
    """A learner whose arguments count when they are given to `load`, where SB3's only set attributes."""

    # Arguments that `load` does not take, and those that SB3 uses while it loads.
    FIXED: ClassVar[set[str]] = {"policy", "actor_optimizer", "_init_setup_model"}
    NEEDED_AT_ONCE: ClassVar[set[str]] = {"policy_kwargs", "seed"}

    @classmethod
    def load(
        cls,
        path: str | Path | BufferedIOBase,
        env: GymEnv | None = None,
        device: torch.device | str = "auto",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        **kwargs: Any,
    ) -> Self:
        """Load a learner as SB3 does, with some of its arguments given anew.

        Raises:
            TypeError: for an argument that the learner does not have, or that is fixed once it has been made.
        """
        for name in kwargs:
            if name not in arguments_of(cls) - cls.FIXED:
                known = ", ".join(sorted(arguments_of(cls) - cls.FIXED))
                raise TypeError(f"{name!r} cannot be given to {cls.__name__}.load; it takes {known}")
        at_once = {name: value for name, value in kwargs.items() if name in cls.NEEDED_AT_ONCE}
        model: Any = super().load(path, env, device, custom_objects, print_system_info, force_reset, **at_once)
        for name, value in kwargs.items():
            if name == "baseline":
                model.make_baseline = value
            if name not in at_once:
                setattr(model, name, value(model.policy) if name == "baseline" else value)
        return model


def arguments_of(learner: type[OnPolicyAlgorithm]) -> set[str]:
    """Return the names of the arguments that a learner's constructor and those it extends take, but for `env`."""
    makers = [vars(cls)["__init__"] for cls in learner.__mro__ if "__init__" in vars(cls)]
    ours = makers[: len(makers) - len([cls for cls in OnPolicyAlgorithm.__mro__ if "__init__" in vars(cls)])]
    names = {name for maker in ours for name in inspect.signature(maker).parameters}
    return names - {"self", "env", "device", "kwargs"}
