"""Export a policy for a robot's own computer: python scripts/export.py Go1, or runs/Hopper-v5/trpo/NAME."""

from locomotion.launch import run


def main(arguments: list[str]) -> int:
    """Run the command."""
    from locomotion.commands import export  # here, so that Ctrl-C is answered while it is imported

    return export(arguments)


if __name__ == "__main__":
    run(main)
