from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import envs
from envs.registry import REGISTERED
from locomotion import loading
from locomotion.runs.settings import Settings
from locomotion.training.blow_ups import Evidence, keep_blow_ups

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


FAULTY = "Locomotion/Faulty-v0"
FAULTY_FILE = Path(__file__).with_name("faulty.py")


@pytest.fixture
def faulty() -> Iterator[str]:
    """The id of the robot of faulty.py, which is registered during the test."""
    loading.load_files([FAULTY_FILE])
    yield FAULTY
    loading._loaded.remove(FAULTY_FILE.resolve())
    del REGISTERED["Faulty"]
    del gymnasium.registry[FAULTY]


@pytest.fixture
def blown_up(faulty, tmp_path) -> Callable[..., Path]:
    """Return what writes the file of a blow-up in the robot's fifth step, given its task's numbers."""

    def make(nan_action: int | None = None, **numbers: Any) -> Path:
        world = envs.World(envs.make_task(faulty, **numbers), 2, 1)
        world.reset(np.arange(2), [6, 7])
        actions = np.random.default_rng(0).uniform(-1, 1, (5, 2, 6)).astype(np.float32)
        if nan_action is not None:
            actions[4, 1, nan_action] = np.nan
        for action in actions:
            step = world.step(action)
        assert step.ended.tolist() == [1]
        evidence = Evidence.of(step.episodes[0]["physics_error"], 1234, faulty)
        return keep_blow_ups(tmp_path / "blow-ups", [evidence])[-1]

    return make
