import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.distributions import Normal, kl_divergence

from agents.distributions import ActionRange, ClippedGaussian, ClippedNormal

LOW, HIGH = torch.tensor([-1.0], dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64)


def make(mean, std):
    return ClippedNormal(torch.tensor([[mean]]).double(), torch.tensor([[std]]).double(), LOW, HIGH)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.9, 0.3), (-3.0, 0.5)])
def test_masses_beyond_the_bounds_and_density_between_add_up_to_one(mean, std):
    distribution = make(mean, std)
    inside = torch.linspace(-1 + 1e-9, 0.5 - 1e-9, 200_001, dtype=torch.float64)[:, None]
    density = distribution.log_prob(inside).exp()[:, 0]
    beyond = distribution.log_prob(torch.tensor([[-7.0], [4.0]], dtype=torch.float64)).exp().sum()
    assert float(torch.trapezoid(density, inside[:, 0]) + beyond) == pytest.approx(1.0, abs=1e-6)


def test_all_that_acts_alike_is_equally_likely():
    distribution = make(0.2, 0.6)
    values = torch.tensor([[0.5], [0.6], [30.0]], dtype=torch.float64)
    mass = 1 - Normal(0.2, 0.6).cdf(torch.tensor(0.5))
    torch.testing.assert_close(distribution.log_prob(values), mass.log().double().expand(3, 1))


def test_the_score_has_mean_zero_and_less_variance_than_the_gaussians():
    samples = torch.from_numpy(np.random.default_rng(0).normal(0.3, 0.8, (200_000, 1)))

    def scores(distribution):
        where = torch.full((200_000, 1), 0.3, dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(distribution(where).log_prob(samples).sum(), where)[0]

    clipped = scores(lambda where: ClippedNormal(where, torch.full_like(where, 0.8), LOW, HIGH))
    gaussian = scores(lambda where: Normal(where, 0.8))
    assert abs(float(clipped.mean())) < 4 * float(clipped.std()) / 200_000**0.5
    assert float(clipped.var()) < 0.9 * float(gaussian.var())


def test_gradients_stay_finite_far_beyond_the_bounds():
    mean = torch.tensor([[50.0], [-50.0]], requires_grad=True)
    distribution = ClippedNormal(mean, torch.full((2, 1), 0.1), LOW.float(), HIGH.float())
    distribution.log_prob(torch.tensor([[60.0], [60.0]])).sum().backward()
    assert torch.isfinite(mean.grad).all()


@pytest.mark.parametrize("std", [1e-3, 1e-4, 9e-5, 8.8e-5, 1e-6])
def test_gradients_stay_finite_and_right_for_hardly_any_noise(std):
    mean = torch.tensor([[0.2]], requires_grad=True)
    ClippedNormal(mean, torch.tensor([[std]]), LOW.float(), HIGH.float()).log_prob(
        torch.tensor([[0.2 + std]])
    ).backward()
    assert float(mean.grad) == pytest.approx(1 / std, rel=0.1)


def test_the_divergence_is_the_gaussians():
    one, other = make(0.0, 1.0), make(0.5, 1.0)
    torch.testing.assert_close(kl_divergence(one, other), torch.tensor([[0.125]]).double())


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.4, 0.3), (-3.0, 0.5), (50.0, 0.1), (0.0, 40.0), (0.1, 1e-4)])
def test_the_entropy_is_that_of_what_acts(mean, std):
    distribution = make(mean, std)
    samples = torch.normal(mean, std, (400_000, 1), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    surprise = -distribution.log_prob(samples)
    error = float(surprise.std()) / 400_000**0.5
    assert abs(float(distribution.entropy()) - float(surprise.mean())) <= 4 * error + 1e-9


@pytest.mark.parametrize(("mean", "std"), [(0.2, 0.5), (-0.9, 2.0), (0.4, 0.05)])
def test_the_slopes_of_the_entropy_are_its_differences(mean, std):
    where = torch.tensor([mean, std], dtype=torch.float64, requires_grad=True)

    def entropy(both):
        return ClippedNormal(both[:1, None], both[1:, None], LOW, HIGH).entropy().sum()

    assert torch.autograd.gradcheck(entropy, where)


def test_without_bounds_the_entropy_is_the_gaussians_and_noise_that_is_clipped_away_lowers_it():
    everything, std = torch.tensor([torch.inf]), torch.tensor([[2.0]])
    unbounded = ClippedNormal(torch.tensor([[0.3]]), std, -everything, everything)
    torch.testing.assert_close(unbounded.entropy(), Normal(torch.tensor([[0.3]]), std).entropy())
    assert make(0.0, 100.0).entropy() < make(0.0, 1.0).entropy()


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.4, 0.3), (-3.0, 0.5), (50.0, 0.1)])
def test_the_mean_of_what_acts_is_that_of_clipped_samples(mean, std):
    samples = np.random.default_rng(0).normal(mean, std, 400_000).clip(-1.0, 0.5)
    expected, error = samples.mean(), samples.std() / 400_000**0.5
    assert abs(make(mean, std).clipped_mean.item() - expected) <= 4 * error + 1e-12


def test_without_bounds_the_mean_is_the_gaussians():
    everything = torch.tensor([torch.inf])
    distribution = ClippedNormal(torch.tensor([[0.3]]), torch.tensor([[2.0]]), -everything, everything)
    assert distribution.clipped_mean.item() == pytest.approx(0.3)


@st.composite
def units(draw):
    """Means, log standard deviations and actions (5, 2), in half-ranges from the middle."""
    means, log_stds = (draw(arrays(np.float32, 2, elements=st.floats(*ends, width=32))) for ends in ((-3, 3), (-2, 1)))
    within = draw(arrays(np.float32, (5, 2), elements=st.floats(-0.984375, 0.984375, width=32)))
    beyond = draw(arrays(np.float32, (5, 2), elements=st.sampled_from([0.0, -1.0, 1.0, 2.0])))
    return [torch.from_numpy(numbers) for numbers in (means, log_stds, np.where(beyond, beyond, within))]


@given(st.floats(-40, 40), st.floats(-6, 6), units())
def test_actions_of_any_range_are_as_likely_as_those_of_the_unit(middle, magnitude, unit):
    mean, log_std, actions = unit
    half = 10.0**magnitude
    space = spaces.Box(np.float32((middle - 1) * half), np.float32((middle + 1) * half), (2,))
    in_range = ActionRange(space)
    scaled, plain = ClippedGaussian(space), ClippedGaussian(spaces.Box(-1, 1, (2,)))
    scaled_mean, scaled_log_std = in_range(mean).expand(5, 2), log_std + in_range.reach.log()
    low, high = torch.from_numpy(space.low), torch.from_numpy(space.high)
    scaled_actions = torch.where(actions <= -1, low, torch.where(actions >= 1, high, in_range(actions)))
    between = (actions.abs() < 1).sum(1)
    torch.testing.assert_close(
        scaled.at(scaled_mean, scaled_log_std).log_prob(scaled_actions),
        plain.at(mean.expand(5, 2), log_std).log_prob(actions) - between * np.log(half),
        rtol=1e-3,
        atol=1e-2,
    )
    mode = scaled.mode_at(scaled_mean, scaled_log_std)
    torch.testing.assert_close(
        (mode - in_range.middle) / in_range.reach, plain.mode_at(mean.expand(5, 2), log_std), rtol=0, atol=1e-3
    )
    assert ((mode - low >= -1e-4 * half) & (mode - high <= 1e-4 * half)).all()


@given(st.floats(width=32, allow_nan=False), st.floats(width=32, allow_nan=False), units())
def test_whatever_the_bounds_likelihoods_and_their_gradients_are_finite(low, high, unit):
    assume(low < high)
    space = spaces.Box(low, high, (2,))
    mean, log_std, noise = unit
    mean.requires_grad, log_std.requires_grad = True, True
    in_range, distribution = ActionRange(space), ClippedGaussian(space)
    parameters = in_range(mean).expand(5, 2), log_std + in_range.reach.log()
    actions = (parameters[0] + parameters[1].exp() * noise).detach()
    log_prob = distribution.at(*parameters).log_prob(actions)
    log_prob.sum().backward()
    mode = distribution.mode_at(*parameters)
    for numbers in (actions, log_prob, mode, mean.grad, log_std.grad):
        assert torch.isfinite(numbers).all()


@given(st.floats(4.0, 1e9), st.floats(1e-4, 1.0), st.sampled_from([-1.0, 1.0]))
def test_of_a_mean_far_beyond_a_bound_the_mode_is_the_bound(distance, std, side):
    mean = torch.tensor([[side * distance]])
    mode = ClippedNormal(mean, torch.tensor([[std]]), LOW.float(), HIGH.float()).clipped_mean
    assert mode.item() == pytest.approx(HIGH.item() if side > 0 else LOW.item(), abs=1e-3)
