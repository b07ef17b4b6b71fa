import sys

import pytest
import torch

import envs
from agents import ActorCritic
from locomotion.errors import UsageError
from locomotion.recording.player import Player
from locomotion.viewer import web, window
from locomotion.viewer.session import Session


@pytest.fixture
def session():
    vec_env = envs.make_vec("Go1", 1, num_threads=1)
    torch.manual_seed(0)
    return Session(Player(ActorCritic(vec_env.observation_space, vec_env.action_space, lambda _: 1e-3), vec_env, "Go1"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a screen")
@pytest.mark.parametrize("display", ["", ":9999"])
def test_without_a_screen_one_sentence_names_the_browser(session, monkeypatch, display):
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UsageError, match="no screen here to open a window on; --web"):
        window.show(session)


def test_figures_and_keys_are_written_into_the_window(session):
    session.steer(0, 0.5)
    (_, _, labels, values), (_, _, keys, labelled) = window.texts(session)
    assert dict(zip(labels.split("\n"), values.split("\n"), strict=True)) == session.figures | {
        "forward (m/s)": "0.50",
        "left (m/s)": "0.00",
        "turn left (rad/s)": "0.00",
    }
    assert dict(zip(keys.split("\n"), labelled.split("\n"), strict=True))["space"] == "pause"


def test_window_and_browser_know_every_key(session):
    keys = {control.key for control in session.controls() + session.steering()}
    assert keys <= window.KEYS.keys() == web.KEYS.keys()
