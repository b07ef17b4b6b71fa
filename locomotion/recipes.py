"""The tuned settings of each robot and learner, next to each other, each with where it came from."""

from typing import Any

RECIPES: dict[tuple[str, str], dict[str, Any]] = {
    ("Locomotion/CartPole-v0", "trpo"): {"steps": 100_000},
}


def recipe(env: str, algo: str) -> dict[str, Any]:
    """Return what differs from the defaults of `Settings` for a robot (canonical id) and an algorithm."""
    return RECIPES.get((env, algo), {})
