"""Take the step of a blow-up again: python scripts/replay.py RUN/blow-ups/STEP-robotI.safetensors."""

from locomotion.launch import run


def main(arguments: list[str]) -> int:
    """Run the command."""
    from locomotion.commands import replay  # here, so that Ctrl-C is answered while it is imported

    return replay(arguments)


if __name__ == "__main__":
    run(main)
