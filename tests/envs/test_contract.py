"""A mistake in a stranger's task is one sentence that names the method and what it must return."""

import numpy as np
import pytest
from gymnasium import spaces

import envs
from envs.robots.cartpole import CartPole
from envs.task import Trial

N = 2
FLAGS = np.zeros(N, bool)
ONES = np.ones(N)

MISTAKES = {
    "measure": [
        (None, "Odd.measure must return a dict of named quantities, got NoneType"),
        ((ONES, ONES), "Odd.measure must return a dict of named quantities, got tuple"),
        ({1: ONES}, "Odd.measure must return a dict of named quantities, got dict"),
    ],
    "observe": [
        (None, "Odd.observe must return a dict of named parts, got NoneType"),
        (np.zeros((N, 4)), "Odd.observe must return a dict of named parts, got ndarray"),
        ({}, "Odd.observe must return at least one part"),
        ({"height": 1.0}, "Odd.observe: height must be one row or one number for each of 2 robots, got 1.0"),
        ({"height": [1.0, 1.0]}, "Odd.observe: height must be one row or one number for each of 2 robots, got [1.0, "),
        ({"height": np.array(["a", "b"])}, "Odd.observe: height must be one row or one number for each of 2 robots"),
        ({"height": np.zeros(3)}, "for each of 2 robots, got shape (3,), type float64"),
        ({"height": np.zeros((4, N))}, "for each of 2 robots, got shape (4, 2), type float64"),
        ({"height": ONES.astype(complex)}, "for each of 2 robots, got shape (2,), type complex128"),
    ],
    "rewards": [
        (None, "Odd.rewards must return a dict of named terms, got NoneType"),
        (ONES, "Odd.rewards must return a dict of named terms, got ndarray"),
        ({}, "Odd.rewards must return at least one term"),
        ({"alive": 1.0}, "Odd.rewards: alive must be one number for each of 2 robots, got 1.0"),
        ({"alive": [1.0, 1.0]}, "Odd.rewards: alive must be one number for each of 2 robots, got [1.0, 1.0]"),
        ({"alive": np.ones((N, 1))}, "Odd.rewards: alive must be one number for each of 2 robots, got shape (2, 1)"),
        ({"alive": ~FLAGS}, "Odd.rewards: alive must be one number for each of 2 robots, got shape (2,), type bool"),
    ],
    "total": [
        (1.0, "Odd.total must return one number for each of 2 robots, got 1.0"),
        (np.float64(1), "Odd.total must return one number for each of 2 robots, got np.float64(1.0)"),
    ],
    "track": [
        (None, "Odd.track must return a dict of named terms, got NoneType"),
        ({"distance": np.ones(3)}, "Odd.track: distance must be one number for each of 2 robots, got shape (3,)"),
    ],
    "terminated": [
        (None, "Odd.terminated must return one boolean for each of 2 robots, got None"),
        (False, "Odd.terminated must return one boolean for each of 2 robots, got False"),
        (FLAGS.astype(int), "Odd.terminated must return one boolean for each of 2 robots, got shape (2,), type int64"),
        (FLAGS[:, None], "Odd.terminated must return one boolean for each of 2 robots, got shape (2, 1), type bool"),
    ],
    "place": [((ONES, ONES), "Odd.place must write into sim and return nothing, got ")],
    "initial_states": [
        (None, "Odd.initial_states must return a pair, positions and velocities, got None"),
        ((np.zeros((N, 2)),), "Odd.initial_states must return a pair, positions and velocities, got a tuple"),
        (
            (np.zeros((N, 2)), np.zeros(2)),
            "Odd.initial_states: velocities must have shape (2, 2), got shape (2,), type float64",
        ),
        (
            (np.zeros((N, 3)), np.zeros((N, 2))),
            "Odd.initial_states: positions must have shape (2, 2), got shape (2, 3)",
        ),
        (
            (np.array([[0, 0], [0, np.nan]]), np.zeros((N, 2))),
            "Odd.place or initial_states: the first qpos must be finite, got qpos[1] = nan",
        ),
        (
            (np.zeros((N, 2)), np.array([[-np.inf, 0], [0, 0]])),
            "Odd.place or initial_states: the first qvel must be finite, got qvel[0] = -inf",
        ),
    ],
    "episode_limits": [
        (None, "Odd.episode_limits must return one whole number of steps, at least 1, for each of 2 robots, got None"),
        (2.5 * ONES, "Odd.episode_limits must return one whole number of steps, at least 1, for each of 2 robots"),
        (np.array([5, 0]), "Odd.episode_limits must return one whole number of steps, at least 1, for each of 2"),
    ],
    "physics": [(None, "Odd.physics must return a dict of named fields of the model, got NoneType")],
    "action_space": [
        (
            spaces.MultiDiscrete([2, 2]),
            "Odd.action_space must return a gymnasium.spaces.Box of vectors or Discrete, got Multi",
        ),
        (
            spaces.Box(-1, 1, (1, 2)),
            "Odd.action_space must return a gymnasium.spaces.Box of vectors or Discrete, got Box(",
        ),
    ],
    "observation_space": [
        (None, "Odd.observation_space must return a gymnasium.spaces.Box of shape (4,), got None"),
        (spaces.Box(-1, 1, (3,)), "Odd.observation_space must return a gymnasium.spaces.Box of shape (4,), got Box("),
    ],
}


@pytest.mark.parametrize(
    ("method", "returned", "message"),
    [pytest.param(method, *case, id=f"{method}{i}") for method in MISTAKES for i, case in enumerate(MISTAKES[method])],
)
def test_what_a_method_returns_wrongly_is_named(method, returned, message):
    def mistaken(self, *arguments):
        return returned

    odd = type("Odd", (CartPole,), {method: mistaken})
    with pytest.raises(envs.InvalidTask) as caught:
        envs.World(odd(), N)
    assert str(caught.value).startswith(message) or message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_returned_controls_would_have_no_effect():
    class Odd(CartPole):
        def apply(self, sim, action):
            return action

    with pytest.raises(envs.InvalidTask, match=r"Odd.apply must write into sim and return nothing, got shape \(2, 1\)"):
        envs.World(Odd(), N).step(np.zeros((N, 1), np.float32))


@pytest.mark.parametrize("field", ["ctrl", "qfrc_applied"])
def test_other_fields_of_the_first_state_must_be_finite_too(field):
    class Odd(CartPole):
        def place(self, sim, rngs, seeds):
            getattr(sim, field)[-1, 0] = np.nan

    with pytest.raises(envs.InvalidTask, match=rf"the first {field} must be finite, got {field}\[0\] = nan"):
        envs.World(Odd(), N)


def test_a_tasks_memory_may_be_infinite():
    envs.World(envs.make_task("Locomotion/Go1-v0", grid=True), N)  # one command: no other ever follows


def test_a_first_observation_must_be_finite():
    class Odd(CartPole):
        def observe(self, sim, now):
            return super().observe(sim, now) | {"ratio": np.full((len(sim.qpos), 2), [1.0, np.inf])}

    with pytest.raises(
        envs.InvalidTask, match=r"Odd.observe: ratio of the first observation must be finite, got ratio\[1\] = inf"
    ):
        envs.World(Odd(), N)


def test_a_later_episodes_first_state_is_told_at_its_reset(monkeypatch):
    class Odd(CartPole):
        def place(self, sim, rngs, seeds):
            if seeds[0] == 7:
                sim.qvel[:] = np.nan

    monkeypatch.setitem(envs.registry.REGISTERED, "Odd", Odd)
    ours = envs.make_vec("Odd", 1, seed=6)
    ours.reset()
    ours.seed(7)
    with pytest.raises(envs.InvalidTask, match=r"the first qvel must be finite, got qvel\[0\] = nan"):
        ours.reset()


def test_a_remembered_quantity_must_be_measured():
    class Odd(CartPole):
        remembered = ("height",)

    class Scalar(CartPole):
        remembered = ("height",)

        def measure(self, sim):
            return {"height": 1.0}

    with pytest.raises(envs.InvalidTask, match=r"Odd.remembered names 'height', but measure returns "):
        envs.World(Odd(), N)
    with pytest.raises(envs.InvalidTask, match=r"Scalar.measure: height must have one row for each of 2 robots"):
        envs.World(Scalar(), N)


def test_a_model_that_mujoco_does_not_take_is_named(tmp_path):
    class Odd(CartPole):
        def model_path(self):
            return tmp_path / "odd.xml"

    class Heavy(CartPole):
        def model_spec(self):
            spec = super().model_spec()
            spec.worldbody.add_body(name="stone").add_freejoint()  # without mass
            return spec

    (tmp_path / "odd.xml").write_text("<mujoco><worldbody><brick/></worldbody></mujoco>")
    with pytest.raises(envs.InvalidTask, match=r"Odd: .*odd.xml is no model: XML Error: .*brick"):
        envs.World(Odd(), N)
    with pytest.raises(envs.InvalidTask, match=r"Heavy: MuJoCo cannot compile its model: .*mass"):
        envs.World(Heavy(), N)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"control_dt": 0.013}, "control_dt 0.013 s, is not a multiple of timestep"),
        ({"control_dt": 0.0}, "Odd must take at least 1 physics step per action, got 0"),
        ({"memory": ["side"]}, "Odd.memory must be a dict of named sizes, got list"),
        ({"memory": {"side": 0}}, "Odd.memory: the size of side must be at least 1, got 0"),
        ({"trials": {"x": {}}}, r"Odd.trials: x must be an envs.task.Trial, got \{\}"),
        ({"trials": {"x": Trial({"typo": 1}, ())}}, "Odd.trials: x changes 'typo', which is no number of the task"),
        (
            {"trials": {"x": Trial({"reset_noise": -1.0}, ())}},
            "Odd.trials: x: reset_noise must not be negative, got -1.0",
        ),
        ({"trials": {"x": Trial({}, ("typo",))}}, "Odd.trials: x reports 'typo', but metrics returns "),
        ({"trials": {"x": Trial({}, (), "typo")}}, "Odd.trials: x forgets at 'typo', but measure returns "),
    ],
)
def test_an_attribute_that_does_not_fit_the_model_is_named(attributes, message):
    with pytest.raises(envs.InvalidTask, match=message):
        envs.World(type("Odd", (CartPole,), attributes)(), N)


def test_a_trials_numbers_may_be_written_as_any_other_ones():
    numbers = {"reset_noise": np.float32(0.1), "episode_steps": np.int64(7)}
    envs.World(type("Tried", (CartPole,), {"trials": {"x": Trial(numbers, ())}})(), N)


def test_a_camera_has_the_attributes_of_mujocos():
    odd = type("Odd", (CartPole,), {"camera": {"distnce": 2.0}})
    with pytest.raises(envs.InvalidTask, match=r"Odd.camera: MuJoCo's camera has no 'distnce'; it has .*distance"):
        envs.Renderer(envs.World(odd(), 1))


def test_a_task_is_neither_its_class_nor_its_name():
    for odd in (CartPole, "CartPole"):
        with pytest.raises(TypeError, match=r"task must be an envs.Task, such as CartPole"):
            envs.World(odd, N)
    with pytest.raises(TypeError, match="an environment is named by its id, a str such as 'CartPole', got <class"):
        envs.make_vec(CartPole, N)
