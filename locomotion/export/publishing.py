"""An exported policy goes to the Hugging Face hub, with a model card: README.md."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from locomotion.errors import UsageError
from locomotion.files import folder_name
from locomotion.policies.hub import PREFIX, require_hub
from locomotion.policies.scores import read_scores
from locomotion.policies.stored import StoredPolicy
from locomotion.recording.video import default_path
from locomotion.runs.folder import Run
from locomotion.runs.settings import read_config
from locomotion.training.ship import training_command

VIDEO = "replay.mp4"  # the name under which the hub shows it


def write_model_card(stored: StoredPolicy, repository: str, folder: Path) -> None:
    """Write README.md into a folder, and the policy's video where there is one.

    Args:
        stored: the policy.
        repository: USER/NAME on the hub.
        folder: the exported one.
    """
    card, video = stored.card, default_path(stored)
    if video.is_file():
        shutil.copyfile(video, folder / VIDEO)
    run = Run(stored.folder.parent.parent)
    final = run.config.is_file() and run.scores.is_file() and run.latest() == stored.folder
    scores = card.evaluation or (read_scores(run.scores) if final else {})
    command = card.command or (training_command(read_config(run.folder)) if final else "")
    title = f"{folder_name(card.env)} by {card.algo.upper()}"
    parts = [
        f"---\n{yaml.safe_dump(_front_matter(stored, title, scores), sort_keys=False)}---\n# {title}",
        f"A policy for `{card.env}`, trained for {card.steps:,} steps (seed {card.seed}).",
        f"![video]({VIDEO})" if video.is_file() else "",
        _table(scores),
        f"Trained by\n\n```\n{command}\n```" if command else "",
        f"```\npython scripts/evaluate.py {PREFIX}{repository}   # or record, watch, export\n"
        "python run_policy.py --headless     # of this folder: numpy, onnxruntime, mujoco and pyyaml alone\n```",
    ]
    (folder / "README.md").write_text("\n\n".join(part for part in parts if part) + "\n")


def _front_matter(stored: StoredPolicy, title: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    env = stored.card.env
    told: dict[str, Any] = {
        "library_name": "locomotion",
        "tags": ["reinforcement-learning", "robotics", "mujoco", "onnx", folder_name(env)],
    }
    if "return_mean" in scores:
        told["model-index"] = [
            {
                "name": title,
                "results": [
                    {
                        "task": {"type": "reinforcement-learning", "name": "reinforcement-learning"},
                        "dataset": {"type": env, "name": env},
                        "metrics": [{"type": "mean_reward", "name": "mean_reward", "value": scores["return_mean"]}],
                    }
                ],
            }
        ]
    return told


def _table(scores: Mapping[str, Any]) -> str:
    if "return_mean" not in scores:
        return ""
    error = scores.get("return_std_error")
    rows = {"return": f"{scores['return_mean']:.1f}" + ("" if error is None else f" +- {error:.1f}")}
    rows |= {name: f"{value:.4g}" for name, value in scores.get("metrics", {}).items()}
    counted = f"over {scores['episodes']} episodes" if "episodes" in scores else ""
    return "\n".join(
        [f"| score | {counted} |", "| --- | --- |", *(f"| {name} | {one} |" for name, one in rows.items())]
    )


def push(folder: Path, repository: str) -> str:
    """Put a folder's files on the hub, in place of those of their names; return where they are.

    Args:
        folder: the exported one.
        repository: USER/NAME, which is made where it is not there.

    Raises:
        UsageError: where the hub refuses, or cannot be reached; the folder stays.
    """
    hub = require_hub().HfApi()
    try:
        url = hub.create_repo(repository, exist_ok=True)
        hub.upload_folder(repo_id=repository, folder_path=folder, commit_message="A policy, exported and proven equal")
    except Exception as error:  # of the hub, of its network library, or of the disk
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"{folder} is whole, but was not pushed to {repository}: {reason} (hf auth login)") from error
    return str(url)
