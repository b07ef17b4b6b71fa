import pytest

import envs
from agents import PPO, TRPO, Network


@pytest.mark.parametrize(
    ("learner", "name", "value", "message"),
    [
        (TRPO, "gamma", 1.5, r"gamma must lie in \[0, 1\], got 1.5"),
        (TRPO, "gae_lambda", float("nan"), r"gae_lambda must lie in \[0, 1\], got nan"),
        (TRPO, "n_steps", 0, "n_steps must be at least 1, got 0"),
        (TRPO, "line_search_shrinking_factor", 1.0, "line_search_shrinking_factor must lie between 0 and 1, got 1.0"),
        (TRPO, "target_kl", 0.0, "target_kl must be positive, got 0.0"),
        (PPO, "ent_coef", -0.1, "ent_coef must not be negative, got -0.1"),
        (PPO, "target_kl", -1, "target_kl must be positive, got -1"),
        (TRPO, "sub_sampling_factor", 0, "sub_sampling_factor must be at least 1, got 0"),
        (TRPO, "memory_steps", 0, "memory_steps must be at least 1, got 0"),
        (PPO, "clip_range", -0.1, "clip_range must be positive, got -0.1"),
    ],
)
def test_numbers_out_of_bounds_are_refused_at_first_and_later(learner, name, value, message):
    env = envs.make_vec("CartPole", 2, num_threads=1)
    with pytest.raises(ValueError, match=message):
        learner("MlpPolicy", env, **{name: value})
    model = learner("MlpPolicy", env)
    before = getattr(model, name)
    with pytest.raises(ValueError, match=message):
        setattr(model, name, value)
    assert getattr(model, name) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_steps": 16.5}, "n_steps must be a whole number, got 16.5"),
        ({"n_steps": "16"}, "n_steps must be a number, got '16'"),
        ({"gamma": None}, "gamma must be a number, got None"),
        ({"n_critic_updates": 2.5}, "n_critic_updates must be a whole number, got 2.5"),
        ({"policy_kwargs": {"network": Network(actor=8)}}, r"actor must be whole numbers of units, .* got 8"),
        ({"policy_kwargs": {"network": Network(value=(8, 0.5))}}, r"value must be whole numbers .* got \(8, 0.5\)"),
        ({"policy_kwargs": {"network": Network(memory_size=4.5)}}, "memory_size must be a whole number, got 4.5"),
    ],
)
def test_what_is_no_number_or_not_whole_is_refused(arguments, message):
    with pytest.raises(TypeError, match=message):
        TRPO("MlpPolicy", envs.make_vec("CartPole", 2, num_threads=1), **arguments)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"min_std": -0.5}, "min_std must be at least 0, got -0.5"),
        ({"log_std_init": 10.0}, "log_std_init must be below 10, got 10.0"),
        ({"obs_epsilon": float("nan")}, "obs_epsilon must be above 0, got nan"),
        ({"action_unit": "metre"}, "action_unit must be one of range, environment, got 'metre'"),
        ({"memory": "rnn"}, "memory must be one of none, gru, lstm, got 'rnn'"),
    ],
)
def test_a_network_out_of_its_annotated_ranges_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        TRPO("MlpPolicy", envs.make_vec("CartPole", 2, num_threads=1), policy_kwargs={"network": Network(**fields)})


def test_a_schedule_may_be_changed_later():
    model = TRPO("MlpPolicy", envs.make_vec("CartPole", 2, num_threads=1), n_steps=64, seed=0)
    model.target_kl = lambda remaining: 1e-4 * remaining
    seen = []
    model.trust_region_step = lambda actor, samples, bound: seen.append(bound)
    model.learn(2 * 64 * 2)
    assert seen == [5e-5, 0.0]
