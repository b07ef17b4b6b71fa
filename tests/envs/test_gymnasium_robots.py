import gymnasium
import numpy as np
import pytest

from envs.registry import GYMNASIUM_TASKS, make_task, task_class
from envs.vec_env import BatchedVecEnv

# Steps that take each robot through several ends of its episode under random actions, and the light ones, whose
# episodes run out of time, past 1000.
STEPS = {
    "Ant-v5": 300,
    "HalfCheetah-v5": 1010,
    "Hopper-v5": 400,
    "Humanoid-v5": 200,
    "HumanoidStandup-v5": 100,
    "InvertedDoublePendulum-v5": 600,
    "InvertedPendulum-v5": 600,
    "Pusher-v5": 250,
    "Reacher-v5": 250,
    "Swimmer-v5": 1010,
    "Walker2d-v5": 400,
}
NEVER_ENDS_HERE = {"HumanoidStandup-v5"}

OTHER_ARGUMENTS = {
    "Ant-v5": {
        "forward_reward_weight": 2.0,
        "contact_cost_weight": 1e-3,
        "contact_force_range": (-3.0, 2.0),
        "main_body": "torso",
        "healthy_z_range": (0.3, 0.9),
        "include_cfrc_ext_in_observation": False,
        "exclude_current_positions_from_observation": False,
    },
    "HalfCheetah-v5": {"frame_skip": 3, "ctrl_cost_weight": 0.3, "exclude_current_positions_from_observation": False},
    "Hopper-v5": {"terminate_when_unhealthy": False, "healthy_reward": 0.5, "forward_reward_weight": 3.0},
    "Humanoid-v5": {
        "include_cinert_in_observation": False,
        "include_cfrc_ext_in_observation": False,
        "contact_cost_range": (0.01, 0.05),
        "contact_cost_weight": 1e-4,
        "healthy_z_range": (1.2, 1.6),
    },
    "HumanoidStandup-v5": {
        "include_cvel_in_observation": False,
        "include_qfrc_actuator_in_observation": False,
        "impact_cost_weight": 1e-5,
        "exclude_current_positions_from_observation": False,
    },
    "InvertedDoublePendulum-v5": {"healthy_reward": 3.0, "reset_noise_scale": 0.02, "frame_skip": 2},
    "InvertedPendulum-v5": {"reset_noise_scale": 0.05, "frame_skip": 3},
    "Pusher-v5": {"reward_near_weight": 0.1, "reward_dist_weight": 3.0, "reward_control_weight": 0.7},
    "Reacher-v5": {"reward_dist_weight": 2.0, "reward_control_weight": 0.3, "frame_skip": 5},
    "Swimmer-v5": {"ctrl_cost_weight": 0.01, "exclude_current_positions_from_observation": False},
    "Walker2d-v5": {"healthy_angle_range": (-0.4, 0.6), "healthy_z_range": (1.0, 1.6), "ctrl_cost_weight": 0.02},
}


def compare(env_id: str, num_envs: int, seed: int, steps: int, num_threads: int, **task_kwargs) -> tuple[int, int]:
    """Step our batch and as many of Gymnasium's environments side by side; return the terminations and truncations."""
    batch = BatchedVecEnv(make_task(env_id, **task_kwargs), num_envs, seed, num_threads=num_threads)
    singles = [gymnasium.make(env_id, **task_kwargs) for _ in range(num_envs)]
    for single in singles:
        assert batch.observation_space == single.observation_space
        assert batch.action_space == single.action_space
    ours = batch.reset()
    theirs = np.stack([single.reset(seed=seed + i)[0] for i, single in enumerate(singles)])
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)

    rng = np.random.default_rng(seed)
    low, high = batch.action_space.low, batch.action_space.high
    terminations = truncations = 0
    for _ in range(steps):
        actions = rng.uniform(low, high, (num_envs, *low.shape)).astype(np.float32)
        observations, rewards, dones, infos = batch.step(actions)
        assert rewards.dtype == np.float32
        for i, single in enumerate(singles):
            observation, reward, terminated, truncated, _ = single.step(actions[i])
            assert rewards[i] == np.float32(reward)
            assert dones[i] == (terminated or truncated)
            assert infos[i]["TimeLimit.truncated"] == (truncated and not terminated)
            if terminated or truncated:
                np.testing.assert_array_equal(infos[i]["terminal_observation"], observation)
                terminations += terminated
                truncations += truncated
                observation, _ = single.reset()
            np.testing.assert_array_equal(observations[i], observation)
    for single in singles:
        single.close()
    return terminations, truncations


@pytest.mark.parametrize("env_id", GYMNASIUM_TASKS)
def test_equals_gymnasium_to_the_last_bit(env_id):
    terminations, truncations = compare(env_id, num_envs=3, seed=7, steps=STEPS[env_id], num_threads=2)
    assert terminations + truncations > 0 or env_id in NEVER_ENDS_HERE
    if STEPS[env_id] > 1000:
        assert truncations == 3


@pytest.mark.parametrize("env_id", GYMNASIUM_TASKS)
def test_equals_gymnasium_with_other_arguments(env_id):
    compare(env_id, num_envs=2, seed=123, steps=60, num_threads=1, **OTHER_ARGUMENTS[env_id])


@pytest.mark.parametrize("env_id", ["Ant-v5", "Humanoid-v5", "Pusher-v5"])
def test_a_single_robot_equals_gymnasium(env_id):
    # numpy adds up a batch of one in another order if its axes are merged.
    compare(env_id, num_envs=1, seed=0, steps=60, num_threads=1)


@pytest.mark.parametrize("env_id", GYMNASIUM_TASKS)
def test_takes_the_arguments_of_gymnasiums_class_with_their_defaults(env_id):
    import dataclasses
    import inspect

    theirs = inspect.signature(type(gymnasium.make(env_id).unwrapped).__init__).parameters
    ours = {field.name: field.default for field in dataclasses.fields(task_class(env_id))}
    expected = {name for name in theirs if name not in ("self", "kwargs")}
    # The first of these is `max_episode_steps` of gymnasium.make; the second Gymnasium's robots have in their models.
    assert set(ours) - {"episode_steps", "timestep"} == expected
    for name in expected - {"default_camera_config"}:  # None is our own camera, which frames the robot better
        assert ours[name] == theirs[name].default, name


def test_walkers_report_speed_distance_and_falls():
    task = make_task("Hopper-v5")
    episodes = {
        "seconds": np.array([2.0, 4.0]),
        "terminated": np.array([True, False]),
        "distance": np.array([1.0, 8.0]),
    }
    assert task.metrics(episodes) == {"fall_rate": 0.5, "speed_mean": 1.25, "distance_mean": 4.5}
    unending = make_task("Hopper-v5", terminate_when_unhealthy=False)
    assert unending.metrics(episodes) == {"speed_mean": 1.25, "distance_mean": 4.5}


def test_distance_is_how_far_the_robot_has_come():
    env = BatchedVecEnv(make_task("HalfCheetah-v5", exclude_current_positions_from_observation=False), 1)
    start = env.reset()[0, 0]
    rng = np.random.default_rng(0)
    for _ in range(1000):
        _, _, dones, infos = env.step(rng.uniform(-1, 1, (1, 6)).astype(np.float32))
    assert dones[0]
    assert infos[0]["episode"]["tracked"]["distance"] == pytest.approx(infos[0]["terminal_observation"][0] - start)


@pytest.mark.parametrize(
    ("env_id", "quantity", "metric"),
    [
        ("Reacher-v5", "target_distance", "target_distance_mean"),
        ("Pusher-v5", "goal_distance", "goal_distance_mean"),
    ],
)
def test_distances_to_the_target_are_the_negative_of_their_reward(env_id, quantity, metric):
    task = make_task(env_id, reward_dist_weight=1.0)
    env = BatchedVecEnv(task, 1)
    env.reset()
    dones = [False]
    while not dones[0]:
        _, _, dones, infos = env.step(np.zeros((1, *env.action_space.shape), np.float32))
    episode = infos[0]["episode"]
    seconds = np.array([episode["l"] * env.world.dt])
    measured = task.metrics({"seconds": seconds, quantity: np.array([episode["tracked"][quantity]])})
    assert measured[metric] == pytest.approx(-episode["terms"]["dist"] / episode["l"])
