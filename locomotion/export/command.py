"""The command line of an export.

`--help` imports this module, so everything heavy is imported by `run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from locomotion.command_line import Load, optional
from locomotion.errors import UsageError
from locomotion.policies.stored import Numbers, StoredPolicy, as_trained


@dataclass(frozen=True)
class Export:
    """Write a folder from which a robot's own computer can run a policy, and prove it equal to the trained one."""

    policy: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """A shipped policy's name (Hopper), a run's folder (its last checkpoint is exported) or a checkpoint's."""
    out: Annotated[Path | None, optional("exported/ROBOT here", "FOLDER")] = None
    """The folder."""
    format: tuple[Literal["torchscript", "c", "sb3"], ...] = ("torchscript",)
    """Files besides policy.onnx: policy.pt, policy.h (for plain networks), policy.zip with vecnormalize.pkl."""
    load: Load = ()

    def run(self, numbers: Numbers = as_trained) -> int:
        """Print what was written, and the proof.

        Args:
            numbers: of the policy's task that differ from those it is evaluated with.
        """
        try:
            from locomotion.export.exporting import export
        except ModuleNotFoundError as error:
            raise UsageError(f"{error.name} is not installed: pip install -c constraints.txt -e '.[export]'") from error

        stored = StoredPolicy.find(self.policy)
        print(export(stored, self.out, numbers(stored), self.format).summary())
        return 0
