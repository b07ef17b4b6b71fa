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
from locomotion.policies.hub import PREFIX, repository_of, require_hub
from locomotion.policies.stored import Numbers, StoredPolicy, as_trained


@dataclass(frozen=True)
class Export:
    """Write a folder from which a robot's own computer can run a policy, and prove it equal to the trained one."""

    policy: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """A shipped policy's name (Hopper), a run's folder (its last checkpoint), a checkpoint's, or hub:USER/NAME."""
    out: Annotated[Path | None, optional("exported/ROBOT here", "FOLDER")] = None
    """The folder; a former export in it is replaced."""
    format: tuple[Literal["torchscript", "c", "sb3"], ...] = ("torchscript",)
    """Files besides policy.onnx, which is always there: policy.pt, policy.h (for plain networks), policy.zip."""
    push: Annotated[str | None, optional("it stays here", "USER/NAME")] = None
    """A repository on the Hugging Face hub, to which the folder goes, with a model card: then hub:USER/NAME is it."""
    load: Load = ()

    def run(self, numbers: Numbers = as_trained) -> int:
        """Print what was written, and the proof.

        Args:
            numbers: of the policy's task that differ from those it is evaluated with.
        """
        try:
            from locomotion.export.exporting import export
            from locomotion.export.publishing import push
        except ModuleNotFoundError as error:
            raise UsageError(f"{error.name} is not installed: pip install -c constraints.txt -e '.[export]'") from error

        repository = None if self.push is None else repository_of(self.push)
        if repository is not None:
            require_hub()
        stored = StoredPolicy.find(self.policy)
        exported = export(stored, self.out, numbers(stored), self.format, repository)
        print(exported.summary())
        if repository is not None:
            print(f"pushed: {push(exported.folder, repository)}, {PREFIX}{repository}")
        return 0
