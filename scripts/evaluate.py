"""Score a policy: python scripts/evaluate.py Hopper, or runs/Hopper-v5/trpo/NAME."""

from locomotion.command_line import run
from locomotion.commands import evaluate as main

if __name__ == "__main__":
    run(main)
