"""What a critic sees and the robot does not, behind all three doors."""

from dataclasses import dataclass

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs
from envs.contract import InvalidTask
from envs.robots.cartpole import CartPole
from envs.robots.go1_real import Go1Real


@dataclass(frozen=True)
class Still(CartPole):
    """A pole whose speeds the robot does not see."""

    def observe(self, sim, now):
        return {name: part for name, part in super().observe(sim, now).items() if name in ("position", "angle")}

    def privileged(self, sim, now):
        return {name: part for name, part in super().observe(sim, now).items() if name in ("velocity", "turning")}


@dataclass(frozen=True)
class Twice(CartPole):
    def privileged(self, sim, now):
        return {"angle": sim.qpos[:, 1]}


@pytest.fixture(scope="module", autouse=True)
def registered():
    envs.register("Still", Still)
    yield
    envs.registry.REGISTERED.pop("Still")


def both(observation):
    """Return what CartPole observes: position, velocity, angle, turning."""
    return np.concatenate([observation["observation"], observation["privileged"]], axis=-1)[..., [0, 2, 1, 3]]


def test_a_vec_env_gives_both_parts_and_at_an_end_the_last_ones():
    ours, plain = (envs.make_vec(name, 3, seed=5, episode_steps=7) for name in ("Still", "CartPole"))
    np.testing.assert_array_equal(both(ours.reset()), plain.reset())
    for _ in range(8):
        actions = np.full((3, 1), 0.3)
        (seen, *_, infos), (expected, *_, plain_infos) = ours.step(actions), plain.step(actions)
        np.testing.assert_array_equal(both(seen), expected)
        for info, other in zip(infos, plain_infos, strict=True):
            assert ("terminal_observation" in info) == ("terminal_observation" in other)
            if "terminal_observation" in other:
                np.testing.assert_array_equal(both(info["terminal_observation"]), other["terminal_observation"])
    assert "terminal_observation" not in infos[0]
    assert ours.observation_space["observation"].shape == ours.observation_space["privileged"].shape == (2,)


def test_a_single_environment_keeps_gymnasiums_contract():
    env = gymnasium.make("envs:Locomotion/Still-v0")
    check_env(env.unwrapped, skip_render_check=True)
    first, _ = env.reset(seed=5)
    np.testing.assert_array_equal(both(first), envs.make_vec("CartPole", 1, seed=5).reset()[0])


@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
def test_a_vector_environment_is_gymnasiums_own_of_single_ones(mode):
    arguments = {"num_envs": 2, "episode_steps": 4}
    ours = gymnasium.make_vec("envs:Locomotion/Still-v0", **arguments, autoreset_mode=mode)
    theirs = gymnasium.vector.SyncVectorEnv(
        [lambda: gymnasium.make("envs:Locomotion/Still-v0", episode_steps=4)] * 2, autoreset_mode=ours.autoreset_mode
    )
    np.testing.assert_array_equal(both(ours.reset(seed=3)[0]), both(theirs.reset(seed=3)[0]))
    for _ in range(6):
        actions = np.full((2, 1), 0.2, np.float32)
        (seen, *_, infos), (expected, *_, their_infos) = ours.step(actions), theirs.step(actions)
        np.testing.assert_array_equal(both(seen), both(expected))
        assert ("final_obs" in infos) == ("final_obs" in their_infos)
        for last, their_last in zip(infos.get("final_obs", []), their_infos.get("final_obs", []), strict=True):
            np.testing.assert_array_equal(both(last), both(their_last))


def test_names_that_are_seen_and_privileged_are_refused():
    with pytest.raises(InvalidTask, match=r"Twice\.privileged must return other parts than observe, got angle twice"):
        envs.World(Twice(), 1)


def test_privileged_parts_that_are_no_dict_are_refused(monkeypatch):
    monkeypatch.setattr(Still, "privileged", lambda self, sim, now: None)
    with pytest.raises(InvalidTask, match=r"Still\.privileged must return a dict of named parts, got NoneType"):
        envs.World(Still(), 1)


def test_the_real_dog_does_not_see_its_velocity_and_its_critic_does():
    names = envs.observation_names("Go1Real")
    seen = envs.make_vec("Go1Real", 1).observation_space["observation"].shape[0]
    assert not any(name.startswith("velocity") for name in names[:seen])
    assert names[seen : seen + 3] == ["velocity[0]", "velocity[1]", "velocity[2]"]
    assert seen + 3 == len(envs.observation_names("Go1"))
    world = envs.World(Go1Real(), 2)
    world.step(np.zeros((2, 12)))
    velocity = world.task.command_tracking(world.sim)[1][:, :2]
    np.testing.assert_allclose(world.observations["privileged"][:, :2], velocity)
