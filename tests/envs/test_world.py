import json
from dataclasses import dataclass

import mujoco
import numpy as np
import pytest
from mujoco.batch import SimulationError

import envs
from envs.gymnasium_robots.hopper import Hopper
from envs.mirror import MirroredParts, SignedPermutation
from envs.registry import make_task
from envs.robots.cartpole import CartPole
from envs.world import World

IDS = ["Hopper-v5", "Ant-v5", "InvertedDoublePendulum-v5"]


def begin(env_id: str, num_robots: int = 4, num_threads: int = 2) -> World:
    world = World(make_task(env_id), num_robots, num_threads)
    world.reset(np.arange(num_robots), list(range(num_robots)))
    return world


def actions_for(world: World, steps: int) -> np.ndarray:
    shape = (steps, world.num_robots, *world.action_space.shape)
    return np.random.default_rng(0).uniform(world.action_space.low, world.action_space.high, shape).astype(np.float32)


@pytest.mark.parametrize("env_id", IDS)
def test_the_number_of_threads_changes_nothing(env_id):
    one, two = begin(env_id, 6, num_threads=1), begin(env_id, 6, num_threads=2)
    for actions in actions_for(one, 120):
        a, b = one.step(actions), two.step(actions)
        np.testing.assert_array_equal(a.observations, b.observations)
        np.testing.assert_array_equal(a.rewards, b.rewards)
        np.testing.assert_array_equal(a.ended, b.ended)


@pytest.mark.parametrize("env_id", IDS)
def test_a_robots_life_does_not_depend_on_its_neighbours(env_id):
    many, one = begin(env_id, 5), begin(env_id, 1)
    one.reset(np.array([0]), [3])
    for actions in actions_for(many, 100):
        a, b = many.step(actions), one.step(actions[3:4])
        np.testing.assert_array_equal(a.observations[3], b.observations[0])
        assert a.rewards[3] == b.rewards[0]


@pytest.mark.parametrize("env_id", IDS)
def test_goes_on_from_a_saved_state_to_the_last_bit(env_id):
    world = begin(env_id)
    plan = actions_for(world, 160)
    for actions in plan[:60]:
        world.step(actions)
    saved = world.get_state()
    ahead = [world.step(actions) for actions in plan[60:]]

    arrays = {name: value.copy() for name, value in saved.items() if isinstance(value, np.ndarray)}
    rest = json.loads(json.dumps({name: value for name, value in saved.items() if name not in arrays}))
    other = World(make_task(env_id), 4, 1)
    other.set_state(arrays | rest)
    for expected, actions in zip(ahead, plan[60:], strict=True):
        step = other.step(actions)
        np.testing.assert_array_equal(step.observations, expected.observations)
        np.testing.assert_array_equal(step.rewards, expected.rewards)
        np.testing.assert_array_equal(step.final_observations, expected.final_observations)
        for mine, theirs in zip(step.episodes, expected.episodes, strict=True):
            assert {**mine, "wall_time": 0} == {**theirs, "wall_time": 0}
    assert sum(len(step.ended) for step in ahead) > 0


def test_what_a_task_measures_is_measured_once_for_each_step_and_each_beginning():
    measured = []

    class Counting(Hopper):
        def measure(self, sim):
            measured.append(len(sim.qpos))
            return super().measure(sim)

    world = World(Counting(), 4, 2)
    ends = 0
    for actions in actions_for(world, 100):
        measured.clear()
        ended = world.step(actions).ended
        assert measured == ([4, len(ended)] if len(ended) else [4])
        ends += len(ended)
    assert ends > 4


@pytest.mark.parametrize(("env_id", "names"), [("Ant-v5", {"position"}), ("Locomotion/CartPole-v0", set())])
def test_only_what_the_next_step_needs_is_remembered(env_id, names):
    world = begin(env_id)
    assert {key.removeprefix("before.") for key in world.get_state() if key.startswith("before.")} == names


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Humanoid-v5"])
def test_what_is_remembered_is_of_the_step_before_or_of_the_episodes_start(env_id):
    world = begin(env_id)
    before = world.get_state()["before.position"]
    for actions in actions_for(world, 60):
        travelled = world.get_state()["tracked.distance"]
        ended = world.step(actions).ended
        now = world.get_state()
        going_on = np.setdiff1d(np.arange(4), ended)
        # A sum is rounded once more than the difference that it grew by.
        grown = (now["tracked.distance"] - travelled)[going_on]
        np.testing.assert_allclose(grown, (now["before.position"] - before)[going_on], atol=1e-12)
        assert (now["tracked.distance"][ended] == 0).all()
        before = now["before.position"]


def test_the_sums_over_an_episode_are_there_from_its_start():
    state = begin("Hopper-v5").get_state()
    for name in ("terms.forward", "terms.survive", "terms.ctrl", "tracked.distance"):
        np.testing.assert_array_equal(state[name], np.zeros(4))


def test_the_sums_so_far_are_those_of_the_saved_state():
    world = begin("Hopper-v5")
    for actions in actions_for(world, 5):
        world.step(actions)
    assert world.tracked == ("distance",)
    np.testing.assert_array_equal(world.so_far("distance"), world.get_state()["tracked.distance"])
    world.so_far("distance")[:] = 0.0
    assert world.so_far("distance").all()


def test_a_state_of_another_number_of_robots_is_refused():
    saved = begin("Hopper-v5", 3).get_state()
    with pytest.raises(ValueError, match=r"3 robots .* 4 of"):
        begin("Hopper-v5", 4).set_state(saved)


def spoil_action(world, actions, value):
    actions[1, 0] = value


def spoil_position(world, actions, value):
    world.sim.qpos[1, 2] = value


def spoil_velocity(world, actions, value):
    world.sim.qvel[1] = value


@pytest.mark.parametrize("env_id", ["Hopper-v5", "Ant-v5"])
@pytest.mark.parametrize(
    ("spoil", "value"),
    [
        (spoil_action, np.nan),
        (spoil_action, np.inf),
        (spoil_action, -np.inf),
        (spoil_position, np.nan),
        (spoil_velocity, np.nan),
        (spoil_velocity, 1e9),
        (spoil_velocity, 1e30),
    ],
)
def test_a_blow_up_ends_one_episode_and_touches_no_other_robot(env_id, spoil, value):
    spoilt, sound = begin(env_id), begin(env_id)
    plan = actions_for(sound, 60)
    others = [0, 2, 3]
    for k, actions in enumerate(plan):
        expected = sound.step(actions)
        last = spoilt.observations
        actions = actions.copy()
        if k == 3:
            spoil(spoilt, actions, value)
        step = spoilt.step(actions)
        for array in (step.observations, step.rewards, step.final_observations, *step.terms.values()):
            assert np.isfinite(array).all()
        np.testing.assert_array_equal(step.observations[others], expected.observations[others])
        np.testing.assert_array_equal(step.rewards[others], expected.rewards[others])
        np.testing.assert_array_equal(step.terminated[others], expected.terminated[others])
        if k == 3:
            assert step.terminated[1]
            assert 1 in step.ended
            row = list(step.ended).index(1)
            assert step.episodes[row]["physics_error"]
            assert step.rewards[1] == 0
            np.testing.assert_array_equal(step.final_observations[row], last[1])
        else:
            assert not any(episode["physics_error"] for episode in step.episodes)
    assert spoilt.physics_errors == 1
    assert sound.physics_errors == 0


def test_an_error_of_the_engine_ends_that_robots_episode(monkeypatch):
    world, sound = begin("Hopper-v5"), begin("Hopper-v5")
    real_step = world.batch.step

    def failing(nstep):
        real_step(np.array([0, 2, 3]), nstep=nstep)
        raise SimulationError(np.array([1]), "out of memory")

    plan = actions_for(world, 3)
    monkeypatch.setattr(world.batch, "step", failing)
    step, expected = world.step(plan[0]), sound.step(plan[0])
    monkeypatch.undo()
    assert step.terminated.tolist() == [False, True, False, False]
    assert step.episodes[0]["physics_error"]
    np.testing.assert_array_equal(step.observations[[0, 2, 3]], expected.observations[[0, 2, 3]])
    assert not world.step(plan[1]).terminated.any()
    assert world.physics_errors == 1


def test_the_blown_up_robot_lives_on_as_after_any_reset():
    # Its next episode begins with the next draw of its own generator.
    world, other = begin("Hopper-v5"), begin("Hopper-v5")
    actions = actions_for(world, 1)[0]
    other.reset(np.array([1]))
    actions[1] = np.nan
    np.testing.assert_array_equal(world.step(actions).observations[1], other.observations[1])


def test_reset_of_some_robots_leaves_the_others_where_they_are():
    world, other = begin("Ant-v5"), begin("Ant-v5")
    plan = actions_for(world, 30)
    for actions in plan[:10]:
        world.step(actions)
        other.step(actions)
    world.reset(np.array([2]))
    np.testing.assert_array_equal(world.observations[[0, 1, 3]], other.observations[[0, 1, 3]])
    for actions in plan[10:]:
        a, b = world.step(actions), other.step(actions)
        np.testing.assert_array_equal(a.observations[[0, 1, 3]], b.observations[[0, 1, 3]])
        np.testing.assert_array_equal(a.rewards[[0, 1, 3]], b.rewards[[0, 1, 3]])


def test_without_auto_reset_the_robot_stays_where_its_episode_ended():
    world = World(make_task("InvertedPendulum-v5"), 1, auto_reset=False)
    world.reset(np.array([0]), [0])
    step = world.step(np.full((1, 1), 3, np.float32))
    while not step.terminated[0]:
        step = world.step(np.full((1, 1), 3, np.float32))
    np.testing.assert_array_equal(step.observations[0], step.final_observations[0])
    assert abs(world.sim.qpos[0, 1]) > 0.2


def test_the_order_of_the_actions_memory_changes_nothing():
    a, b = begin("Humanoid-v5"), begin("Humanoid-v5")
    for actions in actions_for(a, 5):
        np.testing.assert_array_equal(a.step(actions).rewards, b.step(np.asfortranarray(actions)).rewards)


@pytest.mark.parametrize("numbers", [(0, None), (-1, None), (2, 0)])
def test_numbers_below_one_are_refused(numbers):
    with pytest.raises(ValueError, match="at least 1"):
        World(make_task("Reacher-v5"), *numbers)


def test_an_action_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"Hopper takes actions of shape \(4, 3\), got \(4, 2\)"):
        begin("Hopper-v5").step(np.zeros((4, 2)))


def test_a_frame_skip_of_zero_is_refused():
    with pytest.raises(ValueError, match="frame_skip must be at least 1, got 0"):
        make_task("Hopper-v5", frame_skip=0)


def test_an_action_without_a_physics_step_is_refused():
    class Idle(CartPole):
        control_dt = 0.0

    with pytest.raises(ValueError, match="Idle must take at least 1 physics step per action, got 0"):
        World(Idle(), 1)


def test_a_staggered_world_goes_on_from_a_saved_state():
    world = begin("HalfCheetah-v5", 2)
    world.stagger()
    other = World(make_task("HalfCheetah-v5"), 2, 1)
    other.set_state(world.get_state())
    ended = [other.step(actions).ended.tolist() for actions in actions_for(world, 500)]
    assert ended == [[]] * 499 + [[0]]


@dataclass(frozen=True)
class Remembering(CartPole):
    """Keeps the number of its episodes so far, and has a gravity of its own."""

    memory = {"episodes": 1, "gravity": 1}  # noqa: RUF012

    def place(self, sim, rngs, seeds):
        super().place(sim, rngs, seeds)
        sim.memory.episodes += 1
        sim.memory.gravity = [rng.uniform(5.0, 15.0) for rng in rngs]

    def physics(self, sim):
        gravity = np.zeros((len(sim.qpos), 3))
        gravity[:, 2] = -sim.memory.gravity
        return {"opt.gravity": gravity}


def test_what_a_robot_keeps_outlives_its_episode_but_not_a_new_seed():
    world = World(Remembering(), 3, 1)
    world.reset(np.arange(3), [0, 1, 2])
    assert world.sim.memory.episodes.tolist() == [1, 1, 1]
    world.reset(np.array([0, 2]))
    assert world.sim.memory.episodes.tolist() == [2, 1, 2]
    world.reset(np.array([1, 2]), [None, 9])
    assert world.sim.memory.episodes.tolist() == [2, 2, 1]


def test_each_robot_moves_by_its_own_physics():
    world = World(Remembering(), 3, 1)
    world.reset(np.arange(3), [0, 1, 2])
    world.sim.qpos[:], world.sim.qvel[:] = (0.0, 0.1), 0.0
    gravity = world.sim.memory.gravity.copy()
    world.step(np.zeros((3, 1), np.float32))
    falling = world.sim.qvel[:, 1] / gravity
    np.testing.assert_allclose(falling, falling[0], rtol=1e-3)
    assert len(set(world.sim.qvel[:, 1])) == 3
    saved = world.get_state()
    other = World(Remembering(), 3, 1)
    other.set_state(saved)
    actions = np.ones((3, 1), np.float32)
    np.testing.assert_array_equal(other.step(actions).observations, world.step(actions).observations)


def test_an_observation_is_its_parts_side_by_side():
    world = begin("Locomotion/Go1-v0")
    assert list(world.layout.items())[:3] == [("velocity", 3), ("turning", 3), ("up", 3)]
    assert sum(world.layout.values()) == len(world.observation_names) == world.observation_space.shape[0]
    assert world.observation_names[:4] == ["velocity[0]", "velocity[1]", "velocity[2]", "turning[0]"]
    names = ["position", "velocity", "angle", "turning"]
    assert envs.observation_names("CartPole") == envs.observation_names("Locomotion/CartPole-v0") == names
    with pytest.raises(envs.UnknownEnvironment, match="Pendulum-v1"):
        envs.observation_names("Pendulum-v1")


def test_an_observations_parts_follow_the_tasks_fields():
    few = envs.observation_names("Ant-v5", include_cfrc_ext_in_observation=False)
    assert few == [f"positions[{i}]" for i in range(13)] + [f"velocities[{i}]" for i in range(14)]
    assert envs.observation_names("Ant-v5") == few + [f"contacts[{i}]" for i in range(78)]


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        (np.zeros((2, 4)), TypeError, "Odd.observe must return a dict of named parts, got ndarray"),
        ({"height": np.zeros(3)}, ValueError, "Odd.observe: height must be one row or one number for each of 2 robots"),
        ({"height": np.zeros((2, 1, 1))}, ValueError, r"height .* got shape \(2, 1, 1\)"),
    ],
)
def test_observations_without_names_or_rows_are_refused(parts, error, message):
    class Odd(CartPole):
        def observe(self, sim, now):
            return parts

    with pytest.raises(error, match=message):
        World(Odd(), 2)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"position": 1, "velocity": 1, "angle": 1}, "Swapped.mirrored lacks the part 'turning' of the observation"),
        (
            {"position": 1, "velocity": 1, "angle": 1, "turning": 1, "height": 1},
            "Swapped.mirrored has a part 'height', which the observation lacks",
        ),
        (
            {"position": 1, "velocity": 2, "angle": 1, "turning": 1},
            "Swapped.mirrored: 'velocity' must be of 1 numbers as in the observation, got 2",
        ),
    ],
)
def test_a_mirror_image_of_other_parts_than_are_observed_is_refused(parts, message):
    class Swapped(CartPole):
        def mirrored(self, model):
            images = {name: SignedPermutation.in_place(*[-1] * size) for name, size in parts.items()}
            return MirroredParts(images, SignedPermutation.in_place(-1))

    with pytest.raises(ValueError, match=message):
        _ = World(Swapped(), 1).mirror


def test_a_quantity_that_is_not_there_names_those_that_are():
    class Forgetful(Hopper):
        def track(self, sim, action, now, before):
            return {"rise": now.healthy - before.healthy}

    class Blind(CartPole):
        def observe(self, sim, now):
            return {"height": now.height}

    with pytest.raises(AttributeError, match=r"^before has no 'healthy': `remembered` names position$"):
        World(Forgetful(), 1)
    with pytest.raises(AttributeError, match=r"^now has no 'height': `measure` returns offset, tilt, failed$"):
        World(Blind(), 1)


def test_a_tasks_memory_is_named_columns_of_the_physics_own():
    class Keeping(CartPole):
        memory = {"count": 1, "places": 3, "last": 1}  # noqa: RUF012

        def place(self, sim, rngs, seeds):
            super().place(sim, rngs, seeds)
            sim.memory.places = [[1, 2, 3]] * len(rngs)
            sim.memory.last[:] = 7
            sim.memory.count += 1

    world = World(Keeping(), 3, 1)
    memory = world.sim.memory
    assert world.model.nuserdata == 5
    assert (memory.count.shape, memory.places.shape, memory.last.shape) == ((3,), (3, 3), (3,))
    np.testing.assert_array_equal(world.sim.userdata, [[1, 1, 2, 3, 7]] * 3)
    world.sim.first(2).memory.places[:, 1] = 0
    world.sim.first(1).memory.last = 9
    np.testing.assert_array_equal(memory.places[:, 1], [0, 0, 2])
    np.testing.assert_array_equal(memory.last, [9, 7, 7])
    world.reset(np.array([1]))
    np.testing.assert_array_equal(memory.count, [1, 2, 1])
    with pytest.raises(AttributeError, match="misspelt"):
        memory.misspelt = 1.0
    with pytest.raises(AttributeError, match="misspelt"):
        _ = memory.misspelt


def test_a_model_without_room_for_the_memory_is_refused():
    class Forgetful(Remembering):
        def model_spec(self):
            return mujoco.MjSpec.from_file(str(self.model_path()))

    with pytest.raises(ValueError, match=r"Forgetful.memory needs 2 numbers, but the model has 0"):
        World(Forgetful(), 1)


def test_a_term_that_is_a_view_of_the_physics_is_of_its_own_step():
    class Bare(CartPole):
        def rewards(self, sim, action, now, before):
            return {"place": sim.qpos[:, 0]}

    world = World(Bare(episode_steps=1), 3, 1)
    position = world.step(np.ones((3, 1), np.float32)).rewards
    assert not np.shares_memory(position, world.sim.qpos)
    assert (position != world.sim.qpos[:, 0]).all()  # the next episodes have begun


def test_any_tasks_physics_may_be_stepped_finer_between_the_same_actions():
    usual, finer = envs.make_vec("CartPole", 1), envs.make_vec("CartPole", 1, timestep=0.005)
    assert (usual.world.substeps, finer.world.substeps) == (1, 4)
    assert finer.world.model.opt.timestep == 0.005
    assert usual.world.dt == finer.world.dt == 0.02
    with pytest.raises(envs.InvalidTask, match=r"control_dt 0.02 s, is not a multiple of timestep 0.03 s"):
        envs.make_vec("CartPole", 1, timestep=0.03)
    with pytest.raises(ValueError, match=r"timestep must be at least 1e-05, got 0.0"):
        envs.make_vec("CartPole", 1, timestep=0.0)
