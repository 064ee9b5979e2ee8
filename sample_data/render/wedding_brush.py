"""A small painter: soft shapes with light on them, cloth with folds, blurred rooms, and a camera.

Coordinates are shares of the picture's side, x to the right and y down; colours are linear-looking RGB in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

SIDE = 768  # painted at twice the size, then halved
OUT = 384
Colour = np.ndarray


def rgb(hue: float, saturation: float, value: float) -> Colour:
    """A colour from hue (0 to 1, wraps), saturation and value."""
    channels = [(5 + hue * 6) % 6, (3 + hue * 6) % 6, (1 + hue * 6) % 6]
    return np.array([value - value * saturation * np.clip(min(k, 4 - k), 0, 1) for k in channels], dtype=np.float32)


class Canvas:
    """The picture being painted: float32 (SIDE, SIDE, 3), and where the light comes from."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.pixels = np.zeros((SIDE, SIDE, 3), dtype=np.float32)
        angle = rng.uniform(-2.5, -0.6)
        self.light = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)

    def shape(
        self,
        points: Sequence[tuple[float, float]] | np.ndarray,
        colour: Colour,
        *,
        smooth: int = 3,
        round_: float = 0.02,
        depth: float = 0.45,
        alpha: float = 1.0,
        folds: float = 0.0,
        fold_width: float = 0.03,
        soft: float = 0.0015,
        texture: float = 0.014,
    ) -> None:
        """A closed shape as if blown up from paper: `round_` is how far the light bends around its rim.

        Args:
            points: corners, rounded off `smooth` times.
            colour: of the shape in middling light.
            smooth: rounds of corner cutting.
            round_: width of the rim that turns away from the eye.
            depth: strength of light and shade on that rim.
            alpha: 1 hides what is behind.
            folds: strength of folds as of cloth, along the longer way down.
            fold_width: distance of folds.
            soft: blur of the outline.
            texture: strength of fine grain.
        """
        corners = np.asarray(points, dtype=np.float32) * SIDE
        for _ in range(smooth):
            following = np.roll(corners, -1, axis=0)
            corners = np.stack([0.75 * corners + 0.25 * following, 0.25 * corners + 0.75 * following], 1).reshape(-1, 2)
        pad = int(3 * SIDE * max(round_, soft)) + 3
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - pad, 0)
        high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + pad, SIDE)
        if (high - low).min() < 2:
            return
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), dtype=np.float32)
        shifted = np.round((corners - low) * 16).astype(np.int32)
        cv2.fillPoly(mask, [shifted], 1.0, cv2.LINE_AA, shift=4)
        mask = cv2.GaussianBlur(mask, (0, 0), max(0.6, soft * SIDE))
        height = cv2.GaussianBlur(mask, (0, 0), max(1.0, round_ * SIDE))
        gx, gy = (cv2.Sobel(height, cv2.CV_32F, *order, ksize=3) for order in ((1, 0), (0, 1)))
        shade = 1 - depth * np.clip((gx * self.light[0] + gy * self.light[1]) * round_ * SIDE * -0.35, -1, 1)
        shade *= 0.86 + 0.16 * np.clip(height, 0, 1)
        if folds:
            shade *= 1 + folds * self._folds(mask.shape, fold_width)
        if texture:
            coarse = self.rng.standard_normal((mask.shape[0] // 3 + 1, mask.shape[1] // 3 + 1)).astype(np.float32)
            shade *= 1 + texture * cv2.resize(coarse, mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
        part = self.pixels[low[1] : high[1], low[0] : high[0]]
        lit = np.clip(colour * shade[..., None], 0, 1.3)
        part += (alpha * mask)[..., None] * (lit - part)

    def _folds(self, size: tuple[int, int], width: float) -> np.ndarray:
        rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32) / SIDE
        phase = self.rng.uniform(0, 6.3)
        bend = self.rng.uniform(-0.5, 0.5)
        wave = np.sin((columns + bend * rows + 0.02 * np.sin(rows * 14 + phase)) * (6.28 / width) + phase)
        slow = np.sin((columns - bend * rows * 0.6) * (6.28 / (width * 2.7)) + 2 * phase)
        return np.asarray(0.6 * wave + 0.4 * slow, dtype=np.float32)

    def disc(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, *, turn: float = 0.0, **how: float
    ) -> None:
        """An ellipse, turned by `turn` radians."""
        t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        px, py = rx * np.cos(t), ry * np.sin(t)
        points = np.stack([x + px * np.cos(turn) - py * np.sin(turn), y + px * np.sin(turn) + py * np.cos(turn)], 1)
        self.shape(points, colour, smooth=1, **{"round_": 0.45 * min(rx, ry), **how})  # type: ignore[arg-type]

    def line(self, points: Sequence[tuple[float, float]], width: float, colour: Colour, alpha: float = 1.0) -> None:
        """A stroke through points."""
        mask = np.zeros((SIDE, SIDE), dtype=np.float32)
        at = np.round(np.asarray(points, dtype=np.float32) * SIDE * 16).astype(np.int32)
        cv2.polylines(mask, [at], False, 1.0, max(1, round(width * SIDE)), cv2.LINE_AA, shift=4)
        self.pixels += (alpha * mask)[..., None] * (colour - self.pixels)

    def shadow(self, x: float, y: float, rx: float, ry: float, strength: float) -> None:
        """A soft dark patch."""
        mask = np.zeros((SIDE // 4, SIDE // 4), dtype=np.float32)
        at, axes = (int(x * SIDE / 4), int(y * SIDE / 4)), (max(1, int(rx * SIDE / 4)), max(1, int(ry * SIDE / 4)))
        cv2.ellipse(mask, at, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
        mask = cv2.GaussianBlur(mask, (0, 0), max(1.5, 0.35 * min(axes)))
        self.pixels *= (1 - strength * cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR))[..., None]

    def blur(self, radius: float) -> None:
        """Everything painted so far lies out of focus; `radius` is a share of the side."""
        if radius > 0:
            self.pixels = cv2.GaussianBlur(self.pixels, (0, 0), radius * SIDE)


def leaf(canvas: Canvas, x: float, y: float, length: float, angle: float, colour: Colour, slim: float = 0.32) -> None:
    """One leaf from its stalk at (x, y)."""
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]]) * slim * length
    base = np.array([x, y])
    bend = across * canvas.rng.uniform(-0.35, 0.35)
    points = [
        base,
        base + 0.35 * length * along + 0.95 * across,
        base + 0.75 * length * along + 0.5 * across + bend,
        base + length * along + 1.5 * bend,
        base + 0.72 * length * along - 0.5 * across + bend,
        base + 0.33 * length * along - 0.95 * across,
    ]
    canvas.shape(np.array(points), colour, smooth=2, round_=0.12 * length, depth=0.5, texture=0.05)


def greens(rng: np.random.Generator, dark: float = 1.0) -> Colour:
    """A leaf green."""
    return rgb(rng.uniform(0.22, 0.37), rng.uniform(0.3, 0.65), rng.uniform(0.28, 0.58) * dark)


def flower(canvas: Canvas, x: float, y: float, r: float, hue: float, saturation: float, value: float) -> None:
    """A rose or peony: rings of petals, each ring smaller and turned."""
    rng = canvas.rng
    rings = 4 if r > 0.02 else 3
    canvas.disc(x, y, r * 0.9, r * 0.9, rgb(hue, min(1, saturation * 1.25), value * 0.6), depth=0.2)
    for ring in range(rings):
        reach = r * (1.0 - 0.26 * ring)
        petals = 7 - ring
        start = rng.uniform(0, 6.3)
        for i in range(petals):
            a = start + 6.283 * i / petals + rng.normal(0, 0.08)
            cx, cy = x + 0.56 * reach * np.cos(a), y + 0.56 * reach * np.sin(a)
            tone = value * (0.92 + 0.1 * ring / rings + rng.uniform(-0.05, 0.06))
            colour = rgb(
                hue + rng.normal(0, 0.006), float(np.clip(saturation * (0.8 + 0.2 * ring), 0, 1)), min(1.0, tone)
            )
            canvas.disc(cx, cy, 0.52 * reach, 0.44 * reach, colour, turn=a, depth=0.5, round_=0.2 * reach, texture=0.01)
    canvas.disc(x, y, 0.16 * r, 0.16 * r, rgb(hue, min(1, saturation * 1.3), value * 0.72), depth=0.4)


def petal_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """Hue, saturation, value of a wedding flower: white, cream, blush, pink, red, lilac."""
    kinds = [
        (0.12, 0.06, 0.97),
        (0.11, 0.2, 0.96),
        (0.97, 0.22, 0.95),
        (0.95, 0.45, 0.9),
        (0.985, 0.75, 0.75),
        (0.78, 0.3, 0.85),
    ]
    hue, saturation, value = kinds[int(rng.integers(len(kinds)))]
    return hue + rng.normal(0, 0.01), saturation * rng.uniform(0.8, 1.15), value * rng.uniform(0.93, 1.0)


def branch(
    canvas: Canvas, start: tuple[float, float], end: tuple[float, float], size: float, dark: float = 1.0
) -> None:
    """A sagging branch with leaves on both sides."""
    rng = canvas.rng
    a, b = np.array(start), np.array(end)
    sag = np.array([0.0, rng.uniform(0.0, 0.06)])
    steps = max(5, int(np.linalg.norm(b - a) / (size * 0.3)))
    t = np.linspace(0, 1, steps)
    points = a + (b - a) * t[:, None] + sag * np.sin(np.pi * t)[:, None]
    canvas.line([(float(p[0]), float(p[1])) for p in points], 0.004, rgb(0.1, 0.4, 0.3 * dark))
    heading = float(np.arctan2(*(b - a)[::-1]))
    for p in points:
        for side in (-1, 1):
            angle = heading + side * rng.uniform(0.5, 1.3)
            leaf(
                canvas,
                float(p[0]),
                float(p[1]),
                size * rng.uniform(0.7, 1.25),
                angle,
                greens(rng, dark),
                rng.uniform(0.22, 0.4),
            )


def room(canvas: Canvas, kind: str, blur: float) -> None:
    """What is behind: `garden`, `hall`, `street`, `stone`, `beach` or `room`, out of focus."""
    rng = canvas.rng
    palettes = {
        "garden": (rgb(0.27, 0.25, 0.78), rgb(0.28, 0.5, 0.38)),
        "hall": (rgb(0.08, 0.35, 0.5), rgb(0.07, 0.5, 0.25)),
        "street": (rgb(0.6, 0.1, 0.72), rgb(0.08, 0.12, 0.42)),
        "stone": (rgb(0.1, 0.12, 0.68), rgb(0.09, 0.16, 0.48)),
        "beach": (rgb(0.57, 0.28, 0.88), rgb(0.11, 0.25, 0.74)),
        "room": (rgb(rng.uniform(), 0.12, 0.8), rgb(0.08, 0.35, 0.42)),
    }
    top, bottom = palettes[kind]
    t = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None]
    horizon = rng.uniform(0.45, 0.7)
    canvas.pixels[:] = top + (bottom - top) * np.clip((t - horizon + 0.25) / 0.5, 0, 1)
    for _ in range(int(rng.integers(16, 30))):
        x, y, r = rng.uniform(-0.05, 1.05), rng.uniform(-0.05, 1.0), rng.uniform(0.02, 0.13)
        if kind == "garden":
            canvas.disc(x, y, r, r * rng.uniform(0.6, 1.2), greens(rng, rng.uniform(0.8, 1.5)), depth=0.3, alpha=0.7)
        elif kind == "hall":
            canvas.disc(x, y * 0.6, r * 0.35, r * 0.35, rgb(0.11, 0.4, rng.uniform(0.8, 1.0)), depth=0.1, alpha=0.75)
        elif kind == "beach":
            canvas.disc(
                x, horizon + 0.4 * y, 2.5 * r, 0.2 * r, rgb(0.12, 0.22, rng.uniform(0.6, 0.9)), depth=0.2, alpha=0.5
            )
        else:
            w, h = r * rng.uniform(0.6, 1.6), r * rng.uniform(0.8, 2.5)
            hue = rng.uniform() if kind != "stone" else 0.1
            box = [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)]
            canvas.shape(
                box, rgb(hue, rng.uniform(0.05, 0.35), rng.uniform(0.3, 0.85)), smooth=1, depth=0.25, alpha=0.7
            )
    canvas.blur(blur)


def develop(
    canvas: Canvas, *, tilt: float, zoom: float, exposure: float, warmth: float, noise: float, shake: float
) -> np.ndarray:
    """The camera: turn, crop, halve, colour of the light, vignette, grain; uint8 (OUT, OUT, 3)."""
    rng = canvas.rng
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), tilt, zoom)
    turned = cv2.warpAffine(canvas.pixels, turn, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    small = cv2.resize(turned, (OUT, OUT), interpolation=cv2.INTER_AREA)
    if shake >= 1:
        size = int(shake) * 2 + 1
        kernel = np.zeros((size, size), dtype=np.float32)
        end = (int(size / 2 + shake * np.cos(shake)), int(size / 2 + shake * np.sin(shake)))
        cv2.line(kernel, (size - 1 - end[0], size - 1 - end[1]), end, 1.0, 1, cv2.LINE_AA)
        small = cv2.filter2D(small, -1, kernel / kernel.sum())
    small = 0.88 * small + 0.12 * cv2.GaussianBlur(small, (0, 0), 7)  # a little glow, as of a lens
    small *= np.array([1 + warmth, 1.0, 1 - warmth], dtype=np.float32) * np.float32(exposure)
    rows, columns = np.mgrid[-1 : 1 : OUT * 1j, -1 : 1 : OUT * 1j].astype(np.float32)
    small *= (1 - 0.16 * (rows**2 + columns**2))[..., None]
    small = np.clip(small, 0, 1.4)
    small = np.where(small > 0.8, 0.8 + (small - 0.8) * 0.5, small)
    grain = cv2.GaussianBlur(rng.standard_normal((OUT, OUT, 3)).astype(np.float32), (0, 0), 0.6) * noise
    return np.asarray(np.clip((small + grain) * 255, 0, 255), dtype=np.uint8)
