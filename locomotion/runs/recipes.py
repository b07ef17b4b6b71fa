"""Recipes: the tuned settings of a robot and an update rule, those of robots that were registered included."""

from typing import Any

from locomotion.environments import known_environment
from locomotion.errors import UsageError
from locomotion.runs import gymnasium_recipes, own_recipes
from locomotion.runs.settings import Settings, owners

RECIPES = {**own_recipes.RECIPES, **gymnasium_recipes.RECIPES}


def recipe(env: str, algo: str) -> dict[str, Any]:
    """Return what differs from the defaults of a robot (canonical id) and an update rule: empty where none is tuned."""
    return RECIPES.get((env, algo), {})


def usual_settings(env: str, algo: str, **changes: Any) -> Settings:
    """Return a robot's settings by its recipe for an update rule, with some of them changed.

    Raises:
        UsageError: where the recipe names an unknown setting, or gives one a value out of bounds.
    """
    tuned = recipe(env, algo)
    for name in tuned:
        if name not in owners(algo):
            raise UsageError(f"the recipe of {env} for {algo} names {name!r}, which is no setting of {algo}")
    return Settings.of(env, algo, **tuned | changes)


def register_recipe(robot: str, algo: str, **settings: Any) -> None:
    """Add a robot's tuned settings for an update rule, by their names on the command line.

    Raises:
        UsageError: where the robot is unknown, or has such a recipe.
    """
    env = known_environment(robot)
    if (env, algo) in RECIPES:
        raise UsageError(f"{env} has a recipe for {algo} already")
    RECIPES[env, algo] = settings
