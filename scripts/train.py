"""Train a robot: python scripts/train.py Hopper-v5."""

from locomotion.launch import run


def main(arguments: list[str]) -> int:
    """Run the command."""
    from locomotion.commands import train  # here, so that Ctrl-C is answered while it is imported

    return train(arguments)


if __name__ == "__main__":
    run(main)
