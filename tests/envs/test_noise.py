import numpy as np

from envs.noise import errors

KEYS, STEPS = np.random.default_rng(0).random(500), np.arange(500) % 50


def test_errors_are_evenly_spread_and_have_nothing_to_do_with_each_other():
    drawn = errors(KEYS, STEPS, 40)
    assert drawn.shape == (500, 40)
    assert -1 <= drawn.min() < -0.99
    assert 0.99 < drawn.max() < 1
    counts = np.histogram(drawn, bins=20, range=(-1, 1))[0]
    assert np.abs(counts - 1000).max() < 5 * 1000**0.5
    for other in (errors(KEYS, STEPS + 1, 40), errors(KEYS + 1e-9, STEPS, 40), np.roll(drawn, 1, axis=0)):
        assert abs(np.corrcoef(drawn.ravel(), other.ravel())[0, 1]) < 4 / drawn.size**0.5
    beside = np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1]
    assert abs(beside) < 4 / drawn.size**0.5


def test_errors_follow_from_key_step_and_place_alone():
    drawn = errors(KEYS, STEPS, 40)
    np.testing.assert_array_equal(errors(KEYS[7:9], STEPS[7:9], 12), drawn[7:9, :12])
    np.testing.assert_array_equal(errors(KEYS, STEPS.astype(float), 40), drawn)
