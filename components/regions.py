"""Pictures with regions outlined on them: where something is, drawn into the picture itself."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from components.evidence import id_rows
from components.text import plain
from components.thumbnails import data_uri

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

SIDE: Final = 264  # pixels of the longer side that are sent
LINE: Final = (255, 176, 32)  # amber on a dark rim: seen on light and on dark pictures
GRID_CSS: Final = (
    "display:grid;grid-template-columns:repeat(auto-fill,minmax(132px,1fr));gap:10px 12px;max-width:calc(8*160px);"
)


def outlined(jpeg: bytes, cells: Sequence[int], grid: Sequence[int], side: int = SIDE) -> bytes:
    """The picture as JPEG with these locations (row by row of `grid`) outlined, the rest a little quieter."""
    import cv2

    bgr = cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        return jpeg
    factor = side / max(bgr.shape[:2])
    picture = cv2.resize(bgr, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((int(grid[0]), int(grid[1])), dtype=np.uint8)
    mask.reshape(-1)[[c for c in cells if 0 <= c < mask.size]] = 1
    large: NDArray[np.uint8] = np.asarray(
        cv2.resize(mask, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST), dtype=np.uint8
    )
    if mask.any() and not mask.all():
        quiet = (picture.astype(np.float32) * 0.55 + 60).astype(np.uint8)
        picture = np.where(large[..., None] > 0, picture, quiet)
    contours, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, contours, -1, (20, 20, 20), 5, cv2.LINE_AA)
    cv2.drawContours(picture, contours, -1, LINE[::-1], 2, cv2.LINE_AA)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 86])[1].tobytes())


def outlined_strip(
    opened: OpenDataset,
    image_ids: Sequence[str],
    cells: Sequence[Sequence[int]],
    grid: Sequence[int],
    captions: Sequence[str],
) -> None:
    """A row of pictures with their regions outlined; `captions` one a picture, any text."""
    rows = [id_rows(opened, [i]) for i in image_ids]
    at = [i for i, row in enumerate(rows) if len(row)]
    if not at:
        return
    pictures = opened.thumbnails(np.concatenate([rows[i] for i in at]))
    tiles([(data_uri(outlined(jpeg, cells[i], grid)), captions[i]) for i, jpeg in zip(at, pictures, strict=True)])


def tiles(pictures: Sequence[tuple[str, str]]) -> None:
    """A grid of pictures, each an address and a caption (any text)."""
    parts = [
        f'<figure style="margin:0"><img src="{source}" alt="{html.escape(plain(caption))}" style="width:100%;'
        "aspect-ratio:1;object-fit:contain;border-radius:8px;"
        'background:color-mix(in srgb, currentColor 6%, transparent)">'
        '<figcaption class="tde-small" style="overflow-wrap:anywhere">'
        f"{html.escape(plain(caption))}</figcaption></figure>"
        for source, caption in pictures
    ]
    st.html(f'<div style="{GRID_CSS}">{"".join(parts)}</div>')
