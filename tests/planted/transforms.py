"""What happens to pictures on their way: the transforms of a copy, the faults of a photo.

All work on uint8 RGB (height, width, 3) and return the like. Faults are strong enough that a person sees them at a
glance and no stronger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Transform = Callable[[Picture, np.random.Generator], Picture]


def _resized(picture: Picture, rng: np.random.Generator) -> Picture:
    factor = rng.choice([0.6, 0.75, 1.4])
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return _u8(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=how))


def _recompressed(picture: Picture, rng: np.random.Generator) -> Picture:
    return through_jpeg(picture, int(rng.integers(45, 65)))


def _cropped(picture: Picture, rng: np.random.Generator) -> Picture:
    h, w = picture.shape[:2]
    dh, dw = round(0.1 * h), round(0.1 * w)  # of each side length
    y, x = int(rng.integers(0, dh + 1)), int(rng.integers(0, dw + 1))
    return picture[y : y + h - dh, x : x + w - dw]


def _flipped(picture: Picture, rng: np.random.Generator) -> Picture:
    return picture[:, ::-1]


def _rotated(picture: Picture, rng: np.random.Generator) -> Picture:
    h, w = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), float(rng.choice([-5.0, 5.0])), 1.0)
    return _u8(cv2.warpAffine(picture, turn, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _brighter(picture: Picture, rng: np.random.Generator) -> Picture:
    return _clip(picture.astype(np.float32) * rng.choice([0.75, 1.2]))


def _watermarked(picture: Picture, rng: np.random.Generator) -> Picture:
    h, w = picture.shape[:2]
    over = picture.copy()
    at = (int(0.08 * w), int(rng.uniform(0.35, 0.9) * h))
    thick = max(1, w // 128)
    cv2.putText(over, "(c) photo stock", at, cv2.FONT_HERSHEY_SIMPLEX, w / 330, (255, 255, 255), thick, cv2.LINE_AA)
    return _u8(cv2.addWeighted(over, 0.6, picture, 0.4, 0))


def _gray(picture: Picture, rng: np.random.Generator) -> Picture:
    return _u8(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def _same(picture: Picture, rng: np.random.Generator) -> Picture:
    return picture


COPIES: Mapping[str, Transform] = {
    "same": _same,
    "resized": _resized,
    "recompressed": _recompressed,
    "cropped": _cropped,
    "flipped": _flipped,
    "rotated": _rotated,
    "brighter": _brighter,
    "watermarked": _watermarked,
    "gray": _gray,
}
"""`same` is written with another quality, so it is a copy of the picture and not of the file."""


def _dark(picture: Picture, rng: np.random.Generator) -> Picture:
    return _clip(picture.astype(np.float32) * rng.uniform(0.06, 0.1) + rng.normal(0, 1.0, picture.shape))


def _overexposed(picture: Picture, rng: np.random.Generator) -> Picture:
    return _clip(picture.astype(np.float32) * rng.uniform(2.6, 3.2) + 25)


def _blurry(picture: Picture, rng: np.random.Generator) -> Picture:
    return _u8(cv2.GaussianBlur(picture, (0, 0), max(picture.shape[:2]) / 256 * rng.uniform(3.5, 5.0)))


def _low_information(picture: Picture, rng: np.random.Generator) -> Picture:
    flat = picture.reshape(-1, 3).mean(axis=0)
    return _clip(flat + 0.03 * (picture.astype(np.float32) - flat))


def _odd_aspect_ratio(picture: Picture, rng: np.random.Generator) -> Picture:
    h, w = picture.shape[:2]
    if rng.integers(2):
        return picture[int(0.4 * h) : int(0.4 * h) + h // 6]
    return picture[:, int(0.4 * w) : int(0.4 * w) + w // 6]


def _tiny(picture: Picture, rng: np.random.Generator) -> Picture:
    h, w = picture.shape[:2]
    factor = 28 / max(h, w)
    return _u8(
        cv2.resize(picture, (max(1, round(w * factor)), max(1, round(h * factor))), interpolation=cv2.INTER_AREA)
    )


FAULTS: Mapping[str, Transform] = {
    "dark": _dark,
    "overexposed": _overexposed,
    "blurry": _blurry,
    "low_information": _low_information,
    "odd_aspect_ratio": _odd_aspect_ratio,
    "compressed": _same,
    "tiny": _tiny,
}
"""`compressed` is a matter of the file: written with `COMPRESSED_QUALITY`."""
COMPRESSED_QUALITY = 5


def scatter(picture: Picture, rng: np.random.Generator) -> Picture:
    """The same scene from anywhere: zoomed in on any part, or far away in any corner, and turned."""
    h, w = picture.shape[:2]
    angle = float(rng.uniform(-60, 60))
    zoom = float(np.exp(rng.uniform(np.log(0.3), np.log(2.6))))
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), angle, zoom)
    reach = 0.35 * (1 if zoom < 1 else zoom)
    turn[:, 2] += [rng.uniform(-reach, reach) * w, rng.uniform(-reach, reach) * h]
    ground = tuple(float(x) for x in np.median(picture[:: max(1, h // 16)].reshape(-1, 3), axis=0))
    filled = cv2.warpAffine(
        picture, turn, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=ground
    )
    return _u8(filled)


def into_a_corner(thing: Picture, ground: Picture, rng: np.random.Generator) -> Picture:
    """The middle of the picture `thing` (three fifths of its sides), small (15 to 20 %) in a corner of `ground`."""
    height, width = thing.shape[:2]
    thing = thing[height // 5 : height - height // 5, width // 5 : width - width // 5]
    side = rng.uniform(0.15, 0.2) * np.sqrt(ground.shape[0] * ground.shape[1])
    ratio = np.sqrt(thing.shape[1] / thing.shape[0])
    small = cv2.resize(thing, (round(side * ratio), round(side / ratio)), interpolation=cv2.INTER_AREA)
    free = np.array(ground.shape[:2]) - small.shape[:2]
    y, x = (int(f * (rng.uniform(0, 0.12) if rng.random() < 0.5 else rng.uniform(0.88, 1))) for f in free)
    out = ground.copy()
    out[y : y + small.shape[0], x : x + small.shape[1]] = small
    return out


def through_jpeg(picture: Picture, quality: int) -> Picture:
    """The picture after a save at this quality."""
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return _u8(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def _clip(values: NDArray[np.floating]) -> Picture:
    return np.asarray(np.clip(values, 0, 255), dtype=np.uint8)


def _u8(values: NDArray) -> Picture:
    return np.ascontiguousarray(values, dtype=np.uint8)
