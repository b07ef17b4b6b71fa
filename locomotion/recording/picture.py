"""Pictures as foreign environments render them, turned into images."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

CHANNELS = (1, 3, 4)  # grey, RGB, RGBA
ROUNDING = 1e-3  # by which floats may leave their range


def as_image(rendered: Any) -> Image.Image:
    """Return what `render()` returned as an RGB image.

    Args:
        rendered: an array, or nested lists: (height, width) in greys, or (height, width, channels) with 1, 3 or 4
            channels, the channels first or last. Whole numbers run from 0 to 255, floats from 0 to 1 or to 255.

    Raises:
        ValueError: for anything else, saying what it is and what is accepted.
    """
    try:
        pixels = np.asarray(rendered)
    except ValueError as error:  # ragged lists
        raise ValueError(f"render() gave a {type(rendered).__name__} that is no array of pixels") from error
    if pixels.ndim == 4 and len(pixels) == 1:
        pixels = pixels[0]
    if pixels.ndim == 3 and pixels.shape[0] in CHANNELS and pixels.shape[2] not in CHANNELS:
        pixels = np.moveaxis(pixels, 0, 2)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] not in CHANNELS or not pixels.size:
        raise ValueError(
            f"render() gave {_described(rendered)} of shape {np.shape(pixels)}: a picture has shape (height, width) or"
            " (height, width, 1, 3 or 4)"
        )
    levels = _levels(pixels)
    return Image.fromarray(levels[:, :, 0] if levels.shape[2] == 1 else levels).convert("RGB")


def _levels(pixels: np.ndarray) -> np.ndarray:
    """Return pixels as whole numbers from 0 to 255."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    if pixels.dtype.kind not in "biuf":
        raise ValueError(f"render() gave pixels of type {pixels.dtype}: a pixel is a number")
    if not np.isfinite(pixels).all():
        raise ValueError("render() gave pixels that are not finite")
    low, high = float(pixels.min()), float(pixels.max())
    whole = pixels.dtype.kind in "iu"
    top = 255 if whole or high > 1 + ROUNDING else 1
    if low < -ROUNDING or high > top + ROUNDING:
        raise ValueError(
            f"render() gave pixels from {low:g} to {high:g}: whole numbers run from 0 to 255, floats from 0 to 1 or 255"
        )
    return np.round(np.clip(pixels.astype(np.float64), 0, top) * (255 / top)).astype(np.uint8)


def _described(rendered: Any) -> str:
    return "an array" if isinstance(rendered, np.ndarray) else f"a {type(rendered).__name__}"
