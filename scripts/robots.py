"""List the robots: python scripts/robots.py, or one robot's task: python scripts/robots.py Go1."""

from locomotion.command_line import run
from locomotion.commands import robots as main

if __name__ == "__main__":
    run(main)
