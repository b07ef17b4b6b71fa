"""The command line of an import.

`--help` imports this module, so everything heavy is imported by `run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from locomotion.command_line import Load, optional


@dataclass(frozen=True)
class Import:
    """Make a policy of ours of one that Stable-Baselines3 saved (PPO, A2C or TRPO, MlpPolicy); nothing in it is run."""

    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE.zip")]
    """The file that SB3's `save` wrote."""
    env: Annotated[str, tyro.conf.arg(metavar="ENV")]
    """The environment in which it acts, one of ours or any Gymnasium id."""
    vec_normalize: Annotated[Path | None, optional("observations are as they are", "FILE.pkl")] = None
    """The file that the `save` of its VecNormalize wrote."""
    out: Annotated[Path | None, optional("imported/ROBOT here", "FOLDER")] = None
    """The policy's folder."""
    load: Load = ()

    def run(self) -> int:
        """Print the folder."""
        from locomotion.importing.sb3 import import_sb3

        folder = import_sb3(self.file, self.env, self.vec_normalize, self.out)
        print(f"imported: {folder}")
        return 0
