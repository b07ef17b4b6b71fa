"""Put a finished run's policy into the package: python scripts/ship.py runs/Hopper-v5/trpo/NAME."""

from locomotion.launch import run


def main(arguments: list[str]) -> int:
    """Run the command."""
    from locomotion.commands import ship  # here, so that Ctrl-C is answered while it is imported

    return ship(arguments)


if __name__ == "__main__":
    run(main)
