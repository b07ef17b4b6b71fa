"""The command line of the viewer: its options, and the run.

`--help` imports this module, so everything heavy is imported by `run`.
"""

from dataclasses import dataclass
from typing import Annotated

import tyro

from locomotion.command_line import Load, optional
from locomotion.interrupts import keeping
from locomotion.policies.stored import Numbers, as_trained


@dataclass(frozen=True)
class Watch:
    """Watch a policy live, and pause, push and steer its robot, until Ctrl-C."""

    policy: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """A shipped policy's name (Hopper), a run's folder (its last checkpoint), a checkpoint's, or hub:USER/NAME."""
    web: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show it in a browser on this machine, instead of a window."""
    port: int = 8080
    """Port of the page; 0 for any free one."""
    seed: int = 0
    """The first episode starts as the environment reset with this seed."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""
    load: Load = ()

    def run(self, numbers: Numbers = as_trained) -> int:
        """Show the policy until its window is closed, or until Ctrl-C.

        Args:
            numbers: of the policy's task that differ from those it is watched with.
        """
        from locomotion.files import folder_name
        from locomotion.viewer.session import watched

        with (
            keeping(lambda: f"stopped watching {self.policy}"),
            watched(self.policy, self.seed, self.threads, numbers) as session,
        ):
            title = folder_name(session.player.name)
            if self.web:
                from locomotion.viewer import web

                web.show(session, title, self.port, lambda page: print(f"{title} plays at {page}", flush=True))
            else:
                from locomotion.viewer import window

                window.show(session)
        return 0
