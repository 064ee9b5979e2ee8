"""Painted pictures and an eye that knows eight colours by name: enough to say where a thing is."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from PIL import Image

from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ImageEncoding, ModelInfo, l2_normalised
from analysis.features import Features

PALETTE = {
    "red": (220, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 220), "yellow": (230, 220, 40),
    "grey": (120, 120, 120), "pink": (240, 150, 200), "brown": (120, 80, 40), "white": (245, 245, 245),
}  # fmt: skip
COLOURS = np.array(list(PALETTE.values()), dtype=np.float32) / 255
GRID = 7
MODEL = ModelInfo("bundled", "made", "made", "colours", "all else", 8, 8, 56, False)


def vectors(rgb: np.ndarray) -> np.ndarray:
    """(…, 3) colours in [0, 1] as (…, 8): how near each colour of the palette."""
    near = np.exp(-((rgb[..., None, :] - COLOURS) ** 2).sum(axis=-1) / 0.02) + 1e-6
    return l2_normalised(near / near.sum(axis=-1, keepdims=True) - 1 / 8)


class Eye:
    """Pictures drawn in memory."""

    def __init__(self, pictures, blind=False):
        self.pictures, self.blind, self.names = pictures, blind, None

    def originals(self, rows):
        return [self.pictures[int(r)] for r in rows]

    def thumbnails(self, rows):
        out = []
        for r in rows:
            buffer = io.BytesIO()
            Image.fromarray(self.pictures[int(r)]).save(buffer, "PNG")
            out.append(buffer.getvalue())
        return out

    def encode_pictures(self, pictures):
        grids = [grid(p) for p in pictures]
        flat = l2_normalised(np.stack([g.mean(axis=(0, 1)) for g in grids]))
        return ImageEncoding(flat, flat, [g.astype(np.float32).tobytes() for g in grids])

    def spatial_vectors(self, stored):
        return np.stack([np.frombuffer(s, np.float32).reshape(GRID, GRID, 8) for s in stored])

    def spatial(self, rows):
        return np.stack([grid(self.pictures[int(r)]) for r in rows]).astype(np.float32)

    def encode_texts(self, texts):
        out = []
        for text in texts:
            known = next((i for i, name in enumerate(PALETTE) if name in text.split()), None)
            noise = np.random.default_rng(len(text)).normal(0, 0.1, 8)
            out.append(np.ones(8) if self.blind else noise if known is None else np.eye(8)[known] - 1 / 8)
        return l2_normalised(np.array(out))

    def vocabulary(self):
        return self.names


def grid(picture):
    import cv2

    return vectors(cv2.resize(picture, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float32) / 255)


def scene(rng, colour, size, place=(0.5, 0.5), side=96):
    """Other things all over, and a square of `colour` of `size` sides at `place`."""
    others = [c for c in ("grey", "brown", "white", "pink") if c != colour]
    blocks = np.array([PALETTE[others[i]] for i in rng.integers(0, len(others), 64)]).reshape(8, 8, 3)
    out = blocks.repeat(side // 8, 0).repeat(side // 8, 1).astype(np.float32)
    half = size * side / 2
    y, x = place[1] * side, place[0] * side
    out[max(0, round(y - half)) : round(y + half), max(0, round(x - half)) : round(x + half)] = PALETTE[colour]
    return np.clip(out + rng.normal(0, 6, out.shape), 0, 255).astype(np.uint8)


def made(plan, seed=0, *, blind=False, names=None):
    """`plan`: (concept, how many, size, place). Dataset and features of such scenes."""
    rng = np.random.default_rng(seed)
    pictures, labels = [], []
    for concept, n, size, place in plan:
        for _ in range(n):
            labels.append((len(pictures), (names or {}).get(concept, concept)))
            pictures.append(scene(rng, concept, size, place))
    frame = pd.DataFrame(
        {"image_id": [f"{i}.png" for i in range(len(pictures))], "path": "", "origin": "training", "split": None,
         "width": 960, "height": 480}
    )  # fmt: skip
    eye = Eye(pictures, blind)
    joint = eye.encode_pictures(pictures).vectors
    return Dataset("made", {}, frame, label_frame(labels), label_frame([])), Features(MODEL, joint, joint, eye)
