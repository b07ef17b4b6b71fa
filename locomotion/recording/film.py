"""The options of a video: where it goes, how long and large it is, and where it starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, get_type_hints

from envs.arguments import as_python, require_types
from locomotion.command_line import flag, optional
from locomotion.errors import UsageError

ENDINGS = (".mp4", ".gif", ".webp")
MIN_SIZE, MAX_SIZE = 16, 4096  # pixels
MAX_SECONDS = 3600.0
SMOOTH = 30.0  # frames per second


@dataclass(frozen=True)
class Film:
    """A video to be made; None stands for a default of the recording."""

    out: Annotated[Path | None, optional("an MP4 in the run's videos folder, or here", "FILE")] = None
    """The video, .mp4, .gif or .webp."""
    seconds: float = 10.0
    """Its length."""
    width: Annotated[int | None, optional("640, or 320 for each column")] = None
    """Width of the picture, in pixels."""
    height: Annotated[int | None, optional("480, or 240 for each row")] = None
    """Height of the picture, in pixels."""
    seed: int = 0
    """The first episode starts as the environment reset with this seed."""
    fps: float = SMOOTH
    """Frames per second: from this to twice as many, or fewer for robots that act less often."""

    def __post_init__(self) -> None:
        hints = get_type_hints(Film, include_extras=True)
        for name, hint in hints.items():
            object.__setattr__(self, name, as_python(getattr(self, name), hint))
        try:
            require_types(vars(self), hints, flag)
        except TypeError as error:
            raise UsageError(str(error)) from error
        if self.out is not None and self.ending not in ENDINGS:
            raise UsageError(f"--out {self.out} must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
        if self.out is not None and self.out.is_dir():
            raise UsageError(f"--out {self.out} is a folder; name a file")
        if not 0 < self.seconds <= MAX_SECONDS:
            raise UsageError(f"--seconds must be more than 0 and at most {MAX_SECONDS:g}, got {self.seconds:g}")
        for name, pixels in (("width", self.width), ("height", self.height)):
            if pixels is None:
                continue
            if not MIN_SIZE <= pixels <= MAX_SIZE:
                raise UsageError(f"--{name} must be {MIN_SIZE} to {MAX_SIZE} pixels, got {pixels}")
            if self.ending == ".mp4" and pixels % 2:
                raise UsageError(f"--{name} must be even for an .mp4, got {pixels}")
        if self.seed < 0:
            raise UsageError(f"--seed must not be negative, got {self.seed}")
        if not 1 <= self.fps <= 100:
            raise UsageError(f"--fps must lie in [1, 100], got {self.fps:g}")

    def with_defaults(self, out: Path, width: int, height: int) -> Film:
        """Return the film with a file and a size: its own, or these.

        Raises:
            UsageError: where a default is out of bounds.
        """
        return replace(
            self,
            out=out if self.out is None else self.out,
            width=width if self.width is None else self.width,
            height=height if self.height is None else self.height,
        )

    @property
    def path(self) -> Path:
        """The file, of a film that has one."""
        assert self.out is not None
        return self.out

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, of a film that has them."""
        assert self.width is not None
        assert self.height is not None
        return self.width, self.height

    @property
    def ending(self) -> str:
        """The file's ending, in lower case; by default that of an MP4."""
        return ".mp4" if self.out is None else self.out.suffix.lower()
