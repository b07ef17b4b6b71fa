"""Watch a policy live: python scripts/watch.py Hopper, or with --web in a browser."""

import tyro

from locomotion.command_line import run
from locomotion.viewer.command import Watch


def main(arguments: list[str]) -> int:
    """Show the policy as the command line says."""
    return tyro.cli(Watch, args=arguments, description=Watch.__doc__).run()


if __name__ == "__main__":
    run(main)
