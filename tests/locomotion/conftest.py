from collections.abc import Callable
from pathlib import Path

import pytest

from locomotion.runs.settings import Settings

# Six short iterations of a small learner, checkpointed after each of them.
SMALL = {
    "env": "Locomotion/CartPole-v0",
    "steps": 6 * 4 * 32,
    "num_envs": 4,
    "n_steps": 32,
    "evaluations": 2,
    "evaluation_episodes": 2,
    "final_episodes": 3,
    "keep_checkpoints": 2,
    "checkpoint_seconds": 1e-9,
    "video_seconds": 0.0,
    "threads": 1,
    "track": "off",
}


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Settings]:
    """Return settings of a small run in its own folder."""
    return lambda **changes: Settings.of(**{**SMALL, "out": tmp_path / "run", **changes})
