"""Policies with a memory, for every update rule."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch.distributions import kl_divergence

import envs
from agents import A2C, NPG, PPO, TRPO, VPG, ActorCritic, Network
from agents.acting import actor_of
from agents.advantages import RewardToGo
from agents.baselines import OptimalConstant, TimeDependent, ValueNetwork
from agents.cannot_learn import CannotLearn
from agents.critics import AdamFit
from agents.jacobian import AutogradJacobian, differentiable_actor, differentiable_critic, gauss_newton_product
from agents.sequences import Sequences
from agents.team import one_shard
from agents.trust_region import flat
from tests.agents.remembering import Cue, Masked, Random

RULES = [TRPO, NPG, PPO, VPG, A2C]
KINDS = ["gru", "lstm"]
VECTOR, CHOICE = spaces.Box(-1, 1, (2,)), spaces.Discrete(3)
MIRROR = (np.array([1, 0, 2]), np.array([1.0, 1, -1])), (np.array([1, 0]), np.ones(2))  # of Random's observations
# Of actions and mirrors.
BODIES = [
    pytest.param(VECTOR, None, id="vector"),
    pytest.param(CHOICE, None, id="choice"),
    pytest.param(VECTOR, MIRROR, id="mirrored"),
]


def network(kind, **fields):
    return Network(**{"actor": (6,), "value": (5,), "memory": kind, "memory_size": 4, **fields})


def learner(rule, kind="gru", actions=VECTOR, robots=4, mirror=None, **kwargs):
    policy_kwargs = {"network": network(kind), "mirror": mirror}
    return rule(
        "MlpPolicy", Random(robots, actions), **{"n_steps": 12, "seed": 0, "policy_kwargs": policy_kwargs, **kwargs}
    )


def collected(model):
    """Collect a rollout by a learner; return its samples."""
    _, callback = model._setup_learn(10**6, None)
    model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)
    return model.samples(model.rollout_buffer, model.rollout_buffer.rows(model.team))


@pytest.mark.parametrize("windows", [1, 3])
@pytest.mark.parametrize(("actions", "mirror"), BODIES)
@pytest.mark.parametrize("kind", KINDS)
def test_sequences_equal_the_steps_that_were_acted(kind, actions, mirror, windows):
    model = learner(TRPO, kind, actions, mirror=mirror, memory_steps=12 // windows)
    seen = []
    collected(model)  # the second rollout goes on with what the first one remembered
    step = model.policy.action_dist.sampled
    model.policy.action_dist.sampled = lambda noise, *known: seen.append(known) or step(noise, *known)
    samples = collected(model)
    acted = [np.stack(known) for known in zip(*seen, strict=True)]  # (T, N, ...)
    assert model.rollout_buffer.first.any()
    rows = model.rollout_buffer.rows(model.team)
    for jacobian in (
        differentiable_actor(model.policy),
        partial(AutogradJacobian, model.policy.distribution_parameters, model.policy.actor_parameters()),
    ):
        outputs = jacobian(samples.inputs, samples.shards.sizes).outputs
        for output, known in zip(outputs, acted, strict=True):
            np.testing.assert_allclose(output, rows.of(known), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_those_of_the_critic_moment_by_moment_also_where_time_ran_out(kind):
    model = learner(TRPO, kind)
    collected(model)
    state = torch.from_numpy(model.critic_state)
    collected(model)
    rollout, policy = model.rollout_buffer, model.policy
    assert rollout.truncated.any()
    assert rollout.terminated.any()

    def value(observations, state):
        latent, after = policy.critic_memory.step(policy.critic_latent(policy.inputs(observations)[1]), state)
        return policy.value_net(latent)[:, 0].detach().numpy(), after

    for t in range(12):
        state = state * torch.from_numpy(~rollout.first[t])[:, None]
        values, state = value(rollout.observations[t], state)
        np.testing.assert_allclose(rollout.values[t], values, atol=1e-5)
        for i in np.flatnonzero(rollout.truncated[t]):
            final, _ = value(rollout.final_observations[t, int(i)][None], state[i : i + 1])
            np.testing.assert_allclose(rollout.next_values[t, i], final[0], atol=1e-5)
    goes_on = ~(rollout.terminated | rollout.truncated)
    np.testing.assert_array_equal(rollout.next_values[:-1][goes_on[:-1]], rollout.values[1:][goes_on[:-1]])
    torch.testing.assert_close(torch.from_numpy(model.critic_state), state.detach(), atol=1e-5, rtol=0)


def test_computing_the_values_twice_changes_nothing():
    model = learner(TRPO)
    collected(model)
    before = model.rollout_buffer.values.copy(), model.critic_state.copy(), model.actor_state.copy()
    model.rollout_buffer.evaluate(model.baseline, model._last_obs, len(model.team.own))
    for array, earlier in zip(
        (model.rollout_buffer.values, model.critic_state, model.actor_state), before, strict=True
    ):
        np.testing.assert_array_equal(array, earlier)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_trains_every_parameter(rule, kind):
    model = learner(rule, kind, baseline=lambda policy: ValueNetwork(policy, AdamFit(epochs=1)))
    before = copy.deepcopy(model.policy.state_dict())
    model.learn(4 * 12)
    for name, parameter in model.policy.named_parameters():
        assert not torch.equal(parameter, before[name]), name


@pytest.mark.parametrize("rule", RULES)
def test_no_robot_reaches_into_anothers_gradient(rule):
    model = learner(rule, robots=8)
    samples = collected(model)
    assert isinstance(samples.inputs, Sequences)
    other = samples.inputs.robots == 5
    changed = samples.inputs.rows + other[:, None].float()
    for differentiable, taken in (
        (differentiable_actor(model.policy), samples.inputs),
        (differentiable_critic(model.policy), samples.critic_inputs),
    ):
        one, two = (
            differentiable(Sequences(rows, taken.starts, taken.robots, taken.states, taken.steps), samples.shards.sizes)
            for rows in (samples.inputs.rows, changed)
        )
        assert torch.equal(one.outputs[0][~other], two.outputs[0][~other])
        assert not torch.equal(one.outputs[0][other], two.outputs[0][other])
        slopes = [torch.randn_like(output) * ~other[:, None] for output in one.outputs]
        torch.testing.assert_close(one.pull(slopes), two.pull(slopes), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("actions", "mirror"), BODIES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_fisher_product_is_the_hessian_of_the_divergence_through_time(kind, actions, mirror):
    torch.manual_seed(0)
    seen = spaces.Box(-9, 9, (3,))
    policy = ActorCritic(seen, actions, lambda _: 1e-3, network=network(kind), mirror=mirror).double()
    for parameter in policy.mlp_extractor.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    robots, steps = 2, 3
    inputs = Sequences(
        torch.randn(steps * robots, 3, dtype=torch.float64),
        torch.tensor([False, False, True, False, False, False]),
        torch.tensor([0, 1] * steps),
        torch.randn(1, robots, policy.actor_memory.state_size, dtype=torch.float64),
        steps,
    )
    parameters = policy.actor_parameters()
    actor = differentiable_actor(policy)(inputs, [6])
    information = partial(policy.action_dist.information, actor.outputs)
    product = gauss_newton_product(actor, one_shard(6), information, damping=0.0)
    tangent = torch.randn(len(flat(parameters)), dtype=torch.float64)
    divergence = kl_divergence(policy.distribution(actor.outputs), policy.pi(inputs)).mean()
    slope = flat(torch.autograd.grad(divergence, parameters, create_graph=True))
    torch.testing.assert_close(product(tangent), flat(torch.autograd.grad(slope @ tangent, parameters)))


def test_gradients_reach_back_to_the_beginning_of_a_window():
    for windows, reaches in ((1, True), (3, False)):
        model = learner(TRPO, memory_steps=12 // windows)
        model.get_env().ends = 0.0
        samples = collected(model)
        rows = samples.inputs.rows.clone().requires_grad_()
        inputs = Sequences(rows, samples.inputs.starts, samples.inputs.robots, samples.inputs.states, 12)
        part = inputs.split(samples.shards.sizes)[0]
        last = model.policy.distribution_parameters(part)[0][-1]  # the last moment of a shard's last robot
        (slope,) = torch.autograd.grad(last.sum(), rows)
        first = slope[: samples.shards.sizes[0]].reshape(12, -1, 3)[:, -1].abs().sum(1) > 0
        assert first.tolist() == [reaches] * 8 + [True] * 4


@pytest.mark.parametrize(("actions", "mirror"), BODIES)
@pytest.mark.parametrize("kind", KINDS)
def test_sb3s_predict_and_our_actor_remember_alike(kind, actions, mirror):
    model = learner(TRPO, kind, actions, mirror=mirror)
    model.learn(4 * 12)
    rng, state = np.random.default_rng(0), None
    actor = actor_of(model.policy, 4)
    for t in range(6):
        seen, starts = rng.normal(size=(4, 3)).astype(np.float32), rng.random(4) < (1.0 if t == 0 else 0.3)
        predicted, state = model.predict(seen, state, starts, deterministic=True)
        np.testing.assert_allclose(model.policy.clip(actor.mode(seen, starts)), predicted, atol=1e-5)
        np.testing.assert_allclose(actor.states, state[0], atol=1e-5)
        one, _ = model.predict(seen[0], (state[0][:1],), deterministic=True)
        assert one.shape == actions.shape
    forgotten, _ = model.predict(seen, deterministic=True)
    values = model.policy.predict_values(torch.from_numpy(seen))
    assert forgotten.shape == predicted.shape
    assert values.shape == (4, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mirrored_history_leads_to_mirrored_actions(kind):
    model = learner(TRPO, kind, mirror=MIRROR)
    model.learn(4 * 12)
    (order, sign), (action_order, _) = MIRROR
    rng, straight, mirrored = np.random.default_rng(0), actor_of(model.policy, 4), actor_of(model.policy, 4)
    still = np.zeros((4, 2), np.float32)
    for t in range(6):
        seen, starts = rng.normal(size=(4, 3)).astype(np.float32), rng.random(4) < (1.0 if t == 0 else 0.3)
        acted = straight.sample(seen, starts, still)
        np.testing.assert_allclose(
            mirrored.sample(seen[:, order] * sign, starts, still), acted[:, action_order], atol=1e-6
        )
    assert np.abs(acted[:, 0] - acted[:, 1]).max() > 1e-3


def test_acting_in_a_rollout_and_afterwards_gives_the_same_bits():
    model = learner(TRPO, robots=4)
    model.learn(4 * 12)
    actor = actor_of(model.policy, 4, len(model.team.own))
    model.env, env = Random(4, VECTOR, seed=7), Random(4, VECTOR, seed=7)
    seen, starts = env.reset(), np.ones(4, bool)
    torch.manual_seed(3)
    noise = model.policy.sample_noise(12, 4)
    acted = []
    for t in range(12):
        acted.append(actor.sample(seen, starts, noise[t]))
        seen, _, starts, _ = env.step(model.policy.clip(acted[-1]))
    torch.manual_seed(3)
    collected(model)
    assert (model.rollout_buffer.first.sum(0) > 1).any()
    np.testing.assert_array_equal(model.rollout_buffer.actions, np.stack(acted))


@pytest.mark.parametrize("rule", [TRPO, PPO, VPG])
def test_whole_episodes_alone_are_learned_from(rule):
    model = learner(rule, advantage=RewardToGo(), baseline=lambda _: TimeDependent())
    samples = collected(model)
    counts = model.rollout_buffer.rows(model.team, counted=False).of(model.rollout_buffer.counts)
    assert 0 < counts.sum() < len(counts) == len(samples.advantages)
    assert (samples.advantages.numpy()[~counts] == 0).all()
    assert samples.advantages[torch.from_numpy(counts)].std() == pytest.approx(1.0, abs=1e-3)
    model.learn(4 * 12)


def test_states_of_other_robots_are_refused():
    model = learner(TRPO)
    for state in ((np.zeros((3, 4)),), (np.zeros((4, 5)),), np.zeros((4, 4))):
        message = r"state must hold one array \(4, \d+\), as predict returns it for 4 robots, got "
        with pytest.raises(ValueError, match=message):
            model.predict(np.zeros((4, 3), np.float32), state)


def test_what_does_not_go_with_a_memory_is_refused():
    for fields, message in (
        ({"memory": "rnn"}, "memory must be one of none, gru, lstm, got 'rnn'"),
        ({"memory_size": 0}, "memory_size must be at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            ActorCritic(spaces.Box(-9, 9, (3,)), VECTOR, lambda _: 1e-3, network=network("gru", **fields))
    with pytest.raises(CannotLearn, match=r"earlier samples cannot be used again .* got reuse=2"):
        learner(VPG, reuse=2)
    with pytest.raises(CannotLearn, match="the optimal constant scores single actions"):
        learner(VPG, baseline=OptimalConstant)
    with pytest.raises(CannotLearn, match="memory_steps of 4 has no effect: the policy has no memory"):
        TRPO("MlpPolicy", Random(4, VECTOR), memory_steps=4)
    with pytest.raises(CannotLearn, match="memory_steps of 5 must divide the 12 steps of a rollout"):
        learner(TRPO, memory_steps=5).learn(4 * 12)


def solves(rule, env, steps, kind="gru", **kwargs):
    """Train; return the mean return of recent episodes."""
    small = Network(actor=(32,), value=(32,), memory=kind, memory_size=32)
    model = rule("MlpPolicy", env, seed=0, policy_kwargs={"network": small}, **kwargs)
    model.learn(steps)
    return np.mean([episode["r"] for episode in model.ep_info_buffer])


ADAM = {"learning_rate": 1e-2, "actor_optimizer": torch.optim.Adam}
# Robots, steps of each in an iteration, iterations, and arguments. A2C's own RMSProp takes ten times as long: its steps
# are short until it has forgotten that it began at 1.
QUICKLY = {
    TRPO: (32, 20, 20, {"target_kl": 0.03}),
    NPG: (32, 20, 20, {"target_kl": 0.03}),
    PPO: (32, 20, 40, {"learning_rate": 3e-3, "n_epochs": 4, "batch_size": 320}),
    VPG: (32, 20, 60, {"learning_rate": 1e-2}),
    A2C: (
        32,
        10,
        200,
        {**ADAM, "gae_lambda": 1.0, "ent_coef": 0.01},
    ),
}


@pytest.mark.parametrize(("rule", "kind"), [*((rule, "gru") for rule in RULES), (PPO, "lstm")])
def test_every_rule_learns_to_repeat_a_cue(rule, kind):
    robots, n_steps, iterations, arguments = QUICKLY[rule]
    share = solves(rule, Cue(robots, 4), robots * n_steps * iterations, kind, n_steps=n_steps, **arguments)
    assert share > 0.8


def test_without_a_memory_a_cue_is_guessed():
    assert solves(TRPO, Cue(32, 4), 32 * 20 * 40, "none", n_steps=20, target_kl=0.03) < 0.45


@pytest.mark.parametrize(("kind", "low", "high"), [("gru", 200, 501), ("none", 0, 150)])
def test_a_pole_of_which_only_positions_are_seen_takes_a_memory(kind, low, high):
    poles = Masked(envs.make_vec("CartPole", 32, num_threads=1), [0, 2])
    assert low < solves(TRPO, poles, 32 * 64 * 25, kind, n_steps=64) < high


def test_beginnings_of_other_robots_are_refused():
    with pytest.raises(ValueError, match=r"episode_start must be \(4,\), for 4 robots, got \(3,\)"):
        learner(TRPO).predict(np.zeros((4, 3), np.float32), None, np.ones(3, bool))
