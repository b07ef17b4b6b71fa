"""Watch a policy live: python scripts/watch.py Hopper, or with --web in a browser."""

import contextlib
from dataclasses import dataclass
from typing import Annotated

import tyro

from locomotion.command_line import optional, run
from locomotion.files import folder_name
from locomotion.viewer.session import watched


@dataclass(frozen=True)
class Arguments:
    """Watch a policy live, and pause, push and steer its robot, until Ctrl-C."""

    policy: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """A shipped policy's name (Hopper), a run's folder (its last checkpoint plays) or a checkpoint's."""
    web: tyro.conf.FlagCreatePairsOff[bool] = False
    """In a browser on this machine, instead of a window."""
    port: int = 8080
    """Of the page; 0 for any that is free."""
    seed: int = 0
    """The first episode starts as the environment reset with it."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""


def main(arguments: list[str]) -> None:
    """Show the policy as the command line says."""
    wanted = tyro.cli(Arguments, args=arguments, description=Arguments.__doc__)
    with watched(wanted.policy, wanted.seed, wanted.threads) as session, contextlib.suppress(KeyboardInterrupt):
        title = folder_name(session.player.name)
        if wanted.web:
            from locomotion.viewer import web

            web.show(session, title, wanted.port, lambda page: print(f"{title} plays at {page}", flush=True))
        else:
            from locomotion.viewer import window

            window.show(session)


if __name__ == "__main__":
    run(main)
