"""Train a robot: python scripts/train.py Hopper-v5."""

from locomotion.command_line import run


def main(arguments: list[str]) -> int:
    """Train, or resume, as the command line says."""
    from locomotion.runs.settings import parse
    from locomotion.training.train import train

    settings = parse(arguments)
    outcome = train(settings)
    if outcome.interrupted:
        print(f"stopped at step {outcome.steps:,}; go on with: python scripts/train.py --resume {outcome.run.folder}")
        return 130
    print(f"trained for {outcome.steps:,} steps: {outcome.run.folder}")
    if outcome.scores is not None:
        print(outcome.scores.table())
    if outcome.video is not None:
        print(f"video: {outcome.video}")
    return 0


if __name__ == "__main__":
    run(main)
