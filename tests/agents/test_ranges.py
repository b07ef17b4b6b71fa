import pytest

import envs
from agents import PPO, TRPO


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


def test_a_schedule_may_be_changed_later():
    model = TRPO("MlpPolicy", envs.make_vec("CartPole", 2, num_threads=1), n_steps=64, seed=0)
    model.target_kl = lambda remaining: 1e-4 * remaining
    seen = []
    model.trust_region_step = lambda actor, samples, bound: seen.append(bound)
    model.learn(2 * 64 * 2)
    assert seen == [5e-5, 0.0]
