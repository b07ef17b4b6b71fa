"""List the robots: python scripts/robots.py, or one robot's task: python scripts/robots.py Go1."""

from locomotion.launch import run


def main(arguments: list[str]) -> int:
    """Run the command."""
    from locomotion.commands import robots  # here, so that Ctrl-C is answered while it is imported

    return robots(arguments)


if __name__ == "__main__":
    run(main)
