"""Put a finished run's policy into the package: python scripts/ship.py runs/Hopper-v5/trpo/NAME."""

from locomotion.command_line import run
from locomotion.commands import ship as main

if __name__ == "__main__":
    run(main)
