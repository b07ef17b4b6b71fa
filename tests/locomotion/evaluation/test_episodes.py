import json
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch

from agents import ActorCritic, Network
from locomotion.environments import make_env, task_numbers
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import actor_of, evaluate, evaluate_folder, play
from locomotion.evaluation.scores import against_card, on_the_card
from locomotion.policies.card import read_card
from locomotion.policies.stored import StoredPolicy, describe, save_policy


@pytest.fixture
def policy():
    env = make_env("Hopper-v5", 1)
    torch.manual_seed(0)
    policy = ActorCritic(env.observation_space, env.action_space, lambda _: 1e-3)
    policy.update_normalizer(np.random.default_rng(0).normal(size=(100, 11)))
    return policy


def one_by_one(policy, episodes, seed):
    """Each episode's return, length and end in Gymnasium's own environment."""
    env = gymnasium.make("Hopper-v5")
    records = []
    for i in range(episodes):
        observation, _ = env.reset(seed=seed + i)
        total, length, over = 0.0, 0, False
        while not over:
            action = policy.clip(policy.deterministic(observation[None]))[0]
            observation, reward, terminated, truncated, info = env.step(action)
            total, length, over = total + reward, length + 1, terminated or truncated
        records.append((total, length, terminated, info["x_position"]))
    return np.array(records, float).T


def test_scores_are_those_of_the_episodes_one_by_one(policy):
    scores = evaluate(policy, "Hopper-v5", 12, seed=40)
    returns, lengths, terminated, _ = one_by_one(policy, 12, 40)
    np.testing.assert_allclose(scores.returns, returns, rtol=1e-6)
    assert scores.return_mean == pytest.approx(returns.mean())
    assert scores.return_std_error == pytest.approx(returns.std(ddof=1) / np.sqrt(12))
    assert scores.return_ci95[0] < scores.return_mean < scores.return_ci95[1]
    assert scores.length_mean == lengths.mean()
    assert scores.seconds_mean == pytest.approx(lengths.mean() * 0.008)
    assert scores.metrics["fall_rate"] == terminated.mean()


def test_a_stored_policy_with_a_memory_remembers_each_episode_for_itself(tmp_path):
    env = make_env("CartPole", 4, seed=3)
    torch.manual_seed(0)
    network = Network(memory="lstm", memory_size=8)
    made = ActorCritic(env.observation_space, env.action_space, lambda _: 1e-3, network=network)
    save_policy(made, describe(made, "Locomotion/CartPole-v0", "trpo", seed=0, steps=0), tmp_path)
    actor = actor_of(StoredPolicy.find(tmp_path).load(), 4, None)
    observations, starts, state, begun = env.reset(), np.ones(4, bool), None, 0
    for _ in range(200):
        expected, state = made.predict(observations, state, starts, deterministic=True)
        actions = actor(observations, starts)
        np.testing.assert_allclose(actions, expected, atol=1e-4)
        observations, _, starts, _ = env.step(actions)
        begun += starts.sum()
    assert begun > 4


def test_a_task_is_evaluated_as_it_says_and_in_its_trials(tmp_path):
    env = make_env("Go1", 1)
    mirror = env.world.mirror
    policy = ActorCritic(env.observation_space, env.action_space, lambda _: 1e-3, mirror=mirror)
    save_policy(policy, describe(policy, "Locomotion/Go1-v0", "trpo", seed=0, steps=0), tmp_path)
    scores = evaluate_folder(tmp_path, 6, seed=0, threads=1)
    plain = evaluate(policy, "Locomotion/Go1-v0", 6, seed=0, threads=1)
    hard = evaluate(
        policy,
        "Locomotion/Go1-v0",
        6,
        seed=0,
        threads=1,
        task=task_numbers("Locomotion/Go1-v0", "evaluation", asked={"push_speed": 1.0}),
    )
    np.testing.assert_array_equal(scores.returns, plain.returns)
    assert scores.metrics["fall_rate"] == plain.metrics["fall_rate"]
    assert scores.metrics["hard_pushed_fall_rate"] == hard.metrics["fall_rate"] > plain.metrics["fall_rate"]
    assert "hard_pushed_linear_error_rms" not in scores.metrics


def test_a_forgetful_trial_wipes_what_is_remembered_at_every_find():
    labyrinths = make_env("Labyrinth", 16, seed=1, task={"layout": "i-maze"})
    rng, wiped = np.random.default_rng(0), []

    def wander(observations, starts):
        wiped.append(starts)
        return rng.uniform([-0.5, -1.0, -1.0], 1.0, (16, 3)).astype(np.float32)

    records = play(wander, labyrinths, evaluation_steps=200, forget_at="found")
    at_last = labyrinths.world.task.measure(labyrinths.world.sim)["found"]  # after the last action
    goals = np.array([record["terms"]["goals"] for record in records])
    assert wiped[0].all()
    np.testing.assert_array_equal(np.sum(wiped[1:], axis=0) + at_last, goals)
    assert goals.sum() > 3


def test_a_trial_without_memory_differs_in_nothing_and_is_left_out(tmp_path):
    env = make_env("Labyrinth", 1)
    for memory, tried in (("none", False), ("gru", True)):
        network = Network(memory=memory, memory_size=4)
        policy = ActorCritic(env.observation_space, env.action_space, lambda _: 1e-3, network=network)
        save_policy(policy, describe(policy, "Locomotion/Labyrinth-v0", "ppo", seed=0, steps=0), tmp_path)
        metrics = evaluate_folder(tmp_path, 2, seed=0, threads=1, evaluation_steps=10).metrics
        assert ("forgetful_goals_mean" in metrics) == tried
        assert "moved_goals_mean" in metrics


def test_stochastic_scores_come_from_the_seed_alone(policy):
    torch.manual_seed(1)
    first = evaluate(policy, "Hopper-v5", 5, seed=3, stochastic=True)
    torch.manual_seed(2)
    second = evaluate(policy, "Hopper-v5", 5, seed=3, stochastic=True)
    np.testing.assert_array_equal(first.returns, second.returns)
    assert (first.returns != evaluate(policy, "Hopper-v5", 5, seed=3).returns).any()


def test_evaluating_draws_nothing_from_the_global_generators(policy):
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    evaluate(policy, "Hopper-v5", 2, seed=0, stochastic=True)
    assert torch.equal(states[0], torch.get_rng_state())
    np.testing.assert_array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002


def test_one_episode_has_no_standard_error(policy):
    assert evaluate(policy, "Hopper-v5", 1, seed=0).return_std_error == 0.0


def test_json_has_the_promised_keys(policy):
    values = json.loads(json.dumps(evaluate(policy, "Hopper-v5", 2, seed=0, name="here").as_json()))
    promised = "env policy episodes seed return_mean return_std_error return_ci95 length_mean seconds_mean metrics"
    promised += " cut_off evaluation_steps physics_errors"
    assert set(values) == set(promised.split())
    assert {"fall_rate", "speed_mean", "distance_mean"} <= set(values["metrics"])


def test_mistakes_become_one_sentence(policy, tmp_path):
    save_policy(policy, describe(policy, "Hopper-v5", "trpo", 0, 0), tmp_path)
    assert evaluate_folder(tmp_path, 2, 0, threads=1).episodes == 2
    with pytest.raises(UsageError, match="--episodes must be at least 1, got 0"):
        evaluate_folder(tmp_path, 0, 0)
    with pytest.raises(UsageError, match="--seed must not be negative, got -1"):
        evaluate_folder(tmp_path, 1, -1)
    with pytest.raises(UsageError, match="no policy at"):
        evaluate_folder(tmp_path / "nothing", 1, 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no policy"):
        evaluate_folder(tmp_path / "empty", 1, 0)


def test_the_table_is_straight_and_tells_no_spread_of_a_single_episode(policy):
    title, *rows = evaluate(policy, "Hopper-v5", 1, seed=0).table().splitlines()
    assert ", 1 episode from seed 0" in title
    names = [row.split()[0] for row in rows]
    assert {"return", "fall_rate", "distance_mean"} <= set(names)
    begins = 2 + max(map(len, names))  # a column of ten places for all numbers
    for row in rows:
        assert row[:begins].strip() in names
        float(row[begins : begins + 11])
    assert not any("+-" in row for row in rows)
    assert "+-" in evaluate(policy, "Hopper-v5", 2, seed=0).table()


class Endless(gymnasium.Env):
    """Never ends; its reward is the number of the step, from 1."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        return np.zeros(1, np.float32), float(self.steps), False, False, {}


def acting_in(env, **task):
    door = make_env(env, 1, task=task)
    return ActorCritic(door.observation_space, door.action_space, lambda _: 1e-3)


def test_an_episode_that_never_ends_is_cut_off_with_what_it_has():
    gymnasium.register("Endless-v0", Endless)  # no time limit
    scores = evaluate(acting_in("Endless-v0"), "Endless-v0", 3, seed=0, evaluation_steps=20)
    assert scores.returns.tolist() == [210.0] * 3  # 1 + ... + 20
    assert (scores.length_mean, scores.cut_off, scores.evaluation_steps) == (20.0, 3, 20)
    assert "cut off" in scores.table()
    assert "3 episodes, after 20 steps" in scores.table()


def test_the_longest_episodes_of_our_own_tasks_are_cut_off_with_their_terms():
    policy = acting_in("CartPole")
    whole, short = (
        evaluate(policy, "CartPole", 8, seed=0, threads=1, evaluation_steps=steps) for steps in (10_000, 12)
    )
    survivors = (whole.returns > 12).sum()
    assert survivors > 0  # an episode that ends with the limit's last step has ended
    assert whole.cut_off == 0
    assert short.cut_off == survivors
    np.testing.assert_array_equal(short.returns, np.minimum(whole.returns, 12))  # a reward of 1 for each step
    assert short.metrics.keys() == whole.metrics.keys()


def test_a_card_promises_for_the_limit_at_which_its_episodes_were_cut_off(tmp_path):
    policy = acting_in("CartPole")
    card = describe(policy, "Locomotion/CartPole-v0", "trpo", 0, 0)
    save_policy(policy, card, tmp_path)
    scores = evaluate_folder(tmp_path, 4, 0, threads=1, evaluation_steps=5)
    assert on_the_card(scores)["evaluation_steps"] == 5
    save_policy(policy, replace(card, evaluation=on_the_card(scores)), tmp_path)
    again = evaluate_folder(tmp_path, threads=1)
    assert (again.episodes, again.seed, again.cut_off, again.evaluation_steps) == (4, 0, 4, 5)
    assert "to the last digit" in against_card(again, read_card(tmp_path))
    assert against_card(evaluate_folder(tmp_path, evaluation_steps=6, threads=1), read_card(tmp_path)) is None


def test_numbers_that_change_what_the_actor_sees_or_does_are_refused():
    for numbers, sentence in (
        (
            {"rays": 12},
            r"trained in Locomotion/Labyrinth-v0, on observations of shape \(101,\); here they are of shape \(53,\)",
        ),
        (
            {"discrete_actions": True},
            r"trained in Locomotion/Labyrinth-v0, on actions of shape \(3,\); here they are Discrete\(6\)",
        ),
    ):
        with pytest.raises(UsageError, match=sentence):
            evaluate_folder("Labyrinth", episodes=1, task=numbers)


def test_what_the_critic_alone_sees_may_be_of_another_size():
    few = evaluate_folder("Labyrinth", episodes=2, task={"apples": 2, "episode_steps": 5})
    assert few.length_mean == 5
