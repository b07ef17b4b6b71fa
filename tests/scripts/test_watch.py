import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = str(Path(__file__).parents[2] / "scripts" / "watch.py")


def run(*arguments):
    without = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=without, timeout=120)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a screen")
def test_without_a_screen_the_browser_is_named():
    result = run("CartPole")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "error: there is no screen here to open a window on; --web shows the robot in a browser\n"


def test_a_busy_port_is_one_sentence_and_exit_code_2():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        result = run("CartPole", "--web", "--port", port)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: --port {port} cannot be used")
    assert len(result.stderr.splitlines()) == 1
