"""A thumbnail with a concept's heat over it, or with a box: as a small JPEG in a data URI."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from components.thumbnails import data_uri

STRENGTH: Final = 0.62
"""How much of the picture the hottest heat covers: what is under it stays visible."""
COLD: Final = np.array([20.0, 40.0, 70.0])
WARM: Final = np.array([255.0, 196.0, 40.0])
BOX: Final = (255, 196, 40)
DROPPED_BOX: Final = (150, 150, 150)


def with_heat(picture: bytes, values: Sequence[int], rows: int, columns: int) -> str:
    """`values` are hundredths, row by row. What is not hot is dimmed, what is hot is tinted."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    heat = np.clip(np.asarray(values, dtype=np.float32).reshape(rows, columns) / 100, 0, 1)
    heat = np.asarray(Image.fromarray(heat).resize(image.size, Image.Resampling.BICUBIC)).clip(0, 1)[..., None]
    pixels = np.asarray(image, dtype=np.float64)
    grey = pixels.mean(axis=2, keepdims=True)
    cold = 0.45 * (0.35 * pixels + 0.65 * grey) + 0.25 * COLD
    hot = (1 - STRENGTH * 0.5) * pixels + STRENGTH * 0.5 * WARM
    return _uri(Image.fromarray(np.clip((1 - heat) * cold + heat * hot, 0, 255).astype(np.uint8)))


def with_box(picture: bytes, box: Sequence[float], *, faint: bool = False) -> str:
    """`box` is x, y, width, height in shares of the picture."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    x, y, width, height = box
    corners = (x * image.width, y * image.height, (x + width) * image.width - 1, (y + height) * image.height - 1)
    draw = ImageDraw.Draw(image)
    draw.rectangle(tuple(max(0.0, v) for v in corners), outline=(20, 20, 20), width=5)
    draw.rectangle(tuple(max(0.0, v) for v in corners), outline=DROPPED_BOX if faint else BOX, width=3)
    return _uri(image)


def _uri(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return data_uri(out.getvalue())
