"""Score a policy: python scripts/evaluate.py Hopper, or runs/Hopper-v5/trpo/NAME."""

from locomotion.launch import run


def main(arguments: list[str]) -> int:
    """Run the command."""
    from locomotion.commands import evaluate  # here, so that Ctrl-C is answered while it is imported

    return evaluate(arguments)


if __name__ == "__main__":
    run(main)
