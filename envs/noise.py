"""Random numbers of a moment: a sensor's errors that follow from an episode's key and its step, not from a generator.

A saved simulation then goes on with the same errors, and no generator has to be saved with it.
"""

from __future__ import annotations

import numpy as np

# Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators": SplitMix64.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def errors(keys: np.ndarray, steps: np.ndarray, count: int) -> np.ndarray:
    """Return numbers (N, count), evenly spread over -1 to 1, that nothing but key, step and place decide.

    Args:
        keys: of N episodes (N,), in [0, 1).
        steps: of each episode so far (N,), whole numbers.
        count: numbers of a robot.
    """
    seeds = mixed((keys * 2.0**53).astype(np.uint64) + GOLDEN * steps.astype(np.uint64))
    bits = mixed(seeds[:, None] + GOLDEN * np.arange(1, count + 1, dtype=np.uint64))
    return (bits >> np.uint64(11)) * 2.0**-52 - 1.0


def mixed(bits: np.ndarray) -> np.ndarray:
    """Return 64 bits each that look as if they had nothing to do with those given."""
    bits = (bits ^ (bits >> np.uint64(30))) * FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * SECOND
    return bits ^ (bits >> np.uint64(31))
