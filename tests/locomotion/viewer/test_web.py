import base64
import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from websockets.exceptions import InvalidStatus  # they come with MuJoCo's web viewer
from websockets.sync.client import connect

import envs
from agents import ActorCritic
from locomotion.errors import UsageError
from locomotion.recording.player import Player
from locomotion.viewer import web
from locomotion.viewer.session import Session
from tests.locomotion.loopback import ports, reached_from_elsewhere

ROOT = Path(__file__).parents[3]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Browsers look for updates and more of their maker's.
QUIET = ("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")
SOFTWARE_GL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")

# MuJoCo's viewer now and then takes its process with it as it ends: not the one that runs all the other tests.
ALONE = "VIEWER_TEST_ALONE"
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
alone = pytest.mark.skipif(ALONE not in os.environ, reason="runs in a process of its own")


@pytest.mark.parametrize(
    "name",
    [
        "only_this_machine_and_its_own_pages_are_answered",
        pytest.param("a_browser_shows_the_robot_and_obeys", marks=in_a_browser),
    ],
)
def test_in_a_process_of_its_own(name):
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", f"{__file__}::test_{name}"]
    how = {"env": os.environ | {ALONE: "1"}, "cwd": ROOT, "stdout": subprocess.PIPE, "text": True}
    for _ in range(3):
        with subprocess.Popen(command, **how, start_new_session=True) as alone:
            try:
                told, _ = alone.communicate(timeout=120)
            except subprocess.TimeoutExpired:
                os.killpg(alone.pid, signal.SIGKILL)  # the browser, too
                pytest.skip("this machine is too busy")
        if alone.returncode >= 0:  # not ended by a signal
            break
    assert alone.returncode == 0, told
    if "1 skipped" in told:
        pytest.skip("this machine is too busy")


class Page:
    """A page in a headless Chromium, spoken to over the DevTools protocol."""

    def __init__(self, address: str, profile: Path):
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            *QUIET,
            "--window-size=480,480",
            *SOFTWARE_GL,
        ]
        self.process = subprocess.Popen(
            [CHROMIUM, *options, "--remote-debugging-port=0", f"--user-data-dir={profile}", address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port_file = profile / "DevToolsActivePort"
        wait_for(lambda: port_file.exists() and port_file.read_text().count("\n") == 1, "Chromium to start")
        tabs = f"http://127.0.0.1:{port_file.read_text().split()[0]}/json"
        wait_for(lambda: self._tab(tabs) is not None, "Chromium to open a page")
        self.opened = contextlib.ExitStack()
        self.socket = self.opened.enter_context(connect(self._tab(tabs), max_size=None))
        self.calls = 0

    @staticmethod
    def _tab(tabs: str) -> str | None:
        with urllib.request.urlopen(tabs) as answer:
            pages = [tab for tab in json.load(answer) if tab["type"] == "page"]
        return pages[0]["webSocketDebuggerUrl"] if pages else None

    def call(self, method: str, **parameters):
        self.calls += 1
        self.socket.send(json.dumps({"id": self.calls, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv(timeout=60))
            if answer.get("id") == self.calls:
                return answer["result"]

    def picture(self) -> np.ndarray:
        """The page (height, width, 3), without panel and status bar."""
        png = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int)[:-40, 240:]

    def hold(self, key: str, code: int, condition, what: str) -> None:
        """Hold a key down until it has shown effect: drawn by software, the page looks at the keys not very often."""
        names = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="rawKeyDown", **names)
        wait_for(condition, what, 40.0)
        self.call("Input.dispatchKeyEvent", type="keyUp", **names)

    def click(self, x: float, y: float, condition, what: str) -> None:
        """Hold the mouse's button down on a place for long enough to be seen, and wait for what follows."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
            time.sleep(1.0)
        wait_for(condition, what, 40.0)

    def close(self) -> None:
        self.opened.close()
        self.process.terminate()
        self.process.wait()


def wait_for(condition, what: str, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def different(one: np.ndarray, other: np.ndarray) -> int:
    """Count the pixels that differ clearly."""
    return int((np.abs(one - other).max(axis=2) > 30).sum())


def stands_still(page: Page) -> bool:
    """Return whether nothing in the picture changes for a while."""
    before = page.picture()
    time.sleep(3.0)
    return different(before, page.picture()) == 0


@pytest.fixture
def session():
    vec_env = envs.make_vec("Go1", 1, seed=0, num_threads=1)
    torch.manual_seed(0)
    policy = ActorCritic(vec_env.observation_space, vec_env.action_space, lambda _: 1e-3)
    with torch.no_grad():
        policy.action_net.weight *= 300.0  # it flails about
    return Session(Player(policy, vec_env, "Go1"))


@pytest.fixture
def address(session):
    """Where the session is shown, from a thread of its own."""
    addresses, failures = [], []

    def show():
        try:
            web.show(session, "Go1", 0, addresses.append)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=show)
    thread.start()
    wait_for(lambda: addresses or failures, "the server")
    yield addresses[0]

    def interrupt():
        raise KeyboardInterrupt

    session.requests.put(interrupt)  # as Ctrl-C would
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert list(map(type, failures)) == [KeyboardInterrupt]


@pytest.fixture
def buttons(monkeypatch):
    """The places on the page of the panel's buttons, by what they say."""
    places, button = {}, web.imgui.Button

    def noted(label, *arguments):
        pressed = button(label, *arguments)
        low, high = web.imgui.GetItemRectMin(), web.imgui.GetItemRectMax()
        places[label] = (low.x + high.x) / 2, (low.y + high.y) / 2
        return pressed

    monkeypatch.setattr(web.imgui, "Button", noted)
    return places


@alone
@in_a_browser
def test_a_browser_shows_the_robot_and_obeys(session, buttons, address, tmp_path, give_up_after):
    give_up_after(100)
    page = None
    try:
        page = Page(address, tmp_path / "profile")
        wait_for(lambda: len(np.unique(page.picture().reshape(-1, 3), axis=0)) > 500, "the robot to be drawn")
        before = page.picture()
        wait_for(lambda: different(before, page.picture()) > 100, "the robot to move")

        page.hold(" ", 32, lambda: session.paused, "the space bar")
        steps = session.player.steps
        wait_for(lambda: stands_still(page), "the picture to stand still")
        assert session.player.steps == steps
        page.hold("Backspace", 8, lambda: session.player.steps == 0, "a new episode")
        page.hold("Enter", 13, lambda: session._push_steps > 0, "a push")
        page.hold("ArrowUp", 38, lambda: session.commands is not None, "an order")
        assert session.commands[0] > 0
        (button,) = (label for label in buttons if label.startswith("pause"))
        page.click(*buttons[button], lambda: not session.paused, "the button")
    except TimeoutError:
        pytest.skip("this machine is too busy to draw a robot in 100 s")
    finally:
        if page is not None:
            page.close()
    steps = session.player.actions
    wait_for(lambda: session.player.actions > steps + 10, "the robot to go on without a browser")


@alone
def test_only_this_machine_and_its_own_pages_are_answered(address):
    port = int(address.rsplit(":", 1)[1])
    with urllib.request.urlopen(address) as answer:
        assert b"<canvas" in answer.read()
    assert port in ports(psutil.Process())
    assert reached_from_elsewhere(psutil.Process()) == []
    with connect(f"ws://127.0.0.1:{port}/state", origin=f"http://localhost:{port}") as own:
        assert own.recv(timeout=30)
    with pytest.raises(InvalidStatus, match="403"):
        contextlib.ExitStack().enter_context(connect(f"ws://127.0.0.1:{port}/state", origin="http://elsewhere.example"))


def test_a_busy_port_is_one_sentence():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(UsageError, match=rf"--port {port} cannot be used \(.*in use\); name another,"):
            web.listen(port)
    with pytest.raises(UsageError, match="--port 99999 cannot be used"):
        web.listen(99999)


def test_ctrl_c_ends_the_script_quietly(tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "watch.py"), "CartPole", "--web", "--port", "0", "--threads", "1"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    for _ in range(3):
        with subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, **pipes) as process:
            assert process.stdout.readline().startswith("CartPole plays at http://127.0.0.1:")
            process.send_signal(signal.SIGINT)
            try:
                output, errors = process.communicate(timeout=120)
            finally:
                process.kill()
        if process.returncode >= 0:  # not ended by a signal
            break
    assert (process.returncode, output, errors) == (130, "", "stopped watching CartPole\n")
