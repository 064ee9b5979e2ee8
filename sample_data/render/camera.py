"""From light to a JPEG: exposure, colour, blur, noise and compression."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from plan import Finish, Picture, project
from scipy.ndimage import convolve, gaussian_filter, median_filter

Array = NDArray[np.float64]
STUDIO_EXPOSURE = 1.15
DARKEST_HEAD = 0.09
_LUMA = np.array([0.2126, 0.7152, 0.0722])


def develop(light: Array, picture: Picture, path: Path) -> None:
    """Turn linear radiance (rows, columns, 3) into the finished picture at `path`."""
    image = without_fireflies(light)
    image = image * _exposure(image, picture)
    studio = picture.origin == "studio"
    take(image, picture.finish, np.random.default_rng([picture.seed, 9]), path, studio=studio)


def take(image: Array, finish: Finish, rng: np.random.Generator, path: Path, *, studio: bool) -> None:
    """What the camera makes of exposed light (rows, columns, 3), as a JPEG at `path`."""
    image = image * np.array(finish.cast)
    image = _glare(image, 0.05 if studio else 0.12)
    image = image * _vignette(image.shape, finish.vignette)
    if finish.motion > 0:
        image = _motion(image, finish)
    if finish.defocus > 0:
        image = gaussian_filter(image, [finish.defocus, finish.defocus, 0])
    if finish.noise > 0:
        image = _sensor_noise(rng, image, finish.noise)
    encoded = _tone(image, finish.contrast)
    picture_8bit = Image.fromarray((np.clip(encoded, 0, 1) * 255 + 0.5).astype(np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    subsampling = 0 if studio else 2
    picture_8bit.save(unfinished, "JPEG", quality=finish.jpeg_quality, subsampling=subsampling, optimize=True)
    unfinished.replace(path)


def without_fireflies(image: Array) -> Array:
    """Replace lone pixels far brighter than their neighbours (left over from the random light paths)."""
    middle = median_filter(image, size=(3, 3, 1))
    luma, calm = image @ _LUMA, middle @ _LUMA
    wild = luma > 2.2 * calm + 0.08 * float(np.percentile(luma, 98))
    out = image.copy()
    out[wild] = middle[wild]
    return out


def _exposure(image: Array, picture: Picture) -> float:
    """Exposure of the picture; however dark the bar, the head stays light enough to be seen."""
    factor = _meter(image, picture) * picture.finish.exposure
    if picture.origin == "studio":
        return factor
    return max(factor, DARKEST_HEAD / max(head_light(image, picture), 1e-4))


def head_light(image: Array, picture: Picture) -> float:
    """Median luminance of the part of the picture where the head is."""
    middle = (picture.head.beer_top + picture.head.head_top) / 2
    eye = np.array(picture.camera.origin)
    toward = eye * (1.0, 0.0, 1.0) / np.hypot(eye[0], eye[2]) * float(picture.shape.radius(middle))
    x, y = project(picture.camera, (toward + np.array((0.0, middle, 0.0)))[None])[0]
    height, width = image.shape[:2]
    row, column = int((1 - y) / 2 * height), int((x + 1) / 2 * width)
    reach = max(2, width // 24)
    part = image[max(row - 2, 0) : row + 3, max(column - reach, 0) : column + reach + 1]
    return float(np.median(part @ _LUMA)) if part.size else 1.0


def _meter(image: Array, picture: Picture) -> float:
    """Exposure factor: measured light in the studio, where the lamps stand still; automatic in the bar."""
    if picture.origin == "studio":
        return STUDIO_EXPOSURE
    luma = image @ _LUMA
    height, width = luma.shape
    middle = luma[height // 8 : -height // 8, width // 4 : -width // 4]
    bright = float(np.percentile(middle, 94))
    return 0.80 / max(bright, 1e-4)


def _glare(image: Array, share: float) -> Array:
    spread = max(image.shape) / 45
    lit = np.minimum(image, 6.0)
    out: Array = (1 - share) * image + share * gaussian_filter(lit, [spread, spread, 0])
    return out


def _vignette(shape: tuple[int, ...], strength: float) -> Array:
    down, across = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    out: Array = (1 - strength * np.clip((down**2 + across**2) / 2, 0, 1))[..., None]
    return out


def _motion(image: Array, finish: Finish) -> Array:
    size = int(np.ceil(finish.motion)) // 2 * 2 + 3
    angle = np.radians(finish.motion_angle)
    kernel = np.zeros((size, size))
    for step in np.linspace(-0.5, 0.5, 60):
        bend = 0.12 * finish.motion * (4 * step**2 - 0.5)
        x = size // 2 + finish.motion * step * np.cos(angle) - bend * np.sin(angle)
        y = size // 2 + finish.motion * step * np.sin(angle) + bend * np.cos(angle)
        kernel[int(np.clip(round(y), 0, size - 1)), int(np.clip(round(x), 0, size - 1))] += 1
    kernel /= kernel.sum()
    return np.stack([convolve(np.minimum(image[..., c], 8.0), kernel, mode="nearest") for c in range(3)], -1)


def _sensor_noise(rng: np.random.Generator, image: Array, strength: float) -> Array:
    shot = rng.standard_normal(image.shape) * np.sqrt(np.clip(image, 0, 4)) * strength
    grain = gaussian_filter(rng.standard_normal(image.shape), [0.7, 0.7, 0]) * strength * 0.45
    return np.maximum(image + shot + grain, 0.0)


def _tone(image: Array, contrast: float) -> Array:
    """A soft shoulder above 0.7, then the sRGB curve."""
    knee = 0.7
    over = np.maximum(image - knee, 0)
    image = np.minimum(image, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee)))
    encoded = np.where(image <= 0.0031308, 12.92 * image, 1.055 * np.maximum(image, 1e-9) ** (1 / 2.4) - 0.055)
    return 0.45 + (encoded - 0.45) * contrast if contrast != 1.0 else encoded
