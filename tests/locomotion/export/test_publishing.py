"""Model cards, and the way to the hub and back by a stand-in that is a folder."""

import shutil

import pytest
import yaml

from locomotion import commands
from locomotion.errors import UsageError
from locomotion.export.publishing import push, write_model_card
from locomotion.policies.stored import StoredPolicy
from locomotion.runs.folder import Run
from locomotion.training.train import train

huggingface_hub = pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder in the place of the hub."""
    root = tmp_path / "hub"

    class Api:
        def create_repo(self, repository, exist_ok):
            (root / repository).mkdir(parents=True, exist_ok=exist_ok)
            return f"https://hub.example/{repository}"

        def upload_folder(self, repo_id, folder_path, commit_message):
            shutil.copytree(folder_path, root / repo_id, dirs_exist_ok=True)

    def snapshot_download(repository, local_dir, allow_patterns):
        for one in allow_patterns:
            local_dir.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / repository / one, local_dir / one)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return root


def test_a_policy_goes_to_the_hub_and_comes_back(hub, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert commands.export(["CartPole", "--out", out, "--push", "user/cart", "--task.episode-steps", "10"]) == 0
    assert "pushed: https://hub.example/user/cart, hub:user/cart" in capsys.readouterr().out
    pushed = {one.name for one in (hub / "user/cart").iterdir()}
    assert {"policy.onnx", "deploy.yaml", "run_policy.py", "README.md"} <= pushed
    again, here = StoredPolicy.find("hub:user/cart"), StoredPolicy.find("CartPole")
    assert (again.card, again.weights) == (here.card, here.weights)
    assert commands.evaluate(["hub:user/cart", "--episodes", "2", "--threads", "1"]) == 0


def test_a_shipped_policys_card_has_its_scores_and_its_command(tmp_path):
    stored = StoredPolicy.find("Hopper")
    write_model_card(stored, "user/hopper", tmp_path)
    text = (tmp_path / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    told = yaml.safe_load(front)
    assert told["model-index"][0]["results"][0]["metrics"][0]["value"] == stored.card.evaluation["return_mean"]
    assert "Hopper-v5" in told["tags"]
    assert stored.card.command in body
    assert f"{stored.card.evaluation['return_mean']:.1f} +- " in body
    assert "hub:user/hopper" in body


def test_a_runs_card_has_its_final_scores_and_its_video(small, tmp_path):
    train(small(steps=128))
    run = Run(tmp_path / "run")
    run.videos.mkdir(exist_ok=True)
    stored = StoredPolicy.find(run.folder)
    run.video(stored.card.steps).write_bytes(b"a film")
    (tmp_path / "out").mkdir()
    write_model_card(stored, "user/cart", tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    assert "![video](replay.mp4)" in text
    assert (tmp_path / "out" / "replay.mp4").read_bytes() == b"a film"
    assert "python scripts/train.py CartPole" in text
    assert "| return | " in text


def test_a_refusal_of_the_hub_is_told_and_the_folder_stays(tmp_path, monkeypatch):
    class Api:
        def create_repo(self, repository, exist_ok):
            raise huggingface_hub.errors.LocalTokenNotFoundError("no token")

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    with pytest.raises(UsageError, match=r"is whole, but was not pushed to user/cart: no token \(hf auth login\)"):
        push(tmp_path, "user/cart")


def test_a_name_that_is_none_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UsageError, match="called USER/NAME, got 'cart'"):
        commands.export(["CartPole", "--out", str(tmp_path / "out"), "--push", "cart"])
    assert list(tmp_path.iterdir()) == []
