"""What happens to a photo on its way: blur, compression, down-scaling, sensor noise, darkness, each at some levels.

All work on uint8 RGB (h, w, 3) and return the like. Levels go from mild to harsh. Which level is still an everyday
photo is stated with its reason; beyond it the photo itself is the problem, not the concept.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.features import Pixels

EVERYDAY: Final = 1
"""Place of the everyday level in `Perturbation.levels`."""
BLUR_SIDE: Final = 512
"""Longest side, in pixels, that the radius of the blur is stated for; smaller pictures are blurred in proportion."""


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One way in which photos lose.

    Attributes:
        id: its word in the report.
        title: for a heading.
        unit: of its levels.
        levels: mild to harsh; the one at `EVERYDAY` is met in everyday photos.
        reason: why that one.
        words: a level for a person, `{}` stands for the number.
        apply: (picture, level) -> picture.
    """

    id: str
    title: str
    unit: str
    levels: tuple[float, ...]
    reason: str
    words: str
    apply: Callable[[Pixels, float], Pixels]

    def say(self, level: float) -> str:
        """The level in words."""
        said = self.words.format(f"{100 * level:.3g}" if self.id == "darkness" else f"{level:.3g}")
        return said.replace("of 1 pixels", "of 1 pixel")


def blurred(picture: Pixels, radius: float) -> Pixels:
    """Gaussian blur of this standard deviation, in pixels of a picture `BLUR_SIDE` wide."""
    import cv2

    sigma = radius * max(picture.shape[:2]) / BLUR_SIDE
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(sigma, 0.05)), dtype=np.uint8)


def compressed(picture: Pixels, quality: float) -> Pixels:
    """Saved as JPEG of this quality (1-100) and read again."""
    import cv2

    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    again = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(again)[..., ::-1], dtype=np.uint8)


def scaled_down(picture: Pixels, side: float) -> Pixels:
    """Longest side this many pixels."""
    from analysis.imaging import shrunk

    return np.asarray(shrunk(picture, int(side)), dtype=np.uint8)


def noisy(picture: Pixels, spread: float) -> Pixels:
    """Independent Gaussian noise of this standard deviation (of 255); the same picture always gets the same."""
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(picture).tobytes()))
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(spread)
    return np.asarray(np.clip(np.rint(picture + noise), 0, 255), dtype=np.uint8)


def darkened(picture: Pixels, light: float) -> Pixels:
    """This share of the light left (scaled in linear light, IEC 61966-2-1), rounded to 8 bits as a camera does."""
    x = np.arange(256) / 255
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4) * light
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * shown).astype(np.uint8)[picture], dtype=np.uint8)


PERTURBATIONS: Final = (
    Perturbation("blur", "Blur", f"pixels radius on a picture {BLUR_SIDE} pixels wide", (1, 2, 4, 8),
                 "a hand that shook a little: soft, but few would delete it",
                 "blur of {} pixels radius", blurred),
    Perturbation("jpeg", "JPEG compression", "quality", (50, 30, 15, 5),
                 "sent on through messengers that compress it again", "JPEG quality {}", compressed),
    Perturbation("downscaling", "Down-scaling", "pixels", (256, 128, 64, 32),
                 "a subject that fills a tenth of the width of a picture sent by a messenger (about 1,280 pixels)",
                 "{} pixels", scaled_down),
    Perturbation("noise", "Sensor noise", "standard deviation of 255", (5, 10, 20, 40),
                 "a phone indoors: 17 on single pixels (Abdelhamed et al. 2018), less once the picture is scaled down",
                 "noise of {} of 255", noisy),
    Perturbation("darkness", "Darkness", "share of light left", (0.5, 0.12, 0.06, 0.02),
                 "three stops too dark, as in a dim bar", "{} % of the light", darkened),
)  # fmt: skip
"""In the order of the page. Levels were looked at on photos of two sets."""
