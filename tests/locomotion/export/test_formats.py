"""C headers and Stable-Baselines3's zips of every kind of policy that they take; the others are refused."""

import base64
import json
import shutil
import zipfile

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO

from locomotion.errors import UsageError
from locomotion.export.c_header import compiled, write_c_header
from locomotion.export.sb3_zip import sb3_actor, write_sb3
from tests.locomotion.export.random_policies import random_policy, seen_by

VECTOR, BOX = spaces.Box(-np.inf, np.inf, (6,)), spaces.Box(-1, 1, (4,))
SKEWED = spaces.Box(np.array([-2, 0, -np.inf, -1], np.float32), np.array([1, 5, np.inf, np.inf], np.float32))
FREE = spaces.Box(-np.inf, np.inf, (2,))
IMAGE = spaces.Box(0, 255, (1, 36, 40), np.uint8)
START = np.zeros(1, bool)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
@pytest.mark.parametrize(
    ("actions", "network"),
    [
        (BOX, {"activation": "elu", "mirror": True}),
        (SKEWED, {"activation": "relu"}),
        (SKEWED, {"action_unit": "environment", "min_std": 0.1}),
        (BOX, {"mean_bound": 1.5}),
        (FREE, {}),
    ],
)
def test_a_c_header_has_the_policys_actions(actions, network, tmp_path):
    policy = random_policy(VECTOR, actions, **network)
    seen = seen_by(policy, np.random.default_rng(0))
    write_c_header(policy, tmp_path)
    act = compiled(tmp_path)
    found = np.concatenate([act(row[None], START) for row in seen])
    np.testing.assert_allclose(found, policy.clip(policy.deterministic(seen)), atol=1e-6)


@pytest.mark.parametrize(
    ("actions", "network"),
    [
        (BOX, {"mirror": True}),
        (BOX, {"activation": "elu", "mirror": True}),
        (BOX, {"mean_bound": 1.5, "min_std": 0.1}),
        (spaces.Box(np.float32([-2, 0]), np.float32([1, 5])), {}),
        (FREE, {"activation": "relu"}),
        (spaces.Discrete(3), {"activation": "relu"}),
        (spaces.MultiDiscrete([2, 3]), {}),
        (spaces.MultiBinary(3), {}),
    ],
)
def test_sb3_plays_the_same_actions_and_values(actions, network, tmp_path):
    policy = random_policy(VECTOR, actions, **network)
    seen = seen_by(policy, np.random.default_rng(0))
    expected = policy.deterministic(seen)
    write_sb3(policy, tmp_path)
    assert policy.deterministic(seen).tobytes() == expected.tobytes()  # the policy itself is as it was
    found = sb3_actor(tmp_path)(seen, START)
    np.testing.assert_allclose(found, policy.clip(policy.deterministic(seen)), atol=2e-6)
    theirs = PPO.load(tmp_path / "policy.zip", device="cpu").policy
    features = policy.inputs(seen)[0]
    np.testing.assert_allclose(
        theirs.predict_values(features).detach().flatten(), policy.rollout_values(seen), rtol=1e-5, atol=1e-6
    )
    if policy.continuous:
        torch.testing.assert_close(theirs.log_std, policy.action_log_std)


def test_nothing_of_ours_is_in_the_zip(tmp_path):
    write_sb3(random_policy(VECTOR, BOX), tmp_path)
    with zipfile.ZipFile(tmp_path / "policy.zip") as archive:
        data = json.loads(archive.read("data"))
    pickles = [base64.b64decode(one[":serialized:"]) for one in data.values() if isinstance(one, dict) and len(one) > 1]
    pickles.append((tmp_path / "vecnormalize.pkl").read_bytes())
    assert len(pickles) > 3
    # By their names or, as cloudpickle keeps what has no module, as a whole.
    assert not any(name in one for one in pickles for name in (b"envs.", b"agents.", b"locomotion.", b"cloudpickle"))


@pytest.mark.parametrize(
    ("observations", "actions", "network", "sentence"),
    [
        (IMAGE, BOX, {}, "SB3's MlpPolicy sees vectors alone"),
        (VECTOR, BOX, {"memory": "gru"}, "SB3's MlpPolicy has no memory"),
        (VECTOR, SKEWED, {}, "actions are all bounded, by tanh or elu, or all without bounds"),
        (VECTOR, BOX, {"activation": "relu"}, "this one has relu"),
        (VECTOR, spaces.Discrete(3, start=1), {}, "SB3's PPO counts choices from 0"),
    ],
)
def test_what_sb3_cannot_play_is_refused(observations, actions, network, sentence, tmp_path):
    with pytest.raises(UsageError, match=sentence):
        write_sb3(random_policy(observations, actions, **network), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("observations", "actions", "network", "what"),
    [
        (IMAGE, BOX, {}, "observations that are not a vector"),
        (VECTOR, BOX, {"memory": "lstm"}, "a memory"),
        (VECTOR, spaces.Discrete(2), {}, "actions that are choices"),
    ],
)
def test_what_a_c_header_cannot_hold_is_refused(observations, actions, network, what, tmp_path):
    with pytest.raises(UsageError, match=f"a C header cannot have {what}$"):
        write_c_header(random_policy(observations, actions, **network), tmp_path)
