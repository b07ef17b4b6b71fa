import pytest
import torch

from envs.registry import GYMNASIUM_TASKS
from locomotion.benchmarks import peers
from locomotion.benchmarks.peers import PACKAGES, EqualKL, build, check_packages, with_equal_kl, zoo_peer
from locomotion.benchmarks.zoo import TUNED
from locomotion.errors import UsageError


def test_a_peer_has_the_zoos_settings_or_says_that_they_are_not_tuned():
    assert zoo_peer("sb3-contrib", "HalfCheetah-v5").settings["target_kl"] == 0.04
    assert zoo_peer("sb3-contrib", "Hopper-v5").settings["target_kl"] == 0.01
    assert zoo_peer("sb3-contrib", "Hopper-v5").name == "sb3-contrib TRPO, zoo"
    assert zoo_peer("sb3-contrib", "Reacher-v5").name == "sb3-contrib TRPO, zoo (not tuned for this robot)"
    assert zoo_peer("sb3", "Hopper-v5").settings["gamma"] == 0.999
    assert all(set(robots) <= set(GYMNASIUM_TASKS) for robots in TUNED.values())


def test_only_gymnasiums_robots_have_peers():
    with pytest.raises(UsageError, match="there are peers for Gymnasium's robots only, not for Locomotion/Biped-v0"):
        zoo_peer("sb3", "Locomotion/Biped-v0")


def test_packages_must_be_known_and_installed(monkeypatch):
    with pytest.raises(UsageError, match="unknown peer 'rllib'; there are sb3-contrib and sb3"):
        check_packages(["sb3", "rllib"])
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"sb3-contrib is not installed: pip install .*\[bench\]"):
        check_packages(["sb3-contrib"])


@pytest.mark.parametrize("package", PACKAGES)
def test_every_robot_can_be_built(package):
    pytest.importorskip(PACKAGES[package][0])
    for env in GYMNASIUM_TASKS:
        peer = zoo_peer(package, env)
        model, robots = build(peer, env, seed=3)
        assert robots.num_envs == peer.settings["n_envs"]
        assert (robots.gamma, model.gamma) == (peer.settings["gamma"], peer.settings["gamma"])
        if "policy_kwargs" in peer.settings:
            assert isinstance(model.policy.mlp_extractor.policy_net[1], torch.nn.ReLU)
            assert model.policy.action_net.in_features == 256
            assert float(model.policy.log_std.detach().mean()) == -2.0
        robots.close()


def test_equal_kl_is_bounded_in_the_sum_over_actions_and_narrows_as_ours_does():
    pytest.importorskip("sb3_contrib")
    peer = with_equal_kl(zoo_peer("sb3-contrib", "Hopper-v5"), 0.06, 0.006)
    assert peer.name == "sb3-contrib TRPO, equal KL"
    assert "target_kl" not in peer.settings
    peer.settings.update(n_steps=32, batch_size=64, n_critic_updates=1)
    model, _ = build(peer, "Hopper-v5", seed=0)
    bounds, sums = [], []

    class Watch(EqualKL):
        def _on_rollout_end(self):
            super()._on_rollout_end()
            bounds.append(3 * self.model.target_kl)
            self.seen = torch.as_tensor(self.model.rollout_buffer.observations.reshape(-1, 11))
            self.old = distribution(self.model, self.seen)

        def _on_rollout_start(self):
            if bounds:
                new = distribution(self.model, self.seen)
                sums.append(float(torch.distributions.kl_divergence(new, self.old).sum(1).mean()))

    def distribution(model, observations):
        with torch.no_grad():
            normal = model.policy.get_distribution(observations).distribution
        return torch.distributions.Normal(normal.mean.clone(), normal.stddev.clone())

    model.learn(20 * 64, Watch(0.06, 0.006))
    assert bounds[:16] == pytest.approx([0.06] * 16)
    assert bounds[-1] == pytest.approx(0.006)
    assert bounds[17] == pytest.approx(0.006 + 0.054 * 0.5)
    assert all(kl < bound for kl, bound in zip(sums, bounds, strict=False))
    assert max(sums) > 0.03  # of the sum, not of the mean: the bound is used
