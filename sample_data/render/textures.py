"""Textures made with numpy alone: wood, stone, foam, and the out-of-focus rooms behind the glass."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float64]
Rng = np.random.Generator

TABLES = ("oak", "walnut", "pine", "dark_stone", "pale_stone")
STUDIO_BACKDROPS = ("charcoal_glow", "warm_bokeh", "back_bar", "cream", "navy")
BAR_BACKDROPS = ("dim_bar", "neon", "window", "brick", "crowd", "screen")

_WOOD = {
    "oak": ((0.42, 0.25, 0.12), (0.25, 0.13, 0.055)),
    "walnut": ((0.20, 0.105, 0.055), (0.085, 0.04, 0.02)),
    "pine": ((0.58, 0.40, 0.21), (0.42, 0.25, 0.11)),
}
_STONE = {"dark_stone": (0.035, 0.036, 0.04), "pale_stone": (0.55, 0.53, 0.50)}


def noise(rng: Rng, shape: tuple[int, int], scale: tuple[float, float], octaves: int = 4) -> Array:
    """Smooth noise in 0..1 that tiles; `scale` is the blur in pixels, down and across, of the coarsest."""
    total = np.zeros(shape)
    for octave in range(octaves):
        layer = gaussian_filter(rng.standard_normal(shape), [max(s / 2**octave, 0.3) for s in scale], mode="wrap")
        total += layer / (layer.std() + 1e-9) / 1.8**octave
    low, high = np.percentile(total, [1, 99])
    return np.clip((total - low) / (high - low), 0.0, 1.0)


def table(rng: Rng, kind: str) -> Array:
    """Reflectance of a bar top, 512 x 512 x 3."""
    if kind in _STONE:
        return _stone(rng, np.array(_STONE[kind]))
    light, dark = (np.array(c) for c in _WOOD[kind])
    return _wood(rng, light, dark)


def _wood(rng: Rng, light: Array, dark: Array) -> Array:
    size, planks = 400, int(rng.integers(3, 7))
    edges = np.linspace(0, size, planks + 1).astype(int)
    grain = np.zeros((size, size))
    for top, bottom in pairwise(edges):
        wobble = noise(rng, (size, size), (40, 160), 2)
        down = np.arange(size, dtype=float)[:, None]
        rings = np.sin((down / rng.uniform(9, 18) + 9 * wobble + rng.uniform(0, 6)) * 2) * 0.5 + 0.5
        plank = 0.55 * rings + 0.45 * noise(rng, (size, size), (1.2, 60), 3) + rng.uniform(-0.15, 0.15)
        grain[top:bottom] = plank[top:bottom]
        grain[max(top - 1, 0) : top + 1] = 1.5
    mix = np.clip(grain, 0, 1.5)[..., None]
    return np.clip(light + (dark - light) * mix, 0.005, 0.9)


def _stone(rng: Rng, base: Array) -> Array:
    size = 512
    cloud = noise(rng, (size, size), (60, 60), 5)
    vein = np.exp(-(((noise(rng, (size, size), (50, 50), 4) - 0.5) / 0.018) ** 2))
    speck = rng.random((size, size)) ** 18
    grey = (0.65 + 0.7 * cloud)[..., None] * base
    return np.clip(grey + 0.10 * vein[..., None] * (0.3 + base) + 0.15 * speck[..., None], 0.01, 0.9)


def foam(rng: Rng, colour: tuple[float, float, float], under: tuple[float, float, float]) -> Array:
    """Reflectance of the head, 192 rows (row 0 at the top) x 640: fine bubbles, the beer showing below."""
    shape = (192, 640)
    fine = noise(rng, shape, (1.4, 2.2), 2)
    coarse = noise(rng, shape, (14, 24), 4)
    pits = np.clip((noise(rng, shape, (2.2, 3.5), 2) - 0.80) / 0.2, 0, 1)
    shade = 1.0 + 0.06 * (coarse - 1) - 0.05 * fine - 0.16 * pits
    image = shade[..., None] * np.array(colour)
    depth = np.linspace(1, 0, shape[0])[:, None] + 0.10 * (coarse - 0.5)
    seep = np.clip(1 - depth / 0.16, 0, 1)[..., None] * (0.35 + 0.4 * fine[..., None])
    image = image * (1 - seep) + np.array(under) * seep
    return np.clip(image, 0.01, 0.97)


def _discs(
    rng: Rng,
    image: Array,
    count: int,
    colours: list[tuple[float, float, float]],
    size: tuple[float, float],
    power: tuple[float, float],
    band: tuple[float, float],
) -> None:
    height, width, _ = image.shape
    down, across = np.mgrid[0:height, 0:width]
    for _ in range(count):
        y, x = height * rng.uniform(*band), width * rng.uniform(0, 1)
        radius = height * rng.uniform(*size)
        distance = np.hypot(down - y, across - x) / radius
        disc = np.clip((1 - distance) * 9, 0, 1) * (0.75 + 0.25 * np.clip(distance, 0, 1) ** 3)
        colour = np.array(colours[int(rng.integers(len(colours)))])
        image += disc[..., None] * colour * rng.uniform(*power)


def _bottles(rng: Rng, image: Array, count: int, floor: float, tall: float, glow: float) -> None:
    height, width, _ = image.shape
    down, across = np.mgrid[0:height, 0:width]
    x = rng.uniform(0, 0.05) * width
    for _ in range(count):
        half = width * rng.uniform(0.014, 0.024)
        top = height * (floor - tall * rng.uniform(0.75, 1.0))
        t = (down - top) / (height * floor - top)
        profile = half * np.where(t < 0.35, 0.36, np.where(t < 0.5, 0.36 + (t - 0.35) / 0.15 * 0.64, 1.0))
        body = (np.abs(across - x) < profile) & (t > 0) & (t < 1)
        tint = np.array([(0.10, 0.35, 0.10), (0.5, 0.25, 0.06), (0.4, 0.4, 0.36), (0.45, 0.10, 0.05)])
        colour = tint[int(rng.integers(len(tint)))] * glow * rng.uniform(0.3, 1.5)
        shine = 1 + 3 * np.exp(-(((across - x + 0.5 * half) / (0.2 * half)) ** 2))
        image[body] = (colour * shine[..., None])[body]
        x += half * rng.uniform(2.3, 4.2)


def _gradient(shape: tuple[int, int], top: tuple[float, float, float], bottom: tuple[float, float, float]) -> Array:
    ramp = np.linspace(0, 1, shape[0])[:, None, None]
    image: Array = np.broadcast_to((1 - ramp) * np.array(top) + ramp * np.array(bottom), (*shape, 3)).copy()
    return image


def _glow(image: Array, centre: tuple[float, float], size: float, colour: tuple[float, float, float]) -> None:
    height, width, _ = image.shape
    down, across = np.mgrid[0:height, 0:width]
    distance = np.hypot(down - centre[0] * height, across - centre[1] * width) / (size * height)
    image += np.exp(-(distance**2))[..., None] * np.array(colour)


def _blurred(image: Array, sigma: float) -> Array:
    out: Array = gaussian_filter(image, [sigma, sigma, 0], mode="nearest")
    return out


SHAPE = (384, 576)
_WARM = [(1.0, 0.62, 0.28), (1.0, 0.75, 0.45), (1.0, 0.48, 0.18)]
_NEON = [(0.1, 0.35, 1.0), (1.0, 0.08, 0.55), (0.1, 1.0, 0.35), (1.0, 0.4, 0.05), (0.6, 0.1, 1.0)]


def studio_backdrop(rng: Rng, kind: str) -> Array:
    """Linear radiance of a studio background, row 0 at the top: soft, out of focus."""
    if kind == "cream":
        image = _gradient(SHAPE, (0.62, 0.56, 0.47), (0.85, 0.78, 0.66))
        _glow(image, (0.55, 0.5), 0.5, (0.35, 0.33, 0.28))
        return image
    if kind == "navy":
        image = _gradient(SHAPE, (0.015, 0.03, 0.06), (0.03, 0.05, 0.09))
        _glow(image, (0.55, 0.5 + rng.uniform(-0.06, 0.06)), 0.36, (0.46, 0.44, 0.40))
        return image
    if kind == "charcoal_glow":
        image = _gradient(SHAPE, (0.02, 0.018, 0.016), (0.05, 0.04, 0.03))
        _glow(image, (0.60, 0.5 + rng.uniform(-0.08, 0.08)), 0.36, (0.95, 0.64, 0.34))
        return image
    image = _gradient(SHAPE, (0.06, 0.035, 0.02), (0.16, 0.09, 0.045))
    _glow(image, (0.55, 0.5), 0.4, (0.70, 0.43, 0.20))
    if kind == "back_bar":
        for floor in (0.42, 0.72):
            _bottles(rng, image, 26, floor, 0.24, 0.6)
            image[int(SHAPE[0] * floor) : int(SHAPE[0] * (floor + 0.03))] = (0.25, 0.13, 0.06)
        _discs(rng, image, 10, _WARM, (0.02, 0.03), (0.8, 2.0), (0.1, 0.7))
        return _blurred(image, 6.5)
    _discs(rng, image, 34, _WARM, (0.025, 0.065), (0.15, 0.9), (0.05, 0.75))
    return _blurred(image, 1.6)


def bar_backdrop(rng: Rng, kind: str) -> Array:
    """Linear radiance of a customer's background, row 0 at the top: a real room, less blurred."""
    makers = {"neon": _neon, "window": _window, "brick": _brick, "crowd": _crowd, "screen": _screen}
    if kind in makers:
        return makers[kind](rng)
    image = _gradient(SHAPE, (0.02, 0.012, 0.008), (0.06, 0.03, 0.015))
    _bottles(rng, image, 24, rng.uniform(0.4, 0.6), 0.28, 0.25)
    _discs(rng, image, 14, _WARM + _NEON[:2], (0.01, 0.03), (0.6, 3.0), (0.0, 0.6))
    return _blurred(image, rng.uniform(1.0, 3.0))


def _neon(rng: Rng) -> Array:
    image = _gradient(SHAPE, (0.012, 0.008, 0.02), (0.02, 0.01, 0.03))
    height, width, _ = image.shape
    for _ in range(int(rng.integers(3, 7))):
        t = np.linspace(0, 2 * np.pi, 900)
        a, b = rng.integers(1, 4, 2)
        y = height * (rng.uniform(0.15, 0.6) + rng.uniform(0.03, 0.14) * np.sin(a * t + rng.uniform(0, 6)))
        x = width * (rng.uniform(0.1, 0.9) + rng.uniform(0.03, 0.14) * np.cos(b * t))
        rows, cols = np.clip(y, 0, height - 1).astype(int), np.clip(x, 0, width - 1).astype(int)
        mark = np.zeros((height, width))
        mark[rows, cols] = 1
        line = gaussian_filter(mark, 1.6)
        halo = gaussian_filter(mark, 24)
        colour = np.array(_NEON[int(rng.integers(len(_NEON)))])
        image += (9 * line / line.max() + 0.9 * halo / halo.max())[..., None] * colour
    return _blurred(image, rng.uniform(0.8, 2.5))


def _window(rng: Rng) -> Array:
    image = _gradient(SHAPE, (0.10, 0.09, 0.08), (0.05, 0.04, 0.035))
    height, width, _ = image.shape
    sky = _gradient(SHAPE, (1.3, 1.5, 1.8), (0.7, 0.75, 0.7)) * (0.5 + noise(rng, SHAPE, (30, 60), 4)[..., None])
    left = rng.uniform(0.05, 0.5)
    for pane in range(3):
        x0, x1 = (int(width * (left + 0.13 * pane + d)) for d in (0.0, 0.115))
        image[int(0.05 * height) : int(0.62 * height), x0:x1] = sky[int(0.05 * height) : int(0.62 * height), x0:x1]
    return _blurred(image, rng.uniform(1.0, 3.0))


def _brick(rng: Rng) -> Array:
    height, width = SHAPE
    down, across = np.mgrid[0:height, 0:width]
    course = down // 16
    column = (across + 19 * (course % 2)) // 38
    joint = (down % 16 < 2) | ((across + 19 * (course % 2)) % 38 < 2)
    shade = rng.uniform(0.6, 1.3, (64, 64))[course % 64, column % 64] * (0.7 + 0.5 * noise(rng, SHAPE, (4, 4), 3))
    image = shade[..., None] * np.array((0.30, 0.12, 0.07))
    image[joint] = (0.20, 0.18, 0.15)
    light = np.full((*SHAPE, 3), 0.12)
    _glow(light, (rng.uniform(0, 0.4), rng.uniform(0.2, 0.8)), 0.45, (1.6, 1.2, 0.75))
    return _blurred(image * light, rng.uniform(0.6, 2.0))


def _crowd(rng: Rng) -> Array:
    image = _gradient(SHAPE, (0.10, 0.05, 0.03), (0.05, 0.03, 0.02))
    height, width, _ = image.shape
    _discs(rng, image, 18, _WARM + _NEON, (0.008, 0.03), (0.6, 3.0), (0.15, 0.6))
    down, across = np.mgrid[0:height, 0:width]
    for _ in range(int(rng.integers(4, 9))):
        x, y, size = width * rng.random(), height * rng.uniform(0.38, 0.55), height * rng.uniform(0.05, 0.085)
        skin = np.array((0.22, 0.12, 0.08)) * rng.uniform(0.2, 1.0)
        cloth = rng.uniform(0.004, 0.03) * rng.uniform(0.7, 1.3, 3)
        body = ((across - x) / (2.1 * size)) ** 2 + ((down - y - 3.6 * size) / (2.6 * size)) ** 2 < 1
        head = ((across - x) / (0.75 * size)) ** 2 + ((down - y) / size) ** 2 < 1
        hair = head & (down < y - 0.25 * size)
        image[body], image[head], image[hair] = cloth, skin, skin * 0.12
    return _blurred(image, rng.uniform(3.0, 6.0))


def _screen(rng: Rng) -> Array:
    image = _gradient(SHAPE, (0.03, 0.03, 0.035), (0.04, 0.03, 0.03))
    height, width, _ = image.shape
    x0, y0 = int(width * rng.uniform(0.1, 0.6)), int(height * rng.uniform(0.08, 0.25))
    tall, wide = int(height * 0.26), int(width * 0.3)
    field = np.stack([noise(rng, (tall, wide), (12, 20), 4) ** 2 * c for c in (0.5, 1.4, 0.7)], -1)
    field[int(tall * 0.8) :] = (0.2, 0.4, 1.8)
    image[y0 : y0 + tall, x0 : x0 + wide] = 1.4 * field
    _discs(rng, image, 8, _WARM, (0.01, 0.03), (0.6, 2.0), (0.0, 0.5))
    return _blurred(image, rng.uniform(1.0, 2.5))
