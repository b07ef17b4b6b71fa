"""Train a robot: python scripts/train.py Hopper-v5."""

from locomotion.command_line import run
from locomotion.commands import train as main

if __name__ == "__main__":
    run(main)
