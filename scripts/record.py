"""Film a policy: python scripts/record.py Hopper, or runs/Hopper-v5/trpo/NAME."""

from locomotion.command_line import run
from locomotion.commands import record as main

if __name__ == "__main__":
    run(main)
