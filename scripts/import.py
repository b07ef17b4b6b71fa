"""Import a policy of Stable-Baselines3's: python scripts/import.py FILE.zip --env Hopper-v5."""

from locomotion.launch import run


def main(arguments: list[str]) -> int:
    """Run the command."""
    from locomotion.commands import import_  # here, so that Ctrl-C is answered while it is imported

    return import_(arguments)


if __name__ == "__main__":
    run(main)
