"""Film a policy: python scripts/record.py Hopper, or runs/Hopper-v5/trpo/NAME."""

import tyro

from locomotion.command_line import run
from locomotion.recording.command import Record


def main(arguments: list[str]) -> int:
    """Film as the command line says."""
    return tyro.cli(Record, args=arguments, description=Record.__doc__).run()


if __name__ == "__main__":
    run(main)
