import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch.distributions import kl_divergence

from agents.choices import distribution_for

SPACES = [spaces.Discrete(3, start=4), spaces.MultiDiscrete([2, 3], start=[0, 5]), spaces.MultiBinary(3)]


def width(space):
    return {spaces.Discrete: 3, spaces.MultiDiscrete: 5, spaces.MultiBinary: 3}[type(space)]


def outcomes(space):
    """All actions of a space."""
    if isinstance(space, spaces.Discrete):
        return np.arange(4, 7)
    ranges = [(0, 1), (5, 6, 7)] if isinstance(space, spaces.MultiDiscrete) else [(0, 1)] * 3
    return np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, len(ranges))


def probabilities(space, logits):
    """Each action's probability, by the product rule."""
    p = torch.exp(logits)
    if isinstance(space, spaces.Discrete):
        return p / p.sum()
    if isinstance(space, spaces.MultiDiscrete):
        return torch.outer(p[:2] / p[:2].sum(), p[2:] / p[2:].sum()).ravel()
    yes = p / (1 + p)
    each = torch.stack([1 - yes, yes], dim=1)
    return torch.einsum("i,j,k->ijk", *each).ravel()


@pytest.mark.parametrize("space", SPACES)
def test_probabilities_entropy_and_divergence_are_those_of_the_table_of_all_actions(space):
    distribution, actions = distribution_for(space), torch.as_tensor(outcomes(space))
    logits, others = torch.randn(2, width(space))
    table, other = probabilities(space, logits), probabilities(space, others)
    old, new = (distribution.at(one.expand(len(table), -1)) for one in (logits, others))
    torch.testing.assert_close(old.log_prob(actions), table.log())
    torch.testing.assert_close(old.entropy()[0], -(table * table.log()).sum())
    torch.testing.assert_close(kl_divergence(old, new)[0], (table * (table / other).log()).sum())
    likeliest = distribution.mode_at(logits[None])[0]
    np.testing.assert_array_equal(likeliest, actions[table.argmax()])
    np.testing.assert_array_equal(distribution.proba_distribution(logits[None]).mode()[0], likeliest)


@pytest.mark.parametrize("space", SPACES)
def test_the_information_is_the_hessian_of_the_divergence(space):
    distribution, logits = distribution_for(space), torch.randn(1, width(space), dtype=torch.float64)

    def divergence(others):
        return kl_divergence(distribution.at(logits), distribution.at(others)).sum()

    hessian = torch.func.hessian(divergence)(logits).reshape(width(space), width(space))
    tangent = torch.randn(1, width(space), dtype=torch.float64)
    torch.testing.assert_close(distribution.information([logits], [tangent])[0], tangent @ hessian)


@pytest.mark.parametrize("space", SPACES)
def test_noise_samples_the_distribution(space):
    distribution, logits = distribution_for(space), torch.randn(width(space))
    noise = distribution.noise(100_000, generator=torch.Generator().manual_seed(1))
    drawn = distribution.sampled(noise, np.tile(logits.numpy(), (len(noise), 1)))
    expected = probabilities(space, logits).tolist()
    for action, probability in zip(outcomes(space), expected, strict=True):
        share = (drawn == action).reshape(len(drawn), -1).all(axis=1).mean()
        assert share == pytest.approx(probability, abs=5 * (probability / len(noise)) ** 0.5)
    sample = distribution.at(logits.expand(4, -1)).sample()
    assert all(space.contains(one) for one in sample.numpy().astype(space.dtype))
    assert all(space.contains(one) for one in drawn[:4].astype(space.dtype))
