import math

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents import ActorCritic, Network

OBSERVATIONS = spaces.Box(-np.inf, np.inf, (5,), np.float64)
CONTINUOUS = spaces.Box(-1.0, 1.0, (3,), np.float32)
DISCRETE = spaces.Discrete(4)
UNEVEN = spaces.Box(np.array([-0.4, 3.0, -np.inf], np.float32), np.array([0.4, 4.0, 2.0], np.float32))
MIRROR = (([1, 0, 2, 3, 4], [1, 1, -1, 1, -1]), ([0, 2, 1], [-1, 1, 1]))
ROWS = np.random.default_rng(0).normal(size=(50, 5))


def make(action_space, **kwargs):
    torch.manual_seed(0)
    return ActorCritic(OBSERVATIONS, action_space, lambda _: 1e-3, **kwargs)


@pytest.fixture(
    params=[
        (CONTINUOUS, {}),
        (DISCRETE, {}),
        (spaces.Discrete(4, start=-1), {}),
        (CONTINUOUS, {"mirror": MIRROR, "network": Network(min_std=0.3)}),
        (UNEVEN, {"network": Network(min_std=0.3)}),
    ],
    ids=["continuous", "discrete", "discrete from -1", "mirrored and floored", "of other ranges"],
)
def policy(request):
    return make(request.param[0], **request.param[1])


def test_actor_and_critic_share_nothing_and_together_are_everything(policy):
    actor = {id(p) for p in policy.actor_parameters()}
    critic = {id(p) for p in policy.critic_parameters()}
    assert not actor & critic
    assert actor | critic == {id(p) for p in policy.parameters()}


def test_log_std_belongs_to_the_actor():
    policy = make(CONTINUOUS, log_std_init=-1.0)
    assert any(p is policy.log_std for p in policy.actor_parameters())
    torch.testing.assert_close(policy.log_std.detach(), torch.full((3,), -1.0))


def test_a_symmetric_actor_does_in_the_mirror_what_the_mirror_shows():
    policy = make(CONTINUOUS, mirror=MIRROR, ortho_init=False)
    policy.update_normalizer(ROWS * 3 + 1)
    (order, sign), (action_order, action_sign) = MIRROR
    expected = policy.deterministic(ROWS)[:, action_order] * action_sign
    np.testing.assert_allclose(policy.deterministic(ROWS[:, order] * sign), expected, atol=1e-6)
    assert np.abs(expected - policy.deterministic(ROWS)).max() > 1e-3


def test_exploration_does_not_fall_below_its_floor():
    policy = make(CONTINUOUS, network=Network(min_std=0.3, log_std_init=-9.9))
    _, log_std = policy.distribution_parameters(policy.inputs(ROWS)[0])
    torch.testing.assert_close(log_std.exp(), torch.full((len(ROWS), 3), 0.3 + math.exp(-9.9)))


def test_the_unit_of_an_action_is_half_its_range_and_1_without_bounds():
    unit, other = make(CONTINUOUS, ortho_init=False), make(UNEVEN, ortho_init=False)
    (mean, log_std), (scaled, scaled_log_std) = (
        [one.detach() for one in policy.distribution_parameters(policy.inputs(ROWS)[0])] for policy in (unit, other)
    )
    half = torch.tensor([0.4, 0.5, 1.0])
    torch.testing.assert_close(scaled, torch.tensor([0.0, 3.5, 0.0]) + half * mean)
    torch.testing.assert_close(scaled_log_std.exp(), half * log_std.exp())
    as_before = make(UNEVEN, ortho_init=False, network=Network(action_unit="environment"))
    torch.testing.assert_close(as_before.distribution_parameters(as_before.inputs(ROWS)[0])[0].detach(), mean)


def test_bounds_that_stand_for_none_and_bounds_that_leave_no_choice_keep_the_environments_unit():
    wide = np.finfo(np.float32).max
    box = spaces.Box(np.array([-wide, 2.0, -1.0], np.float32), np.array([wide, 2.0, 1.0], np.float32))
    policy = make(box)
    mean, log_std = policy.distribution_parameters(policy.inputs(ROWS)[0])
    torch.testing.assert_close(log_std.exp(), torch.ones(50, 3))
    assert mean.abs().max() < 0.1


def test_whole_numbers_are_no_real_actions():
    with pytest.raises(ValueError, match=r"actions must be real numbers \(a Box\), .* got Box\(0, 4"):
        make(spaces.Box(0, 4, (2,), np.int64))


def test_a_choice_is_told_by_the_environments_number():
    policy = make(spaces.Discrete(3, start=5))
    noise = policy.sample_noise(200)
    acted = policy.act(ROWS.repeat(4, axis=0), noise)
    assert set(acted.tolist()) == {5, 6, 7}
    assert set(policy.predict(ROWS.repeat(4, axis=0), deterministic=False)[0].tolist()) == {5, 6, 7}
    logits = policy.distribution_parameters(policy.inputs(ROWS)[0])[0]
    np.testing.assert_array_equal(policy.deterministic(ROWS), 5 + logits.argmax(1).numpy())
    expected = torch.log_softmax(logits, 1)[:, 2]
    torch.testing.assert_close(policy.log_prob(policy.inputs(ROWS)[0], torch.full((50,), 7)), expected)


def test_means_stay_within_their_bound():
    box = spaces.Box(np.array([-2.0, 0.0, 1.0], np.float32), np.array([2.0, 1.0, 4.0], np.float32))
    free, bounded = make(box, ortho_init=False), make(box, ortho_init=False, network=Network(mean_bound=1.2))
    middle, half = np.array([0.0, 0.5, 2.5]), np.array([2.0, 0.5, 1.5])
    with torch.no_grad():
        for policy in (free, bounded):
            next(iter(policy.action_net.parameters())).mul_(100.0)  # such that means go far out
        before, after = (
            policy.distribution_parameters(policy.inputs(ROWS)[0])[0].numpy() for policy in (free, bounded)
        )
    assert (np.abs(before - middle) > 3 * half).any(axis=0).all()
    np.testing.assert_allclose(
        (after - middle) / half, 1.2 * np.tanh((before - middle) / half / 1.2), rtol=1e-4, atol=1e-5
    )
    assert set(free.state_dict()) == set(bounded.state_dict())


@pytest.mark.parametrize(
    "space", [DISCRETE, *(spaces.Box(-bound, bound, (3,)) for bound in (np.inf, np.finfo(np.float32).max, 1e-30))]
)
def test_only_vectors_with_bounds_have_bounded_means(space):
    with pytest.raises(ValueError, match=r"means can be bounded only where actions are vectors with bounds, not "):
        make(space, network=Network(mean_bound=1.0))


@pytest.mark.parametrize(
    ("bound", "range_"), [(0.0, "above 0"), (-1.0, "above 0"), (float("nan"), "above 0"), (float("inf"), "below inf")]
)
def test_a_bound_that_leaves_no_means_is_refused(bound, range_):
    with pytest.raises(ValueError, match=f"mean_bound must be {range_}, got {bound}"):
        make(CONTINUOUS, network=Network(mean_bound=bound))


def test_only_vectors_are_mirrored():
    with pytest.raises(ValueError, match=r"only vectors can be mirrored, got .* and Discrete"):
        make(DISCRETE, mirror=MIRROR)


def test_first_mean_actions_are_small():
    actions = make(CONTINUOUS).deterministic(ROWS)
    assert 0 < np.abs(actions).max() < 0.1


def test_divergence_and_log_probability_are_sums_over_action_dimensions():
    policy = make(CONTINUOUS)
    mean, log_std = torch.zeros(1, 3), torch.zeros(1, 3)
    old, new = policy.distribution((mean, log_std)), policy.distribution((mean + 0.5, log_std))
    # KL of two unit Gaussians is half the squared distance: 3 x .25 / 2.
    torch.testing.assert_close(torch.distributions.kl_divergence(old, new), torch.tensor([0.375]))
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(torch.tensor(0.3)) * 3
    torch.testing.assert_close(old.log_prob(torch.full((1, 3), 0.3)), expected[None])


@torch.no_grad()
def test_agrees_with_the_methods_it_inherits_from_sb3(policy):
    policy.update_normalizer(ROWS * 3 + 1)
    observations = torch.as_tensor(ROWS)
    actor, critic = policy.inputs(ROWS)
    torch.testing.assert_close(policy.values(critic), policy.predict_values(observations).squeeze(1))
    np.testing.assert_array_equal(policy.clip(policy.deterministic(ROWS)), policy.predict(ROWS, deterministic=True)[0])
    distribution = policy.pi(actor)
    actions = distribution.sample()
    if policy.continuous:
        assert (actions.abs() > 1.0).any()  # beyond the bounds, where the log-probability is that of being clipped
    _, log_prob, entropy = policy.evaluate_actions(observations, actions)
    torch.testing.assert_close(distribution.log_prob(actions), log_prob)
    torch.testing.assert_close(policy.log_prob(actor, actions), log_prob)
    torch.testing.assert_close(distribution.entropy(), entropy)
    torch.testing.assert_close(policy.get_distribution(observations).log_prob(actions), log_prob)
    acted, values, log_prob = policy(observations)
    torch.testing.assert_close(policy.log_prob(actor, acted), log_prob)
    torch.testing.assert_close(values.squeeze(1), policy.values(critic))
    expected = policy.deterministic(ROWS)
    np.testing.assert_array_equal(policy(observations, deterministic=True)[0], expected)
    np.testing.assert_array_equal(policy.get_distribution(observations).mode(), expected)
    np.testing.assert_array_equal(policy.mode(observations), expected)


@torch.no_grad()
def test_without_exploration_it_acts_as_its_clipped_actions_do_on_average():
    policy = make(CONTINUOUS)
    policy.action_net.bias.copy_(torch.tensor([3.0, 0.8, 0.0]))
    row = ROWS[:1].repeat(200_000, axis=0)
    mean = policy.clip(policy.act(row, policy.sample_noise(len(row)))).mean(0)
    for actions in (policy.deterministic(ROWS[:1]), policy(torch.as_tensor(ROWS[:1]), deterministic=True)[0].numpy()):
        np.testing.assert_allclose(actions[0], mean, atol=0.01)


class Mode(torch.nn.Module):
    def __init__(self, policy):
        super().__init__()
        self.policy = policy

    def forward(self, observations):
        return self.policy.mode(observations)


def test_actions_without_exploration_are_exported_for_any_number_of_observations(policy):
    policy.update_normalizer(ROWS * 3 + 1)
    rows = torch.as_tensor(ROWS, dtype=torch.float32)
    sizes = ({0: torch.export.Dim("observations")},)
    exported = torch.export.export(Mode(policy), (rows[:3],), dynamic_shapes=sizes).module()
    for count in (2, 50):
        np.testing.assert_allclose(exported(rows[:count]).detach(), policy.deterministic(rows[:count]), atol=1e-6)


@torch.no_grad()
def test_sampled_actions_follow_the_distribution(policy):
    row = ROWS[:1].repeat(20_000, axis=0)
    actions = policy.act(row, policy.sample_noise(len(row)))
    parameters = policy.distribution_parameters(policy.inputs(ROWS[:1])[0])
    if policy.continuous:
        mean, log_std = (p.numpy()[0] for p in parameters)
        np.testing.assert_allclose(actions.mean(0), mean, atol=0.02)
        np.testing.assert_allclose(actions.std(0), np.exp(log_std), atol=0.02)
    else:
        shares = np.bincount(actions - policy.action_space.start, minlength=4) / len(actions)
        np.testing.assert_allclose(shares, torch.softmax(parameters[0], 1).numpy()[0], atol=0.02)


def test_noise_from_a_generator_leaves_the_global_one_alone(policy):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first = policy.sample_noise(2, generator=torch.Generator().manual_seed(5))
    assert torch.equal(torch.rand(1), expected)
    np.testing.assert_array_equal(first, policy.sample_noise(2, generator=torch.Generator().manual_seed(5)))


def test_refuses_noise_that_depends_on_the_state():
    with pytest.raises(ValueError, match="use_sde is not supported"):
        make(CONTINUOUS, use_sde=True)
