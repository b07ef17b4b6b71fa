from collections import Counter

import pytest

from locomotion.errors import UsageError
from locomotion.runs.recipes import recipe
from locomotion.sweeps.plan import PRESETS, Point, Sweep

LAMBDAS = {0.0, 0.36, 0.68, 0.84, 0.92, 0.96, 0.98, 0.99, 1.0}


def points(preset: str) -> dict[Point, int]:
    return Counter(cell.point for cell in Sweep(preset=preset).cells())


def test_the_cart_pole_is_the_papers():
    seeds = points("cartpole")
    assert set(seeds.values()) == {21}
    curves = {point[1:3] for point in seeds if point.iterations == 50}
    assert curves == {(value, "value") for value in LAMBDAS} | {(1.0, "time")}
    assert {point.gamma for point in seeds if point.iterations == 50} == {0.99}
    others = {point[:3] for point in seeds if point.iterations == 20}
    assert others == {(gamma, value, "value") for gamma in (0.9, 0.96, 0.98, 0.995, 1.0) for value in LAMBDAS}
    cell = Sweep(preset="cartpole").cells()[0]
    assert (cell.settings.rollout.num_envs, cell.settings.rollout.episodic) == (20, True)
    assert cell.settings.task == {"episode_steps": 1000}
    assert cell.settings.rollout.n_steps == 1000  # so that an episode is never cut short
    assert (cell.settings.network.actor, cell.settings.network.value) == ((), (20,))


def test_the_biped_is_the_papers():
    pairs = [(0.96, 0.96), (0.98, 0.96), (0.99, 0.96), (1.0, 0.96)]
    pairs += [(0.995, value) for value in (0.92, 0.96, 0.98, 0.99, 1.0)]
    assert points("biped") == dict.fromkeys(
        [*(Point(*pair, "value", 500) for pair in pairs), Point(1.0, 1.0, "time", 500)], 9
    )


@pytest.mark.parametrize(("preset", "gamma", "iterations"), [("quadruped", 0.995, 1000), ("standup", 0.99, 500)])
def test_the_others_are_the_papers(preset, gamma, iterations):
    dials = [(0.96, "value"), (1.0, "value"), (1.0, "time")]
    assert points(preset) == {Point(gamma, *dial, iterations): 5 for dial in dials}


@pytest.mark.parametrize(("preset", "batch"), [("biped", 50_000), ("quadruped", 200_000), ("standup", 200_000)])
def test_robots_on_legs_have_the_papers_networks_batches_and_episodes(preset, batch):
    cell = Sweep(preset=preset).cells()[0]
    settings = cell.settings
    assert settings.rollout.num_envs * settings.rollout.n_steps == batch
    assert settings.network.actor == settings.network.value == (100, 50, 25)
    assert settings.task["episode_steps"] == 2000
    assert settings.critic.critic == "trust-region"
    assert settings.rule.target_kl == settings.rule.final_kl


def test_scale_shrinks_robots_and_seeds_but_neither_rollouts_nor_iterations():
    (cartpole, *_), (biped, *_) = (Sweep(preset=name, scale=0.25).cells() for name in ("cartpole", "biped"))
    assert (cartpole.settings.rollout.num_envs, cartpole.settings.rollout.n_steps, cartpole.iterations) == (5, 1000, 50)
    assert (biped.settings.rollout.num_envs, biped.settings.rollout.n_steps, biped.iterations) == (12, 1000, 500)
    assert len(Sweep(preset="biped", scale=0.25).cells()) == 2 * len(PRESETS["biped"].points)
    assert len(Sweep(preset="biped", scale=0.25, seeds=5).cells()) == 5 * len(PRESETS["biped"].points)


def test_a_sweep_of_ones_own_learns_by_the_recipe_of_its_robot():
    cells = Sweep(env="Walker2d-v5", gammas=(0.98, 0.99), lambdas=(0.9, 0.95), seeds=2, iterations=10).cells()
    assert [cell.settings.seed for cell in cells] == 4 * [0] + 4 * [1]
    assert {(cell.settings.advantage.gamma, cell.settings.advantage.gae_lambda) for cell in cells} == {
        (gamma, value) for gamma in (0.98, 0.99) for value in (0.9, 0.95)
    }
    for name, value in recipe("Walker2d-v5", "trpo").items():
        assert cells[0].settings.flat()[name] == value
    assert cells[0].iterations == 10
    whole = Sweep(env="Walker2d-v5", gammas=(0.99,), lambdas=(0.9,), seeds=1).cells()[0]
    assert 1_000_000 <= whole.settings.steps < 1_000_000 + 16 * 128


def test_names_tell_cells_apart_and_more_seeds_leave_the_others_theirs():
    few, many = (Sweep(env="CartPole", seeds=seeds).cells() for seeds in (2, 3))
    names = [cell.name for cell in many]
    assert len(set(names)) == len(names)
    assert [cell.name for cell in few] == names[: len(few)]
    other = Sweep(env="CartPole", seeds=2, iterations=7).cells()
    assert not set(names) & {cell.name for cell in other}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "which robot"),
        ({"env": "CartPol"}, "unknown environment 'CartPol'"),
        ({"env": "CartPole", "gammas": (1.5,)}, r"--gammas must lie in \[0, 1\], got 1.5"),
        ({"env": "CartPole", "lambdas": (0.5, float("nan"))}, r"--lambdas must lie in \[0, 1\], got 0.5 nan"),
        ({"env": "CartPole", "lambdas": ()}, r"--lambdas must name at least one number in \[0, 1\], got none"),
        ({"env": "CartPole", "lambdas": (0.5, 0.5)}, "--lambdas names a value twice: 0.5 0.5"),
        ({"env": "CartPole", "seeds": 0}, "--seeds must be at least 1, got 0"),
        ({"env": "CartPole", "iterations": 0}, "--iterations must be at least 1, got 0"),
        ({"env": "CartPole", "scale": 0.5}, "--scale shrinks a preset"),
        ({"preset": "biped", "scale": 0.0}, r"--scale must lie in \(0, 1\], got 0"),
        ({"preset": "biped", "gammas": (0.9,)}, "--preset biped has its own gammas"),
        ({"preset": "biped", "algo": "ppo"}, "--preset biped learns by trpo, got --algo ppo"),
    ],
)
def test_mistakes_become_one_sentence(asked, message):
    with pytest.raises(UsageError, match=message):
        Sweep(**asked).cells()
