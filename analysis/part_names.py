"""Words for a part of a picture: its colour, where it is, and what the model would call it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

COLOURS: Final = {
    "white": (240, 240, 240), "light grey": (190, 190, 190), "grey": (128, 128, 128), "dark": (45, 45, 45),
    "red": (190, 40, 45), "orange": (225, 130, 45), "brown": (115, 80, 50), "yellow": (225, 205, 70),
    "cream": (225, 210, 180), "green": (80, 130, 60), "light green": (150, 185, 125), "blue": (55, 95, 175),
    "light blue": (150, 185, 220), "purple": (125, 75, 150), "pink": (225, 150, 175),
}  # fmt: skip
"""Everyday colours, sRGB; a pixel takes the nearest in CIELAB."""
THINGS: Final = (
    "leaves", "flowers", "grass", "a tree", "the sky", "clouds", "water", "sand", "snow", "rocks", "a wall",
    "bricks", "wood", "a floor", "a carpet", "a table", "a chair", "a shelf", "a window", "a curtain",
    "a door", "a road", "a car", "a building", "a face", "hair", "a hand", "a person", "a crowd",
    "a white dress", "a veil", "a suit", "clothes", "shoes", "a hat", "glasses", "jewellery", "food",
    "a plate", "a glass", "a bottle", "cutlery", "a cake", "fruit", "vegetables", "an animal", "a dog",
    "a cat", "a bird", "fur", "a book", "paper", "a screen", "a lamp", "lights", "a sign", "letters",
    "a logo", "a watermark", "a price tag", "a picture frame", "a ruler", "a bag", "a box", "plastic",
    "metal", "fabric", "a blurred background", "a shadow", "a reflection",
)  # fmt: skip
"""What a part is called where the model knows texts: common things in photos, and what is stuck onto photos."""
LIGHTNESS: Final = 0.6  # weight of lightness against hue: shade changes the first, rarely the second


def colour_words(pixels: NDArray[np.uint8]) -> str:
    """The everyday colour of most of these pixels, uint8 (n, 3) sRGB, and a second one that is nearly as common."""
    import cv2

    known = np.array([list(COLOURS.values())], dtype=np.float32) / 255.0
    lab = cv2.cvtColor(np.ascontiguousarray(pixels[None]).astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)[0]
    apart = lab[:, None] - cv2.cvtColor(known, cv2.COLOR_RGB2LAB)[0][None]
    apart[..., 0] *= LIGHTNESS
    count = np.bincount(np.square(apart).sum(axis=-1).argmin(axis=1), minlength=len(COLOURS))
    order = np.argsort(-count, kind="stable")
    names = list(COLOURS)
    second = count[order[1]] >= 0.6 * count[order[0]]
    return f"{names[order[0]]} and {names[order[1]]}" if second else names[order[0]]


def place_word(share: Float64) -> str:
    """Where something mostly is, for a person.

    Args:
        share: float64 (rows, columns), how often each location shows it; any scale.
    """
    total = float(share.sum())
    if total <= 0:
        return "anywhere"
    weight = share / total
    rows, columns = share.shape
    rim = np.ones(share.shape, dtype=bool)
    rim[1:-1, 1:-1] = False
    y = float(weight.sum(axis=1) @ np.linspace(0, 1, rows)) if rows > 1 else 0.5
    x = float(weight.sum(axis=0) @ np.linspace(0, 1, columns)) if columns > 1 else 0.5
    down = float(np.sqrt(weight.sum(axis=1) @ np.square(np.linspace(0, 1, rows) - y)))
    across = float(np.sqrt(weight.sum(axis=0) @ np.square(np.linspace(0, 1, columns) - x)))
    if weight[rim].sum() > 0.85 and down > 0.3 and across > 0.3:
        return "along the rim"
    vertical = "" if down > 0.27 else "at the top" if y < 0.33 else "at the bottom" if y > 0.67 else "in the middle"
    sideways = "" if across > 0.2 else "left" if x < 0.33 else "right" if x > 0.67 else ""
    if vertical and sideways:
        return f"{vertical} {sideways}" if vertical != "in the middle" else f"on the {sideways}"
    return vertical or (f"on the {sideways}" if sideways else "anywhere in the picture")


def nearest_word(vector: NDArray[np.floating], texts: NDArray[np.floating]) -> str:
    """The one of `THINGS` whose text vector, less their mean, points where `vector` does; empty where two are as near.

    Args:
        vector: (d,), what is seen less what is seen on average.
        texts: (len(THINGS), d), their text vectors.
    """
    apart = texts - texts.mean(axis=0)
    apart = apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-9)
    likeness = apart @ vector
    best, second = np.argsort(-likeness, kind="stable")[:2]
    spread = float(likeness.std())
    sure = likeness[best] - likeness[second] >= 0.5 * spread and likeness[best] >= likeness.mean() + 2 * spread
    return THINGS[int(best)] if sure else ""
