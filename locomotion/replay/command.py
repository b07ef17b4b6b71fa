"""The command line of a replay: its options, and the run.

`--help` imports this module, so everything heavy is imported by `run`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from locomotion.command_line import Load, optional
from locomotion.errors import UsageError
from locomotion.interrupts import keeping
from locomotion.recording.film import Film

if TYPE_CHECKING:
    from locomotion.replay.step import ReplayedStep


@dataclass(frozen=True)
class Replay:
    """Repeat the step in which a simulation blew up: say which quantity went first, and film it in slow motion."""

    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """A blow-up that a training has left: RUN/blow-ups/STEP-robotI.safetensors."""
    text: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print the report without making a video."""
    window: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show it in a window, instead of a video."""
    web: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show it in a browser on this machine, instead of a video."""
    port: int = 8080
    """Port of the page; 0 for any free one."""
    out: Annotated[Path | None, optional("an MP4 beside FILE", "VIDEO")] = None
    """The video, .mp4, .gif or .webp."""
    load: Load = ()

    def __post_init__(self) -> None:
        if self.text + self.window + self.web > 1:
            raise UsageError("--text, --window and --web exclude each other")
        Film(out=self.out)  # checks the ending

    def run(self) -> int:
        """Print the verdict and the facts, and show the step, until its window is closed or until Ctrl-C."""
        from locomotion.replay.step import replayed

        step = replayed(self.file)
        for doubt in step.doubts:
            print(f"warning: {doubt}", file=sys.stderr)
        print("\n".join(step.lines()), flush=True)
        if not self.text:
            if not step.shown:
                print("nothing to show: the state before the step is not finite", file=sys.stderr)
            elif self.window or self.web:
                self._view(step)
            else:
                self._film(step)
        return 0

    def _view(self, step: ReplayedStep) -> None:
        from locomotion.replay.scene import StepScene

        scene = StepScene(step)
        with keeping(lambda: f"stopped showing {self.file}"):
            if self.web:
                from locomotion.viewer import web

                title = step.evidence.task
                web.show(scene, title, self.port, lambda page: print(f"{title} is shown at {page}", flush=True))
            else:
                from locomotion.viewer import window

                window.show(scene)

    def _film(self, step: ReplayedStep) -> None:
        import envs
        from locomotion.replay.film import film

        path = self.out or self.file.with_suffix(".mp4")
        try:
            film(step, path)
        except envs.RenderingUnavailable as error:  # the words are there without a video
            print(f"no video: {error}", file=sys.stderr)
        else:
            print(f"video: {path}")
