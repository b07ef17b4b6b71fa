"""Measure: benchmark.py throughput, training, workers, scores, race, estimators, derivatives, or gamma-lambda."""

from locomotion.launch import run


def main(arguments: list[str]) -> int:
    """Run the command."""
    from locomotion.commands import benchmark  # here, so that Ctrl-C is answered while it is imported

    return benchmark(arguments)


if __name__ == "__main__":
    run(main)
