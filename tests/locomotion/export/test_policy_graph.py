"""Every kind of policy as an ONNX graph: its actions are those of the policy."""

import numpy as np
import onnx
import pytest
import torch
from gymnasium import spaces

from agents import ActorCritic
from envs.sources import Control
from locomotion.export.actor import ActorParts, seen_by_actor
from locomotion.export.onnx_actor import GRAPH, OnnxActor
from locomotion.export.policy_graph import graph_of
from locomotion.export.torchscript import TorchScriptActor, write_torchscript
from tests.locomotion.export.random_policies import random_policy, seen_by, several

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")

VECTOR, BOX = spaces.Box(-np.inf, np.inf, (6,)), spaces.Box(-1, 1, (4,))
SKEWED = spaces.Box(np.array([-2, 0, -np.inf, -1], np.float32), np.array([1, 5, np.inf, np.inf], np.float32))
IMAGE = spaces.Box(0, 255, (1, 36, 40), np.uint8)
PAIR = spaces.Dict({"arm": spaces.Box(-9, 9, (2,)), "base": spaces.Box(-9, 9, (3,))})
CRITICS = spaces.Dict({"observation": VECTOR, "privileged": spaces.Box(-9, 9, (3,))})
MIXED = spaces.Dict({"camera": IMAGE, "speed": spaces.Box(-9, 9, (2,)), "gear": spaces.Discrete(3)})


def saved(policy, folder, control=None):
    onnx.save(graph_of(policy, control), folder / GRAPH)
    return folder


@pytest.mark.parametrize(
    ("observations", "actions", "network"),
    [
        (VECTOR, BOX, {"activation": "elu", "min_std": 0.1}),
        (VECTOR, SKEWED, {"activation": "relu"}),
        (VECTOR, SKEWED, {"action_unit": "environment"}),
        (VECTOR, BOX, {"mean_bound": 1.5}),
        (VECTOR, BOX, {"mirror": True}),
        (VECTOR, spaces.Discrete(3, start=-1), {}),
        (VECTOR, spaces.MultiDiscrete([2, 3, 2], start=[0, 5, 1]), {}),
        (VECTOR, spaces.MultiBinary(3), {}),
        (spaces.Discrete(5), BOX, {}),
        (spaces.MultiDiscrete([2, 4]), spaces.Discrete(2), {}),
        (spaces.MultiBinary(4), BOX, {}),
        (IMAGE, spaces.Discrete(3), {}),
        (MIXED, BOX, {}),
        (PAIR, BOX, {}),
        (CRITICS, BOX, {}),
        (CRITICS, BOX, {"mirror": True}),
        (spaces.Dict({**MIXED.spaces, "privileged": spaces.Box(-9, 9, (3,))}), BOX, {}),
    ],
)
def test_actions_are_those_of_the_policy(observations, actions, network, tmp_path):
    policy = random_policy(observations, actions, **network)
    rng = np.random.default_rng(0)
    seen = several(observations, 40, rng)
    if observations is VECTOR:
        seen = seen_by(policy, rng)
    expected = policy.clip(policy.deterministic(seen))
    alone = seen_by_actor(seen, ActorParts.of(policy).space)
    assert not isinstance(alone, dict) or "privileged" not in alone
    found = OnnxActor(saved(policy, tmp_path))(alone, np.zeros(40, bool))
    assert found.dtype == (np.float32 if policy.continuous else np.int64)
    np.testing.assert_allclose(found, expected.reshape(found.shape), atol=2e-6)
    assert len(np.unique(np.round(found, 3))) > 1 or observations is IMAGE  # noise, in which all look alike


@pytest.mark.parametrize("memory", ["gru", "lstm"])
@pytest.mark.parametrize(("space", "mirror"), [(VECTOR, False), (VECTOR, True), (CRITICS, True)])
def test_a_memory_goes_in_and_out_and_is_cleared_where_an_episode_begins(memory, space, mirror, tmp_path):
    policy = random_policy(space, BOX, memory=memory, memory_size=5, mirror=mirror)
    folder, rng = saved(policy, tmp_path), np.random.default_rng(0)
    write_torchscript(policy, folder)
    exported, states = [OnnxActor(folder), TorchScriptActor(folder)], None
    for step in range(30):
        seen, starts = several(space, 1, rng), np.array([step % 11 == 0])
        expected, states = policy.predict(seen, states, starts, deterministic=True)
        for actor in exported:
            np.testing.assert_allclose(actor(seen_by_actor(seen, VECTOR), starts), expected, atol=2e-6)
    session = onnxruntime.InferenceSession(folder / GRAPH)
    names = ["h", "c"][: 1 if memory == "gru" else 2]
    assert [one.name for one in session.get_inputs()] == ["obs", *(f"{name}_in" for name in names)]
    assert [one.name for one in session.get_outputs()] == ["actions", *(f"{name}_out" for name in names)]


def test_controls_are_in_the_graph(tmp_path):
    policy = random_policy(VECTOR, BOX)
    control = Control((3, 0), (10.0, -2.0), (1.0, 0.0), (-3.0, -np.inf), (np.inf, 1.0))
    session = onnxruntime.InferenceSession(saved(policy, tmp_path, control) / GRAPH)
    seen = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    actions, controls = session.run(None, {"obs": seen})
    np.testing.assert_allclose(controls[:, 0], np.maximum(10 * actions[:, 3] + 1, -3), rtol=1e-6)
    np.testing.assert_allclose(controls[:, 1], np.minimum(-2 * actions[:, 0], 1), rtol=1e-6)
    assert (controls[:, 0] == -3).any()


class OwnLayers(ActorCritic):
    def _build_mlp_extractor(self):
        super()._build_mlp_extractor()
        self.mlp_extractor.policy_net.append(torch.nn.Hardtanh())


def test_a_layer_of_a_users_own_is_refused():
    with pytest.raises(Exception, match="a layer of a user's own cannot be exported, got Hardtanh"):
        graph_of(OwnLayers(VECTOR, BOX, lambda _: 1e-3))
