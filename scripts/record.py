"""Film a policy: python scripts/record.py Hopper, or runs/Hopper-v5/trpo/NAME."""

from locomotion.launch import run


def main(arguments: list[str]) -> int:
    """Run the command."""
    from locomotion.commands import record  # here, so that Ctrl-C is answered while it is imported

    return record(arguments)


if __name__ == "__main__":
    run(main)
