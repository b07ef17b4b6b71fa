"""Watch a policy live: python scripts/watch.py Hopper, or with --web in a browser."""

from locomotion.command_line import run
from locomotion.commands import watch as main

if __name__ == "__main__":
    run(main)
