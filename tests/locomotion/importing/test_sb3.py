"""SB3's own files come in: equal actions, statistics taken over, and nothing in them run."""

import base64
import json
import os
import pickle
import zipfile

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from locomotion import commands
from locomotion.errors import UsageError
from locomotion.export.sb3_zip import sb3_actor, write_sb3
from locomotion.importing.sb3 import import_sb3
from locomotion.policies.stored import StoredPolicy


def saved(folder, env="Pendulum-v1", algorithm=PPO, use_sde=False, **policy_kwargs):
    """SB3's zip of a new policy, whose last layer is not nearly zero."""
    kwargs = {"policy_kwargs": policy_kwargs, "use_sde": use_sde}
    model = algorithm("MlpPolicy", env, n_steps=64, seed=3, device="cpu", **kwargs)
    with torch.no_grad():
        model.policy.action_net.weight.normal_(std=0.1)
    model.save(folder / "theirs.zip")
    return model


def observations(model, count=200, scale=3.0):
    shape = (count, *model.observation_space.shape)
    return scale * np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("env", "algorithm", "policy_kwargs"),
    [
        ("Pendulum-v1", PPO, {}),
        ("Pendulum-v1", A2C, {"net_arch": [16], "activation_fn": torch.nn.ReLU}),
        ("MountainCarContinuous-v0", PPO, {"net_arch": {"pi": [8, 4], "vf": [5]}, "activation_fn": torch.nn.ELU}),
        ("Pendulum-v1", PPO, {"use_sde": True, "full_std": False}),
        ("CartPole-v1", PPO, {"log_std_init": -1.0, "ortho_init": False}),
        ("Hopper-v5", PPO, {}),
    ],
)
def test_a_zip_plays_the_same_actions(env, algorithm, policy_kwargs, tmp_path):
    model = saved(tmp_path, env, algorithm, **policy_kwargs)
    folder = import_sb3(tmp_path / "theirs.zip", env, out=tmp_path / "ours")
    seen = observations(model, scale=30.0)  # far beyond the bound at which our normaliser clips
    ours = StoredPolicy.find(folder).load()
    expected, _ = model.predict(seen, deterministic=True)
    found, _ = ours.predict(seen, deterministic=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(np.unique(np.round(expected, 3))) > 1
    values = model.policy.predict_values(torch.as_tensor(seen)).flatten().tolist()
    np.testing.assert_allclose(ours.rollout_values(seen).numpy(), values, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("clip", [10.0, 2.0])
def test_statistics_are_taken_over(clip, tmp_path):
    model = saved(tmp_path, "Hopper-v5")
    env = VecNormalize(DummyVecEnv([lambda: gymnasium.make("Hopper-v5")]), clip_obs=clip)
    env.reset()
    rng = np.random.default_rng(1)
    for _ in range(100):
        env.step(rng.uniform(-1, 1, (1, 3)))
    env.save(tmp_path / "theirs.pkl")
    folder = import_sb3(tmp_path / "theirs.zip", "Hopper-v5", tmp_path / "theirs.pkl", tmp_path / "ours")
    seen = observations(model)
    normalised = env.normalize_obs(seen)
    assert (np.abs(normalised) == clip).any()
    expected, _ = model.predict(normalised, deterministic=True)
    found, _ = StoredPolicy.find(folder).load().predict(seen, deterministic=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_in_and_out_again_is_the_same_policy(tmp_path):
    model = saved(tmp_path, "Hopper-v5", activation_fn=torch.nn.ReLU)
    folder = import_sb3(tmp_path / "theirs.zip", "Hopper-v5", out=tmp_path / "ours")
    write_sb3(StoredPolicy.find(folder).load(), tmp_path)
    seen = observations(model)
    expected, _ = model.predict(seen, deterministic=True)
    np.testing.assert_allclose(sb3_actor(tmp_path)(seen, None), expected, atol=1e-6)


def test_out_and_in_again_is_the_same_policy(tmp_path):
    hopper = StoredPolicy.find("Hopper").load()
    write_sb3(hopper, tmp_path)
    folder = import_sb3(tmp_path / "policy.zip", "Hopper-v5", tmp_path / "vecnormalize.pkl", tmp_path / "ours")
    again = StoredPolicy.find(folder).load()
    moments = hopper.features_extractor.moments
    noise = np.random.default_rng(0).normal(size=(300, 11))
    seen = (moments.mean.numpy() + 2 * moments.var.sqrt().numpy() * noise).astype(np.float32)
    expected, _ = hopper.predict(seen, deterministic=True)
    np.testing.assert_allclose(sb3_actor(tmp_path)(seen, None), expected, atol=1e-6)
    np.testing.assert_allclose(again.predict(seen, deterministic=True)[0], expected, atol=2e-6)


def rewritten(path, **members):
    """Replace members of a zip."""
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**kept, **{name.replace("__", "."): one for name, one in members.items()}}.items():
            archive.writestr(name, content)


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_hostile_pickles_are_refused_by_name_and_not_run(tmp_path):
    saved(tmp_path)
    file, witness = tmp_path / "theirs.zip", tmp_path / "witness"
    hostile = pickle.dumps(Hostile(witness))
    torch.save({"action_net.weight": Hostile(witness)}, tmp_path / "hostile.pth")
    (tmp_path / "hostile.pkl").write_bytes(hostile)
    with pytest.raises(UsageError, match=r"nothing in it was run: it asks for posix\.system"):
        import_sb3(file, "Pendulum-v1", tmp_path / "hostile.pkl", tmp_path / "ours")
    rewritten(file, policy__pth=(tmp_path / "hostile.pth").read_bytes())
    with pytest.raises(UsageError, match=r"nothing in it was run: it asks for posix\.system"):
        import_sb3(file, "Pendulum-v1", out=tmp_path / "ours")
    assert not witness.exists()
    assert not (tmp_path / "ours").exists()


def test_pickles_in_the_settings_are_never_opened(tmp_path):
    saved(tmp_path)
    file, witness = tmp_path / "theirs.zip", tmp_path / "witness"
    with zipfile.ZipFile(file) as archive:
        data = json.loads(archive.read("data"))
    for value in data.values():
        if isinstance(value, dict) and ":serialized:" in value:
            value[":serialized:"] = base64.b64encode(pickle.dumps(Hostile(witness))).decode()
    rewritten(file, data=json.dumps(data))
    import_sb3(file, "Pendulum-v1", out=tmp_path / "ours")
    assert not witness.exists()


def test_what_does_not_come_in_is_told_in_a_sentence(tmp_path):
    saved(tmp_path)
    file, out = tmp_path / "theirs.zip", tmp_path / "ours"
    with pytest.raises(UsageError, match=r"cannot read .*none\.zip: No such file"):
        import_sb3(tmp_path / "none.zip", "Pendulum-v1", out=out)
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(UsageError, match="is not a file that Stable-Baselines3 saved"):
        import_sb3(tmp_path / "text.zip", "Pendulum-v1", out=out)
    with pytest.raises(UsageError, match="is of another robot"):
        import_sb3(file, "Hopper-v5", out=out)
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1]))
    with pytest.raises(UsageError, match="is not a file that SB3's VecNormalize saved"):
        import_sb3(file, "Pendulum-v1", tmp_path / "list.pkl", out)
    saved(tmp_path, activation_fn=torch.nn.GELU)
    with pytest.raises(UsageError, match=r"has the activation .*GELU.*; known are tanh, elu, relu"):
        import_sb3(file, "Pendulum-v1", out=out)
    saved(tmp_path, use_sde=True, squash_output=True)
    with pytest.raises(UsageError, match="is of a policy with squash_output"):
        import_sb3(file, "Pendulum-v1", out=out)
    assert not out.exists()


def test_the_command_makes_a_policy_that_is_scored(tmp_path, capsys):
    saved(tmp_path)
    words = [str(tmp_path / "theirs.zip"), "--env", "Pendulum-v1", "--out", str(tmp_path / "ours")]
    assert commands.import_(words) == 0
    assert commands.evaluate([str(tmp_path / "ours"), "--episodes", "2", "--threads", "1"]) == 0
    assert "Pendulum-v1" in capsys.readouterr().out
    with pytest.raises(UsageError, match="is there already"):
        commands.import_(words)


def test_choices_that_do_not_begin_at_0_stay_out(tmp_path):
    from locomotion.importing.sb3 import policy_of, read_zip

    saved(tmp_path, "CartPole-v1")
    with pytest.raises(UsageError, match="counted from 0"):
        policy_of(*read_zip(tmp_path / "theirs.zip"), None, spaces.Box(-1, 1, (4,)), spaces.Discrete(2, start=1), "it")
