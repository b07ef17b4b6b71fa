"""Encoding of frames: H.264 in an MP4, GIF or WebP."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from PIL import Image

from locomotion.errors import UsageError
from locomotion.files import atomic_file


def write(path: Path, frames: Iterator[np.ndarray], count: int, width: int, height: int, rate: Fraction) -> None:
    """Write `count` frames (height, width, 3), uint8, in the format of the file's ending: the whole file, or nothing.

    Raises:
        UsageError: where the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as temporary:
            if path.suffix.lower() == ".mp4":
                write_mp4(temporary, frames, width, height, rate)
            else:
                write_pillow(temporary, frames, count, rate, path.suffix.lower())
    except (OSError, av.FFmpegError) as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def write_mp4(path: Path, frames: Iterator[np.ndarray], width: int, height: int, rate: Fraction) -> None:
    """Encode frames one by one as H.264, in the pixel format that every player and browser supports."""
    # "faststart" puts the index first: a browser can then play the beginning before the end is loaded.
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())


def write_pillow(path: Path, frames: Iterator[np.ndarray], count: int, rate: Fraction, ending: str) -> None:
    """Encode frames as a GIF or WebP that repeats forever."""
    # A GIF counts in hundredths of a second: rounding moments instead of durations keeps real time.
    grid = 10 if ending == ".gif" else 1  # ms
    moments = [round(1000 * i / rate / grid) * grid for i in range(count + 1)]
    durations = [end - start for start, end in pairwise(moments)]
    images: Iterator[Image.Image] = map(Image.fromarray, frames)
    if ending == ".gif":
        # A third of the size of Pillow's default: without dithering, still parts cost nothing.
        images = (image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE) for image in images)
    first = next(images)
    # Only WebP has a quality: a quarter smaller than at Pillow's default of 80, with no visible difference.
    first.save(path, ending[1:], save_all=True, append_images=images, duration=durations, loop=0, quality=60)
