"""A scene in a browser: MuJoCo's own web viewer, `mujoco.studio`, restricted to this machine.

Chosen over viser for three reasons. It shows MuJoCo's materials, lights, reflections and sky, where viser shows plain
meshes on a grid. It comes with MuJoCo, so that nothing has to be installed. The browser draws, so that the robot's
machine needs no OpenGL. It has no option to listen on one interface only: `keep_to_this_machine` adds that.
"""

from __future__ import annotations

import functools
import logging
import re
import socket
import time
from collections.abc import Callable

import mujoco
import numpy as np

from locomotion.errors import UsageError
from locomotion.interrupts import deferred
from locomotion.viewer.mosaic import mosaic
from locomotion.viewer.scene import Scene

try:
    from mujoco.studio import launch_thread, messages, plugin, ux, viewer_protocol, viewer_utils, web_viewer
    from mujoco.studio.app import inputs
    from mujoco.studio.dear_imgui import dear_imgui as imgui
    from mujoco.studio.web import web_server
except ImportError as error:  # MuJoCo's packages for some systems lack it
    raise UsageError(f"MuJoCo's package for this system has no web viewer: {error}") from error

HOST = "127.0.0.1"
FRAME = 1 / 60  # s
WIDTH = 200  # of the panel, in pixels
# Pages of other sites, open in the same browser, must not reach the viewer through the loopback interface.
LOCAL_PAGES = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
KEYS = {
    "space": imgui.Key.Space,
    "backspace": imgui.Key.Backspace,
    "enter": imgui.Key.Enter,
    "-": imgui.Key.Minus,
    "=": imgui.Key.Equal,
    "up": imgui.Key.UpArrow,
    "down": imgui.Key.DownArrow,
    "left": imgui.Key.LeftArrow,
    "right": imgui.Key.RightArrow,
    ",": imgui.Key.Comma,
    ".": imgui.Key.Period,
    "home": imgui.Key.Home,
}
serve = web_server.serve


def show(scene: Scene, title: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve a scene to browsers on this machine until Ctrl-C; it runs whether or not a browser is connected.

    Args:
        scene: the scene.
        title: of its panel.
        port: 0 for any free one.
        announce: called with the page's address once it can be opened.

    Raises:
        UsageError: where the port is in use.
    """
    listening = listen(port)
    keep_to_this_machine(listening)
    config = viewer_protocol.ViewerConfig(title=title, gfx="web")
    panel = Panel(scene, title)

    def view(endpoint) -> None:
        viewer = web_viewer.WebViewer(config, endpoint, model=scene.renderer.model, plugins=[panel])
        viewer_protocol.run_viewer_loop(viewer)

    data = mujoco.MjData(scene.renderer.model)
    with (
        launch_thread.launch_thread(view, sim_plugins=[MousePull(scene)]) as handle,
        deferred() as request,  # an exception raised inside MuJoCo's viewer may be lost there
    ):
        handle.model, handle.data = scene.renderer.model, data  # the viewer has the model already
        announce(f"http://{HOST}:{listening.getsockname()[1]}")
        before = time.perf_counter()
        while handle.is_running():
            request.check()
            now = time.perf_counter()
            scene.advance(now - before)
            if scene.pose(data):
                handle.send_to_viewer(messages.ModelEvent(model=scene.renderer.model))
            handle.sync()
            before = now
            time.sleep(max(0.0, now + FRAME - time.perf_counter()))


def listen(port: int) -> socket.socket:
    """Return a socket that listens on a port of the loopback interface; early connections wait for the server."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"--port {port} cannot be used ({reason}); name another, or 0 for any that is free") from error
    return listening


def keep_to_this_machine(listening: socket.socket) -> None:
    """Make MuJoCo's server listen on this socket only, accept pages of this machine only, and print nothing.

    By default it listens on every interface, accepts commands from any page, and prints all its addresses.
    """
    web_server.bind_public_socket = lambda host, port=0: listening
    web_server.serve = functools.partial(serve, origins=[LOCAL_PAGES])
    web_viewer._print_url_banner = lambda host, port: None
    web_viewer.print = lambda *words, **how: None  # a remark on each new model
    logging.getLogger("WebServer").setLevel(logging.WARNING)


class MousePull(plugin.SimPlugin):
    """Pulls by the mouse: dragging with Ctrl held pulls a body that was double-clicked."""

    def __init__(self, scene: Scene):
        self.scene = scene

    @messages.handler
    def on_pull(self, pull: messages.PerturbSnapshot) -> bool:
        """Apply the forces that the viewer computed."""
        self.scene.pull[:] = pull.state.reshape(-1, 6)
        return True


class Panel(plugin.ViewerPlugin):
    """Figures, buttons and sliders over the picture, and the keys."""

    def __init__(self, scene: Scene, title: str):
        self.scene = scene
        self.title = title
        self._mouse = ux.UxState()

    @messages.handler
    def on_start(self, event: plugin.ViewerInitEvent) -> None:
        """Set the camera as in films, following the robot."""
        self.scene.aim(self.viewer.camera)

    @messages.handler
    def on_frame(self, event: messages.UpdateEvent) -> None:
        """Handle the keys and the mouse."""
        scene = self.scene
        once, repeated = scene.controls(), scene.steering()  # while a key is held down
        for control in once + repeated:
            if imgui.IsKeyPressed(KEYS[control.key], control in repeated):
                scene.requests.put(control.act)
        viewer = self.viewer
        inputs.handle_mouse_events(
            viewer.model, viewer.data, viewer.camera, viewer.vis_options, viewer.perturb, self._mouse, move_camera=False
        )
        viewer_utils.apply_perturb(viewer, viewer.model, viewer.data)

    @messages.handler
    def on_gui(self, event: messages.BuildGuiEvent) -> None:
        """Draw the panel."""
        scene = self.scene
        imgui.SetNextWindowPos(imgui.Vec2(16, 16), imgui.Cond.FirstUseEver)
        # Without navigation by keys: the space bar would press the last button again.
        flags = (imgui.WindowFlags.NoTitleBar, imgui.WindowFlags.AlwaysAutoResize, imgui.WindowFlags.NoNav)
        imgui.Begin(self.title, None, sum(map(int, flags)))
        imgui.SeparatorText(self.title)
        imgui.BeginTable("figures", 2)
        for label, figure in scene.figures.items():
            imgui.TableNextRow()
            imgui.TableNextColumn()
            imgui.Text(label)
            imgui.TableNextColumn()
            imgui.Text(figure)
        imgui.EndTable()
        if scene.sight is not None:
            self._sight(scene.sight)
        imgui.Separator()
        for control in scene.controls():
            if imgui.Button(f"{control.label} ({control.key})", imgui.Vec2(WIDTH, 0)):
                scene.requests.put(control.act)
        if scene.steerable:
            self._steering()
        imgui.End()

    def _sight(self, picture: np.ndarray) -> None:
        """Draw what the robot sees."""
        height = WIDTH * picture.shape[0] // picture.shape[1]
        corner, canvas = imgui.GetCursorScreenPos(), imgui.GetWindowDrawList()
        for block in mosaic(picture, WIDTH, height):
            low = imgui.Vec2(corner.x + block.left, corner.y + block.top)
            high = imgui.Vec2(corner.x + block.right, corner.y + block.bottom)
            canvas.AddRectFilled(low, high, block.red | block.green << 8 | block.blue << 16 | 0xFF << 24)
        imgui.Dummy(imgui.Vec2(WIDTH, height))  # keeps its place in the panel

    def _steering(self) -> None:
        """Draw a slider for each command, with its keys."""
        scene = self.scene
        imgui.SeparatorText("steer")
        keys = [f"({lower} {upper})" for lower, upper in scene.steering_keys()] or [""] * len(scene.steerable)
        imgui.PushItemWidth(WIDTH)
        for i, (name, (low, high)) in enumerate(scene.steerable.items()):
            imgui.Text(f"{name} {keys[i]}")
            value = 0.0 if scene.commands is None else float(scene.commands[i])
            changed, value = imgui.SliderFloat(f"##{name}", value, low, high, "%.2f")
            if changed:
                scene.requests.put(functools.partial(scene.steer, i, value))
        imgui.PopItemWidth()
        if imgui.Button("stand still (home)", imgui.Vec2(WIDTH, 0)):
            scene.requests.put(scene.stand_still)
