"""Watch a policy live: python scripts/watch.py Hopper, or with --web in a browser."""

from locomotion.launch import run


def main(arguments: list[str]) -> int:
    """Run the command."""
    from locomotion.commands import watch  # here, so that Ctrl-C is answered while it is imported

    return watch(arguments)


if __name__ == "__main__":
    run(main)
