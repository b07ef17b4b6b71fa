"""Measure: benchmark.py throughput, training, workers, scores, estimators, derivatives, or gamma-lambda."""

from locomotion.command_line import run
from locomotion.commands import benchmark as main

if __name__ == "__main__":
    run(main)
