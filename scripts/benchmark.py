"""Measure: benchmark.py throughput, training, workers, scores, estimators, or gamma-lambda, each with --help."""

from locomotion.command_line import run
from locomotion.commands import benchmark as main

if __name__ == "__main__":
    run(main)
