import numpy as np
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agents.normalization import ObservationNormalizer, RunningMoments, ScaledValue
from agents.team import one_shard


def moments_of(rows):
    return one_shard(len(rows)).moments(rows)


@st.composite
def pieces(draw, size):
    """Rows (B, size), a few at a time, about a middle of any distance."""
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    middle, spread = draw(st.floats(-1e4, 1e4)), draw(st.sampled_from([0.0, 1e-3, 1.0, 1e3]))
    return [middle + spread * draw(arrays(float, (rows, size), elements=st.floats(-1, 1))) for rows in lengths]


@given(pieces(3))
def test_moments_of_pieces_are_the_moments_of_the_whole(parts):
    moments = RunningMoments(3)
    for part in parts:
        moments.update(*moments_of(torch.from_numpy(part)))
    rows = np.concatenate(parts)
    np.testing.assert_allclose(moments.mean, rows.mean(0), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(moments.var, rows.var(0), rtol=1e-9, atol=1e-9)
    assert moments.count == len(rows)


def test_observations_are_left_alone_before_the_first_update_and_normalised_after():
    normalizer = ObservationNormalizer(spaces.Box(-np.inf, np.inf, (2,)))
    rows = torch.tensor([[1.0, 100.0], [3.0, 300.0]])
    torch.testing.assert_close(normalizer(rows), torch.tensor([[1.0, 10.0], [3.0, 10.0]]))  # clipped at 10
    normalizer.update(*moments_of(rows))
    torch.testing.assert_close(normalizer(rows), torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))


def test_epsilon_keeps_small_what_hardly_varies():
    normalizer = ObservationNormalizer(spaces.Box(-np.inf, np.inf, (2,)), epsilon=0.01)
    rows = torch.tensor([[0.99, 3.0], [1.01, 5.0]])  # variances 1e-4 and 1
    normalizer.update(*moments_of(rows))
    scaled = torch.tensor([0.01 / 0.0101**0.5, 1.0 / 1.01**0.5])
    torch.testing.assert_close(normalizer(rows), torch.stack([-scaled, scaled]))


def test_statistics_travel_in_the_state_dict():
    space = spaces.Box(-np.inf, np.inf, (3,))
    source, target = ObservationNormalizer(space), ObservationNormalizer(space)
    source.update(*moments_of(torch.randn(50, 3) * 7 + 2))
    target.load_state_dict(source.state_dict())
    rows = torch.randn(5, 3)
    assert torch.equal(source(rows), target(rows))


@given(pieces(1))
def test_a_critic_keeps_its_values_when_the_scale_of_returns_moves(parts):
    torch.manual_seed(0)
    head = ScaledValue(8)
    latent = torch.randn(20, 8)
    before = head(latent)
    for part in parts:
        returns = torch.from_numpy(part).float()
        head.update(*moments_of(returns))
        largest = float(returns.abs().max())
        torch.testing.assert_close(head(latent), before, rtol=1e-4, atol=1e-3 + 1e-5 * largest)
    torch.testing.assert_close(head.normalise(head.mean), torch.zeros(1))


def test_normalised_returns_have_mean_zero_and_variance_one():
    head = ScaledValue(2)
    returns = torch.randn(1000, 1) * 40 + 7
    head.update(*moments_of(returns))
    normalised = head.normalise(returns)
    torch.testing.assert_close(normalised.mean(), torch.tensor(0.0), atol=1e-4, rtol=0)
    torch.testing.assert_close(normalised.std(unbiased=False), torch.tensor(1.0), atol=1e-4, rtol=0)
