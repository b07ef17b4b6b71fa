import pytest
import torch

from agents.importance import Remembered, effective_sample_size, joined, surrogate
from agents.team import one_shard


def test_the_surrogates_gradient_where_it_begins_is_the_policy_gradient():
    torch.manual_seed(0)
    mean = torch.randn(3, dtype=torch.float64, requires_grad=True)
    actions, advantages = torch.randn(100, 3, dtype=torch.float64), torch.randn(100, dtype=torch.float64)

    def log_prob():
        return torch.distributions.Normal(mean, 0.7).log_prob(actions).sum(1)

    policy_gradient = torch.autograd.grad((log_prob() * advantages).mean(), mean)[0]
    importance_weighted = torch.autograd.grad(surrogate(log_prob(), log_prob().detach(), advantages).mean(), mean)[0]
    torch.testing.assert_close(importance_weighted, policy_gradient, rtol=1e-14, atol=1e-15)


def test_weighted_samples_of_another_policy_have_the_expectation_of_this_one():
    torch.manual_seed(1)
    old, new = (torch.distributions.Normal(torch.tensor(m, dtype=torch.float64), 1.0) for m in (0.0, 0.5))
    actions = old.sample((200_000,))
    estimate = float(surrogate(new.log_prob(actions), old.log_prob(actions), actions**2).mean())
    assert estimate == pytest.approx(1.0 + 0.5**2, abs=0.02)  # E a^2 under the new one; 1 under the old


def test_equal_weights_count_in_full_and_a_single_heavy_one_as_one():
    assert effective_sample_size(torch.full((50,), 3.0), one_shard(50)) == pytest.approx(50.0)
    assert effective_sample_size(torch.tensor([1.0, 0.0, 0.0]), one_shard(3)) == pytest.approx(1.0)


def test_joined_samples_stay_shard_by_shard():
    def some(iteration, sizes):
        rows = torch.tensor([10.0 * shard + iteration for shard, size in enumerate(sizes) for _ in range(size)])
        return Remembered(rows[:, None], rows[:, None], rows, rows, torch.tensor(sizes))

    both = joined([some(1, [2, 1]), some(2, [1, 3])])
    assert both.sizes.tolist() == [3, 4]
    assert both.advantages.tolist() == [1, 1, 2, 11, 12, 12, 12]
    assert both.observations[:, 0].tolist() == both.advantages.tolist()
