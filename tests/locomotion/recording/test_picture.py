"""What a foreign environment renders: converted where it is clear, else refused in one sentence."""

import gymnasium
import numpy as np
import pytest

from locomotion.recording.picture import as_image
from locomotion.recording.player import Player
from locomotion.training.train import train

LEVELS = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10  # grey: 4 high, 6 wide
COLOURS = np.stack([LEVELS, LEVELS // 2, 255 - LEVELS], axis=2)
GREY = np.stack([LEVELS] * 3, axis=2)


@pytest.mark.parametrize(
    ("rendered", "expected"),
    [
        (COLOURS, COLOURS),
        (COLOURS / 255, COLOURS),
        ((COLOURS / 255).astype(np.float32) * np.float32(1.0001), COLOURS),  # rounding leaves the range a little
        (COLOURS.astype(float), COLOURS),
        (np.minimum(COLOURS + 0.4, 255.0), COLOURS),
        (COLOURS.astype(np.int64), COLOURS),
        (COLOURS.tolist(), COLOURS),
        (COLOURS[None], COLOURS),
        (np.moveaxis(COLOURS, 2, 0), COLOURS),
        (COLOURS[:, ::-1], COLOURS[:, ::-1]),
        (LEVELS, GREY),
        (LEVELS / 255, GREY),
        (LEVELS[:, :, None], GREY),
        (LEVELS > 100, 255 * (GREY > 100)),
        (np.concatenate([COLOURS, LEVELS[:, :, None]], axis=2), COLOURS),
        (np.zeros((4, 6, 3)), np.zeros((4, 6, 3))),
    ],
)
def test_a_clear_picture_is_converted(rendered, expected):
    image = as_image(rendered)
    assert (image.mode, image.size) == ("RGB", (6, 4))
    np.testing.assert_array_equal(np.asarray(image), expected)


@pytest.mark.parametrize(
    ("rendered", "message"),
    [
        (np.zeros((5, 6, 7)), r"gave an array of shape \(5, 6, 7\): a picture has shape \(height, width\) or"),
        (np.zeros(4), r"gave an array of shape \(4,\)"),
        (np.zeros((2, 4, 6, 3)), r"gave an array of shape \(2, 4, 6, 3\)"),
        (np.zeros((0, 6, 3)), r"gave an array of shape \(0, 6, 3\)"),
        ("a frame", r"gave a str of shape \(\)"),
        ([[1, 2], [3]], "gave a list that is no array of pixels"),
        (np.full((4, 6), "x"), "pixels of type <U1: a pixel is a number"),
        (np.full((4, 6), np.nan), "pixels that are not finite"),
        (LEVELS.astype(int) + 100, "pixels from 100 to 330: whole numbers run from 0 to 255"),
        (LEVELS / -255, "pixels from -0.9.* to -?0: whole numbers"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(rendered, message):
    with pytest.raises(ValueError, match=message):
        as_image(rendered)


class Rendering(gymnasium.Env):
    """Renders what it is told to."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 - as gymnasium has it
    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def __init__(self, render_mode=None, frame="floats"):
        self.render_mode = render_mode
        self.frame = frame

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.age = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.age += 1
        return np.zeros(1, np.float32), 1.0, self.age >= 5, False, {}

    def render(self):
        if self.frame == "floats":
            return np.full((64, 64, 3), 0.1 * self.age)
        return {"rows": np.zeros((64, 64, 7)), "broken": object()}[self.frame]


@pytest.fixture
def rendering(monkeypatch):
    monkeypatch.setitem(gymnasium.registry, "Rendering-v0", None)
    del gymnasium.registry["Rendering-v0"]
    gymnasium.register("Rendering-v0", entry_point=Rendering)
    return {"env": "Rendering-v0", "video_seconds": 0.2, "evaluations": 0}


def test_a_training_is_filmed_from_floats(small, rendering):
    outcome = train(small(**rendering))
    assert outcome.video is not None
    assert outcome.video.is_file()


@pytest.mark.parametrize("frame", ["rows", "broken"])
def test_a_training_that_cannot_be_filmed_keeps_all_else(small, rendering, frame, capsys):
    outcome = train(small(**rendering, task={"frame": frame}))
    assert outcome.video is None
    assert outcome.scores is not None
    assert outcome.run.scores.is_file()
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("no video: ")]
    assert len(said) == 1
    assert said[0].startswith("no video: cannot film Rendering-v0: render() gave ")


def test_whatever_goes_wrong_in_filming_the_scores_are_kept(small, monkeypatch, capsys):
    def broken(self):
        raise ZeroDivisionError("division by\nzero")

    monkeypatch.setattr(Player, "act", broken)
    outcome = train(small(video_seconds=0.2, evaluations=0))
    assert outcome.scores is not None
    assert "no video: division by\\nzero" in capsys.readouterr().err
