import numpy as np
import torch
from gymnasium import spaces

from agents.normalization import ObservationNormalizer, RunningMoments, ScaledValue


def test_moments_of_pieces_are_the_moments_of_the_whole():
    rows = torch.from_numpy(np.random.default_rng(0).normal(5.0, 3.0, (1000, 4)))
    moments = RunningMoments(4)
    for piece in rows.split([1, 99, 500, 400]):
        moments.update(piece)
    torch.testing.assert_close(moments.mean, rows.mean(0))
    torch.testing.assert_close(moments.var, rows.var(0, unbiased=False))
    assert moments.count == 1000


def test_observations_are_left_alone_before_the_first_update_and_normalised_after():
    normalizer = ObservationNormalizer(spaces.Box(-np.inf, np.inf, (2,)))
    rows = torch.tensor([[1.0, 100.0], [3.0, 300.0]])
    torch.testing.assert_close(normalizer(rows), torch.tensor([[1.0, 10.0], [3.0, 10.0]]))  # clipped at 10
    normalizer.update(rows)
    torch.testing.assert_close(normalizer(rows), torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))


def test_epsilon_keeps_small_what_hardly_varies():
    normalizer = ObservationNormalizer(spaces.Box(-np.inf, np.inf, (2,)), epsilon=0.01)
    rows = torch.tensor([[0.99, 3.0], [1.01, 5.0]])  # variances 1e-4 and 1
    normalizer.update(rows)
    scaled = torch.tensor([0.01 / 0.0101**0.5, 1.0 / 1.01**0.5])
    torch.testing.assert_close(normalizer(rows), torch.stack([-scaled, scaled]))


def test_statistics_travel_in_the_state_dict():
    space = spaces.Box(-np.inf, np.inf, (3,))
    source, target = ObservationNormalizer(space), ObservationNormalizer(space)
    source.update(torch.randn(50, 3) * 7 + 2)
    target.load_state_dict(source.state_dict())
    rows = torch.randn(5, 3)
    assert torch.equal(source(rows), target(rows))


def test_a_critic_keeps_its_values_when_the_scale_of_returns_moves():
    torch.manual_seed(0)
    head = ScaledValue(8)
    latent = torch.randn(20, 8)
    before = head(latent)
    head.update(torch.randn(100, 1) * 50 + 300)
    torch.testing.assert_close(head(latent), before, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(head.normalise(head.mean), torch.zeros(1))
    head.update(torch.randn(100, 1) * 500 - 300)
    torch.testing.assert_close(head(latent), before, rtol=1e-4, atol=1e-3)


def test_normalised_returns_have_mean_zero_and_variance_one():
    head = ScaledValue(2)
    returns = torch.randn(1000, 1) * 40 + 7
    head.update(returns)
    normalised = head.normalise(returns)
    torch.testing.assert_close(normalised.mean(), torch.tensor(0.0), atol=1e-4, rtol=0)
    torch.testing.assert_close(normalised.std(unbiased=False), torch.tensor(1.0), atol=1e-4, rtol=0)
