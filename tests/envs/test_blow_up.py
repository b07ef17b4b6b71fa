"""The evidence that a world keeps of a blow-up."""

import pickle
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import envs
from envs.blow_up import fingerprint
from envs.robots.cartpole import CartPole
from envs.world import World


@dataclass(frozen=True)
class Faulty(CartPole):
    """A cart-pole whose robot of seed 7 does something wrong in its third step."""

    fault: str = "none"

    memory: ClassVar = {"seed": 1}
    remembered = ("tilt",)

    def place(self, sim, rngs, seeds):
        super().place(sim, rngs, seeds)
        sim.memory.seed = np.array(seeds)

    def wrong(self, sim, fault):
        third = np.abs(sim.time - 3 * sim.dt) < 0.5 * sim.dt
        return (sim.memory.seed == 7) & third & (self.fault == fault)

    def rewards(self, sim, action, now, before):
        return super().rewards(sim, action, now, before) | {"ratio": 1.0 / np.where(self.wrong(sim, "reward"), 0.0, 1)}

    def observe(self, sim, now):
        parts = super().observe(sim, now)
        return parts | {"speed": np.where(self.wrong(sim, "observation")[:, None], -np.inf, 0.0)}


def blow_up(world, steps=3, action=0.5):
    """The summary of robot 1's first episode that ends in a blow-up, within some steps of one action."""
    actions = np.full((world.num_robots, 1), action, np.float32)
    for _ in range(steps):
        before = world.get_state()
        with np.errstate(divide="ignore"):
            step = world.step(actions)
    assert step.ended.tolist() == [1]
    return step.episodes[0]["physics_error"], before


def begin(**fields):
    world = World(Faulty(**fields), 3, 1)
    world.reset(np.arange(3), [6, 7, 8])
    return world


@pytest.mark.parametrize(
    ("fault", "found"),
    [("reward", "reward ratio is inf, reward total is inf"), ("observation", "observation speed is -inf")],
)
def test_a_blow_up_tells_robot_seed_step_state_and_what_was_found(fault, found):
    world = begin(fault=fault)
    evidence, before = blow_up(world)
    assert isinstance(evidence, envs.BlowUp)
    assert (evidence.task, evidence.fields) == ("Faulty", {"fault": fault})
    assert (evidence.robot, evidence.seed, evidence.step, evidence.found) == (1, 7, 2, found)
    assert evidence.model == fingerprint(World(Faulty(), 1).model)
    np.testing.assert_array_equal(evidence.action, np.float32([0.5]))
    np.testing.assert_array_equal(evidence.before["tilt"], before["before.tilt"][1])
    # Time, positions and velocities are those before the step, the controls are those of the step.
    np.testing.assert_array_equal(evidence.state, before["simulation"][1])  # the action is the same in every step


def test_an_action_that_is_not_finite_is_kept_as_given():
    world = begin()
    actions = np.zeros((3, 1))
    actions[1] = np.nan
    evidence = world.step(actions).episodes[0]["physics_error"]
    assert np.isnan(evidence.action).all()
    assert evidence.found == "action 0 is nan"
    assert world.task.action_space(world.model).shape == evidence.action.shape


def test_the_engines_word_is_kept():
    world = begin()
    world.sim.qvel[2] = 1e30
    evidence = world.step(np.zeros((3, 1))).episodes[0]["physics_error"]
    assert evidence.robot == 2
    assert "mjWARN_BADQVEL" in evidence.found


def test_evidence_is_of_its_step_alone_and_can_be_sent():
    world = begin(fault="reward")
    evidence, _ = blow_up(world)
    kept = pickle.loads(pickle.dumps(evidence))
    world.reset(np.arange(3), [1, 2, 3])
    for _ in range(5):
        world.step(np.ones((3, 1), np.float32))
    np.testing.assert_array_equal(kept.state, evidence.state)
    assert kept.before.keys() == evidence.before.keys()


def test_an_episode_that_ends_otherwise_has_none():
    world = World(CartPole(episode_steps=2), 2, 1)
    world.step(np.zeros((2, 1)))
    assert [episode["physics_error"] for episode in world.step(np.zeros((2, 1))).episodes] == [None, None]


def test_fingerprints_tell_models_apart():
    heavier = World(CartPole(), 1).model
    assert fingerprint(heavier) == fingerprint(World(CartPole(), 4).model)
    heavier.body_mass[1] *= 1.5
    assert fingerprint(heavier) != fingerprint(World(CartPole(), 1).model)
