"""What a picture's subject is like, in words: its colour, how large it is, how it lies, what stands behind it.

All is measured on the thumbnail. The subject is where `analysis.composition` finds it, the middle of the picture
counting more. Light is taken out in two steps: each picture is brought to a usual exposure and half of its own cast
is removed (shades of grey: Finlayson and Trezzi 2004), then a set of pictures is brought to the light of another one
by what is common to all concepts (`analysis.subject_light`). Colours are named by hue, chroma and lightness in CIELAB,
with the eleven basic colour words (Berlin and Kay 1969). OpenCV loads when a function runs, not on import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from analysis import composition
from analysis.composition import Box, readable, subject_boxes
from analysis.progress import Progress, no_progress

if TYPE_CHECKING:
    from analysis.dataset import Dataset
    from analysis.features import Pictures

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")
SIZES: Final = ("small in the picture", "of middle size", "filling the picture")
POSTURES: Final = ("upright", "neither upright nor flat", "flat")
GROUNDS: Final = ("before a dark ground", "before a grey ground", "before a light ground", "before a colourful ground")
VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "colour": COLOURS,
    "size": SIZES,
    "posture": POSTURES,
    "background": GROUNDS,
}
"""What is named, the subject itself first, and the words of each kind; `SubjectValues.codes` counts through them."""

SIZE_STEPS: Final = (0.38, 0.78)
"""Of the square root of the share of the picture: a seventh of it, three fifths of it."""
POSTURE_STEPS: Final = (0.35, -0.35)
"""About twice as tall as wide, and the reverse."""
GROUND_STEPS: Final = (38.0, 66.0)
"""CIELAB lightness below which a ground is dark, above which it is light."""
COLOURFUL_GROUND: Final = 28.0
"""CIELAB chroma from which a ground is colourful: a painted wall, grass; wood and skin are about there."""
SAMPLES: Final = 96
"""Points of the subject kept a picture: enough that the share of a colour is known to within about 5 %."""
OUTSIDE: Final = 0.25
"""Weight of what is not taken for the subject: the estimate may be wrong."""
MIDDLE: Final = 0.45
"""Spread (standard deviation, in half sides) of the weight that falls off from the middle."""
SHADES: Final = 6.0
"""Minkowski norm of "shades of grey": between the mean (1) and the brightest point (infinite)."""
OWN_CAST: Final = 0.5
"""Part of a picture's own cast that is removed: all of it would bleach a picture full of one colour."""
EXPOSED: Final = (0.95, 0.8)
"""This quantile of luminance is brought to this value."""
COLOURFUL: Final = 0.35
"""From this share of its points on, a subject with colour is named by its colours, not by black, white or grey."""
_LUMA: Final = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class SubjectValues:
    """What was measured of some pictures.

    Attributes:
        rows: int64 (n,), rows of `Dataset.images` that have a thumbnail, in the order asked for.
        points: float32 (n, SAMPLES, 3), linear RGB of points of the subject, exposure and half the cast taken out.
        size: float64 (n,), square root of the share of the picture the subject's box takes, in [0, 1].
        posture: float64 (n,), in [-1, 1]: 1 is upright, -1 lies flat.
        ground: float64 (n, 3): linear RGB of the rim's main colour, at the same light as `points`.
    """

    rows: Int64
    points: Float32
    size: Float64
    posture: Float64
    ground: Float64

    def take(self, at: Int64) -> SubjectValues:
        """Those at these places."""
        return SubjectValues(self.rows[at], self.points[at], self.size[at], self.posture[at], self.ground[at])

    def ground_lab(self, gains: Float64 | None = None) -> Float64:
        """CIELAB of the grounds, under these gains of red, green and blue where given: float64 (n, 3)."""
        light = self.ground if gains is None else self.ground * gains
        return to_lab(light.astype(np.float32)[:, None])[:, 0].astype(np.float64)

    def codes(self) -> dict[str, Int64]:
        """For each kind but the colour, which word of `VALUES` fits: int64 (n,)."""
        lab = self.ground_lab()
        light, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
        ground = np.digitize(light, GROUND_STEPS)
        return {
            "size": np.digitize(self.size, SIZE_STEPS).astype(np.int64),
            "posture": np.digitize(-self.posture, [-s for s in POSTURE_STEPS]).astype(np.int64),
            "background": np.where(chroma >= COLOURFUL_GROUND, 3, ground).astype(np.int64),
        }


def measure_pictures(
    dataset: Dataset, pictures: Pictures, rows: Int64, *, progress: Progress = no_progress
) -> SubjectValues:
    """The values of these pictures; those without a readable thumbnail are left out."""
    known = subject_boxes(dataset, rows)
    kept: list[int] = []
    points: list[Float32] = []
    numbers: list[Float64] = []
    for row, rgb in readable(pictures, rows, "looking at subjects", progress):
        seen, values = measure(rgb, known.get(row))
        kept.append(row)
        points.append(seen)
        numbers.append(values)
    table = np.array(numbers, dtype=np.float64).reshape(-1, 5)
    return SubjectValues(
        rows=np.array(kept, dtype=np.int64),
        points=np.array(points, dtype=np.float32).reshape(-1, SAMPLES, 3),
        size=table[:, 0],
        posture=table[:, 1],
        ground=table[:, 2:],
    )


def measure(rgb: NDArray[np.uint8], box: Box | None = None) -> tuple[Float32, Float64]:
    """Points of the subject, float32 (SAMPLES, 3), and size, posture, and the ground's linear RGB."""
    small = composition.reduced(rgb)
    lab, mask, found, _, colour = composition.layout(small, box)
    height, width = mask.shape
    if box is None:
        middle, spread = (0.5, 0.5), (MIDDLE / 2, MIDDLE / 2)
    else:
        middle = (box[0] + box[2] / 2, box[1] + box[3] / 2)
        spread = (max(MIDDLE * box[2] / 2, 0.02), max(MIDDLE * box[3] / 2, 0.02))
    x = ((np.arange(width) + 0.5) / width - middle[0]) / spread[0]
    y = ((np.arange(height) + 0.5) / height - middle[1]) / spread[1]
    fall = np.exp(-0.5 * (x[None, :] ** 2 + y[:, None] ** 2))
    weight = (mask + (OUTSIDE if box is None else 0.0)) * fall
    at = np.searchsorted(np.cumsum(weight), (np.arange(SAMPLES) + 0.5) / SAMPLES * weight.sum())
    light = usual_light(to_linear(small.astype(np.float32) / 255.0))
    posture = composition.viewpoint(lab[..., 0], mask)["axis_upright"]
    edge = composition.rim_of(mask.shape)
    main = colour == int(np.bincount(colour, minlength=composition.RIM_COLOURS).argmax())
    ground = np.median(light[edge][main], axis=0)
    numbers = np.array([float(np.sqrt(found[2] * found[3])), posture, *ground.astype(np.float64)])
    return light.reshape(-1, 3)[np.minimum(at, light.shape[0] * light.shape[1] - 1)], numbers


def usual_light(light: Float32) -> Float32:
    """Linear RGB (h, w, 3) at a usual exposure, half of its own cast taken out; values may exceed 1."""
    flat = light.reshape(-1, 3)
    shade = np.maximum((flat**SHADES).mean(axis=0) ** (1 / SHADES), 1e-4)
    gain = np.clip((shade.mean() / shade) ** OWN_CAST, 0.6, 1.7)
    flat = flat * gain.astype(np.float32)
    quantile, target = EXPOSED
    bright = float(np.quantile(flat @ _LUMA, quantile))
    return np.asarray((flat * np.float32(np.clip(target / max(bright, 1e-4), 0.8, 6.0))).reshape(light.shape))


def to_linear(encoded: Float32) -> Float32:
    """sRGB values in [0, 1] as light."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_lab(light: Float32) -> Float32:
    """CIELAB of linear RGB (n, m, 3), clipped to what a screen shows."""
    import cv2

    clipped = np.clip(light, 0.0, 1.0)
    encoded = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(encoded, dtype=np.float32), cv2.COLOR_RGB2LAB))


def name_colours(lab: Float32) -> Int64:
    """Index into `COLOURS` of each CIELAB value (..., 3)."""
    light, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    grey = np.where(light < 25, 8, np.where(light > 80, 9, 10))
    name = np.select([hue < 48, hue < 74, hue < 101, hue < 195, hue < 300, hue < 340], [0, 1, 2, 3, 4, 5], 0)
    reddish = name == 0
    name = np.where(reddish & (light > 62) & (chroma < 55) & ((hue < 35) | (hue > 335)), 6, name)
    name = np.where(reddish & (hue >= 340) & (hue < 352) & (chroma < 60), np.where(light > 50, 6, 5), name)
    dull = (hue >= 30) & (hue < 96) & (light < 58) & (chroma < 42)
    name = np.where(dull | ((hue >= 48) & (hue < 90) & (light < 42)), 7, name)
    with_colour = chroma > np.where(light > 75, 14, np.where(light < 25, 10, 12))
    return np.where(with_colour, name, grey).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of some subjects.

    Attributes:
        shares: float64 (n, len(COLOURS)), share of the subject's points of each colour.
        main: int64 (n,), the colour it is named by.
        tone: float64 (n, 3), mean CIELAB of the points of that colour.
    """

    shares: Float64
    main: Int64
    tone: Float64


def colours_of(points: Float32) -> Colours:
    """Name the colours of subjects from their points, float32 (n, SAMPLES, 3) of linear RGB."""
    n = len(points)
    if not n:
        return Colours(np.zeros((0, len(COLOURS))), np.zeros(0, np.int64), np.zeros((0, 3)))
    lab = to_lab(points)
    names = name_colours(lab)
    shares = np.stack([(names == k).mean(axis=1) for k in range(len(COLOURS))], axis=1)
    plain = COLOURS.index("black")
    ranked = shares.copy()
    ranked[shares[:, :plain].sum(axis=1) >= COLOURFUL, plain:] = -1.0
    main = ranked.argmax(axis=1).astype(np.int64)
    of = (names == main[:, None])[..., None]
    tone = (lab * of).sum(axis=1) / np.maximum(of.sum(axis=1), 1)
    return Colours(shares, main, tone.astype(np.float64))
