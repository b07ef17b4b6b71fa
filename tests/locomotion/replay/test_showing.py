"""A step that was taken again, in a film, in a viewer and on the command line."""

from itertools import pairwise

import av
import mujoco
import numpy as np
import pytest

import envs
from locomotion.commands import replay
from locomotion.errors import UsageError
from locomotion.replay.film import FRAMES, LAST
from locomotion.replay.scene import SECONDS, StepScene
from locomotion.replay.step import replayed
from locomotion.viewer import window


def test_the_film_shows_each_moment_in_slow_motion(blown_up, capsys):
    file = blown_up(fault="reward")
    assert replay([str(file)]) == 0
    with av.open(str(file.with_suffix(".mp4"))) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 4 * FRAMES + LAST
    assert frames[0].shape == (480, 640, 3)
    # The strip below the picture changes with the moment, and not within one.
    strips = [frame[430:].astype(int) for frame in frames]
    change = [np.abs(after - before).mean() for before, after in pairwise(strips)]
    moments = [k * FRAMES - 1 for k in range(1, 5)]
    assert min(change[k] for k in moments) > 3 * max(change[k] for k in range(len(change)) if k not in moments)
    assert f"video: {file.with_suffix('.mp4')}" in capsys.readouterr().out


def test_words_alone(blown_up, tmp_path, capsys):
    file = blown_up(fault="control")
    assert replay([str(file), "--text"]) == 0
    out = capsys.readouterr().out
    assert "first: control 1 (leg_joint) is nan as the step begins" in out
    assert "video" not in out
    assert not file.with_suffix(".mp4").exists()


def test_without_opengl_the_words_are_there_and_one_sentence_says_why_there_is_no_video(blown_up, monkeypatch, capsys):
    def no_opengl(*_):
        raise envs.RenderingUnavailable("no OpenGL to draw with")

    monkeypatch.setattr("envs.rendering.open_renderer", no_opengl)
    file = blown_up(fault="reward")
    assert replay([str(file)]) == 0
    out, err = capsys.readouterr()
    assert "first: reward effort is -inf" in out
    assert err == "no video: no OpenGL to draw with\n"
    assert not file.with_suffix(".mp4").exists()


def test_the_moments_before_the_blow_up_alone_are_shown(blown_up):
    step = replayed(blown_up(fault="push"))
    assert (len(step.moments), len(step.shown)) == (2, 1)
    scene = StepScene(step)
    scene.advance(10 * SECONDS)
    assert scene.figures["moment"] == "substep 1 of 4"


def test_a_viewer_walks_through_the_moments(blown_up):
    step = replayed(blown_up(fault="reward"))
    scene = StepScene(step)
    data = mujoco.MjData(scene.renderer.model)
    seen = []
    for _ in range(6):
        scene.pose(data)
        seen.append((scene.figures["moment"], data.time))
        scene.advance(0.6 * SECONDS)
        scene.advance(0.6 * SECONDS)
    names = [*(f"substep {k} of 4" for k in (1, 2, 3, 4)), "afterwards", "substep 1 of 4"]
    assert [name for name, _ in seen] == names
    assert [time for _, time in seen] == [moment.time for moment in [*step.moments, step.moments[0]]]


def test_a_viewers_user_stops_and_steps_back_and_forth(blown_up):
    scene = StepScene(replayed(blown_up(fault="reward")))
    acts = {control.key: control.act for control in scene.controls()}
    assert acts.keys() <= window.KEYS.keys()
    scene.requests.put(acts["space"])
    scene.requests.put(acts["left"])
    scene.advance(10 * SECONDS)
    assert scene.figures["moment"] == "afterwards"
    scene.requests.put(acts["right"])
    scene.advance(10 * SECONDS)
    assert scene.figures["moment"] == "substep 1 of 4"
    assert window.texts(scene)[0][2].split("\n") == list(scene.figures)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--text", "--web"], "exclude each other"),
        (["--out", "film.avi"], "must end in .mp4, .gif or .webp"),
    ],
)
def test_a_mistake_is_one_sentence(words, message):
    with pytest.raises(UsageError, match=message):
        replay(["file", *words])
