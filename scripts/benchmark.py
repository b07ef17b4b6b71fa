"""Measure: throughput, training, workers, scores, estimators, derivatives, or gamma-lambda, each with --help."""

from typing import Union

import tyro

from locomotion.benchmarks.commands import Scores, Throughput, Training, Workers
from locomotion.command_line import run
from locomotion.laboratory.commands import Derivatives, Estimators
from locomotion.sweeps.command import GammaLambda

BENCHMARKS = (Throughput, Training, Workers, Scores, Estimators, Derivatives, GammaLambda)


def main(arguments: list[str]) -> int:
    """Run the benchmark that the command line names; return the exit code."""
    benchmark = tyro.cli(Union[*BENCHMARKS], args=arguments, description=__doc__)  # type: ignore[call-overload]
    return benchmark.run()


if __name__ == "__main__":
    run(main)
